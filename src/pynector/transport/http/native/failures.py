"""What a request fails with that has no answer: an error is made for each failure."""

from __future__ import annotations

import errno
from typing import Any

from ....causes import text_of
from ....errors import ConnectionLost, Phase, ProtocolError, PynectorError, Sent, TimeoutError, TransportError
from ...net.names import no_connection
from ..decoding import too_large
from .exchange import Exchange
from .http1 import TOO_LARGE


def wrong_answer(exchange: Exchange, problem: Any, phase: Any) -> PynectorError:
    """Return the error of an answer that is too large, or of a server that breaks the protocol."""
    if problem is TOO_LARGE:
        return too_large(exchange.settings["max_response_bytes"])
    return ProtocolError(f"the server broke the protocol: {problem}", phase=phase, sent="full")


def not_written(error: Exception) -> TransportError:
    """Return the error of a request that could not be written."""
    problem = TransportError(f"the request could not be written: {text_of(error)}", phase="write", sent="partial")
    problem.__cause__ = error
    return problem


def connection_lost(error: Exception | None, phase: Any) -> ConnectionLost:
    """Return the error of a request whose connection ended before its answer."""
    said = str(error) if error is not None else "the server closed it"
    return _lost(f"the connection broke: {said}", error, phase, sent_in(phase))


def lost_at_once(error: Exception | None) -> ConnectionLost:
    """Return the error of a new connection that has ended."""
    said = "the server closed the connection at once" if error is None else f"the connection broke: {text_of(error)}"
    return _lost(said, error, "write", "none")


def _lost(said: str, error: Exception | None, phase: Phase, sent: Sent) -> ConnectionLost:
    problem = ConnectionLost(said, phase=phase, sent=sent, came_of=error)
    problem.__cause__ = error
    return problem


def not_connected(error: BaseException) -> PynectorError:
    """Return the error of a request for which no connection could be made."""
    if isinstance(error, PynectorError):
        return error
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


def sent_in(phase: Any) -> Sent:
    """Return how much of a request on a connection has left."""
    return "partial" if phase == "write" else "full"
