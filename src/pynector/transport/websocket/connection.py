"""One WebSocket connection after its handshake: its requests, whose answers they are, and its end.

Whole plain messages, which are nearly all, it reads and writes itself (RFC 6455). Everything else, from control frames
to what is malformed, goes to a full implementation of the protocol, in whole frames if they are well formed; so that
never has to wait for the rest of one.
"""

from typing import Any

from ...errors import PynectorError, Sent
from . import frames
from .frames import FrameScanner, FrameWriter
from .matchers import Matcher
from .messages import Message
from .pending import Pending

# Anew, so that they are C's own numbers here.
TEXT = frames.TEXT
PART = frames.PART
OTHER = frames.OTHER

# A ping that is answered when the peer reads again: the last one of those that came meanwhile (RFC 6455 section 5.5.3).
PING = 0x89
LONGEST_PING = 127

# What the protocol needs of a frame that is wrong to see why, unless that is the frame's length (bytes).
START = 2

# How long a connection that answered no request must have lasted not to be one that was lost at once (seconds).
STEADY = 5.0


class Connection:
    """A connection, from its handshake to its end. The event loop's transport calls it as an asyncio.Protocol.

    Args:
        owner: Told by `pushed(payload, is_text)` of the peer's own messages, by `retire(connection)` that nothing more
            will come, and by `lost(connection)` of the end.
        requests: The Multiplexer, told by `send_waiting()` that more may be sent.
        matcher: Knows whose answer it is.
        writer: Writes to the transport.
        protocol: The FullProtocol.
        keep_alive: Watches over the peer.
        link: What the transport calls, which leads here.
        loop: The event loop.
        most: The most bytes of a message, or -1 for any number.
        most_in_flight: The most requests without an answer, or -1 for any number.
        attempt: Which attempt in a row to make a connection anew this is, from 1 on; 0 if it is none.

    Attributes:
        matcher, writer, protocol, link, attempt: See above.
        is_open: Whether it is not being closed.
        is_proven: Whether a request has been answered, or it was replaced though the peer did nothing wrong.
        heard: When something came last, on the event loop's clock in seconds.
    """

    __slots__ = (
        "__weakref__",
        "_aborted",
        "_clock",
        "_held",
        "_is_plain",
        "_keep_alive",
        "_leaving",
        "_loop",
        "_most",
        "_most_in_flight",
        "_owner",
        "_paused",
        "_ping",
        "_requests",
        "_scanner",
        "_since",
        "_waiting",
        "attempt",
        "heard",
        "is_open",
        "is_proven",
        "link",
        "matcher",
        "protocol",
        "writer",
    )

    def __init__(
        self,
        owner: Any,
        requests: Any,
        matcher: Matcher,
        writer: FrameWriter,
        protocol: Any,
        keep_alive: Any,
        link: Any,
        loop: Any,
        most: int,
        most_in_flight: int,
        attempt: int,
    ) -> None:
        self._owner = owner
        self._requests = requests
        self._waiting = requests.waiting
        self.matcher = matcher
        self._held = matcher.held()
        self.writer = writer
        self.protocol = protocol
        self._keep_alive = keep_alive
        self.link = link
        self._loop = loop
        self._clock = loop.time
        self._most = most
        self._most_in_flight = most_in_flight
        self.attempt = attempt
        self._is_plain: bool = protocol.is_plain
        self.is_open = True
        self.is_proven = False
        self.heard = self._since = self._clock()
        self._scanner = FrameScanner()
        self._ping = b""
        # Set while nothing is read: then the event loop might not hold the transport, nor so what somebody waits for.
        self._paused: Any = None
        self._leaving = False
        self._aborted = False
        writer.broken = self.broken
        keep_alive.begin(self)

    # Sending

    def owed(self) -> int:
        """Say how many answers the peer owes."""
        return len(self._held)

    def is_usable(self) -> bool:
        """Say whether a request may be sent now."""
        most = self._most_in_flight
        return self.is_open and self.writer.writable and (most < 0 or len(self._held) < most)

    def send(self, pending: Pending) -> None:
        """Send a request.

        Raises:
            ConfigurationError: If its answer could not be told from another's. Nothing was sent.
            Exception: If an extension cannot say it; then the connection must be ended by `broken`.
        """
        frame: Any = self.writer.masked(pending.payload, pending.is_text) if self._is_plain else None
        if not pending.one_way:
            self.matcher.add(pending)
        pending.connection = self
        pending.was_sent = True
        if frame is not None:
            self.writer.queue(frame)
        else:
            for data in self.protocol.framed(pending.payload, pending.is_text):
                self.writer.queue(data)
        if not pending.idempotent:
            # It will not be sent again.
            pending.payload = b""
        self.writer.flush_soon()

    def broken(self, error: Any) -> None:
        """End the connection, for what was to be sent on it may have gone in part."""
        self._loop.complain("a message could not be written", error)
        self.protocol.unwritten(error)
        self._end_at_once()

    def ping(self) -> None:
        """Ask the peer whether it is there."""
        self.protocol.ping()
        self._send_protocol()

    def pause_writing(self) -> None:
        """See asyncio.BaseProtocol."""
        self.writer.writable = False

    def resume_writing(self) -> None:
        """See asyncio.BaseProtocol."""
        self.writer.writable = True
        ping = self._ping
        self._ping = b""
        if ping and self.is_open:
            self._leave(ping)
        self._requests.send_waiting()

    # Receiving

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        self.heard = self._clock()
        if not self.is_open:
            # It may have been closed in the middle of a frame.
            self._leave(self._scanner.joined(data))
            return
        data = self._scanner.whole(data)
        if data:
            # What is sent meanwhile goes out at the end.
            held = self.writer.hold()
            try:
                self._read(data)
            finally:
                self.writer.release(held)

    def _read(self, data: bytes) -> None:
        """Take frames, and keep a part of one at their end."""
        scanner = self._scanner
        start = 0
        size = len(data)
        while start < size and self.is_open:
            found = scanner.look(data, start, self._most)
            if found == PART:
                scanner.keep(data, start)
                return
            if found == OTHER:
                self._leave_wrong(data[start:])
                return
            end = scanner.end
            if scanner.plain:
                self._take(data[scanner.begin : end], scanner.opcode == TEXT)
            elif not self.writer.writable and data[start] == PING and end - start <= LONGEST_PING:
                self._ping = data[start:end]
            else:
                self._leave(data[start:end])
            start = end
        if start < size:
            self._leave(data[start:])

    def _leave(self, data: Any) -> None:
        """Leave to the protocol what is no plain message; None is the end of what comes."""
        if self._aborted or self.protocol.is_over():
            return
        for payload, is_text in self.protocol.messages(data):
            self._scanner.is_within = self.protocol.is_within
            self._take(payload, is_text)
        self._scanner.is_within = self.protocol.is_within
        self._send_protocol()

    def _leave_wrong(self, data: bytes) -> None:
        # What follows the frame's head is nothing to anybody.
        self._leave(data[:START])
        if self.is_open:
            # What is wrong would be seen when all of the frame has come, which it may never.
            self.protocol.refuse_frame(data)
            self._send_protocol()

    def _send_protocol(self) -> None:
        """Send what the protocol has to say, after what was said before."""
        for data in self.protocol.to_send():
            self.writer.say(data)
        if self.protocol.is_ending():
            self._wind_down()

    def _take(self, payload: bytes, is_text: bool) -> None:
        """Take a message: an answer, or the peer's own."""
        if not self.is_open:
            return
        if is_text and not is_utf8(payload):
            self.protocol.refuse_text()
            self._send_protocol()
            return
        pending: Any = None
        try:
            pending = self.matcher.match(payload, is_text)
        except Exception as error:
            self._loop.complain("the correlation failed", error)
        if pending is None:
            self._owner.pushed(payload, is_text)
        else:
            self._answer(pending, payload, is_text)
        if self._waiting:
            self._requests.send_waiting()

    def _answer(self, pending: Pending, payload: bytes, is_text: bool) -> None:
        # Not so if it is an answer that nobody asked for.
        self.is_proven = self.is_proven or pending.was_sent
        if pending.completion is None:
            self._requests.late += 1
        elif pending.error is not None:
            pending.fail(pending.error)
        elif pending.as_response:
            pending.succeed(Message(payload, is_text))
        else:
            pending.succeed(payload)

    def is_read(self) -> bool:
        """Say whether what comes is read."""
        return self._paused is None

    def pause(self) -> None:
        """Read no more: whoever takes the messages is behind."""
        if self._paused is None and not self.writer.transport.is_closing():
            self._paused = self._loop.keep(self.writer.transport)
            self.writer.transport.pause_reading()

    def resume(self) -> None:
        """Read again."""
        if self._paused is not None:
            self._paused.cancel()
            self._paused = None
            # The peer was not silent; nobody listened.
            self.heard = self._clock()
            if not self.writer.transport.is_closing():
                self._loop.context.run(self.writer.transport.resume_reading)

    # The end

    def close(self) -> None:
        """Begin to close; what is in flight must have been ended."""
        if self.link.is_cut():
            # No call of the transport comes here any more.
            self.writer.transport.abort()
            self._end()
        elif self.protocol.close():
            self._send_protocol()
        else:
            self.abort()
        self.is_open = False

    def abort(self) -> None:
        """End the connection at once; what comes yet is nobody's."""
        self.is_open = False
        self._aborted = True
        self.link.keep(self)
        self.writer.transport.abort()

    def replace(self) -> None:
        """End the connection, for it owes too many answers, and none that anybody waits for."""
        self.is_proven = True
        self.protocol.owing(len(self._held))
        self._end_at_once()

    def give_up(self, patience: float) -> None:
        """End the connection, for the peer did not answer a ping for so many seconds."""
        self.protocol.silent(patience)
        self.abort()

    def _end_at_once(self) -> None:
        self.abort()
        self._owner.retire(self)

    def _wind_down(self) -> None:
        """Take no more requests; the peer has a while to end the connection."""
        self.is_open = False
        # The last words go at once: the transport may be closed before this turn of the event loop ends.
        self.writer.write_out()
        if not self._leaving:
            self._leaving = True
            self.link.keep(self)
            self.protocol.forget()
            self._keep_alive.expect_end()
            self._owner.retire(self)
            # Or its end would not be seen.
            self.resume()

    def eof_received(self) -> None:
        """See asyncio.Protocol."""
        self._leave(None)
        # Half a connection is of no use, and the event loop writes what there is before it ends the other half.
        self._wind_down()

    def connection_lost(self, error: Any) -> None:
        """See asyncio.Protocol."""
        self.protocol.lose()
        self._end()

    def _end(self) -> None:
        self.is_open = False
        self._keep_alive.end()
        if self._paused is not None:
            self._paused.cancel()
        self.writer.broken = None
        self.link.ended.set()
        self._owner.lost(self)

    def was_good(self) -> bool:
        """Say whether another one may be made in its place at once, not only after a wait."""
        return self.is_proven or self._clock() - self._since >= STEADY

    def loss(self, sent: Sent | None) -> PynectorError:
        """Give the error of a request that this connection's end leaves without an answer, or with None its own."""
        error: PynectorError = self.protocol.error(sent)
        return error


def is_utf8(payload: bytes) -> bool:
    """Say whether bytes are text in UTF-8."""
    if payload.isascii():
        return True
    try:
        payload.decode()
    except UnicodeDecodeError:
        return False
    return True
