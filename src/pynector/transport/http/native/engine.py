"""The engine: takes requests, gives answers, and keeps a pool for each origin."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import httptools

from ...._speedups.http1 import Exchange
from ....errors import (
    ConfigurationError,
    PynectorError,
    TimeoutError,
    TransportError,
    as_pynector_error,
)
from ...protocol import Completion
from ..answers import answer_of, next_hop, raw_limit
from ..engine import Engine
from ..options import HTTPOptions
from ..request import IDEMPOTENT, PreparedRequest, prepare
from ..response import RawResponse, Response
from .connect import Connector, Origin
from .pool import Pool
from .wire import encode_request, plain_encoder

# What one read takes at the most (bytes).
SCRATCH = 1 << 18

CLOSING_TURNS = 10


class NativeEngine:
    """Sends requests over HTTP/1.1 on the running asyncio loop.

    Args:
        options: The transport's options.
        loop: The running event loop.
        make_other: Makes the engine for requests that this one leaves to it, or None if there is to be none.
    """

    name = "native"
    make_parser = httptools.HttpResponseParser

    def __init__(
        self,
        options: HTTPOptions,
        loop: asyncio.AbstractEventLoop,
        make_other: Callable[[], Engine] | None,
    ) -> None:
        self.options = options
        self.loop = loop
        self.connector = Connector(options, loop)
        # A read and its parsing follow each other at once, so one buffer serves all connections of the loop.
        self.scratch = memoryview(bytearray(SCRATCH))
        self._encoder = plain_encoder(options)
        self._settings = options.per_request
        self._is_plain = not options.per_request["as_response"]
        self._limit = _limit(options.per_request)
        self._pools: dict[Origin, Pool] = {}
        self._base_pool = self._pool(options.base.origin) if options.base is not None else None
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False
        self._make_other = make_other
        self._other: Engine | None = None

    # Requests

    def submit(
        self,
        data: Any,
        options: Mapping[str, Any],
        deadline: float,
        completion: Completion,
        token: int,
        /,
    ) -> Exchange | None:
        """See SubmitTransport."""
        now = self.loop.time()
        exchange = Exchange(self, data, options, deadline, completion, token, now)
        pool: Pool | None
        try:
            payload = None
            if not options and self._encoder is not None:
                payload = self._encoder.encode(data)
            if payload is None:
                pool = self._prepare(exchange)
            else:
                exchange.payload = payload
                exchange.settings = self._settings
                exchange.plain = self._is_plain
                exchange.limit = self._limit
                # Those of the methods the encoder knows that may be sent again begin with G and "PU".
                exchange.repeatable = payload[0] == 71 or payload[1] == 85
                pool = self._base_pool
        except Exception as error:
            exchange.completion = None
            completion.fail(token, as_pynector_error(error))
            return None
        if self._closed:
            self.failed(exchange, TransportError("the transport is closed", phase="connect", sent="none"))
            return None
        if pool is None:
            self._leave(exchange)
        else:
            pool.dispatch(exchange, now)
        return exchange if exchange.completion is not None else None

    def _prepare(self, exchange: Exchange) -> Pool | None:
        """Encode any request, and give the pool it belongs to, or None if it is for another engine."""
        settings = self.options.for_request(exchange.options)
        request = prepare(exchange.data, exchange.options, self.options)
        exchange.settings = settings
        exchange.plain = not settings["as_response"]
        exchange.limit = _limit(settings)
        if request.auth is not None:
            if self._make_other is None:
                raise ConfigurationError("a custom auth flow needs http_engine='auto' or 'httpx'")
            return None
        return self._load(exchange, request)

    def _load(self, exchange: Exchange, request: PreparedRequest) -> Pool:
        exchange.request = request
        exchange.payload = encode_request(request)
        exchange.is_head = request.method == "HEAD"
        exchange.repeatable = request.method in IDEMPOTENT
        return self._pool(request.url.origin)

    def _request_of(self, exchange: Exchange) -> PreparedRequest:
        if exchange.request is None:
            exchange.request = prepare(exchange.data, exchange.options, self.options)
        request: PreparedRequest = exchange.request
        return request

    def give_up(self, exchange: Exchange) -> None:
        """See Exchange.cancel."""
        exchange.pool.give_up(exchange)

    async def exchange(self, data: Any, options: Mapping[str, Any]) -> bytes | Response:
        """See Engine."""
        answer = _Answer(self.loop)
        handle = self.submit(data, options, math.inf, answer, 0)
        try:
            answered: bytes | Response = await answer.future
            return answered
        finally:
            if handle is not None:
                handle.cancel()

    def _leave(self, exchange: Exchange) -> None:
        """Leave a request to the other engine."""
        exchange.pool = _Errand(self.spawn(self._run_elsewhere(exchange)))

    async def _run_elsewhere(self, exchange: Exchange) -> None:
        if self._other is None and self._make_other is not None:
            self._other = self._make_other()
        remaining = None
        if exchange.deadline != math.inf:
            remaining = max(0.0, exchange.deadline - self.loop.time())
        completion = exchange.completion
        try:
            work = self._other.exchange(exchange.data, exchange.options)  # type: ignore[union-attr]
            answer = await asyncio.wait_for(work, remaining)
        except asyncio.TimeoutError:
            self.failed(exchange, TimeoutError("no whole answer in time"))
        except PynectorError as error:
            self.failed(exchange, error)
        else:
            exchange.completion = None
            completion.succeed(exchange.token, answer)

    # The pools' calls

    def answered(
        self,
        exchange: Exchange,
        status: int,
        headers: list[tuple[bytes, bytes]],
        body: bytes,
        encoded: bool,
        version: str,
    ) -> None:
        """Make a response the answer to its request, or follow where it leads."""
        completion = exchange.completion
        if exchange.plain and not encoded and 200 <= status < 300:
            exchange.completion = None
            completion.succeed(exchange.token, body)
            return
        request = self._request_of(exchange)
        raw = RawResponse(
            status,
            [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers],
            body,
            f"HTTP/{version}",
        )
        try:
            following = next_hop(request, raw, exchange.settings, exchange.hops, self.options.redirect_headers)
            if following is None:
                elapsed = self.loop.time() - exchange.started
                answer = answer_of(request, raw, exchange.settings, elapsed)
            else:
                exchange.hops += 1
                self._load(exchange, following).dispatch(exchange, self.loop.time())
                return
        except PynectorError as error:
            self.failed(exchange, error)
            return
        exchange.completion = None
        completion.succeed(exchange.token, answer)

    def failed(self, exchange: Exchange, error: PynectorError) -> None:
        """Tell the caller of a failure."""
        completion = exchange.completion
        if completion is None:
            return
        exchange.completion = None
        error.request = error.request or self._request_of(exchange).label
        completion.fail(exchange.token, error)

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a coroutine until it ends or the engine is closed."""
        task = self.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def forget(self, origin: Origin) -> None:
        """Drop an empty pool: a crawler meets very many origins."""
        pool = self._pools.get(origin)
        if pool is not None and pool is not self._base_pool:
            del self._pools[origin]

    def _pool(self, origin: Origin) -> Pool:
        pool = self._pools.get(origin)
        if pool is None:
            pool = self._pools[origin] = Pool(self, origin)
        return pool

    # Life

    async def disconnect(self) -> None:
        """Close every connection; what is in flight fails."""
        self._closed = True
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._other is not None:
            await self._other.disconnect()
        for pool in list(self._pools.values()):
            pool.close()
        # A transport releases its socket in one of the loop's next turns, over TLS a little later.
        for _ in range(CLOSING_TURNS):
            if all(pool.is_empty for pool in self._pools.values()):
                break
            await asyncio.sleep(0)


def _limit(settings: dict[str, Any]) -> int:
    limit = raw_limit(settings)
    return -1 if limit is None else limit


class _Errand:
    """A request that is left to another engine; it stands where a pool does otherwise."""

    def __init__(self, task: asyncio.Task[None]) -> None:
        self._task = task

    def give_up(self, exchange: Exchange) -> None:
        """End it."""
        self._task.cancel()


class _Answer:
    """The completion of a single request that somebody awaits."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.future: asyncio.Future[Any] = loop.create_future()

    def succeed(self, token: int, response: Any) -> None:
        """See Completion."""
        if not self.future.done():
            self.future.set_result(response)

    def fail(self, token: int, error: BaseException) -> None:
        """See Completion."""
        if not self.future.done():
            self.future.set_exception(error)
