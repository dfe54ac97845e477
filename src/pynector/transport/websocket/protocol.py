"""websockets' sans-I/O protocol: how it is opened, what its frames come to, and what goes wrong in it."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from websockets.client import ClientProtocol
from websockets.exceptions import PayloadTooBig
from websockets.exceptions import ProtocolError as WebSocketError
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.frames import CTRL_OPCODES, Frame, Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

from ...errors import Phase, ProtocolError, PynectorError, ResponseTooLarge, Sent, WebSocketClosed
from ..http.headers import merged_headers
from ..net.hosts import without_zone
from .options import WebSocketOptions

# The most bytes of a control frame's payload (RFC 6455 section 5.5).
LONGEST_CONTROL = 125

# The most bytes of a message that websockets' extensions can be told of.
MOST = sys.maxsize - LONGEST_CONTROL

# websockets logs header fields and messages, which may be secret, where somebody listens to all that is logged.
_SILENT = logging.Logger("websockets", logging.CRITICAL + 1)

Problem = Callable[["Sent | None"], PynectorError]
"""Gives the error of a request of which so much had been sent, or of a connection: None."""


def opened(options: WebSocketOptions, fields: Iterable[tuple[str, str | None]]) -> ClientProtocol:
    """Give the protocol of a new connection, which has its handshake request to send.

    Args:
        options: The transport's options.
        fields: Header fields in the place of the default ones; a value of None takes one away.
    """
    extensions = [ClientPerMessageDeflateFactory(client_max_window_bits=True)] if options.compression else None
    most = options.max_message_bytes
    uri = parse_uri(options.url)
    uri = replace(uri, host=without_zone(uri.host))
    protocol = ClientProtocol(
        uri,
        origin=options.origin,  # type: ignore[arg-type]
        extensions=extensions,
        subprotocols=list(options.subprotocols) or None,  # type: ignore[arg-type]
        # What is left of it for a message holds for a control frame in the middle, too; Assembler knows the limit.
        max_size=None if most is None else min(most, MOST) + LONGEST_CONTROL,
        logger=_SILENT,
    )
    request = protocol.connect()
    pairs = merged_headers(request.headers.raw_items(), fields)
    request.headers.clear()
    for name, value in pairs:
        request.headers[name] = value
    protocol.send_request(request)
    return protocol


class Assembler:
    """Makes messages of frames.

    Args:
        most: The most bytes of a message, or None for any number.

    Attributes:
        is_too_long: Whether a message had more.
    """

    def __init__(self, most: int | None) -> None:
        self._most = most
        # Fragments may be tiny, and an object for each would be many times as large.
        self._begun = bytearray()
        self._opcode: Opcode | None = None
        self.is_too_long = False

    @property
    def is_within(self) -> bool:
        """Whether a message has begun and not ended."""
        return self._opcode is not None

    def take(self, frame: Frame) -> tuple[bytes, bool] | None:
        """Take a frame; give the payload of the message that it ends, and whether that is text."""
        if frame.opcode in CTRL_OPCODES:
            return None
        if frame.opcode is not Opcode.CONT:
            self._opcode = frame.opcode
        if self._most is not None and len(self._begun) + len(frame.data) > self._most:
            self.is_too_long = True
            self._begun = bytearray()
            return None
        if self._begun or not frame.fin:
            self._begun += frame.data
        if not frame.fin:
            return None
        payload = bytes(self._begun or frame.data)
        is_text = self._opcode is Opcode.TEXT
        self._begun, self._opcode = bytearray(), None
        return payload, is_text


class FullProtocol:
    """All of the protocol, by websockets: it takes what is no plain message, and knows how a connection ends.

    Args:
        protocol: websockets' own object; the handshake has been made.
        most: The most bytes of a message, or None for any number.

    Attributes:
        is_plain: Whether no extension changes the frames.
    """

    def __init__(self, protocol: ClientProtocol, most: int | None) -> None:
        self._protocol = protocol
        self._most = most
        self._assembler = Assembler(most)
        self._problem: Problem | None = None
        self.is_plain = not protocol.extensions

    @property
    def is_within(self) -> bool:
        """Whether a message in fragments has begun and not ended."""
        return self._assembler.is_within

    def is_over(self) -> bool:
        """Say whether nothing can come any more."""
        return self._protocol.state is State.CLOSED

    def is_ending(self) -> bool:
        """Say whether the peer is to end the connection now."""
        return self._protocol.close_expected()

    def framed(self, payload: bytes, is_text: bool) -> list[bytes]:
        """Give the frames of a message as an extension has them.

        Raises:
            Exception: If it cannot say it.
        """
        (self._protocol.send_text if is_text else self._protocol.send_binary)(payload)
        return self._protocol.data_to_send()

    def to_send(self) -> list[bytes]:
        """Give what is to be sent now."""
        return [data for data in self._protocol.data_to_send() if data]

    # What comes

    def messages(self, data: bytes | None) -> Iterator[tuple[bytes, bool]]:
        """Give the messages that end with what comes, as payload and whether that is text; None is the end itself."""
        if data is None:
            self._protocol.receive_eof()
        else:
            self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if not isinstance(event, Frame):
                continue
            message = self._assembler.take(event)
            if self._assembler.is_too_long:
                self._fail(1009, too_long(self._most))
                return
            if message is not None:
                yield message
        self._end_by(violation(self._protocol, self._most))

    def forget(self) -> None:
        """Forget what has come of a message, for it is nobody's."""
        self._assembler = Assembler(self._most)

    def refuse_text(self) -> None:
        """End the connection because of a text message that is no UTF-8."""
        self._fail(1007, broken("a text message is no UTF-8"))

    def refuse_frame(self, begin: bytes) -> None:
        """End the connection because of the frame that begins so: it is too long."""
        if begin[0] & 0x08:
            self._fail(1002, broken("a control frame is longer than 125 bytes"))
        elif begin[1] == 127 and begin[2] & 0x80:
            self._fail(1002, broken("a frame's length is negative"))
        else:
            self._fail(1009, too_long(self._most or sys.maxsize))

    def _fail(self, code: int, problem: Problem) -> None:
        self._end_by(problem)
        self._protocol.fail(code)

    # The end

    def ping(self) -> None:
        """Ask the peer whether it is there."""
        self._protocol.send_ping(b"")

    def close(self) -> bool:
        """Begin to close, and say whether there was something to be closed."""
        if self._protocol.state is not State.OPEN:
            return False
        self._protocol.send_close(1000)
        return True

    def lose(self) -> None:
        """Take note that the transport is lost."""
        if self._protocol.state is not State.CLOSED:
            self._protocol.receive_eof()

    def unwritten(self, error: BaseException) -> None:
        """Take note that a message could not be written, and may have gone in part."""
        self._end_by(lost_with(f"a message could not be written: {type(error).__name__}", 1006, "write"))

    def owing(self, count: int) -> None:
        """Take note that the connection is given up, for it owes so many answers, and none that anybody waits for."""
        said = f"a connection was replaced that owed {count} answers, none of them waited for"
        self._end_by(lost_with(said, 1006, "headers"))

    def silent(self, patience: float) -> None:
        """Take note that the peer did not answer a ping for so many seconds."""
        self._end_by(lost_with(f"the peer did not answer a ping within {patience:g} s", 1011, "headers"))

    def _end_by(self, problem: Problem | None) -> None:
        # The first problem is the reason for all others.
        self._problem = self._problem or problem

    def error(self, sent: Sent | None) -> PynectorError:
        """Give the error of a request that the connection's end leaves without an answer, or with None its own."""
        if self._problem is not None:
            return self._problem(sent)
        return closed(self._protocol, sent)


