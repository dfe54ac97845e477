"""Where the requests of a fake engine go: to a function, which gives an answer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import anyio
import anyio.lowlevel

from ...errors import TimeoutError, TransportError
from ...transport.http.httpx.room import Room
from ...transport.http.options import HTTPOptions
from ...transport.http.urls import PORTS, URL
from .answers import Answer, Failure, failure_to_raise, is_bodiless
from .asked import Asked

Reply = Callable[[Asked], Awaitable["Answer | Failure"]]


class FakeRoutes:
    """See AnyRoutes: all requests go to one place.

    Args:
        options: The transport's options.
        reply: Answers a request.
        end: Called when the transport disconnects.
    """

    def __init__(self, options: HTTPOptions, reply: Reply, end: Callable[[], Awaitable[None]]) -> None:
        self.room = Room(options)
        self._reply = reply
        self._end = end
        self._version = b"HTTP/2" if options.http2 else b"HTTP/1.1"

    async def pool(self, url: URL) -> FakeRoutes:
        """See AnyRoutes."""
        return self

    async def aclose(self) -> None:
        """See AnyRoutes."""
        await self._end()

    async def handle_async_request(self, message: Any) -> Any:
        """See AnyPool."""
        await self.room.enter(message)
        try:
            answer = await self._answered(message)
        except BaseException:
            self.room.leave(message)
            raise
        return _Response(answer, message, self._version, self.room)

    async def _answered(self, message: Any) -> Answer:
        # One that was made for this request: none is sent again by the engine itself.
        await _tell(message, "connection.connect_tcp.started")
        asked = await _described(message)
        answer = await self._reply(asked)
        if isinstance(answer, (TransportError, TimeoutError)):
            failure = failure_to_raise(answer, "headers")
            await _send(message, failure.sent)
            raise failure
        await _send(message, "full")
        await anyio.sleep(answer.latency)
        await _tell(message, "http11.receive_response_headers.complete")
        return answer


class _Response:
    """As httpcore has it.

    Args:
        answer: What is answered.
        message: To what.
        version: The HTTP version.
        room: Where the request has its place.
    """

    def __init__(self, answer: Answer, message: Any, version: bytes, room: Room) -> None:
        self.status = answer.status
        self.headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
        self.extensions = {"http_version": version}
        without = is_bodiless(message.method.decode("latin-1"), answer.status)
        self.stream = _Pieces([] if without else list(answer.pieces), None if without else answer.failure)
        self._leave: Callable[[], None] | None = lambda: room.leave(message)

    async def aclose(self) -> None:
        """End the exchange."""
        self.stream.drop()
        leave, self._leave = self._leave, None
        if leave is not None:
            leave()


class _Pieces:
    """The body of an answer."""

    def __init__(self, pieces: list[bytes], failure: Failure | None) -> None:
        self._pieces = pieces[::-1]
        self._failure = failure

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        await anyio.lowlevel.checkpoint()
        if self._pieces:
            return self._pieces.pop()
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure_to_raise(failure, "body")
        raise StopAsyncIteration

    def drop(self) -> None:
        """Give no more of it."""
        self._pieces, self._failure = [], None


async def _described(message: Any) -> Asked:
    content = bytearray()
    async for piece in message.stream:
        content += piece
    url, scheme = message.url, message.url.scheme.decode("ascii")
    port = PORTS[scheme] if url.port is None else url.port
    where = URL(scheme, url.host.decode("ascii"), port, url.target.decode("ascii"))
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in message.headers]
    return Asked(message.method.decode("latin-1"), where, headers, bytes(content))


async def _send(message: Any, sent: str | None) -> None:
    """Have so much of a request have left, by what is told of it."""
    if sent != "none":
        await _tell(message, "http11.send_request_headers.started")
    if sent == "full":
        await _tell(message, "http11.send_request_body.complete")


async def _tell(message: Any, event: str) -> None:
    await message.extensions["trace"](event, {"request": message})
