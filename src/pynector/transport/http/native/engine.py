"""The engine: takes requests, gives answers, and keeps a pool for each origin."""

from __future__ import annotations

import asyncio
import math
import sys
from collections.abc import AsyncIterable, Callable, Mapping
from contextvars import copy_context
from typing import Any

import httptools

from ....errors import ConfigurationError, PynectorError, TimeoutError, TransportError, as_pynector_error
from ....eventloop import ClientContext
from ...awaiting import answer_to
from ...contract import OriginCounts, RequestObserver
from ...net.connect import Connector, Origin
from ..answers import answer_of, next_hop, raw_limit
from ..engine import Engine
from ..headers import Headers, header_pairs_of
from ..options import LEAST, REQUEST_SETTINGS, HTTPOptions, most_connections
from ..request import IDEMPOTENT, PreparedRequest, is_observer, observed, prepare
from ..response import RawResponse, Response
from ..streaming import RawStream
from ..urls import URL
from .elsewhere import Elsewhere
from .engine_core import CarrierCore
from .exchange import NO_LIMIT, Exchange
from .opening import Opener
from .passed import PassedFields
from .pool import Pool
from .renewal import Renewal
from .room import Limits, Room
from .streaming import IncomingStream, Upload
from .tasks import Tasks
from .wire import decode_request, encode_fields, encode_request, plain_encoder

ANY = sys.maxsize

CLOSING_TURNS = 10

# With these options the encoder of plain requests may write a request.
ENCODABLE = (frozenset(setting.name for setting in REQUEST_SETTINGS) - {"json_dumps"}) | {
    "headers",
    "params",
    "observer",
}


