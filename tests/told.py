"""Protocols that keep what they are told, and contexts of TLS for them."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Any

import anyio
import trustme

NAME = "server.test"


def contexts(version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Contexts of a server of that name, and of clients that trust it."""
    ca = trustme.CA()
    serving, trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ca.issue_cert(NAME).configure_cert(serving)
    ca.configure_trust(trusting)
    trusting.maximum_version = version
    return serving, trusting


SERVING, TRUSTING = contexts()
OLDER = contexts(ssl.TLSVersion.TLSv1_2)


class Told(asyncio.Protocol):
    """Keeps what it is told.

    Attributes:
        told: Each call but those with data, in order.
        data: All data.
    """

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.data = bytearray()
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.tell("made")

    def data_received(self, data: bytes) -> None:
        assert data
        self.data += data

    def eof_received(self) -> None:
        self.tell("eof")

    def pause_writing(self) -> None:
        self.tell("pause")

    def resume_writing(self) -> None:
        self.tell("resume")

    def connection_lost(self, error: Exception | None) -> None:
        self.tell(error)

    def tell(self, what: Any) -> None:
        self.told.append(what)

    async def until(self, condition: Callable[[], bool]) -> None:
        with anyio.move_on_after(20):
            while not condition():  # noqa: ASYNC110 - on any loop
                await anyio.sleep(0.001)
            return
        raise AssertionError(f"it did not come to be: {self.told}, {len(self.data)} bytes")


class Buffered(Told, asyncio.BufferedProtocol):
    """The same with a buffer of its own."""

    def __init__(self, size: int = 100_000) -> None:
        super().__init__()
        # asyncio's TLS would write into copies of pieces of a bytearray.
        self.room = memoryview(bytearray(size))

    def get_buffer(self, sizehint: int) -> memoryview:
        return self.room

    def buffer_updated(self, count: int) -> None:
        self.data_received(bytes(self.room[:count]))
