"""The engine that runs on what httpx, or httpx2, runs on: any event loop, HTTP/2, proxies.

It is driven below httpx's client, whose redirects, cookies and logging of URLs are not wanted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from ....errors import ConnectionLost
from ....eventloop import ClientContext, Runtime
from ...contract import OriginCounts, RequestObserver
from ..answers import answer_of, next_hop, passed
from ..cookies import KeptCookies
from ..flows import through_flow
from ..options import HTTPOptions
from ..request import PreparedRequest, observed, prepare
from ..response import RawResponse, Response
from ..steps import Steps
from ..streaming import RawStream
from .messages import to_httpcore
from .module import package
from .network import Network, Writing
from .routes import AnyRoutes, Routes
from .run import Run
from .streaming import HttpxStream
from .upload import Upload

# While a body longer than this (bytes) is sent, an answer is looked out for: a shorter one is sent at once.
SHORT = 1 << 14


class HttpxEngine:
    """Sends over httpcore's pools.

    Args:
        name: "httpx" or "httpx2".
        options: The transport's options.
        tell: Told of connections: "open", host and port.
        context: Where connections live.
        routes: Where requests go; None: to servers, as the options say.

    Attributes:
        name: See above.

    Raises:
        ConfigurationError: If a proxy or http2 cannot be used.
    """

    def __init__(
        self,
        name: str,
        options: HTTPOptions,
        tell: Callable[[str, str, int], None],
        context: ClientContext,
        routes: AnyRoutes | None = None,
    ) -> None:
        self.name = name
        self._package = package(name)
        self._options = options
        self._tell = tell
        self._under_way: Counter[tuple[str, str, int]] = Counter()
        core = self._package.core
        runtime = Runtime.current()
        self._now = runtime.clock
        backend = core.AnyIOBackend() if runtime.is_asyncio else core.TrioBackend()
        self._network = Network(self._package, backend, context, options.socket_options, options.detours)
        self._routes: AnyRoutes = Routes(options, self._network) if routes is None else routes
        self._unpacking: set[Steps[Any]] = set()
        self._cookies = KeptCookies() if options.persist_cookies else None

    async def disconnect(self) -> None:
        """See Engine."""
        self._network.closed = True
        for steps in self._unpacking:
            steps.stop()
        await self._routes.aclose()
        await self._network.aclose()

    def make_room(self, window: int) -> int:
        """See Engine."""
        return self._routes.room.make(window)

    def origins(self) -> list[OriginCounts]:
        """See Engine."""
        return [OriginCounts(*origin, None, None, count, 0) for origin, count in list(self._under_way.items())]

    async def exchange(
        self, data: Any, options: Mapping[str, Any], observer: RequestObserver | None
    ) -> bytes | Response:
        """See Engine."""
        started = self._now()
        run = self._run(data, options, observer)
        raw = await run.told(lambda: self._whole(run))
        elapsed = self._now() - started
        steps = Steps(
            answer_of(raw, run.settings, elapsed, run.request.method == "HEAD", lambda: run.request, run.history)
        )
        if not steps.at_once():
            await run.told(lambda: self._unpacked(run, steps))
        return steps.result()

    async def _unpacked(self, run: Run, steps: Steps[Any]) -> None:
        """Do the rest of what is long to be decoded, unless the client is closed meanwhile."""
        self._unpacking.add(steps)
        try:
            await steps.finished()
        finally:
            self._unpacking.discard(steps)
        if self._network.closed:
            raise run.closed()

    async def open(
        self, data: Any, options: Mapping[str, Any], timeout: float, observer: RequestObserver | None
    ) -> RawStream:
        """See Engine."""
        run = self._run(data, options, observer)
        run.end_after(timeout)
        with run.in_time():
            return await run.told(lambda: self._answer(run))

    def _run(self, data: Any, options: Mapping[str, Any], observer: RequestObserver | None) -> Run:
        settings = self._options.for_request(options)
        request = prepare(data, options, self._options)
        return Run(request, settings, observer, self._network, self._under_way, self._tell)

    async def _whole(self, run: Run) -> RawResponse:
        stream = await self._answer(run)
        try:
            body = await stream.read()
        finally:
            await stream.aclose()
        if run.observer is not None:
            run.observer.done()
        return RawResponse(stream.status, stream.headers, body, stream.http_version)

    async def _answer(self, run: Run) -> HttpxStream:
        """Give the answer after redirects."""
        started = self._now()
        while True:
            stream = await self._sent(run)
            try:
                raw = RawResponse(stream.status, stream.headers, b"", stream.http_version)
                following = next_hop(run.request, raw, run.settings, len(run.history), self._options.redirect_headers)
            except BaseException:
                await stream.aclose()
                raise
            if following is None:
                return stream
            await stream.drop()
            if run.observer is not None:
                run.observer.done()
            elapsed = self._now() - started
            run.history = (*run.history, passed(raw, run.request.url, elapsed, run.history))
            run.go_to(following)

    async def _sent(self, run: Run) -> HttpxStream:
        """Send what is to be sent now, and give its response."""
        try:
            return await self._attempt(run)
        except Exception as error:
            # The server closed an idle connection while the request was on its way. That is nobody's fault, and what
            # is idempotent may be sent again: once, for the next connection could be as old.
            problem = run.problem(error)
            if not isinstance(problem, ConnectionLost) or not run.may_repeat():
                raise
        if run.observer is not None:
            run.observer.failed(problem)
        return await self._attempt(run)

    async def _attempt(self, run: Run) -> HttpxStream:
        request = observed(run.request, run.observer)
        stream = await (self._transmit(run, request) if request.auth is None else self._through_flow(run, request))
        try:
            if run.observer is not None:
                run.observer.connected(stream.peer)
                run.observer.head(stream.status, stream.http_version)
        except BaseException:
            await stream.aclose()
            raise
        return stream

    async def _through_flow(self, run: Run, request: PreparedRequest) -> HttpxStream:
        """Send what an auth flow wants to be sent, and give the last response."""
        run.upload = None

        async def transmit(message: PreparedRequest) -> HttpxStream:
            stream = await self._transmit(run, message)
            stream.keep()
            return stream

        stream = await through_flow(request, transmit, lambda: (run.progress.phase, run.progress.sent))
        stream.rewind()
        return stream

    async def _transmit(self, run: Run, request: PreparedRequest) -> HttpxStream:
        """Send one request, and give its response."""
        if self._cookies is not None:
            request = self._cookies.added_to(request)
        pool = await self._routes.pool(request.url)
        body: Any = request.body
        writing = Writing(request.method, self._package) if request.has_stream or _is_long(body) else None
        run.upload = None
        if request.has_stream and writing is not None:
            body = run.upload = Upload(body, request.size, writing)
        message = to_httpcore(self._package.core, request, body, run.progress.trace)
        run.progress.begin(message.method, writing)
        response: Any = None

        async def send() -> None:
            nonlocal response
            response = await pool.handle_async_request(message)

        try:
            try:
                if writing is None:
                    await send()
                else:
                    await writing.during(send)
            finally:
                if run.upload is not None:
                    await run.upload.aclose()
        except BaseException:
            # What ends the request while its writing is brought to an end: nobody else has the response.
            if response is not None:
                await response.aclose()
            raise
        stream = HttpxStream(run, response)
        if self._cookies is not None:
            self._cookies.take(request.url, stream.headers)
        return stream


def _is_long(body: Any) -> bool:
    return isinstance(body, bytes) and len(body) > SHORT