class NativeEngine(CarrierCore):
    """Sends requests over HTTP/1.1 on the running asyncio loop. Its `submit` is that of SubmitTransport.

    Args:
        options: The transport's options.
        loop: The running event loop.
        make_other: Makes the engine for requests that this one leaves to it, or None if there is to be none.
        tell: Told of connections: "open" or "close", host and port.
        context: Where connections and timers live.
    """

    name = "native"
    make_parser = httptools.HttpResponseParser

    def __init__(
        self,
        options: HTTPOptions,
        loop: asyncio.AbstractEventLoop,
        make_other: Callable[[], Engine] | None,
        tell: Callable[[str, str, int], None],
        context: ClientContext,
    ) -> None:
        super().__init__(loop.time)
        self.options = options
        self.loop = loop
        self.tasks = Tasks(loop, context)
        self._pools: dict[Origin, Pool] = {}
        self.room = Room(options.max_connections or LEAST, loop.time, self._evict)
        self.renewal = Renewal(loop, options.tls, self._pools.values)
        connector = Connector(loop, options.tls, options.uds, options.socket_options, options.detours)
        self._opener = Opener(connector, self.make_parser, self.tasks, self.renewal.admit, tell)
        self.elsewhere = Elsewhere(self, make_other)
        encoder = plain_encoder(options)
        if encoder is not None and options.base is not None:
            settings = options.per_request
            pool = self._pool(options.base.origin)
            self.set_plain(encoder, pool, settings, _is_plain(settings), _limit(settings))

    # Requests

    async def exchange(self, data: Any, options: Mapping[str, Any]) -> bytes | Response:
        """See Engine."""
        answered: bytes | Response = await answer_to(self.submit, data, options)
        return answered

    async def open(self, data: Any, options: Mapping[str, Any], timeout: float) -> RawStream:
        """See Engine."""
        request = self._prepared(data, options)
        if self.elsewhere.takes(request):
            return await self.elsewhere.open(request, options, timeout)
        now = self.loop.time()
        exchange = Exchange(self, request, options, now + timeout, None, 0, now)
        stream = IncomingStream(self, exchange)
        self.submit_other(exchange, now)
        try:
            following = await stream.opened()
        except BaseException:
            await stream.aclose()
            raise
        if following is None:
            return stream
        await stream.aclose()
        return await self.elsewhere.open(following, options, exchange.deadline - self.loop.time(), exchange)

    def _prepared(self, data: Any, options: Mapping[str, Any]) -> PreparedRequest:
        try:
            return prepare(data, options, self.options)
        except PynectorError as error:
            # Its frames hold header fields and credentials.
            raise error.with_traceback(None) from error.__cause__

    def submit_other(self, exchange: Exchange, now: float) -> None:
        """See CarrierCore."""
        if self.closed:
            self.failed(exchange, TransportError("the transport is closed", phase="connect", sent="none"))
            return
        if exchange.options and exchange.sink is None and self._submit_encoded(exchange, now):
            return
        try:
            settings = self.options.for_request(exchange.options)
            request = prepare(exchange.data, exchange.options, self.options)
            exchange.settings = settings
            exchange.body_only = _is_plain(settings)
            exchange.limit = _limit(settings)
            self._send(exchange, request, now)
        except Exception as error:
            self.failed(exchange, error)

    def _send(self, exchange: Exchange, request: PreparedRequest, now: float) -> None:
        """Send a request, here or elsewhere."""
        if self.elsewhere.takes(request):
            self._stop_upload(exchange)
            self.elsewhere.start(exchange, request)
        else:
            self._load(exchange, request).dispatch(exchange, now)

    def _submit_encoded(self, exchange: Exchange, now: float) -> bool:
        """Start a request that the encoder of plain ones can write, or say that it is not one."""
        data, options = exchange.data, exchange.options
        observer, passed = options.get("observer"), None
        if self._encoder is None or not ENCODABLE.issuperset(options) or type(data) is not dict:
            return False
        if "observer" in options and not is_observer(observer):
            return False
        if isinstance(observer, PassedFields):
            observer, passed = None, observer
        has_own = "headers" in options or "headers" in data
        if observer is not None and has_own:
            # It is to see them all.
            return False
        try:
            payload = self._encoder.encode(data, options.get("headers"), options.get("params"))
            if passed is not None and payload is not None:
                payload = self.pass_on(passed, payload, has_own)
            if payload is None:
                return False
            settings = self.options.for_request(options)
        except Exception as error:
            self.failed(exchange, error)
            return True
        exchange.payload = payload if observer is None else self._told(exchange, observer, payload)
        exchange.observer = observer
        exchange.settings = settings
        exchange.body_only = observer is None and _is_plain(settings)
        exchange.limit = _limit(settings)
        method = payload[: payload.index(b" ")].decode("ascii")
        exchange.is_head = method == "HEAD"
        exchange.repeatable = method in IDEMPOTENT
        self._own_pool.dispatch(exchange, now)
        return True

    def _told(self, exchange: Exchange, observer: RequestObserver, payload: bytes) -> bytes:
        """Tell an observer of a plain request, and give the request with the header fields that it adds."""
        head, _, body = payload.partition(b"\r\n\r\n")
        method = head[: head.index(b" ")].decode("ascii")
        added = observer.attempt(method, self._target_of(payload), self.options.header_pairs, len(body))
        if not added:
            return payload
        # What it adds belongs to this attempt.
        exchange.request = decode_request(payload, self._own_pool.origin)
        return b"%b\r\n%b\r\n%b" % (head, encode_fields(added), body)

    def passed_lines(self, passed: PassedFields) -> list[bytes]:
        """See CarrierCore."""
        fields = passed.attempt("GET", self.options.base, self.options.header_pairs, 0)
        return encode_fields(fields).split(b"\r\n")[:-1]

    def _target_of(self, payload: bytes) -> URL:
        """Give the URL of a plain request."""
        scheme, host, port = self._own_pool.origin
        return URL(
            scheme, host, port, payload[payload.index(b" ") + 1 : payload.index(b" HTTP/1.1\r\n")].decode("ascii")
        )

    def _load(self, exchange: Exchange, request: PreparedRequest) -> Pool:
        """Put a request into an exchange, and give the pool it belongs to."""
        exchange.request = request
        exchange.observer = exchange.options.get("observer")
        exchange.payload = encode_request(observed(request, exchange.observer))
        exchange.is_head = request.method == "HEAD"
        exchange.closes = request.closes
        exchange.repeatable = request.method in IDEMPOTENT and not request.is_one_shot
        self._renew_upload(exchange, request)
        if exchange.sink is not None:
            exchange.body_only, exchange.limit = False, NO_LIMIT
        if exchange.observer is not None:
            exchange.body_only = False
        return self._pool(request.url.origin)

    def _renew_upload(self, exchange: Exchange, request: PreparedRequest) -> None:
        self._stop_upload(exchange)
        if isinstance(request.body, AsyncIterable):
            # The body's iterator is the caller's own code, whichever connection comes to need it.
            exchange.context = exchange.context or copy_context()
            exchange.upload = Upload(self, exchange, request.body, request.size)

    def request_of(self, exchange: Exchange) -> PreparedRequest:
        """Return the request of an exchange: what was sent, whatever has become of the caller's objects."""
        if exchange.request is None:
            payload, observer = exchange.payload, exchange.options.get("observer")
            if isinstance(observer, PassedFields):
                payload = observer.taken_from(payload)
            exchange.request = decode_request(payload, exchange.pool.origin)
        request: PreparedRequest = exchange.request
        return request

    def give_up(self, exchange: Exchange) -> None:
        """See Exchange.cancel."""
        self._stop_upload(exchange)
        exchange.pool.give_up(exchange)

    def _stop_upload(self, exchange: Exchange) -> None:
        upload, exchange.upload = exchange.upload, None
        if upload is not None:
            upload.stop()

    # Answers

    def conclude(self, exchange: Exchange, status: int, head: bytes, body: bytes, version: str) -> None:
        """See CarrierCore."""
        if exchange.observer is not None:
            exchange.observer.head(status, f"HTTP/{version}")
            exchange.observer.done()
        if exchange.sink is not None:
            exchange.sink.conclude()
            return
        settings = exchange.settings
        is_whole = 200 <= status < 300 and b"content-encoding" not in head.lower()
        if is_whole and settings["max_response_bytes"] is None:
            self.succeed(
                exchange, self._response(exchange, status, head, body, version) if settings["as_response"] else body
            )
            return
        try:
            request = self.request_of(exchange)
            raw = RawResponse(status, header_pairs_of(head), body, f"HTTP/{version}")
            following = next_hop(request, raw, exchange.settings, exchange.hops, self.options.redirect_headers)
            if following is None:
                elapsed = self.loop.time() - exchange.started
                answer = answer_of(request, raw, exchange.settings, elapsed)
        except Exception as error:
            self.failed(exchange, error)
            return
        if following is None:
            self.succeed(exchange, answer)
        else:
            self.follow(exchange, following)

    def _response(self, exchange: Exchange, status: int, head: bytes, body: bytes, version: str) -> Response:
        """Give the response that needs neither decoding nor another request."""
        url = self._target_of(exchange.payload) if exchange.request is None else exchange.request.url
        elapsed = self.loop.time() - exchange.started
        return Response(status, Headers.of_head(head), body, str(url), f"HTTP/{version}", elapsed)

    def send_again(self, exchange: Exchange, problem: TransportError) -> None:
        """Send a request again, whose connection was dead before it arrived."""
        exchange.sent = problem.sent
        request = self.request_of(exchange)
        if exchange.observer is not None:
            exchange.observer.failed(problem)
            exchange.payload = encode_request(observed(request, exchange.observer))
        self._renew_upload(exchange, request)
        exchange.pool.send_again(exchange)

    def follow(self, exchange: Exchange, following: PreparedRequest) -> None:
        """Send the request that a redirect asks for."""
        exchange.hops += 1
        exchange.sent = "full"
        try:
            self._send(exchange, following, self.loop.time())
        except Exception as error:
            self.failed(exchange, error)

    def failed(self, exchange: Exchange, error: Exception) -> None:
        """See CarrierCore."""
        self._stop_upload(exchange)
        completion = exchange.completion
        if completion is None:
            return
        exchange.completion = None
        problem = as_pynector_error(error)
        if problem is error:
            # The frames that it comes from hold header fields, and say nothing to the caller.
            problem.__traceback__ = None
        if isinstance(problem, (TransportError, TimeoutError)):
            problem.after(exchange.sent)
        elif isinstance(problem, ConfigurationError):
            problem.sent = exchange.sent
        if problem.request is None and exchange.payload:
            problem.request = self.request_of(exchange).label
        completion.fail(exchange.token, problem)

    def succeed(self, exchange: Exchange, answer: Any) -> None:
        """Give an exchange its answer."""
        completion, exchange.completion = exchange.completion, None
        if completion is not None:
            completion.succeed(exchange.token, answer)

    # Life

    def forget(self, pool: Pool) -> None:
        """Drop an empty pool: a crawler meets very many origins."""
        if pool is not self._own_pool:
            self._pools.pop(pool.origin, None)

    def make_room(self, window: int) -> int:
        """See Engine."""
        if self.options.max_connections is None and window > self.room.most:
            self.room.most = min(window, most_connections())
            self.room.serve()
        self.elsewhere.make_room(window)
        return self.room.most

    def _evict(self, pool: Pool) -> None:
        """Close the idle connection of another pool that has been idle longest, so that this one may have its place."""
        others = [other for other in self._pools.values() if other is not pool]
        oldest = min(others, key=Pool.idle_since, default=pool)
        if oldest.idle_since() != math.inf:
            oldest.evict()

    def origins(self) -> list[OriginCounts]:
        """See Engine."""
        counts = [pool.counts() for pool in list(self._pools.values())]
        return [*counts, *self.elsewhere.origins()]

    def _pool(self, origin: Origin) -> Pool:
        pool = self._pools.get(origin)
        if pool is None:
            options = self.options
            limits = Limits(
                options.max_connections_per_origin or ANY, _or_any(options.max_keepalive), options.keepalive_expiry
            )
            pool = self._pools[origin] = Pool(origin, self._opener, self.tasks, self.room, limits, self.forget)
        return pool

    async def disconnect(self) -> None:
        """Close every connection; what is in flight fails."""
        self.closed = self._opener.closed = True
        # First what needs no waiting: this may be cancelled, and it may be one of these tasks that calls it.
        self.renewal.stop()
        for pool in list(self._pools.values()):
            pool.close()
        await self.tasks.end()
        await self.elsewhere.disconnect()
        # A transport releases its socket in one of the loop's next turns, over TLS a little later.
        for _ in range(CLOSING_TURNS):
            if all(pool.is_empty for pool in self._pools.values()):
                break
            await asyncio.sleep(0)


def _or_any(limit: int | None) -> int:
    return ANY if limit is None else limit


def _is_plain(settings: dict[str, Any]) -> bool:
    return not settings["as_response"] and settings["max_response_bytes"] is None


def _limit(settings: dict[str, Any]) -> int:
    limit = raw_limit(settings)
    return NO_LIMIT if limit is None else limit
