"""What a proxy is: where it is, what is spoken with it, and who asks."""

from __future__ import annotations

import base64
import re
from typing import Any, NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

from ...causes import Lasting
from ...errors import ConfigurationError, ConnectError
from .authority import host_and_port

DEFAULT_PORTS = {"http": 80, "https": 443, "socks4": 1080, "socks4a": 1080, "socks5": 1080, "socks5h": 1080}

# What no URL holds: control characters and spaces.
_WRONG = re.compile(r"[\x00-\x20\x7f]")


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
        ConfigurationError: If it is none; the message does not quote it, for it may hold a password.
    """
    try:
        # urlsplit would take some of them away.
        parts = urlsplit(value) if _WRONG.search(value) is None else SplitResult("", "", "", "", "")
        host, port = host_and_port(parts.netloc, where)
    except (AttributeError, TypeError, ValueError, ConfigurationError):
        host, port = "", None
    if not host or port == 0 or parts.scheme not in DEFAULT_PORTS or _says_more(parts):
        raise ConfigurationError(
            f"{where} must be the URL of a proxy, such as http://proxy.example.com:3128; "
            f"schemes are {', '.join(DEFAULT_PORTS)}"
        )
    user = None if parts.username is None else unquote(parts.username)
    return Proxy(parts.scheme, host, port or DEFAULT_PORTS[parts.scheme], user, unquote(parts.password or ""))


def no_tunnel(said: str, came_of: int | Lasting | None = None) -> ConnectError:
    """Return the error of a proxy that makes no way to a server.

    Args:
        said: What it did instead.
        came_of: The status that it has answered with, or why it will never make one.
    """
    error = ConnectError(f"no connection through the proxy: {said}", phase="connect", sent="none", came_of=came_of)
    error.proxy_failed = True
    error.proxy_status = came_of if isinstance(came_of, int) else None
    return error


def _says_more(parts: SplitResult) -> bool:
    return bool(parts.path.strip("/") or parts.query or parts.fragment)