def violation(protocol: ClientProtocol, most: int | None) -> Problem | None:
    """Give the problem with what the peer sent, or None; a message may have `most` bytes."""
    problem = protocol.parser_exc
    if problem is None or isinstance(problem, EOFError):
        return None
    if isinstance(problem, PayloadTooBig):
        return too_long(most)
    known = isinstance(problem, (WebSocketError, UnicodeDecodeError))
    return broken(str(problem) if known else type(problem).__name__)


def too_long(most: int | None) -> Problem:
    """Give the problem of a message with more than `most` bytes."""
    return lambda sent: ResponseTooLarge(f"a message is longer than max_message_bytes, {most}", phase="body", sent=sent)


def broken(said: str) -> Problem:
    """Give the problem of something that the protocol does not allow."""
    return lambda sent: ProtocolError(f"the peer broke the WebSocket protocol: {said}", phase="body", sent=sent)


def closed(protocol: ClientProtocol, sent: Sent | None) -> WebSocketClosed:
    """Give the error of a request that the connection's end leaves without an answer."""
    # The peer's word counts from when it came, not only when the connection has ended.
    said = protocol.close_rcvd
    code, reason = (1006, "") if said is None else (said.code, said.reason)
    text = f"the WebSocket connection was closed with code {code}" + (f": {reason}" if reason else "")
    return WebSocketClosed(text, code=code, reason=reason, phase="headers", sent=sent)


def lost_with(said: str, code: int, phase: Phase) -> Problem:
    """Give the problem of a connection that this side ended."""
    return lambda sent: WebSocketClosed(said, code=code, phase=phase, sent=sent)
