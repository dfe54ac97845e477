"""Makes a connection to a server on asyncio: name, addresses, TCP, TLS."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Callable
from typing import Any

from ..errors import ConnectError, text_of
from .tls import tls_context, tls_problem

Origin = tuple[str, str, int]
Address = tuple[int, Any]

# How long an answer of the resolver is good for (seconds); pools open many connections to one name at a time.
DNS_LIFE = 5.0

# RFC 8305 section 5: how long one address may take before the next is tried beside it (seconds).
STAGGER = 0.25


class Connector:
    """Makes connections by a client's options.

    Args:
        loop: The event loop.
        verify: See `tls_context`.
        cert: See `tls_context`.
        uds: The path of a Unix socket to connect to, whatever the host and port; None for TCP.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        verify: bool | str | ssl.SSLContext,
        cert: tuple[str, ...] | None,
        uds: str | None = None,
    ) -> None:
        self._loop = loop
        self._verify = verify
        self._cert = cert
        self._uds = uds
        self._names: dict[tuple[str, int], tuple[float, list[Address]]] = {}

    async def connect(self, origin: Origin, make_protocol: Callable[[], Any]) -> Any:
        """Connect to an origin, with TLS where its scheme is "https" or "wss", and give the protocol.

        Raises:
            ConnectError: If that cannot be, with the phase "connect" or "tls".
        """
        scheme, host, port = origin
        try:
            sock = await self._socket(host, port)
        except (OSError, UnicodeError) as error:
            # The latter for names that cannot be one.
            raise no_connection(error) from error
        arguments: dict[str, Any] = {}
        if scheme in ("https", "wss"):
            context = tls_context(self._verify, self._cert, ("http/1.1",))
            arguments = {"ssl": context, "server_hostname": host}
        try:
            _, protocol = await self._loop.create_connection(make_protocol, sock=sock, **arguments)
        except (OSError, ssl.SSLError, ValueError, asyncio.TimeoutError) as error:
            sock.close()
            raise tls_problem(error) from error
        except BaseException:
            sock.close()
            raise
        return protocol

    async def _socket(self, host: str, port: int) -> socket.socket:
        if self._uds is not None:
            return await self._connected(socket.AF_UNIX, self._uds)
        addresses = await self._resolve(host, port)
        if len(addresses) == 1:
            return await self._connected(*addresses[0])
        return await self._first_connected(addresses)

    async def _connected(self, family: int, address: Any) -> socket.socket:
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            await self._loop.sock_connect(sock, address)
        except BaseException:
            sock.close()
            raise
        return sock

    async def _first_connected(self, addresses: list[Address]) -> socket.socket:
        """Try addresses in turn, each a little after the one before, and give the first socket that connects."""
        waiting = list(addresses)
        attempts: set[asyncio.Task[socket.socket]] = set()
        errors: list[BaseException] = []
        try:
            while waiting or attempts:
                if waiting:
                    attempts.add(self._loop.create_task(self._connected(*waiting.pop(0))))
                done, attempts = await asyncio.wait(
                    attempts,
                    timeout=STAGGER if waiting else None,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                connected = [task.result() for task in done if task.exception() is None]
                errors += [error for task in done if (error := task.exception()) is not None]
                for extra in connected[1:]:
                    extra.close()
                if connected:
                    return await _kept(connected[0], attempts)
            raise OSError("; ".join(str(error) for error in errors))
        finally:
            await _give_up(attempts)

    async def _resolve(self, host: str, port: int) -> list[Address]:
        try:
            version = ipaddress.ip_address(host).version
        except ValueError:
            pass
        else:
            return [(socket.AF_INET if version == 4 else socket.AF_INET6, (host, port))]
        known = self._names.get((host, port))
        if known is not None and known[0] > self._loop.time():
            return known[1]
        found = await self._loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = _interleaved([(int(family), address) for family, _, _, _, address in found])
        self._names[host, port] = (self._loop.time() + DNS_LIFE, addresses)
        return addresses


def no_connection(error: BaseException) -> ConnectError:
    """Give the error of a connection that cannot be made."""
    return ConnectError(f"no connection: {text_of(error)}", phase="connect", sent="none")


def _interleaved(addresses: list[Address]) -> list[Address]:
    """Give addresses with the families in turn, the first one's first (RFC 8305 section 4)."""
    first = [a for a in addresses if a[0] == addresses[0][0]]
    other = [a for a in addresses if a[0] != addresses[0][0]]
    mixed: list[Address] = []
    while first or other:
        mixed += first[:1] + other[:1]
        del first[:1], other[:1]
    return mixed


async def _kept(sock: socket.socket, attempts: set[asyncio.Task[socket.socket]]) -> socket.socket:
    """Give a socket when the other attempts have ended; if that is cancelled, it is closed."""
    try:
        await _give_up(attempts)
    except BaseException:
        sock.close()
        raise
    return sock


async def _give_up(attempts: set[asyncio.Task[socket.socket]]) -> None:
    for attempt in attempts:
        attempt.cancel()
    for outcome in await asyncio.gather(*attempts, return_exceptions=True):
        if isinstance(outcome, socket.socket):
            outcome.close()
