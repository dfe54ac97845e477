"""How many requests the httpx engine has under way at a time. httpcore bounds a pool; this bounds all of them."""

from __future__ import annotations

import math
import sys
from typing import Any

import anyio

from ..options import LEAST, HTTPOptions, most_connections

Origin = tuple[bytes, bytes, int | None]


class Room:
    """Places for requests: over HTTP/1.1 each takes a connection.

    Args:
        options: The transport's options.
    """

    def __init__(self, options: HTTPOptions) -> None:
        # Streams of HTTP/2 share connections.
        self._all = anyio.CapacityLimiter(math.inf if options.http2 else options.max_connections or LEAST)
        self._follows = options.max_connections is None
        self._each = None if options.http2 else options.max_connections_per_origin
        self._origins: dict[Origin, anyio.CapacityLimiter] = {}

    def make(self, window: int) -> int:
        """See Engine.make_room."""
        if self._follows and window > self._all.total_tokens:
            self._all.total_tokens = min(window, most_connections())
        most = self._all.total_tokens
        return sys.maxsize if most == math.inf else int(most)

    async def enter(self, message: Any) -> None:
        """Wait for a place for one of httpcore's requests."""
        if self._each is None:
            await self._all.acquire_on_behalf_of(message)
            return
        origin = _origin(message)
        places = self._origins.setdefault(origin, anyio.CapacityLimiter(self._each))
        try:
            await places.acquire_on_behalf_of(message)
            try:
                await self._all.acquire_on_behalf_of(message)
            except BaseException:
                places.release_on_behalf_of(message)
                raise
        except BaseException:
            self._forget(origin)
            raise

    def leave(self, message: Any) -> None:
        """Give the place back."""
        self._all.release_on_behalf_of(message)
        if self._each is not None:
            origin = _origin(message)
            self._origins[origin].release_on_behalf_of(message)
            self._forget(origin)

    def _forget(self, origin: Origin) -> None:
        told = self._origins[origin].statistics()
        if not told.borrowed_tokens and not told.tasks_waiting:
            del self._origins[origin]


def _origin(message: Any) -> Origin:
    return message.url.scheme, message.url.host, message.url.port
