"""The server's end of one connection: reads as much as it is asked for, and ends it in every way there is."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

LINGER_0 = struct.pack("ii", 1, 0)
"""With it, closing sends an RST."""


class Ended(Exception):
    """The client ended the connection."""


class Wire(asyncio.Protocol):
    """One accepted connection, served by a task.

    Args:
        serve: What serves it.
        wires: Where it is as long as it is open or served.
        number: Tells it from others.

    Attributes:
        number: See above.
        buffer: What came and was not taken yet.
        resting: Whether its task waits for a request, and nothing of one has come.
        owed: How many answers are under way beside that.
    """

    def __init__(self, serve: Callable[[Wire], Coroutine[Any, Any, None]], wires: set[Wire], number: int) -> None:
        self._serve = serve
        self._wires = wires
        self._transport: Any = None
        self._task: asyncio.Task[None] | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._is_over = False
        self._is_lost = False
        self._is_half = False
        self.number = number
        self.buffer = bytearray()
        self.resting = False
        self.owed = 0

    # The event loop's calls

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._set(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._wires.add(self)
        self._task = asyncio.get_running_loop().create_task(self._serve(self))
        self._task.add_done_callback(lambda _: self._forget())

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        self._wake()

    def eof_received(self) -> None:
        self._is_over = True
        self._wake()

    def connection_lost(self, error: Exception | None) -> None:
        self._is_over = self._is_lost = True
        self._wake()
        self._forget()

    def _forget(self) -> None:
        if self._is_lost and self._task is not None and self._task.done():
            self._wires.discard(self)

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # Reading

    async def rest(self, patience: float | None = None) -> bool:
        """Wait for the begin of something; say whether it came, within `patience` seconds if that is not None."""
        self.resting = True
        try:
            return bool(self.buffer) or await self._more(patience)
        finally:
            self.resting = False

    async def until(self, end: bytes) -> bytes:
        """Take all up to `end`, and `end`.

        Raises:
            Ended: If it does not come any more.
        """
        start = 0
        while (found := self.buffer.find(end, start)) < 0:
            start = max(0, len(self.buffer) - len(end))
            await self.grow()
        return self.take(found + len(end))

    async def some(self, most: int) -> bytes:
        """Take what is there, 1 byte at least.

        Raises:
            Ended: If nothing comes any more.
        """
        if not self.buffer:
            await self.grow()
        return self.take(most)

    def take(self, most: int) -> bytes:
        """Take what is there, up to `most` bytes."""
        taken = bytes(self.buffer[:most])
        del self.buffer[:most]
        return taken

    async def grow(self) -> None:
        """Wait until more has come.

        Raises:
            Ended: If nothing comes any more.
        """
        if not await self._more(None):
            raise Ended

    async def _more(self, patience: float | None) -> bool:
        size = len(self.buffer)
        if not self._is_over:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await asyncio.wait_for(self._waiter, patience)
            except asyncio.TimeoutError:
                pass
            finally:
                self._waiter = None
        return len(self.buffer) > size

    # Writing

    async def write(self, pieces: Iterable[bytes], pace: float = 0.0) -> None:
        """Write pieces, with `pace` seconds, or a turn of the event loop, between two."""
        first = True
        for piece in pieces:
            if not first:
                await asyncio.sleep(pace)
            first = False
            if self._transport.is_closing() or self._is_half:
                return
            self._transport.write(piece)

    def cork(self) -> None:
        """Hold back what is written until the connection is closed, so that the FIN comes with it (on Linux)."""
        if hasattr(socket, "TCP_CORK") and not self._transport.is_closing():
            self._set(socket.IPPROTO_TCP, socket.TCP_CORK, 1)

    def _set(self, level: int, option: int, value: int | bytes) -> None:
        """Set an option of the socket; the client may have reset it, and not every system sets one then."""
        with contextlib.suppress(OSError):
            self._transport.get_extra_info("socket").setsockopt(level, option, value)

    # Ending

    async def stop(self, how: str) -> None:
        """End the connection.

        Args:
            how: "reset" with an RST; "close" with a FIN, after what was written; "half" with a FIN, but reading on
                until the client ends it, too; "hang" not at all, until the client ends it.
        """
        if how == "reset":
            self.reset()
        elif how == "close":
            self.close()
        else:
            if how == "half":
                self.half_close()
            await self.drop()

    async def drop(self) -> None:
        """Read until the client ends the connection."""
        while not self._is_over:
            self.buffer.clear()
            await self._more(None)

    def half_close(self) -> None:
        """Send a FIN, and go on reading."""
        if not self._transport.is_closing():
            self._is_half = True
            # The client may have reset it, and the event loop has not heard of it.
            with contextlib.suppress(OSError):
                self._transport.write_eof()

    def reset(self) -> None:
        """End the connection with an RST."""
        if not self._transport.is_closing():
            self._set(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_0)
            self._transport.abort()

    def close(self) -> None:
        """End the connection with a FIN, after what was written."""
        self._transport.close()
