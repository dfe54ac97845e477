"""Where a load goes: to this machine, or elsewhere."""

from __future__ import annotations

import socket
from dataclasses import dataclass

from ..transport.http.options import HTTPOptions
from ..transport.http.proxied import Proxied
from ..transport.http.urls import URL
from ..transport.net.hosts import in_url, is_local, resolvable

# Whether an address answers is found out within this time (seconds).
PATIENCE = 1.0


@dataclass(frozen=True)
class Target:
    """Where the connections for a URL go.

    Attributes:
        obstacle: Why that is not this machine, in words, or None.
        resolve: The option of the transport that keeps them there: the name is not looked up again.
    """

    obstacle: str | None = None
    resolve: dict[str, str] | None = None


def target_of(url: URL, options: HTTPOptions) -> Target:
    """Return where connections go: all addresses of a host must be this machine's.

    Raises:
        OSError: If the host has no address.
    """
    if options.uds is not None:
        return Target()
    _, host, port = url.origin
    if Proxied(options).proxy_for(url.origin) is not None:
        return Target(f"{host} is reached through a proxy")
    addresses = _addresses(host, port)
    others = [address for address in addresses if not is_local(address)]
    if others:
        said = "" if host in others else f" ({', '.join(others)})"
        return Target(f"{host}{said} is not this machine")
    name = in_url(host)
    return Target(
        None, None if is_local(host) and host in addresses else {f"{name}:{port}": _answering(addresses, port)}
    )


def refusal(target: Target, is_allowed: bool) -> str | None:
    """Return why load does not go there, or None if it may.

    Args:
        target: Where it is to go.
        is_allowed: Whether who sends it says that he may.
    """
    if target.obstacle is None or is_allowed:
        return None
    return f"{target.obstacle}. Send load only where you may; --yes says that you may"


def _addresses(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(resolvable(host), port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _answering(addresses: list[str], port: int) -> str:
    """Return the first address that takes a connection, else the first one."""
    for address in addresses:
        try:
            with socket.create_connection((address, port), PATIENCE):
                return address
        except OSError:
            pass
    return addresses[0]
