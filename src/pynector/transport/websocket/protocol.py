"""websockets' sans-I/O protocol: how it is opened, what its frames come to, and what goes wrong in it."""

from __future__ import annotations

from collections.abc import Callable

from websockets.client import ClientProtocol
from websockets.exceptions import PayloadTooBig
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.frames import Frame, Opcode
from websockets.uri import parse_uri

from ...errors import ConnectError, ProtocolError, PynectorError, ResponseTooLarge, Sent, WebSocketClosed
from .options import WebSocketOptions

Problem = Callable[[Sent], PynectorError]
"""Gives the error of a request of which so much had been sent."""


def opened(options: WebSocketOptions) -> ClientProtocol:
    """Give the protocol of a new connection, which has its handshake request to send."""
    extensions = [ClientPerMessageDeflateFactory(client_max_window_bits=True)] if options.compression else None
    protocol = ClientProtocol(
        parse_uri(options.url),
        origin=options.origin,  # type: ignore[arg-type]
        extensions=extensions,
        subprotocols=list(options.subprotocols) or None,  # type: ignore[arg-type]
        max_size=options.max_message_bytes,
    )
    request = protocol.connect()
    for name, value in options.headers:
        request.headers[str(name)] = str(value)
    protocol.send_request(request)
    return protocol


class Assembler:
    """Makes messages of frames."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._opcode: Opcode | None = None

    @property
    def is_within(self) -> bool:
        """Whether a message has begun and not ended."""
        return self._opcode is not None

    def take(self, frame: Frame) -> tuple[bytes, bool] | None:
        """Take a frame; give the payload of the message that it ends, and whether that is text."""
        if frame.opcode is Opcode.CLOSE or frame.opcode in (Opcode.PING, Opcode.PONG):
            return None
        if frame.opcode is not Opcode.CONT:
            self._opcode = frame.opcode
        self._parts.append(bytes(frame.data))
        if not frame.fin:
            return None
        payload = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        is_text = self._opcode is Opcode.TEXT
        self._parts, self._opcode = [], None
        return payload, is_text


def handshake_problem(protocol: ClientProtocol, status: int) -> ConnectError | None:
    """Give the error of a handshake that was answered with a status, or None if it went well."""
    problem = protocol.handshake_exc
    if problem is None:
        return None
    said = problem if status == 101 else f"the server answered the handshake with status {status}"
    error = ConnectError(f"no WebSocket connection: {said}", phase="connect", sent="none")
    error.transient = status == 429 or status >= 500
    return error


def no_handshake(protocol: ClientProtocol, error: BaseException | None) -> ConnectError:
    """Give the error of a connection that ended before its handshake did."""
    said = protocol.handshake_exc or error or "the peer closed the connection"
    return ConnectError(f"no WebSocket connection: {said}", phase="connect", sent="none")


def violation(protocol: ClientProtocol, most: int | None) -> Problem | None:
    """Give the problem with what the peer sent, or None; a message may have `most` bytes."""
    problem = protocol.parser_exc
    if problem is None or isinstance(problem, EOFError):
        return None
    if isinstance(problem, PayloadTooBig):
        said = f"a message is longer than max_message_bytes, {most}"
        return lambda sent: ResponseTooLarge(said, phase="body", sent=sent)
    broken = f"the peer broke the WebSocket protocol: {problem}"
    return lambda sent: ProtocolError(broken, phase="body", sent=sent)


def closed(protocol: ClientProtocol, sent: Sent) -> WebSocketClosed:
    """Give the error of a request that the connection's end leaves without an answer."""
    # The peer's word counts from when it came, not only when the connection has ended.
    said = protocol.close_rcvd
    code, reason = (1006, "") if said is None else (said.code, said.reason)
    text = f"the WebSocket connection was closed with code {code}" + (f": {reason}" if reason else "")
    return WebSocketClosed(text, code=code, reason=reason, phase="headers", sent=sent)
