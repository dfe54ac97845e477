"""What goes wrong in httpcore, as a TransportError."""

from __future__ import annotations

import re
from typing import Any

from ....causes import chain_of, text_of, with_system_error
from ....errors import ConnectError, ConnectionLost, ProtocolError, TransportError

# h11 quotes the line it cannot read, which may be a secret header.
_QUOTED = re.compile(r":? *(?:bytearray\()?b?(?:'.*'|\".*\").*", re.DOTALL)

# How httpcore begins what it says of a proxy's answer.
_STATUS = re.compile(r"\d{3}\b")

_THEIRS = frozenset({"anyio", "h11", "h2", "hpack", "httpcore", "httpcore2", "socksio", "trio"})


def translated(error: Exception, progress: Any, core: Any) -> TransportError:
    """Return the TransportError for an exception of httpcore; its cause quotes nothing and has no frames.

    Args:
        error: What was raised.
        progress: How far the request had come.
        core: httpcore, or httpcore2.
    """
    phase, sent = progress.phase, progress.sent
    said = _said(error)
    problem: TransportError
    if isinstance(error, (core.ConnectError, core.ConnectTimeout, core.ProxyError)):
        said, status = f"no connection: {with_system_error(said, error)}", _status_of_proxy(error, core)
        problem = ConnectError(said, phase=phase, sent=sent, came_of=status or error)
        problem.proxy_failed, problem.proxy_status = isinstance(error, core.ProxyError), status
    elif isinstance(error, core.RemoteProtocolError) and not _is_early_end(said):
        problem = ProtocolError(f"the server broke the protocol: {said}", phase=phase, sent=sent)
    elif isinstance(error, (core.NetworkError, core.RemoteProtocolError, core.TimeoutException, OSError, EOFError)):
        said = f"the connection broke: {with_system_error(said, error)}"
        problem = ConnectionLost(said, phase=phase, sent=sent, came_of=error)
    else:
        said = f"httpx failed: {type(error).__name__}: {said}"
        problem = TransportError(said, phase=phase, sent=sent, came_of="library")
    _strip(error)
    problem.__cause__ = error
    return problem


def _status_of_proxy(error: Exception, core: Any) -> int | None:
    """Return the status with which a proxy has answered the request for a tunnel, or None."""
    found = _STATUS.match(str(error)) if isinstance(error, core.ProxyError) else None
    return None if found is None else int(found[0])


def _said(error: BaseException) -> str:
    return _QUOTED.sub("", text_of(error)) or type(error).__name__


def _is_early_end(said: str) -> bool:
    # h11 and httpcore have one exception for a peer that went away and for one that talks nonsense.
    return "disconnected" in said or "closed connection" in said or "ConnectionTerminated" in said


def _strip(error: BaseException) -> None:
    # The frames of these libraries hold requests and answers with all their header fields.
    for link in chain_of(error):
        package = type(link).__module__.partition(".")[0]
        if package in _THEIRS or isinstance(link, OSError):
            link.__traceback__ = None
        if package in _THEIRS:
            link.args = (_said(link),)
