"""The proxies that the environment names, for HTTP and WebSocket alike."""

from __future__ import annotations

import ipaddress
import urllib.request
from collections.abc import Iterable

from .hosts import is_local, server_name


class NamedProxies:
    """The proxies that the environment, or else the system, names now."""

    def __init__(self) -> None:
        self._named = urllib.request.getproxies()
        self._by_system = not urllib.request.getproxies_environment()
        self._excepted = [entry.strip().lower() for entry in self._named.get("no", "").split(",")]

    def first(self, kinds: Iterable[str]) -> tuple[str, str] | None:
        """Return the first kind that there is, such as "https" or "all", and its URL; or None."""
        for kind in kinds:
            if url := self._named.get(kind):
                return kind, url if "://" in url else f"http://{url}"
        return None

    def are_bypassed(self, scheme: str, host: str, port: int) -> bool:
        """Say whether a server is to be reached without them.

        This machine always is, whatever they say: a proxy elsewhere would take its own address for it.
        """
        if is_local(host) or (self._by_system and urllib.request.proxy_bypass(host)):
            return True
        return any(is_meant(entry, scheme, host, port) for entry in self._excepted)


def is_meant(entry: str, scheme: str, host: str, port: int) -> bool:
    """Say whether an entry of no_proxy means a server.

    It is "*", an address, a network, or a name, which means its subdomains, too; with a leading dot, only those. It may
    have a scheme or a port.
    """
    own, mark, rest = entry.rpartition("://")
    if (mark and own not in ("all", scheme)) or not rest:
        return False
    if rest == "*":
        return True
    host = server_name(host).lower()
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(rest.strip("[]"), strict=False)
    except ValueError:
        pass
    name, mark, number = rest.rpartition(":")
    if mark and number.isdigit():
        if int(number) != port:
            return False
        rest = name.strip("[]")
    bare = rest.removeprefix("*").rstrip(".")
    return host.endswith(f".{bare.removeprefix('.')}") or host == bare
