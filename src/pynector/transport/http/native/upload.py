"""Request bodies that are read while they are sent, at the pace of the slower side."""

from __future__ import annotations

from collections.abc import AsyncIterable
from contextlib import aclosing
from contextvars import copy_context
from typing import Any

from ....callbacks import Task
from ....errors import ConfigurationError
from ..body import failed_upload
from ..request import PreparedRequest
from ..sources import checked_pieces
from .exchange import LONG, Exchange
from .tasks import Tasks

# How much of an upload is written before the event loop has its turn (bytes).
TURN = 1 << 16


def renew_upload(tasks: Tasks, exchange: Exchange, request: PreparedRequest) -> None:
    """Give an exchange what writes the body of its request, if that is read while it is sent."""
    stop_upload(exchange)
    if isinstance(request.body, AsyncIterable):
        # The body's iterator is the caller's own code, whichever connection comes to need it.
        exchange.context = exchange.context or copy_context()
        exchange.upload = Upload(tasks, exchange, request.body, request.size)


def stop_upload(exchange: Exchange) -> None:
    """Write no more of an exchange's body."""
    upload, exchange.upload = exchange.upload, None
    if upload is not None:
        upload.stop()


class Upload:
    """Writes a request's body while it is read: in chunks, or as many bytes as its Content-Length says.

    It is over when its exchange has its answer or its error: whoever gives that stops it.

    Args:
        tasks: Where it runs.
        exchange: The request.
        body: Gives bytes.
        length: How many there are, or None if that is not known.

    Attributes:
        has_begun: Whether the body may have been read in part.
        finished: Whether all of the body is written.
    """

    def __init__(self, tasks: Tasks, exchange: Exchange, body: AsyncIterable[bytes], length: int | None) -> None:
        self.has_begun = False
        self.finished = False
        self._stopped = False
        self._tasks = tasks
        self._exchange = exchange
        self._body = body
        self._length = length
        # What is to be written in the loop's next turn, and how much of it is the body.
        self._parts: list[bytes] = []
        self._size = 0
        # Done when the peer has read enough.
        self._paused: Any = None
        self._task: Task | None = None

    # The connection's calls

    def begin(self, connection: Any) -> None:
        """Write the body after the head."""
        self.has_begun = True
        self._task = self._exchange.context.run(self._tasks.begin, self._run(connection))

    def pause(self) -> None:
        """Wait: the peer does not read as fast as this writes."""
        if self._paused is None:
            self._paused = self._tasks.new_future()

    def resume(self) -> None:
        """Go on."""
        paused, self._paused = self._paused, None
        if paused is not None and not paused.done():
            paused.set_result(None)

    # The exchange's end

    def stop(self) -> None:
        """Write no more."""
        self._stopped = True
        self._parts = []
        # Its own task it may be, where the body's iterator closes the client.
        if self._task is not None and not self._tasks.loop.is_current(self._task):
            self._task.cancel()

    async def _run(self, connection: Any) -> None:
        try:
            await self._write(connection)
        except BaseException as error:
            self._fail(error)
            if not isinstance(error, Exception):
                raise

    async def _write(self, connection: Any) -> None:
        sent = 0
        async with aclosing(checked_pieces(self._body)) as pieces:
            async for piece in pieces:
                sent += len(piece)
                if self._is_over(connection):
                    return
                if self._length is not None and sent > self._length:
                    break
                self._collect(piece, connection)
                if self._size >= TURN:
                    self._write_out(connection)
                    if sent != self._length:
                        # An iterator that never waits would keep the loop from seeing that the connection has ended.
                        # When all is written, the answer should find that said.
                        await self._tasks.loop.turn()
                if self._paused is not None:
                    await self._paused
        if self._is_over(connection):
            return
        if self._length is None:
            self._parts += connection.chunk(b"")
        elif sent != self._length:
            raise ConfigurationError(f"content has not the length that Content-Length says, {self._length} bytes")
        self._write_out(connection)
        connection.end_body()
        self.finished = True

    def _is_over(self, connection: Any) -> bool:
        return self._stopped or connection.is_over()

    def _collect(self, piece: bytes, connection: Any) -> None:
        """Take a piece, to be written together with those that come before the iterator waits for something."""
        if not self._parts:
            # The loop has its turn when the iterator waits.
            self._tasks.loop.call_soon(self._write_soon, connection)
        self._size += len(piece)
        if self._length is None:
            self._parts += connection.chunk(piece)
        else:
            self._parts.append(piece)

    def _write_soon(self, connection: Any) -> None:
        try:
            self._write_out(connection)
        except Exception as error:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        """End the request: its body cannot be sent whole any more."""
        if not self._stopped:
            self._exchange.pool.give_up(self._exchange)
            self._exchange.owner.failed(self._exchange, failed_upload(error))

    def _write_out(self, connection: Any) -> None:
        """Write what was collected."""
        parts, self._parts, self._size = self._parts, [], 0
        if parts and not self._is_over(connection):
            connection.write(with_short_ones_joined(parts))


def with_short_ones_joined(parts: list[bytes]) -> list[bytes]:
    """Return parts as fewer ones that are the same together; those that are long are not copied."""
    fewer: list[bytes] = []
    short: list[bytes] = []
    for part in parts:
        if len(part) < LONG:
            short.append(part)
            continue
        if short:
            fewer.append(b"".join(short))
            short = []
        fewer.append(part)
    return [*fewer, b"".join(short)] if short else fewer
