"""Messages over one connection of WebSocket (RFC 6455): whole plain ones, which are nearly all.

Everything else, from fragments to what is malformed, is left to the subclass, in whole frames if they are well formed.
It is driven by an event loop's protocol calls, and knows neither pools nor handshakes.
"""

from typing import Any

from . import frames
from .frames import FrameScanner, masked_frame
from .pending import Matcher, Pending

# Anew, so that they are C's own numbers here.
TEXT = frames.TEXT
BINARY = frames.BINARY
PART = frames.PART
OTHER = frames.OTHER

# What waits to be written at the most before it is (bytes); the transport must notice when the peer does not read.
FLUSH = 1 << 16

# A ping that is answered when the peer reads again: the last one of those that came meanwhile (RFC 6455 section 5.5.3).
PING = 0x89
LONGEST_PING = 127

# What the protocol needs of a frame that is wrong to see why, unless that is the frame's length (bytes).
START = 2


class Hub:
    """Whoever takes the messages of channels."""

    __slots__ = ()

    def message(self, channel: Any, payload: bytes, is_text: bool) -> None:
        """Take a message."""
        raise NotImplementedError

    def pump(self) -> None:
        """Take note that a channel may take requests again."""
        raise NotImplementedError

    def complain(self, said: str, error: Any) -> None:
        """Take what was raised where nobody can be told of it."""
        raise NotImplementedError


