"""A transport like asyncio's for trio: a socket of our own, which its protocol reads when it is ready."""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from contextvars import copy_context
from itertools import islice
from typing import Any

from ...callbacks import Loop
from .readiness import READ, WRITE, running_readiness

# How much may wait to be sent before the protocol is told to pause, and how little when it may go on (bytes).
HIGH, LOW = 1 << 16, 1 << 14

# What one read takes at the most, where the protocol does not say (bytes).
MOST = 1 << 18

# The most pieces that one system call sends.
PIECES = 64

CAN_GATHER = hasattr(socket.socket, "sendmsg")


class TrioTransport:
    """Reads and writes a socket; see asyncio.Transport, of which it has what is of use here.

    Args:
        loop: trio's.
        sock: A connected socket that does not block. It belongs to this object from now on.
        protocol: An asyncio.Protocol or an asyncio.BufferedProtocol.
    """

    def __init__(self, loop: Loop, sock: socket.socket, protocol: Any) -> None:
        self.context = copy_context()
        self._loop = loop
        self._readiness = running_readiness()
        self._sock = sock
        self._peer: Any = None
        with suppress(OSError):
            self._peer = sock.getpeername()
        self._out: deque[memoryview] = deque()
        self._size = 0
        self._high, self._low = HIGH, LOW
        self._events = 0
        self._is_full = self._is_paused = self._is_closing = self._is_ended = False
        self.set_protocol(protocol)
        self._watch()
        try:
            protocol.connection_made(self)
        except BaseException:
            self.abort()
            raise

    # What the protocol calls

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """See asyncio.WriteTransport. It is sent at once, as far as that goes."""
        if self._is_ended or not data:
            return
        sent = 0 if self._out else self._sent(self._sock.send, data)
        if 0 <= sent < len(data):
            self._put((data,), sent)

    def writelines(self, parts: Iterable[bytes | bytearray | memoryview]) -> None:
        """See asyncio.WriteTransport."""
        parts = [part for part in parts if part]
        if self._is_ended or not parts:
            return
        sent = 0
        if not self._out:
            sent = self._sent_of(parts[:PIECES])
        if sent >= 0:
            self._put(parts, sent)

    def get_write_buffer_size(self) -> int:
        """See asyncio.WriteTransport."""
        return self._size

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """See asyncio.WriteTransport."""
        self._high = high if high is not None else HIGH if low is None else 4 * low
        self._low = low if low is not None else self._high // 4
        self._tell_whether_full()

    def can_write_eof(self) -> bool:
        """See asyncio.WriteTransport."""
        return False

    def pause_reading(self) -> None:
        """See asyncio.ReadTransport."""
        self._is_paused = True
        self._watch()

    def resume_reading(self) -> None:
        """See asyncio.ReadTransport."""
        self._is_paused = False
        self._watch()

    def is_reading(self) -> bool:
        """See asyncio.ReadTransport."""
        return not (self._is_paused or self._is_closing)

    def is_closing(self) -> bool:
        """See asyncio.BaseTransport."""
        return self._is_closing

    def close(self) -> None:
        """See asyncio.BaseTransport."""
        self._is_closing = True
        if not self._out:
            self._end(None)
        else:
            self._watch()

    def abort(self) -> None:
        """See asyncio.WriteTransport."""
        self._end(None)

    def get_protocol(self) -> Any:
        """See asyncio.BaseTransport."""
        return self._protocol

    def set_protocol(self, protocol: Any) -> None:
        """See asyncio.BaseTransport."""
        self._protocol = protocol
        self._is_buffered = isinstance(protocol, asyncio.BufferedProtocol)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """See asyncio.BaseTransport."""
        return {"socket": self._sock, "peername": self._peer}.get(name, default)

    # What trio calls

    def ready(self, events: int) -> None:
        """See Watcher."""
        try:
            if events & READ and not (self._is_paused or self._is_closing):
                self._read()
            if events & WRITE and self._out and not self._is_ended:
                self._send()
        except Exception as error:
            self._loop.complain("a connection failed", error)
            self._end(error)

    # Inside

    def _read(self) -> None:
        try:
            if self._is_buffered:
                room = self._protocol.get_buffer(-1)
                count = self._sock.recv_into(room)
            else:
                data = self._sock.recv(MOST)
                count = len(data)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._end(error)
            return
        if not count:
            self._take_end()
        elif self._is_buffered:
            self._protocol.buffer_updated(count)
        else:
            self._protocol.data_received(data)

    def _take_end(self) -> None:
        if self._protocol.eof_received():
            self.pause_reading()
        else:
            self.close()

    def _sent(self, send: Callable[..., int], data: Any) -> int:
        """Return how many bytes were sent; less than 0 where the connection has ended."""
        try:
            return send(data)
        except (BlockingIOError, InterruptedError):
            return 0
        except OSError as error:
            self._end(error)
            return -1

    def _sent_of(self, pieces: list[Any]) -> int:
        return self._sent(self._sock.sendmsg, pieces) if CAN_GATHER else self._sent(self._sock.send, pieces[0])

    def _put(self, parts: Iterable[bytes | bytearray | memoryview], sent: int) -> None:
        """Put by what was not sent of some pieces."""
        for part in parts:
            if sent >= len(part):
                sent -= len(part)
                continue
            # What of it has to wait may be something else by then, unless it is bytes.
            view = memoryview(part if isinstance(part, (bytes, memoryview)) else bytes(part))[sent:]
            sent = 0
            self._out.append(view)
            self._size += len(view)
        if self._out:
            self._watch()
            self._tell_whether_full()

    def _send(self) -> None:
        pieces: Any = list(islice(self._out, PIECES))
        sent = self._sent_of(pieces)
        if sent < 0:
            return
        self._size -= sent
        while sent > 0:
            first = self._out.popleft()
            if sent < len(first):
                self._out.appendleft(first[sent:])
            sent -= len(first)
        self._tell_whether_full()
        if not self._out:
            if self._is_closing:
                self._end(None)
            else:
                self._watch()

    def _tell_whether_full(self) -> None:
        if self._size > self._high and not self._is_full:
            self._is_full = True
            self._protocol.pause_writing()
        elif self._size <= self._low and self._is_full:
            self._is_full = False
            self._protocol.resume_writing()

    def _watch(self) -> None:
        """Be told of what is of interest now."""
        events = (READ if self.is_reading() else 0) | (WRITE if self._out else 0)
        if events != self._events and not self._is_ended:
            self._events = events
            self._readiness.watch(self._sock, self, events)

    def _end(self, error: Exception | None) -> None:
        """Close the socket, and soon tell the protocol."""
        if self._is_ended:
            return
        self._is_ended = self._is_closing = True
        self._out.clear()
        self._size = 0
        self._readiness.forget(self._sock, self)
        self._sock.close()
        self._loop.call_soon(self._tell_end, error)

    def _tell_end(self, error: Exception | None) -> None:
        self._protocol.connection_lost(error)
