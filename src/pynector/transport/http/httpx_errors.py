"""What goes wrong in httpx, as a TransportError."""

from __future__ import annotations

import re
import ssl
from typing import Any

from ...errors import ConnectError, ConnectionLost, ProtocolError, TransportError
from .httpx_module import httpx

# h11 quotes the line it cannot read, which may be a secret header.
_QUOTED = re.compile(r":? *(?:bytearray\()?b?(?:'.*'|\".*\").*", re.DOTALL)


def translated(error: Exception, progress: Any) -> TransportError:
    """Give the TransportError for an exception of httpx."""
    phase, sent = progress.phase, progress.sent
    said = _QUOTED.sub("", str(error)) or type(error).__name__
    if isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError)):
        problem: TransportError = ConnectError(f"no connection: {said}", phase=phase, sent="none")
        problem.transient = not _is_refused_certificate(error)
        return problem
    if isinstance(error, httpx.RemoteProtocolError) and not _is_early_end(said):
        return ProtocolError(f"the server broke the protocol: {said}", phase=phase, sent=sent)
    if isinstance(error, (httpx.NetworkError, httpx.RemoteProtocolError, httpx.TimeoutException, OSError)):
        return ConnectionLost(f"the connection broke: {said}", phase=phase, sent=sent)
    problem = TransportError(f"httpx failed: {type(error).__name__}: {said}", phase=phase, sent=sent)
    problem.transient = False
    return problem


def _is_early_end(said: str) -> bool:
    # h11 and httpcore have one exception for a peer that went away and for one that talks nonsense.
    return "disconnected" in said or "closed connection" in said or "ConnectionTerminated" in said


def _is_refused_certificate(error: BaseException) -> bool:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return True
        cause = cause.__cause__ or cause.__context__
    return False
