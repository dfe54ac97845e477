"""Streams that serve as asyncio's transports."""

from __future__ import annotations

import asyncio
from typing import Any

import anyio
import pytest
from anyio.abc import ByteStream

from pynector.callbacks import running_loop
from pynector.eventloop import ClientContext
from pynector.transport.net.streams import AnyIOTransport

pytestmark = pytest.mark.anyio


class Broken(ByteStream):
    """A stream that nothing comes from, and that cannot be written to."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def receive(self, max_bytes: int = 65536) -> bytes:
        await anyio.sleep_forever()
        return b""

    async def send(self, item: bytes) -> None:
        raise self._error

    async def send_eof(self) -> None:
        pass

    async def aclose(self) -> None:
        pass


class Told(asyncio.Protocol):
    """Takes note of the end."""

    def __init__(self) -> None:
        self.ended = anyio.Event()
        self.error: Exception | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        self.error = exc
        self.ended.set()


@pytest.mark.parametrize(
    ("error", "expected"),
    [(anyio.EndOfStream(), True), (anyio.BrokenResourceError(), True), (OSError("no"), True), (KeyError("x"), False)],
)
async def test_an_end_while_writing_is_no_fault(
    monkeypatch: pytest.MonkeyPatch, error: Exception, expected: bool
) -> None:
    """TLS says with EndOfStream that the peer has ended its half without a word."""
    complaints: list[Any] = []
    loop, protocol = running_loop(ClientContext()), Told()
    monkeypatch.setattr(loop, "complain", lambda said, error: complaints.append(error))
    AnyIOTransport(loop, Broken(error), protocol).write(b"x")
    with anyio.fail_after(20):
        await protocol.ended.wait()
    assert protocol.error is error
    assert complaints == ([] if expected else [error])
