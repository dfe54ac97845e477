"""Looks up the addresses of names, once for all that ask at a time, and remembers them for a while."""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

from ...callbacks import Loop, Task
from ...causes import text_of, with_system_error
from ...errors import ConnectError

Address = tuple[int, Any]
"""A family, and what goes with it into a socket's `connect`."""

# Where a connection goes that is not to the server.
TO_PROXY = " to the proxy"

# How long an answer of the resolver is good for (seconds); pools open many connections to one name at a time.
LIFE = 5.0

# The most names that are remembered: a crawler meets very many.
MOST = 1024


class _Lookup:
    """A lookup under way.

    Attributes:
        task: Looks up.
        waiting: How many wait for it.
        found: The addresses, or what went wrong.
    """

    __slots__ = ("found", "task", "waiting")

    def __init__(self) -> None:
        self.task: Task | None = None
        self.waiting = 0
        self.found: list[Address] | Exception = OSError("the lookup was cancelled")


class Names:
    """The names that a client knows.

    Args:
        loop: The event loop.
    """

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        # By age, for each is put at the end: until when an answer is good, and the answer.
        self._known: dict[tuple[str, int], tuple[float, list[Address]]] = {}
        self._lookups: dict[tuple[str, int], _Lookup] = {}

    def __len__(self) -> int:
        return len(self._known)

    async def addresses(self, host: str, port: int, where: str = "") -> list[Address]:
        """Return the addresses of a name, the families in turn; an address is its own.

        Args:
            host: The name or address.
            port: Goes along with the addresses.
            where: See no_connection.

        Raises:
            ConnectError: If there is none.
        """
        family = _family(host)
        if family is not None:
            return [(family, (host, port))]
        known = self._known.get((host, port))
        if known is not None and known[0] > self._loop.time():
            return known[1]
        lookup = self._lookups.get((host, port))
        if lookup is None:
            lookup = self._lookups[host, port] = _Lookup()
            lookup.task = self._loop.begin(self._look_up(host, port, lookup))
        lookup.waiting += 1
        try:
            if lookup.task is not None:
                await self._loop.ended((lookup.task,))
        finally:
            lookup.waiting -= 1
            if not lookup.waiting:
                await self._end(host, port, lookup)
        found = lookup.found
        if isinstance(found, Exception):
            raise no_connection(found, where) from found
        return found

    def forget(self, host: str, port: int) -> None:
        """Look a name up again when it is asked for next: its addresses may be no good any more."""
        self._known.pop((host, port), None)

    async def _end(self, host: str, port: int, lookup: _Lookup) -> None:
        """Let go of a lookup that nobody waits for any more."""
        del self._lookups[host, port]
        if lookup.task is not None:
            lookup.task.cancel()
            await self._loop.ended((lookup.task,))

    async def _look_up(self, host: str, port: int, lookup: _Lookup) -> None:
        try:
            found = await self._loop.getaddrinfo(host, port)
            addresses = _interleaved([(int(family), address) for family, _, _, _, address in found])
        except Exception as error:
            lookup.found = error
        else:
            self._remember(host, port, addresses)
            lookup.found = addresses
        lookup.task = None

    def _remember(self, host: str, port: int, addresses: list[Address]) -> None:
        known, now = self._known, self._loop.time()
        known.pop((host, port), None)
        while known:
            oldest = next(iter(known))
            if known[oldest][0] > now and len(known) < MOST:
                break
            del known[oldest]
        known[host, port] = now + LIFE, addresses


def no_connection(error: BaseException, where: str = "") -> ConnectError:
    """Return the error of a connection that cannot be made.

    Args:
        error: Why.
        where: Where to: TO_PROXY, or "" for the server.
    """
    said = f"no connection{where}: {with_system_error(text_of(error), error)}"
    is_none = isinstance(error, (ValueError, OverflowError))
    problem = ConnectError(said, phase="connect", sent="none", came_of="address" if is_none else error)
    problem.proxy_failed = bool(where)
    return problem


def _family(host: str) -> int | None:
    """Return the family of an address, or None if the host is a name, or has a zone, which is looked up."""
    try:
        version = ipaddress.ip_address(host).version
    except ValueError:
        return None
    if "%" in host:
        return None
    return socket.AF_INET if version == 4 else socket.AF_INET6


def _interleaved(addresses: list[Address]) -> list[Address]:
    """Return addresses with the families in turn, the first one's first (RFC 8305 section 4)."""
    first = [a for a in addresses if a[0] == addresses[0][0]]
    other = [a for a in addresses if a[0] != addresses[0][0]]
    mixed: list[Address] = []
    while first or other:
        mixed += first[:1] + other[:1]
        del first[:1], other[:1]
    return mixed
