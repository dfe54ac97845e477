"""One WebSocket connection on a transport and a clock of the test's own."""

from __future__ import annotations

import base64
import hashlib
from functools import partial
from typing import Any

from websockets.frames import Frame, Opcode
from websockets.protocol import Protocol, Side, State

from pynector.callbacks import Loop
from pynector.eventloop import ClientContext
from pynector.transport.websocket import Message
from pynector.transport.websocket.connection import Connection
from pynector.transport.websocket.credentials import Fields
from pynector.transport.websocket.options import WebSocketOptions
from pynector.transport.websocket.pool import ConnectionPool


class StillLoop(Loop):
    """Its clock stands still, and what it is to call later is called by the test."""

    def __init__(self) -> None:
        self.context = ClientContext()
        self.calls: list[Any] = []
        self.timers = 0
        self.may_spawn = False
        self.call_soon = self.calls.append
        self.time = lambda: 0.0
        self.new_future = self._unasked

    def call_at(self, when: float, call: Any, *args: Any) -> Any:
        self.timers += 1
        return StillTimer()

    def spawn(self, job: Any) -> None:
        assert self.may_spawn

    def call_from_anywhere(self, call: Any, *args: Any) -> None:
        self.calls.append(partial(call, *args))

    def keep(self, kept: Any) -> Any:
        return StillTimer()

    def is_over(self) -> bool:
        return True

    def _unasked(self, *args: Any) -> Any:
        raise AssertionError("no line has work for a task or a thread")

    begin = is_current = ended = turn = catch_up = in_thread = getaddrinfo = _complain = _unasked

    def complain(self, said: str, error: BaseException) -> None:
        raise error


class StillTimer:
    def cancel(self) -> None:
        pass

    def when(self) -> float:
        return 0.0


class Flag:
    """An event that is never waited for; here there is no loop that one of AnyIO's could belong to."""

    def __init__(self) -> None:
        self._set = False

    def set(self) -> None:
        self._set = True

    def is_set(self) -> bool:
        return self._set


class Wire:
    """An asyncio transport that keeps what is written."""

    def __init__(self) -> None:
        self.written = b""
        self.writes = 0
        self.aborted = False
        self.reading = True

    def write(self, data: bytes) -> None:
        self.written += data
        self.writes += 1

    def get_extra_info(self, name: str) -> Any:
        return None

    def is_closing(self) -> bool:
        return self.aborted

    def abort(self) -> None:
        self.aborted = True

    close = abort

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


class Line:
    """A connection, a wire, and what came of it.

    Args:
        pool: Whose connection it is; None: one of its own.
        **options: The transport's.
    """

    def __init__(self, pool: ConnectionPool | None = None, **options: Any) -> None:
        self.loop = StillLoop()
        self.heard: list[Message] = []
        known = WebSocketOptions({"url": "ws://a/", "on_message": self.heard.append, "trust_env": False, **options})
        self.pool = pool or ConnectionPool(known, self.loop, lambda event, host, port: None)
        self.link, self.handshake = self.pool.handshake(Fields([]), 0)
        self.link.ended = self.handshake._ready = Flag()  # type: ignore[assignment]
        self.wire = Wire()
        self.link.connection_made(self.wire)  # type: ignore[arg-type]

    @property
    def connection(self) -> Connection:
        """The connection, once its handshake has been made."""
        return self.handshake.outcome()

    def welcome(self) -> bytes:
        """What a server answers the handshake with."""
        key = self.wire.written.split(b"Sec-WebSocket-Key: ")[1].split(b"\r\n")[0]
        accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        self.wire.written = b""
        return (
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )

    def opened(self) -> Line:
        self.link.data_received(self.welcome())
        self.pool.requests.connections.append(self.connection)
        return self

    def frames(self) -> list[tuple[Opcode, bytes]]:
        """What a server makes of what was written."""
        server = Protocol(side=Side.SERVER, state=State.OPEN, max_size=None)
        server.receive_data(self.wire.written)
        assert server.parser_exc is None
        return [(event.opcode, bytes(event.data)) for event in server.events_received() if isinstance(event, Frame)]


class Answers:
    """A completion that keeps what it is called with."""

    def __init__(self) -> None:
        self.got: dict[int, Any] = {}

    def succeed(self, token: int, answer: Any) -> None:
        assert token not in self.got
        self.got[token] = answer

    fail = succeed


def frame(opcode: Opcode, data: bytes, fin: bool = True) -> bytes:
    return Frame(opcode, data, fin).serialize(mask=False)
