"""What a request fails with, as the exceptions of httpx and its like, the most specific ones that there are."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from ..errors import (
    ConfigurationError,
    ConnectError,
    ConnectionLost,
    HTTP2Error,
    Phase,
    ProtocolError,
    PynectorError,
    TimeoutError,
    TransportError,
)
from ..transport.http.native.relayed import Patience

_LATE: dict[Phase | None, str] = {
    "queue": "PoolTimeout",
    "connect": "ConnectTimeout",
    "tls": "ConnectTimeout",
    "write": "WriteTimeout",
    "headers": "ReadTimeout",
    "body": "ReadTimeout",
}

_BROKEN: dict[Phase | None, str] = {"headers": "ReadError", "body": "ReadError", "write": "WriteError"}

_NOTHING_FOR: dict[Phase | None, str] = {
    "queue": "no connection was free for {:g} s",
    "connect": "no connection was made within {:g} s",
    "tls": "no TLS handshake within {:g} s",
    "write": "the server took nothing of the request for {:g} s",
    "headers": "no response came for {:g} s",
    "body": "nothing of the response's body came for {:g} s",
}


def raised_for(error: PynectorError, patience: Patience, package: ModuleType, request: Any) -> Exception:
    """Return what a request fails with.

    Args:
        error: What it failed with here.
        patience: How long each phase might take.
        package: Has the exceptions.
        request: The request, which goes along.
    """
    said = str(error)
    if isinstance(error, TimeoutError) and error.phase in _NOTHING_FOR:
        said = _NOTHING_FOR[error.phase].format(patience.of(error.phase))
    made: Exception = getattr(package, _name_for(error))(said, request=request)
    return made


def _name_for(error: PynectorError) -> str:
    if isinstance(error, ConfigurationError) or isinstance(error.__cause__, ConfigurationError):
        return "LocalProtocolError"
    if isinstance(error, TimeoutError):
        return _LATE.get(error.phase, "TimeoutException")
    if isinstance(error, ConnectError):
        # One that was not reached has a cause; these packages tell of it as of a server.
        return "ProxyError" if error.proxy_failed and error.__cause__ is None else "ConnectError"
    if isinstance(error, (ProtocolError, HTTP2Error)):
        return "RemoteProtocolError"
    if isinstance(error, ConnectionLost) and error.__cause__ is None and error.phase != "write":
        # It was closed in good order, but too soon.
        return "RemoteProtocolError"
    if isinstance(error, TransportError):
        return _BROKEN.get(error.phase, "ConnectError")
    return "TransportError"


def may_be_tried_again(error: PynectorError) -> bool:
    """Say whether no connection could be made, so that nothing has been sent."""
    return _name_for(error) in ("ConnectError", "ConnectTimeout")
