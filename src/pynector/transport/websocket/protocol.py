"""websockets' sans-I/O protocol: how it is opened, what its frames come to, and what goes wrong in it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from websockets.client import ClientProtocol
from websockets.exceptions import PayloadTooBig
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.frames import CTRL_OPCODES, Frame, Opcode
from websockets.uri import parse_uri

from ...errors import ConnectError, ProtocolError, PynectorError, ResponseTooLarge, Sent, WebSocketClosed
from ..hosts import without_zone
from ..http.headers import merged_headers
from .options import WebSocketOptions

# The most bytes of a control frame's payload (RFC 6455 section 5.5).
LONGEST_CONTROL = 125

# RFC 9112 section 4.
_STATUS = re.compile(rb"HTTP/1\.[01] ([1-5]\d\d)")

Problem = Callable[[Sent], PynectorError]
"""Gives the error of a request of which so much had been sent."""


def opened(options: WebSocketOptions) -> ClientProtocol:
    """Give the protocol of a new connection, which has its handshake request to send."""
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
        max_size=None if most is None else most + LONGEST_CONTROL,
    )
    request = protocol.connect()
    pairs = merged_headers(request.headers.raw_items(), options.headers)
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
        self._parts: list[bytes] = []
        self._size = 0
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
        if frame.data:
            self._parts.append(bytes(frame.data))
        self._size += len(frame.data)
        if self._most is not None and self._size > self._most:
            self.is_too_long = True
            return None
        if not frame.fin:
            return None
        payload = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        is_text = self._opcode is Opcode.TEXT
        self._parts, self._size, self._opcode = [], 0, None
        return payload, is_text


def refusal(status_line: bytes) -> ConnectError | None:
    """Give the error of a handshake whose answer begins so, if it has another status than 101."""
    found = _STATUS.match(status_line)
    if found is None or found[1] == b"101":
        return None
    status = int(found[1])
    said = f"no WebSocket connection: the server answered the handshake with status {status}"
    error = ConnectError(said, phase="connect", sent="none")
    error.transient = status == 429 or status >= 500
    return error


def no_handshake(protocol: ClientProtocol, error: BaseException | None) -> ConnectError:
    """Give the error of a handshake that went wrong, or of a connection that ended before it."""
    problem = protocol.handshake_exc
    if problem is not None and isinstance(problem.__cause__ or problem, EOFError):
        # There was no response that could be wrong.
        problem = None
    said = problem or error or "the peer closed the connection"
    return ConnectError(f"no WebSocket connection: {said}", phase="connect", sent="none")


def violation(protocol: ClientProtocol, most: int | None) -> Problem | None:
    """Give the problem with what the peer sent, or None; a message may have `most` bytes."""
    problem = protocol.parser_exc
    if problem is None or isinstance(problem, EOFError):
        return None
    return too_long(most) if isinstance(problem, PayloadTooBig) else broken(str(problem))


def too_long(most: int | None) -> Problem:
    """Give the problem of a message with more than `most` bytes."""
    return lambda sent: ResponseTooLarge(f"a message is longer than max_message_bytes, {most}", phase="body", sent=sent)


def broken(said: str) -> Problem:
    """Give the problem of something that the protocol does not allow."""
    return lambda sent: ProtocolError(f"the peer broke the WebSocket protocol: {said}", phase="body", sent=sent)


def closed(protocol: ClientProtocol, sent: Sent) -> WebSocketClosed:
    """Give the error of a request that the connection's end leaves without an answer."""
    # The peer's word counts from when it came, not only when the connection has ended.
    said = protocol.close_rcvd
    code, reason = (1006, "") if said is None else (said.code, said.reason)
    text = f"the WebSocket connection was closed with code {code}" + (f": {reason}" if reason else "")
    return WebSocketClosed(text, code=code, reason=reason, phase="headers", sent=sent)
