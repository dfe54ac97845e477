"""One WebSocket connection on an asyncio transport, or what serves as one.

websockets' sans-I/O protocol has the handshake, control frames, fragments, extensions and errors. Whole plain messages,
which are nearly all, go past it: the protocol is given whole frames only, so it never waits for the rest of one.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import anyio
from websockets.frames import Frame
from websockets.http11 import Response
from websockets.protocol import State

from ..._speedups.frames import BINARY, PART, TEXT, WHOLE, FrameScanner, masked_frame
from ...errors import ConnectError, ProtocolError, PynectorError, Sent, WebSocketClosed
from .correlation import Matcher
from .loops import Loop, Timer
from .messages import Pending
from .options import WebSocketOptions
from .protocol import Assembler, Problem, closed, flaw_of_text, handshake_problem, no_handshake, opened, violation

if TYPE_CHECKING:
    from .pool import ConnectionPool

# How much randomness is fetched at a time for the keys of frames (bytes); a system call for each would be slow.
KEYS = 4096

# How long the peer may take to end a connection that is being closed (seconds).
CLOSE_PATIENCE = 5.0


class Connection(asyncio.Protocol):
    """A connection, from its handshake to its end.

    Args:
        pool: Is told what comes and when it ends.
        options: The transport's options.
        loop: The event loop.
        matcher: Knows whose answer a message is.

    Attributes:
        matcher: See above.
        writable: Whether the peer takes what is sent.
        ended: Set when it has ended.
    """

    def __init__(self, pool: ConnectionPool, options: WebSocketOptions, loop: Loop, matcher: Matcher) -> None:
        self._pool = pool
        self._options = options
        self._loop = loop
        self.matcher = matcher
        self.ended = anyio.Event()
        self._ready = anyio.Event()
        self._refusal: ConnectError | None = None
        self.writable = True
        self._protocol = opened(options)
        self._most = -1 if options.max_message_bytes is None else options.max_message_bytes
        self._scanner = FrameScanner()
        self._transport: Any = None
        self._out: list[bytes] = []
        self._flushing = False
        self._open = False
        self._plain = False
        # Bytes of a frame whose rest has not come, and how many are missing at the least.
        self._parts: list[bytes] = []
        self._missing = 0
        self._assembler = Assembler()
        self._keys = b""
        self._next_key = 0
        self._heard = 0.0
        self._timer: Timer | None = None
        self._problem: Problem | None = None

    async def shaken(self) -> None:
        """Wait for the end of the handshake.

        Raises:
            ConnectError: If it fails.
        """
        await self._ready.wait()
        if self._refusal is not None:
            raise self._refusal

    def _after(self, delay: float, call: Callable[..., None], *args: Any) -> Timer:
        return self._loop.call_at(self._loop.time() + delay, call, *args)

    # Sending

    @property
    def usable(self) -> bool:
        """Whether a request may be sent now."""
        most = self._options.max_in_flight
        return self._open and self.writable and (most is None or len(self.matcher) < most)

    @property
    def is_stuck(self) -> bool:
        """Whether it is full of requests whose answers nobody waits for any more."""
        most = self._options.max_in_flight
        return self._open and most is not None and len(self.matcher) >= most and self.matcher.is_stuck()

    def send(self, pending: Pending) -> None:
        """Send a request.

        Raises:
            ConfigurationError: If its key is in use.
        """
        self.matcher.add(pending)
        pending.connection = self
        if self._plain:
            start = self._next_key
            if start == len(self._keys):
                self._keys, start = os.urandom(KEYS), 0
            self._next_key = start + 4
            opcode = TEXT if pending.is_text else BINARY
            self._out.append(masked_frame(opcode, pending.payload, self._keys[start : start + 4]))
        else:
            send = self._protocol.send_text if pending.is_text else self._protocol.send_binary
            send(pending.payload)
            self._out += self._protocol.data_to_send()
        if not self._flushing:
            # What is sent in one turn of the event loop goes out in one write.
            self._flushing = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        out, self._out = self._out, []
        if out and not self._transport.is_closing():
            self._transport.write(out[0] if len(out) == 1 else b"".join(out))

    def _flush_protocol(self) -> None:
        """Send what the protocol has to say, after what was said before."""
        self._flush()
        for data in self._protocol.data_to_send():
            if data and not self._transport.is_closing():
                self._transport.write(data)
        if self._protocol.close_expected() and self._timer is not None:
            self._open = False
            self._timer.cancel()
            self._timer = self._after(CLOSE_PATIENCE, self._transport.abort)

    def close(self) -> None:
        """Begin to close; what is in flight must have been ended."""
        if self._protocol.state is State.OPEN:
            self._protocol.send_close(1000)
            self._flush_protocol()
        else:
            self.abort()
        self._open = False

    def abort(self) -> None:
        """End the connection at once."""
        self._open = False
        if self._transport is not None:
            self._transport.abort()

    def pause(self) -> None:
        """Read no more: whoever takes the messages is behind."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume(self) -> None:
        """Read again."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    # asyncio's protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self._transport = transport
        for data in self._protocol.data_to_send():
            self._transport.write(data)

    def pause_writing(self) -> None:
        """See asyncio.Protocol."""
        self.writable = False

    def resume_writing(self) -> None:
        """See asyncio.Protocol."""
        self.writable = True
        self._pool.pump()

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        self._heard = self._loop.time()
        if not self._open:
            # It may have been closed in the middle of a frame.
            parts, self._parts = self._parts, []
            self._take(b"".join([*parts, data]))
            return
        if self._parts:
            self._parts.append(data)
            self._missing -= len(data)
            if self._missing > 0:
                return
            data = b"".join(self._parts)
            self._parts = []
        # What is sent meanwhile goes out at the end.
        held, self._flushing = self._flushing, True
        try:
            self._read_frames(data)
        finally:
            self._flushing = held
        if self._out and not held:
            self._flush()

    def _read_frames(self, data: bytes) -> None:
        scanner, start, size = self._scanner, 0, len(data)
        while start < size and self._open:
            found = scanner.look(data, start, self._most)
            if found == WHOLE:
                if scanner.plain and not self._assembler.is_within:
                    self._message(data[scanner.begin : scanner.end], scanner.opcode == TEXT)
                else:
                    self._take(data[start : scanner.end])
                start = scanner.end
            elif found == PART:
                self._parts = [data[start:]]
                self._missing = max(1, scanner.end - size)
                return
            else:
                self._take(data[start:])
                return
        if start < size:
            self._take(data[start:])

    def eof_received(self) -> None:
        """See asyncio.Protocol."""
        self._protocol.receive_eof()
        self._events()

    def connection_lost(self, error: Exception | None) -> None:
        """See asyncio.Protocol."""
        self._open = False
        # Python 3.10 takes a TLS transport that the peer closed for one that was forgotten.
        self._transport.close()
        if self._timer is not None:
            self._timer.cancel()
        if self._protocol.state is not State.CLOSED:
            self._protocol.receive_eof()
        if not self._ready.is_set():
            self._refuse(no_handshake(self._protocol, error))
        self.ended.set()
        self._pool.lost(self)

    def _refuse(self, problem: ConnectError) -> None:
        self._refusal = problem
        self._ready.set()

    # What comes

    def _take(self, data: bytes) -> None:
        """Leave data to the protocol."""
        if self._protocol.state is State.CLOSED:
            return
        self._protocol.receive_data(data)
        self._events()

    def _events(self) -> None:
        for event in self._protocol.events_received():
            if isinstance(event, Response):
                self._shaken(event)
            elif isinstance(event, Frame):
                message = self._assembler.take(event)
                if message is not None:
                    self._message(*message)
        self._problem = self._problem or violation(self._protocol, self._options.max_message_bytes)
        if self._transport is not None:
            self._flush_protocol()

    def _shaken(self, response: Response) -> None:
        if self._ready.is_set():
            return
        problem = handshake_problem(self._protocol, response.status_code)
        if problem is not None:
            self._refuse(problem)
            self._transport.abort()
            return
        self._open = True
        self._plain = not self._protocol.extensions
        self._ready.set()
        self._heard = self._loop.time()
        interval = self._options.ping_interval
        # A timer is always there, so that closing can take its place.
        self._timer = self._after(interval or 1e9, self._keep_alive)

    def _message(self, payload: bytes, is_text: bool) -> None:
        flaw = flaw_of_text(payload) if is_text else None
        if flaw is not None:
            self._fail(1007, flaw)
            return
        self._pool.message(self, payload, is_text)

    def _fail(self, code: int, said: str) -> None:
        """Close because of what the peer did."""
        self._problem = self._problem or (lambda sent: ProtocolError(said, phase="body", sent=sent))
        self._open = False
        self._protocol.fail(code, said)
        self._flush_protocol()

    def loss(self, sent: Sent) -> PynectorError:
        """Give the error of a request that this connection's end leaves without an answer."""
        if self._problem is not None:
            return self._problem(sent)
        return closed(self._protocol, sent)

    def _keep_alive(self) -> None:
        interval, patience = self._options.ping_interval, self._options.ping_timeout
        if interval is None or not self._open:
            return
        silent = self._loop.time() - self._heard
        if silent < interval:
            self._timer = self._after(interval - silent, self._keep_alive)
            return
        self._protocol.send_ping(b"")
        self._flush_protocol()
        if patience is None:
            self._timer = self._after(interval, self._keep_alive)
        else:
            self._timer = self._after(patience, self._listen_for_pong, self._heard)

    def _listen_for_pong(self, heard: float) -> None:
        if self._heard > heard:
            self._keep_alive()
            return
        said = f"the peer did not answer a ping within {self._options.ping_timeout:g} s"
        self._problem = lambda sent: WebSocketClosed(said, code=1011, phase="headers", sent=sent)
        self.abort()
