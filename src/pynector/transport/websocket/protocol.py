"""websockets' sans-I/O protocol: how it is opened, what its frames come to, and what goes wrong in it."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace

from websockets.client import ClientProtocol
from websockets.exceptions import PayloadTooBig
from websockets.exceptions import ProtocolError as WebSocketError
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.frames import CTRL_OPCODES, Frame, Opcode
from websockets.uri import parse_uri

from ...errors import ProtocolError, PynectorError, ResponseTooLarge, Sent, WebSocketClosed
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
