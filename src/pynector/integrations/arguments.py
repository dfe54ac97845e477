"""What the constructors of transports take, as options of Pynector's HTTP transport."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from ..config import nearest
from ..errors import ConfigurationError
from ..transport.http.choosing import obstacle_to_native
from ..transport.http.options import HTTPOptions, most_connections

OWN = frozenset(
    {
        "max_connections_per_origin",
        "max_streams",
        "ping_interval",
        "ping_timeout",
        "resolve",
        "server_hostname",
    }
)
"""The options of Pynector's that a transport takes beside those that httpx's has; see `HTTPTransportFactory`."""

_LIMITS = ("max_connections", "max_keepalive_connections", "keepalive_expiry")

# As many as a client of httpx has that does not say.
CONNECTIONS = 100


def transport_options(
    verify: Any,
    cert: Any,
    trust_env: bool,
    http1: bool,
    http2: bool,
    limits: Any,
    proxy: Any,
    uds: str | None,
    local_address: str | None,
    socket_options: Any,
    more: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the options of the HTTP transport below; the arguments are those of PynectorTransport.

    Raises:
        ConfigurationError: If one is not known, or has no counterpart.
    """
    for name in more:
        if name not in OWN:
            raise ConfigurationError(f"PynectorTransport takes no option {name!r}: {nearest(name, OWN)}")
    if local_address is not None:
        raise ConfigurationError(
            "local_address is not possible here: bind by a route of the system, or use httpx's own"
        )
    if not (http1 or http2):
        raise ConfigurationError("one of http1 and http2 must be True")
    return {
        "http_engine": "native",
        "follow_redirects": False,
        "raise_for_status": False,
        "verify": verify,
        "cert": cert,
        "trust_env": trust_env,
        "http2": bool(http2) and (True if http1 else "only"),
        "proxy": None if proxy is None else _proxy_url(proxy),
        "uds": uds,
        "socket_options": _listed(socket_options),
        **_limits(limits),
        **more,
    }


def checked_options(options: dict[str, Any]) -> dict[str, Any]:
    """Accept options, where there is no event loop yet.

    Raises:
        ConfigurationError: If one is not valid, or a file of TLS cannot be loaded.
    """
    checked = HTTPOptions(options, "")
    if not checked.tls.is_default:
        checked.tls.context()
    obstacle = obstacle_to_native(checked)
    if obstacle is not None:
        raise ConfigurationError(f"PynectorTransport is not possible: {obstacle}")
    return options


def checked_retries(value: Any) -> int:
    """Accept how often a connection that cannot be made is tried again.

    Raises:
        ConfigurationError: If that is no number, or less than none.
    """
    if not isinstance(value, int) or value < 0:
        raise ConfigurationError(f"retries must be an int, 0 or more, not {value!r}")
    return value


def _listed(options: Any) -> tuple[Any, ...]:
    try:
        return tuple(options or ())
    except TypeError:
        raise ConfigurationError(f"socket_options must be a list of (level, name, value), not {options!r}") from None


def _limits(limits: Any) -> dict[str, Any]:
    if limits is None:
        return {"max_connections": CONNECTIONS}
    if not all(hasattr(limits, name) for name in _LIMITS):
        raise ConfigurationError(f"limits must be a Limits of the package's, not {limits!r}")
    # These are never to be had from the environment: that a limit is None says that there is none.
    most = limits.max_connections
    expiry = limits.keepalive_expiry
    return {
        "max_connections": most_connections() if most is None else most,
        "max_keepalive": 0 if expiry == 0 else limits.max_keepalive_connections,
        "keepalive_expiry": float("inf") if expiry is None else expiry or 1.0,
    }


def _proxy_url(proxy: Any) -> str:
    """Return the URL of a proxy, with user and password, of a text, a URL or a Proxy of the package's."""
    url = getattr(proxy, "url", proxy)
    if getattr(proxy, "headers", None) or getattr(proxy, "ssl_context", None) is not None:
        raise ConfigurationError("proxy: header fields and an ssl_context of its own are not possible here")
    auth = getattr(proxy, "raw_auth", None)
    text = str(url)
    if auth is None:
        # As text it hides the password.
        return text if isinstance(url, str) else _with_user(url, url.username, url.password)
    return _with_user(url, *(part.decode("utf-8") for part in auth))


def _with_user(url: Any, user: str, password: str) -> str:
    place = url.raw_host.decode("ascii")
    place = f"[{place}]" if ":" in place else place
    port = "" if url.port is None else f":{url.port}"
    pair = f"{quote(user, safe='')}:{quote(password, safe='')}@" if user or password else ""
    return f"{url.scheme}://{pair}{place}{port}"
