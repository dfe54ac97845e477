"""One connection without an event loop: a test drives it as a loop would, and is told what its pool would be."""

from __future__ import annotations

import socket
from typing import Any

import httptools

from pynector.transport.http.native.exchange import Exchange
from pynector.transport.http.native.http1 import TOO_LARGE, Connection

SCRATCH = 1 << 18


class Pool:
    """Takes note of what a connection tells, as its pool would."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def answered(self, connection: Any, exchange: Any, head: bytes, body: bytes) -> None:
        """Take note; the head of a plain answer is given by only one of the two ways."""
        fields, reusable = connection.fields, connection.reusable
        wanted = head if fields.encoded or fields.status >= 300 or not exchange.body_only else b""
        self.told.append(("answered", fields.status, wanted, bytes(body), fields.encoded, reusable, fields.timeout))
        if not reusable and connection.transport is not None:
            connection.transport.close()

    def failed(self, exchange: Any, problem: Any, phase: str) -> None:
        """Take note."""
        self.told.append(("failed", problem if problem is TOO_LARGE else str(problem), phase))

    def lost(self, connection: Any, exchange: Any, error: Any, phase: str, heard: bool) -> None:
        """Take note; without an exchange only that it is gone."""
        self.told.append(("lost", phase, heard) if exchange is not None else ("gone",))


class Transport:
    """Stands where the event loop's does.

    Attributes:
        written: What was written.
        closing: Whether it is closed.
        error: What the system has to say of the connection (errno).
        is_secured: Whether it is one of TLS.
    """

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.closing = False
        self.error = 0
        self.is_secured = False

    def write(self, data: bytes) -> None:
        """Take note."""
        self.written.append(data)

    def abort(self) -> None:
        """Take note."""
        self.closing = True

    close = abort

    def get_extra_info(self, name: str) -> Any:
        """Give what has a descriptor, and what stands for TLS."""
        return self if name == "socket" or self.is_secured else None

    def getsockopt(self, level: int, option: int) -> int:
        """Give its error."""
        assert (level, option) == (socket.SOL_SOCKET, socket.SO_ERROR)
        return self.error

    def fileno(self) -> int:
        """Give none."""
        return -1

    def get_write_buffer_size(self) -> int:
        """Give 0."""
        return 0


class WeakConnection(Connection):
    """A connection that can be referred to weakly in either build."""


class Line:
    """A connection, its transport and its pool, driven as an event loop drives them."""

    def __init__(self, scans: bool = True) -> None:
        self.pool, self.transport = Pool(), Transport()
        scratch = memoryview(bytearray(SCRATCH))
        self.connection = WeakConnection(httptools.HttpResponseParser, scratch, self.pool)
        self.connection.scans = scans
        self.connection.connection_made(self.transport)

    def ask(self, *, head: bool = False, plain: bool = True, limit: int = -1) -> None:
        """Put an exchange on the connection."""
        exchange = Exchange(None, None, None, 0.0, None, 0, 0.0)
        exchange.payload = b"GET / HTTP/1.1\r\n\r\n"
        exchange.is_head, exchange.body_only, exchange.limit = head, plain, limit
        self.connection.start(exchange)

    def receive(self, data: bytes) -> None:
        """Have bytes arrive; an event loop reads nothing more of a transport that is closing."""
        while data and not self.transport.closing:
            buffer = self.connection.get_buffer(-1)
            count = min(len(buffer), len(data))
            assert count > 0
            buffer[:count] = data[:count]
            data = data[count:]
            self.connection.buffer_updated(count)

    def end(self) -> list[tuple[Any, ...]]:
        """Have the stream end and the connection be lost; give what was told."""
        if not self.transport.closing:
            self.connection.eof_received()
        self.connection.connection_lost(None)
        self.connection.release()
        return self.pool.told


def told(pieces: list[bytes], scans: bool = True, **exchange: Any) -> list[tuple[Any, ...]]:
    """Give what becomes of one exchange when these pieces arrive and then the end."""
    line = Line(scans)
    line.ask(**exchange)
    for piece in pieces:
        line.receive(piece)
    return line.end()