class ChannelCore:
    """The plain messages of one connection.

    Args:
        hub: Takes what comes.
        matcher: Knows whose answer it is.
        clock: The event loop's clock.
        call_soon: Calls a function when the event loop comes to it.
        keys: Gives that many bytes that nobody can foresee; frames are masked with them.
        most: The most bytes of a message, or -1 for any number.
        most_in_flight: The most requests without an answer, or -1 for any number.

    Attributes:
        matcher: See above.
        transport: The event loop's transport, or None before it is connected.
        is_open: Whether the handshake has been made, and the connection is not being closed.
        is_plain: Whether no extension changes the frames.
        is_proven: Whether a request has been answered; whoever takes the messages sets it.
        is_within: Whether a message in fragments has begun and not ended.
        writable: Whether the peer takes what is sent.
        heard: When something came last, on the event loop's clock in seconds.
        written: How many bytes the transport was given.
    """

    __slots__ = (
        "_call_soon",
        "_clock",
        "_flushing",
        "_hub",
        "_key_source",
        "_keys",
        "_missing",
        "_most",
        "_most_in_flight",
        "_next_key",
        "_out",
        "_out_size",
        "_parts",
        "_ping",
        "_scanner",
        "heard",
        "is_open",
        "is_plain",
        "is_proven",
        "is_within",
        "matcher",
        "transport",
        "writable",
        "written",
    )

    def __init__(
        self, hub: Hub, matcher: Matcher, clock: Any, call_soon: Any, keys: Any, most: int, most_in_flight: int
    ) -> None:
        self._hub = hub
        self.matcher = matcher
        self._clock = clock
        self._call_soon = call_soon
        self._key_source = keys
        self._most = most
        self._most_in_flight = most_in_flight
        self.transport: Any = None
        self.is_open = False
        self.is_plain = False
        self.is_proven = False
        self.is_within = False
        self.writable = True
        self.heard = 0.0
        self.written = 0
        self._scanner = FrameScanner()
        self._keys = b""
        self._next_key = 0
        self._out: list[bytes] = []
        self._out_size = 0
        self._flushing = False
        # Bytes of a frame whose rest has not come, and how many are missing at the least.
        self._parts: list[bytes] = []
        self._missing = 0
        self._ping = b""

    # Sending

    def is_usable(self) -> bool:
        """Say whether a request may be sent now."""
        most = self._most_in_flight
        return self.is_open and self.writable and (most < 0 or self.matcher.size() < most)

    def send(self, pending: Pending) -> None:
        """Send a request.

        Raises:
            ConfigurationError: If its answer could not be told from another's. Nothing was sent.
            Exception: If an extension cannot say it; then it is the subclass's to end the connection.
        """
        frame: Any = None
        if self.is_plain:
            start = self._next_key
            if start == len(self._keys):
                self._keys = self._key_source()
                start = 0
            self._next_key = start + 4
            frame = masked_frame(TEXT if pending.is_text else BINARY, pending.payload, self._keys, start)
        if not pending.one_way:
            self.matcher.add(pending)
        pending.connection = self
        pending.was_sent = True
        if frame is not None:
            self._queue(frame)
        else:
            for data in self.framed(pending):
                self._queue(data)
        if not pending.idempotent:
            # It will not be sent again.
            pending.payload = b""
        if self._out_size >= FLUSH:
            self.write_out()
        elif not self._flushing:
            # What is sent in one turn of the event loop goes out in one write.
            self._flushing = True
            self._call_soon(self.flush)

    def _queue(self, data: bytes) -> None:
        self._out.append(data)
        self._out_size += len(data)

    def say(self, data: bytes) -> None:
        """Send what is no request, after what was sent before."""
        self._queue(data)
        if not self._flushing:
            self.write_out()

    def flush(self) -> None:
        """Write what was sent in this turn of the event loop."""
        self._flushing = False
        self.write_out()

    def write_out(self) -> None:
        """Write what was sent."""
        out = self._out
        if not out:
            return
        self._out = []
        self._out_size = 0
        if not self.transport.is_closing():
            try:
                data = out[0] if len(out) == 1 else b"".join(out)
                self.written += len(data)
                self.transport.write(data)
            except Exception as error:
                # Or the next answer would be taken for that of a message that has not left.
                self.broken(error)

    def pause_writing(self) -> None:
        """See asyncio.BaseProtocol."""
        self.writable = False

    def resume_writing(self) -> None:
        """See asyncio.BaseProtocol."""
        self.writable = True
        ping = self._ping
        self._ping = b""
        if ping and self.is_open:
            self.leave(ping)
        self._hub.pump()

    # Receiving

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        self.heard = self._clock()
        if not self.is_open:
            # It may have been closed in the middle of a frame.
            self._parts.append(data)
            data = self._joined()
            self.leave(data)
            return
        if self._parts:
            self._parts.append(data)
            self._missing -= len(data)
            if self._missing > 0:
                return
            data = self._joined()
        self.read(data)

    def _joined(self) -> bytes:
        parts = self._parts
        self._parts = []
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def read(self, data: bytes) -> None:
        """Take frames, and keep a part of one at their end."""
        # What is sent meanwhile goes out at the end.
        held = self._flushing
        self._flushing = True
        try:
            self._read_frames(data)
        finally:
            self._flushing = held
        if self._out and not held:
            self.write_out()

    def _read_frames(self, data: bytes) -> None:
        scanner = self._scanner
        start = 0
        size = len(data)
        while start < size and self.is_open:
            found = scanner.look(data, start, self._most)
            if found == PART:
                self._parts = [data[start:]]
                self._missing = max(1, scanner.end - size)
                return
            if found == OTHER:
                self._leave_broken(data[start:])
                return
            end = scanner.end
            if scanner.plain and not self.is_within:
                self.take(data[scanner.begin : end], scanner.opcode == TEXT)
            elif not self.writable and data[start] == PING and end - start <= LONGEST_PING:
                self._ping = data[start:end]
            else:
                self.leave(data[start:end])
            start = end
        if start < size:
            self.leave(data[start:])

    def _leave_broken(self, data: bytes) -> None:
        # What follows the frame's head is nothing to anybody.
        self.leave(data[:START])
        if self.is_open:
            # What is wrong would be seen when all of the frame has come, which it may never.
            self.refuse_frame(data)

    def take(self, payload: bytes, is_text: bool) -> None:
        """Take the payload of a whole message."""
        if is_text and not is_utf8(payload):
            self.refuse_text(payload)
        else:
            self._hub.message(self, payload, is_text)

    # The subclass's

    def framed(self, pending: Pending) -> list[bytes]:
        """Give the frames of a request where an extension has its part in them."""
        raise NotImplementedError

    def broken(self, error: Any) -> None:
        """End the connection, for what was to be sent on it may have gone in part."""
        raise NotImplementedError

    def leave(self, data: bytes) -> None:
        """Take bytes that are no plain messages."""
        raise NotImplementedError

    def refuse_text(self, payload: bytes) -> None:
        """End the connection because of a text message that is no UTF-8."""
        raise NotImplementedError

    def refuse_frame(self, begin: bytes) -> None:
        """End the connection because of the frame that begins so: it is too long."""
        raise NotImplementedError


def is_utf8(payload: bytes) -> bool:
    """Say whether bytes are text in UTF-8."""
    if payload.isascii():
        return True
    try:
        payload.decode()
    except UnicodeDecodeError:
        return False
    return True
