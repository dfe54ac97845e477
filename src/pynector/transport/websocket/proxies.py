"""A way through an HTTP proxy: its CONNECT method makes a tunnel (RFC 9110 section 9.3.6)."""

from __future__ import annotations

import base64
import urllib.request
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

from ...errors import ConfigurationError, ConnectError

# The most bytes of a proxy's answer.
MOST = 1 << 16


class Proxy(NamedTuple):
    """Where a proxy is, and who asks it.

    Attributes:
        host: Its name or address.
        port: Its port.
        credentials: The value of Proxy-Authorization, or None.
    """

    host: str
    port: int
    credentials: str | None


def checked_proxy(value: Any, where: str) -> Proxy:
    """Accept the URL of an HTTP proxy, with a user and a password or without.

    Raises:
        ConfigurationError: If it is none; the message does not quote it, for it may hold a password.
    """
    try:
        parts = urlsplit(value)
        scheme, host, port = parts.scheme, parts.hostname, parts.port
    except (AttributeError, TypeError, ValueError):
        scheme, host, port, parts = "", None, None, None
    if scheme != "http" or not host or parts.path.strip("/") or parts.query or parts.fragment:
        raise ConfigurationError(f"{where} must be the URL of an HTTP proxy, such as http://proxy.example.com:3128")
    credentials = None
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        credentials = "Basic " + base64.b64encode(pair.encode()).decode("ascii")
    return Proxy(host, port or 80, credentials)


def proxy_of_environment(scheme: str, host: str, port: int) -> Proxy | None:
    """Give the proxy that the environment names for a server, or None.

    Raises:
        ConfigurationError: If it is no HTTP proxy.
    """
    named = urllib.request.getproxies()
    for kind in ("wss", "https", "all") if scheme == "wss" else ("ws", "http", "all"):
        if kind in named and not urllib.request.proxy_bypass(f"{host}:{port}"):
            return checked_proxy(named[kind], f"the environment variable {kind}_proxy (trust_env=False goes without)")
    return None


def connect_request(proxy: Proxy, host: str, port: int) -> bytes:
    """Give the request for a tunnel to a server."""
    authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    lines = [f"CONNECT {authority} HTTP/1.1", f"Host: {authority}"]
    if proxy.credentials is not None:
        lines.append(f"Proxy-Authorization: {proxy.credentials}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def is_whole(answer: bytes) -> bool:
    """Say whether a proxy's answer has come.

    Raises:
        ConnectError: If it will not.
    """
    if len(answer) > MOST:
        raise no_tunnel("its answer does not end")
    return b"\r\n\r\n" in answer


def check_answer(answer: bytes) -> None:
    """Take a proxy's answer.

    Raises:
        ConnectError: If it makes no tunnel.
    """
    words = answer.split(b"\r\n", 1)[0].split(b" ", 2)
    if not words[0].startswith(b"HTTP/1.") or len(words) < 2 or not words[1].isdigit():
        raise no_tunnel("it does not speak HTTP/1.1")
    status = int(words[1])
    if not 200 <= status < 300:
        error = no_tunnel(f"it answered with status {status}")
        error.transient = status == 429 or status >= 500
        raise error
    if not answer.endswith(b"\r\n\r\n") or answer.count(b"\r\n\r\n") > 1:
        raise no_tunnel("it sent something of its own into the tunnel")


def no_tunnel(said: str) -> ConnectError:
    """Give the error of a proxy that makes no tunnel."""
    return ConnectError(f"no connection through the proxy: {said}", phase="connect", sent="none")
