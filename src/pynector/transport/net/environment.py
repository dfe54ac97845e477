"""The proxies that the environment names, and what it excepts, for HTTP and WebSocket alike."""

from __future__ import annotations

import ipaddress
import re
import urllib.request
from typing import NamedTuple

import idna

from .hosts import is_local, server_name
from .proxies import Proxy, checked_proxy

# Whose variables count for a scheme, first that of its own.
KINDS = {
    "http": ("http", "all"),
    "https": ("https", "all"),
    "ws": ("ws", "http", "socks", "all"),
    "wss": ("wss", "https", "socks", "all"),
}

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class NamedProxies:
    """The proxies that the environment, or else the system, names now.

    In a CGI script HTTP_PROXY is none of them: there it is a header field of whoever asks.
    """

    def __init__(self) -> None:
        self._named = urllib.request.getproxies()
        self._by_system = not urllib.request.getproxies_environment()
        found = [parsed(entry) for entry in re.split(r"[,\s]+", self._named.get("no", ""))]
        self._exceptions = [entry for entry in found if entry is not None]
        self._checked: dict[str, Proxy] = {}

    def proxy_for(self, scheme: str, host: str, port: int) -> Proxy | None:
        """Return the proxy for a server, or None.

        There is none for this machine, whatever they say: a proxy elsewhere would take its own address for it.

        Raises:
            ConfigurationError: If what a variable says is no proxy; the message does not quote it.
        """
        kind = next((kind for kind in KINDS[scheme] if self._named.get(kind)), None)
        if kind is None or self._are_bypassed(scheme, host, port):
            return None
        if kind not in self._checked:
            self._checked[kind] = self._proxy(kind)
        return self._checked[kind]

    def _proxy(self, kind: str) -> Proxy:
        url = self._named[kind]
        if "://" not in url:
            url = f"http://{url}"
        if kind == "socks" and url.startswith("http://"):
            # So some systems' settings say it.
            url = "socks5h" + url[4:]
        return checked_proxy(url, f"the environment variable {kind}_proxy (trust_env=False goes without)")

    def _are_bypassed(self, scheme: str, host: str, port: int) -> bool:
        if is_local(host) or (self._by_system and urllib.request.proxy_bypass(host)):
            return True
        name = server_name(host).lower()
        address = _address(name)
        return any(entry.means(scheme, name, address, port) for entry in self._exceptions)


class Excepted(NamedTuple):
    """What an entry of no_proxy means.

    Attributes:
        scheme: The only one that it is about, or "all".
        port: The only one that it is about, or None.
        network: Its network, one address perhaps; None where it is a name.
        name: Its name without dots around it; "" for every server.
        is_itself: Whether it means a server of this name, and not only those of its subdomains.
    """

    scheme: str
    port: int | None
    network: ipaddress.IPv4Network | ipaddress.IPv6Network | None
    name: str
    is_itself: bool

    def means(self, scheme: str, host: str, address: Address | None, port: int) -> bool:
        """Say whether a server is meant, whose host is in lower case, and an address perhaps."""
        if self.scheme not in ("all", scheme) or self.port not in (None, port):
            return False
        if self.network is not None:
            return address is not None and address in self.network
        if not self.name:
            return True
        return host.endswith(f".{self.name}") or (self.is_itself and host == self.name)


def parsed(entry: str) -> Excepted | None:
    """Return what an entry of no_proxy means, None for nothing.

    It is "*", an address, a network, or a name, which means its subdomains, too; with a leading dot, or "*.", only
    those. It may have a scheme before it, and a port behind.
    """
    scheme, _, rest = entry.lower().rpartition("://")
    port = None
    network = _network(rest)
    if network is None and (found := re.fullmatch(r"(.+):([0-9]+)", rest)):
        rest, port = found[1], int(found[2])
        network = _network(rest)
    bare = rest.removeprefix("*").rstrip(".")
    name = _encoded(bare.removeprefix("."))
    if not name and rest != "*":
        return None
    return Excepted(scheme or "all", port, network, name, not bare.startswith("."))


def _encoded(name: str) -> str:
    """Return a name as URLs have it; what is none is no server's either."""
    if name.isascii():
        return name
    try:
        return idna.encode(name, uts46=True).decode("ascii")
    except ValueError:
        return name


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text.strip("[]"), strict=False)
    except ValueError:
        return None


def _address(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
