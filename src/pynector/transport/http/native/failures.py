"""What a request fails with that has no answer: an error is made for each failure."""

from __future__ import annotations

import errno
from typing import Any

from ....causes import text_of
from ....errors import (
    ConnectionLost,
    HTTP2Error,
    Phase,
    ProtocolError,
    PynectorError,
    Sent,
    TimeoutError,
    TransportError,
    for_another,
)
from ...net.names import no_connection
from ..decoding import too_large
from .exchange import Exchange, sent_in
from .pooled import TOO_LARGE

# RFC 9113 section 7, in the order of their numbers.
ERROR_CODES = (
    "NO_ERROR",
    "PROTOCOL_ERROR",
    "INTERNAL_ERROR",
    "FLOW_CONTROL_ERROR",
    "SETTINGS_TIMEOUT",
    "STREAM_CLOSED",
    "FRAME_SIZE_ERROR",
    "REFUSED_STREAM",
    "CANCEL",
    "COMPRESSION_ERROR",
    "CONNECT_ERROR",
    "ENHANCE_YOUR_CALM",
    "INADEQUATE_SECURITY",
    "HTTP_1_1_REQUIRED",
)


HTTP_1_1_REQUIRED = ERROR_CODES.index("HTTP_1_1_REQUIRED")


def wants_http1(problem: Any) -> bool:
    """Say whether a server has told that it takes a request over HTTP/1.1 only."""
    return isinstance(problem, HTTP2Error) and problem.code == HTTP_1_1_REQUIRED


def wrong_answer(exchange: Exchange, problem: Any, phase: Any) -> PynectorError:
    """Return the error of an answer that is too large, or of a server that breaks the protocol."""
    if problem is TOO_LARGE:
        return too_large(exchange.settings["max_response_bytes"])
    return broken(problem, phase)


def broken(problem: str, phase: Any) -> ProtocolError:
    """Return the error of a request to a server that breaks the protocol."""
    return ProtocolError(f"the server broke the protocol: {problem}", phase=phase, sent=sent_in(phase))


def not_written(error: Exception) -> TransportError:
    """Return the error of a request that could not be written."""
    problem = TransportError(f"the request could not be written: {text_of(error)}", phase="write", sent="partial")
    problem.__cause__ = error
    return problem


def never_sent(error: Exception) -> TransportError:
    """Return the error of a request that the library of HTTP/2 has refused to send."""
    said = f"the request cannot be sent over HTTP/2: {text_of(error)}"
    problem = TransportError(said, phase="write", sent="none", came_of="library")
    problem.__cause__ = error
    return problem


def connection_lost(error: Exception | None, phase: Any) -> ConnectionLost:
    """Return the error of a request whose connection ended before its answer."""
    said = str(error) if error is not None else "the server closed it"
    return _lost(f"the connection broke: {said}", error, phase, sent_in(phase))


def stream_reset(code: int, phase: Any) -> HTTP2Error:
    """Return the error of a request whose stream the server has reset; in the phase "queue" it was not looked at."""
    said = f"the server reset the stream: {name_of(code)}"
    return HTTP2Error(said, code=code, phase=phase, sent=sent_in(phase))


def ended_by_server(code: int, reason: bytes, phase: Any) -> HTTP2Error:
    """Return the error of a request whose connection the server has ended, and said why."""
    said = f": {reason.decode('utf-8', 'backslashreplace')}" if reason else ""
    said = f"the server ended the connection: {name_of(code)}{said}"
    return HTTP2Error(said, code=code, phase=phase, sent=sent_in(phase))


def name_of(code: int) -> str:
    """Return what RFC 9113 section 7 calls an error code."""
    return ERROR_CODES[code] if code < len(ERROR_CODES) else f"error {code:#x}"


def lost_at_once(error: Exception | None) -> TransportError:
    """Return the error of a new connection that has ended."""
    if isinstance(error, TransportError):
        # The server has said why, or has broken the protocol.
        return error
    said = "the server closed the connection at once" if error is None else f"the connection broke: {text_of(error)}"
    return _lost(said, error, "write", "none")


def _lost(said: str, error: Exception | None, phase: Phase, sent: Sent) -> ConnectionLost:
    problem = ConnectionLost(said, phase=phase, sent=sent, came_of=error)
    problem.__cause__ = error
    return problem


def not_connected(error: BaseException) -> PynectorError:
    """Return the error of a request for which no connection could be made."""
    if isinstance(error, PynectorError):
        # Several requests may have waited for the same connection.
        return for_another(error, None)
    problem = no_connection(error)
    problem.__cause__ = error
    return problem


def is_out_of_files(error: BaseException) -> bool:
    """Say whether a connection could not be made because too many files are open."""
    cause = error if isinstance(error, OSError) and error.errno is not None else error.__cause__
    return isinstance(cause, OSError) and cause.errno in (errno.EMFILE, errno.ENFILE)


def late(exchange: Exchange, phase: Any, sent: Sent) -> TimeoutError:
    """Return the error of a request whose time is over."""
    return TimeoutError(phase=phase, sent=sent, seconds=exchange.deadline - exchange.started)
