"""Bodies that come and go piece by piece, at the pace of the slower side."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterable
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from ....errors import ConfigurationError, PynectorError
from ..answers import next_hop
from ..body import failed_upload
from ..headers import Pair, header_pairs_of
from ..request import PreparedRequest
from ..response import RawResponse
from ..sources import checked_pieces
from .exchange import Exchange

if TYPE_CHECKING:
    from .engine import NativeEngine

# When this much of a body waits for its reader, the socket is not read until half of it is taken (bytes).
HIGH_WATER = 1 << 18

# How much of an upload is written before the event loop has its turn (bytes).
TURN = 1 << 16

# What it costs to keep a chunk, whatever its size (bytes).
OVERHEAD = 64


class IncomingStream:
    """Takes a response as its connection reads it, and gives it to one reader; see RawStream.

    Args:
        engine: Where the exchange runs.
        exchange: The request; this becomes its sink and its completion.

    Attributes:
        is_open: Whether the head has come.
    """

    request: PreparedRequest
    status: int
    headers: list[Pair]
    http_version: str

    def __init__(self, engine: NativeEngine, exchange: Exchange) -> None:
        self._engine = engine
        self._exchange = exchange
        self._chunks: deque[bytes] = deque()
        self._size = 0
        self.is_open = False
        self._elsewhere: PreparedRequest | None = None
        self._is_paused = False
        self._ended = False
        self._error: BaseException | None = None
        self._problem: PynectorError | None = None
        self._following: PreparedRequest | None = None
        self._waiter: asyncio.Future[None] | None = None
        exchange.sink = self
        exchange.completion = self

    # The connection's calls

    def head(self, connection: Any, status: int, head: bytes, version: str) -> None:
        """Take the head of a final response: it is the answer's, or leads to another."""
        exchange = self._exchange
        self.request = self._engine.request_of(exchange)
        if exchange.observer is not None:
            exchange.observer.head(status, f"HTTP/{version}")
        raw = RawResponse(status, header_pairs_of(head), b"", f"HTTP/{version}")
        try:
            allowed = self._engine.options.redirect_headers
            self._following = next_hop(self.request, raw, exchange.settings, exchange.hops, allowed)
        except PynectorError as problem:
            self._problem = problem
        if self._following is None and self._problem is None:
            self.status, self.headers, self.http_version = status, raw.headers, raw.http_version
            self.is_open = True
            self._wake()

    def feed(self, chunk: bytes) -> None:
        """Take a piece of the body; that of a redirect is of no use."""
        # An empty one would be the end.
        if not self.is_open or not chunk:
            return
        self._chunks.append(chunk)
        self._size += len(chunk) + OVERHEAD
        if self._size > HIGH_WATER and not self._is_paused:
            self._is_paused = True
            self._exchange.connection.transport.pause_reading()
        self._wake()

    def end(self) -> None:
        """Take the end of the body; another request may read from the connection after this."""
        self._resume()

    # The engine's calls

    def conclude(self) -> None:
        """Go where the response leads."""
        following, self._following = self._following, None
        if self._problem is not None:
            self._engine.failed(self._exchange, self._problem)
        elif following is not None and not self._engine.elsewhere.takes(following):
            self._engine.follow(self._exchange, following)
        else:
            if following is not None:
                self._exchange.hops += 1
                self._elsewhere = following
            self._engine.succeed(self._exchange, None)

    def succeed(self, token: int, response: Any) -> None:
        """See Completion."""
        self._ended = True
        self._wake()

    def fail(self, token: int, error: BaseException) -> None:
        """See Completion."""
        self._error = error
        self._wake()

    # The reader's calls

    async def opened(self) -> PreparedRequest | None:
        """Wait for the head, and return None; or what to send elsewhere, where a redirect leads there.

        Raises:
            PynectorError: If the exchange failed.
        """
        while not self.is_open:
            if self._error is not None:
                raise self._error
            if self._elsewhere is not None:
                return self._elsewhere
            await self._wait()
        return None

    async def receive(self) -> bytes:
        """See RawStream."""
        while not self._chunks:
            if self._error is not None:
                raise self._error
            if self._ended:
                return b""
            await self._wait()
        chunk = self._chunks.popleft()
        self._size -= len(chunk) + OVERHEAD
        if self._is_paused and self._size <= HIGH_WATER // 2:
            self._resume()
        return chunk

    async def aclose(self) -> None:
        """See RawStream."""
        self._chunks.clear()
        self._exchange.cancel()

    def _resume(self) -> None:
        connection = self._exchange.connection
        if self._is_paused and connection is not None and connection.transport is not None:
            self._is_paused = False
            self._engine.tasks.call(connection.transport.resume_reading)

    async def _wait(self) -> None:
        self._waiter = self._engine.loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)


class Upload:
    """Writes a request's body while it is read: in chunks, or as many bytes as its Content-Length says.

    It is over when its exchange has its answer or its error: whoever gives that stops it.

    Args:
        engine: Where the exchange runs.
        exchange: The request.
        body: Gives bytes.
        length: How many there are, or None if that is not known.

    Attributes:
        finished: Whether all of the body is written.
    """

    def __init__(
        self, engine: NativeEngine, exchange: Exchange, body: AsyncIterable[bytes], length: int | None
    ) -> None:
        self.finished = False
        self._stopped = False
        self._engine = engine
        self._exchange = exchange
        self._body = body
        self._length = length
        self._writable = asyncio.Event()
        self._writable.set()
        self._task: asyncio.Task[None] | None = None

    # The connection's calls

    def begin(self, connection: Any) -> None:
        """Write the body after the head."""
        self._task = self._exchange.context.run(self._engine.tasks.begin, self._run(connection))

    def pause(self) -> None:
        """Wait: the peer does not read as fast as this writes."""
        self._writable.clear()

    def resume(self) -> None:
        """Go on."""
        self._writable.set()

    # The exchange's end

    def stop(self) -> None:
        """Write no more."""
        self._stopped = True
        # Its own task it may be, where the body's iterator closes the client.
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()

    async def _run(self, connection: Any) -> None:
        exchange = self._exchange
        try:
            await self._write(connection.transport)
        except BaseException as error:
            if not self._stopped:
                exchange.pool.give_up(exchange)
                self._engine.failed(exchange, failed_upload(error))
            if not isinstance(error, Exception):
                raise

    async def _write(self, transport: Any) -> None:
        sent = told = 0
        async with aclosing(checked_pieces(self._body)) as pieces:
            async for piece in pieces:
                sent += len(piece)
                if self._stopped or transport.is_closing():
                    return
                if self._length is None:
                    transport.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                elif sent <= self._length:
                    transport.write(piece)
                else:
                    break
                await self._writable.wait()
                if sent - told >= TURN and sent != self._length:
                    # An iterator that never waits would keep the loop from seeing that the connection has ended. When
                    # all is written, the answer should find that said.
                    told = sent
                    await asyncio.sleep(0)
        if self._stopped or transport.is_closing():
            return
        if self._length is None:
            transport.write(b"0\r\n\r\n")
        elif sent != self._length:
            raise ConfigurationError(f"content has not the length that Content-Length says, {self._length} bytes")
        self.finished = True
