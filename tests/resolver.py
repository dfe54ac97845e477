"""Stands in for the resolver where the real one cannot be made to answer so."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

Lookup = Callable[[str], Awaitable[list[str]]]
"""Gives the addresses of a name, or raises."""


class Resolver:
    """Answers for the running event loop.

    Args:
        monkeypatch: Takes it away again.
        lookup: Gives the IPv4 addresses of a name.

    Attributes:
        asked: The names that it was asked for.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, lookup: Lookup) -> None:
        self.asked: list[str] = []
        self._lookup = lookup
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            import trio

            # For this run.
            trio.socket.set_custom_hostname_resolver(self)
        else:
            self._real = loop.getaddrinfo
            monkeypatch.setattr(loop, "getaddrinfo", self.getaddrinfo, raising=False)

    async def getnameinfo(self, sockaddr: Any, flags: int) -> Any:
        """For trio; nobody asks."""
        raise NotImplementedError

    async def getaddrinfo(self, host: str | bytes, port: int, *_: Any, **options: Any) -> list[Any]:
        """See socket.getaddrinfo."""
        host = host.decode("ascii") if isinstance(host, bytes) else host
        if _is_address(host):
            # uvloop's sock_connect asks so.
            return await self._real(host, port, **options)
        self.asked.append(host)
        return [
            (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port))
            for address in await self._lookup(host)
        ]


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return "%" not in host


async def here(name: str) -> list[str]:
    """Every name is this machine's."""
    return ["127.0.0.1"]
