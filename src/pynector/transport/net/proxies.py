"""Which proxy a connection goes through."""

from __future__ import annotations

import base64
import importlib.util
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from ...errors import ConfigurationError
from .authority import names_host
from .environment import NamedProxies

DEFAULT_PORTS = {"http": 80, "https": 443, "socks4": 1080, "socks4a": 1080, "socks5": 1080, "socks5h": 1080}


class Proxy(NamedTuple):
    """Where a proxy is, and who asks it.

    Attributes:
        scheme: A key of DEFAULT_PORTS. Those of SOCKS that end with a letter leave it to the proxy to look up the
            server's address.
        host: Its name or address.
        port: Its port.
        user: The name to give, or None.
        password: The password to give.
    """

    scheme: str
    host: str
    port: int
    user: str | None
    password: str

    @property
    def authorization(self) -> str | None:
        """What an HTTP proxy is told of who asks, as the value of Proxy-Authorization; None for nothing."""
        if self.user is None:
            return None
        return f"Basic {base64.b64encode(f'{self.user}:{self.password}'.encode()).decode()}"

    def __repr__(self) -> str:
        return f"<Proxy {self.scheme}://{self.host}:{self.port}>"


def checked_proxy(value: Any, where: str) -> Proxy:
    """Accept the URL of a proxy, with a user and a password or without.

    Raises:
        ConfigurationError: If it is none; the message does not quote it, for it may hold a password. Or if it is one of
            SOCKS, and python-socks is not installed.
    """
    try:
        parts = urlsplit(value)
        scheme, host, port = parts.scheme, parts.hostname if names_host(parts.netloc) else None, parts.port
    except (AttributeError, TypeError, ValueError):
        scheme, host, port, parts = "", None, None, None
    if scheme not in DEFAULT_PORTS or not host or parts.path.strip("/") or parts.query or parts.fragment:
        raise ConfigurationError(
            f"{where} must be the URL of a proxy, such as http://proxy.example.com:3128; "
            f"schemes are {', '.join(DEFAULT_PORTS)}"
        )
    if scheme.startswith("socks") and importlib.util.find_spec("python_socks") is None:
        raise ConfigurationError(f"{where} is a SOCKS proxy: for those install pynector[socks]")
    user = None if parts.username is None else unquote(parts.username)
    return Proxy(scheme, host, port or DEFAULT_PORTS[scheme], user, unquote(parts.password or ""))


def proxy_of_environment(scheme: str, host: str, port: int) -> Proxy | None:
    """Return the proxy that the environment names for a server, or None; there is none for this machine itself.

    Raises:
        ConfigurationError: As checked_proxy.
    """
    named = NamedProxies()
    kinds = ("wss", "https", "socks", "all") if scheme == "wss" else ("ws", "http", "socks", "all")
    found = named.first(kinds)
    if found is None or named.are_bypassed(scheme, host, port):
        return None
    kind, url = found
    if kind == "socks" and url.startswith("http://"):
        # So some systems' settings say it.
        url = "socks5h" + url[4:]
    return checked_proxy(url, f"the environment variable {kind}_proxy (trust_env=False goes without)")
