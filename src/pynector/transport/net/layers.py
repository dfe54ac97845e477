"""Makes layers of TLS, and waits for their handshakes."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Any

from .tlslayer import TLSLayer

# What one read from below takes at the most (bytes).
SCRATCH = 1 << 18


class AsyncioTLSLayer(TLSLayer, asyncio.BufferedProtocol):
    """A layer that asyncio accepts as a protocol."""

    __slots__ = ()


class Handshake:
    """How a layer's handshake ends, for one task that waits for that.

    Args:
        future: One of the loop's own kind; see Runtime.
    """

    def __init__(self, future: Any) -> None:
        self._future = future
        self._error: Exception | None = None

    def end(self, error: Exception | None) -> None:
        """Take note of the end, as what a layer tells of it."""
        self._error = error
        if not self._future.done():
            self._future.set_result(None)

    async def ended(self) -> None:
        """Wait for the end.

        Raises:
            Exception: Why there is no connection.
        """
        await self._future
        if self._error is not None:
            raise self._error


class Layers:
    """Makes the layers of one event loop.

    Args:
        call_soon: See TLSLayer.
        new_future: Makes a future of the loop's own kind; see Runtime.
    """

    def __init__(self, call_soon: Callable[..., object], new_future: Callable[[], Any]) -> None:
        self._call_soon = call_soon
        self._new_future = new_future
        self._scratch: memoryview | None = None

    def made(self, context: ssl.SSLContext, server_hostname: str, protocol: Any) -> tuple[TLSLayer, Handshake]:
        """Make a layer, for a transport that is to be below it, and what tells how its handshake ends; see TLSLayer."""
        if self._scratch is None:
            # One is enough: a read and its decryption follow each other at once.
            self._scratch = memoryview(bytearray(SCRATCH))
        shaken = Handshake(self._new_future())
        layer = AsyncioTLSLayer(context, server_hostname, protocol, self._call_soon, self._scratch, shaken.end)
        return layer, shaken
