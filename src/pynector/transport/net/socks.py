"""Tunnels by SOCKS 4, 4a and 5 (RFC 1928, RFC 1929)."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Awaitable, Callable

from .hosts import without_zone
from .names import Names
from .proxies import Proxy, no_tunnel

Host = ipaddress.IPv4Address | ipaddress.IPv6Address | str

# What a length of one byte can say.
MOST = 255

_REFUSALS = {
    1: "a general failure",
    2: "its rules do not allow it",
    3: "the network is unreachable",
    4: "the host is unreachable",
    5: "the connection was refused",
    6: "it took too long",
    7: "it does not do that",
    8: "it does not know such addresses",
}

# Those that will be so again.
_LASTING = (2, 7, 8)


class SocksClient:
    """Asks a proxy on a connection for a tunnel.

    Args:
        send: Sends all of some bytes.
        receive: Returns what there is to receive, at most so many bytes; b"" at the end.
    """

    def __init__(self, send: Callable[[bytes], Awaitable[None]], receive: Callable[[int], Awaitable[bytes]]) -> None:
        self._send = send
        self._receive = receive

    async def ask(self, proxy: Proxy, host: str, port: int) -> None:
        """Ask for a tunnel to a server.

        Args:
            proxy: The proxy.
            host: The server's address, or the name that the proxy looks up itself.
            port: The server's port.

        Raises:
            ConnectError: If there is none.
        """
        target = _target(host)
        if proxy.scheme.startswith("socks4"):
            await self._ask_4(proxy, target, port)
        else:
            where = _address_5(target)
            await self._agree_5(proxy)
            await self._ask_5(where, port)

    async def _ask_4(self, proxy: Proxy, target: Host, port: int) -> None:
        if isinstance(target, ipaddress.IPv6Address):
            target = str(target)
        # An address that cannot be says that a name follows.
        address, name = (b"\0\0\0\1", target.encode() + b"\0") if isinstance(target, str) else (target.packed, b"")
        if "\0" in (proxy.user or ""):
            raise no_tunnel("the user's name cannot be one", "handshake")
        await self._send(b"\4\1" + port.to_bytes(2, "big") + address + (proxy.user or "").encode() + b"\0" + name)
        answer = await self._exactly(8)
        if answer[0] != 0:
            raise no_tunnel("it does not speak SOCKS 4")
        if answer[1] != 0x5A:
            raise no_tunnel(f"it refused (code {answer[1]})", "handshake" if answer[1] in (0x5C, 0x5D) else None)

    async def _agree_5(self, proxy: Proxy) -> None:
        """Agree on how the proxy is told who asks, and tell it."""
        methods = b"\0" if proxy.user is None else b"\0\2"
        await self._send(bytes((5, len(methods))) + methods)
        version, method = await self._exactly(2)
        if version != 5:
            raise no_tunnel("it does not speak SOCKS 5")
        if method not in methods:
            raise no_tunnel("it wants to know otherwise who asks", "handshake")
        if method == 0:
            return
        # In no local variable, which somebody's tool may show.
        await self._send(b"\1" + _counted(proxy.user or "") + _counted(proxy.password))
        if (await self._exactly(2))[1] != 0:
            raise no_tunnel("it did not accept the user and the password", "handshake")

    async def _ask_5(self, where: bytes, port: int) -> None:
        await self._send(b"\5\1\0" + where + port.to_bytes(2, "big"))
        version, code, _, kind = await self._exactly(4)
        if version != 5:
            raise no_tunnel("it does not speak SOCKS 5")
        if code != 0:
            said = _REFUSALS.get(code, f"code {code}")
            raise no_tunnel(f"it refused: {said}", "handshake" if code in _LASTING else None)
        if kind not in (1, 3, 4):
            raise no_tunnel("it does not speak SOCKS 5")
        size = {1: 4, 4: 16}.get(kind) or (await self._exactly(1))[0]
        # From where it has connected to the server.
        await self._exactly(size + 2)

    async def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            piece = await self._receive(size - len(data))
            if not piece:
                raise no_tunnel("it closed the connection")
            data += piece
        return data


async def hosts_for(proxy: Proxy, names: Names, host: str, port: int) -> list[str]:
    """Return what a proxy can be asked for instead of a host: its addresses, unless the proxy looks them up itself.

    Raises:
        ConnectError: If there is none.
    """
    host = without_zone(host)
    if proxy.scheme not in ("socks4", "socks5"):
        return [host]
    found = await names.addresses(host, port)
    only_4 = proxy.scheme == "socks4"
    hosts = [without_zone(address[0]) for family, address in found if family == socket.AF_INET or not only_4]
    if not hosts:
        raise no_tunnel("the server has no IPv4 address, and SOCKS 4 knows no IPv6", "address")
    return hosts


def _target(host: str) -> Host:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return host


def _counted(text: str) -> bytes:
    """Return a user or a password as SOCKS 5 has it.

    Raises:
        ConnectError: If it cannot be said.
    """
    if len(text.encode()) > MOST:
        raise no_tunnel("a user and a password have up to 255 bytes", "handshake")
    return bytes((len(text.encode()),)) + text.encode()


def _address_5(target: Host) -> bytes:
    """Return a server's address or name as SOCKS 5 has it.

    Raises:
        ConnectError: If it cannot be said.
    """
    if not isinstance(target, str):
        return (b"\1" if target.version == 4 else b"\4") + target.packed
    name = target.encode()
    if len(name) > MOST:
        raise no_tunnel("a server's name has up to 255 bytes", "address")
    return bytes((3, len(name))) + name
