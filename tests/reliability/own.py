"""A user's own transports, of each kind, where each call may fail."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

from transports import ExchangeOnly, ImmediateSubmit, MemoryTransport


class Serial(MemoryTransport):
    """One with send and receive."""

    def __init__(self, trip: Callable[[], object]) -> None:
        super().__init__()
        self._trip = trip

    async def connect(self) -> None:
        self._trip()
        await super().connect()

    async def disconnect(self) -> None:
        self._trip()
        await super().disconnect()

    async def send(self, data: Any, **options: Any) -> None:
        self._trip()
        await super().send(data, **options)

    async def receive(self) -> AsyncIterator[bytes]:
        received: Any = super().receive()
        async with aclosing(received) as chunks:
            async for chunk in chunks:
                self._trip()
                yield chunk


class Exchanging(ExchangeOnly):
    """One with exchange."""

    def __init__(self, trip: Callable[[], object]) -> None:
        super().__init__(2)
        self._trip = trip

    async def connect(self) -> None:
        self._trip()
        await super().connect()

    async def exchange(self, data: Any, /, **options: Any) -> Any:
        self._trip()
        return await super().exchange(data, **options)


class Submitting(ImmediateSubmit):
    """One with submit."""

    def __init__(self, trip: Callable[[], object]) -> None:
        super().__init__()
        self._trip = trip

    async def connect(self) -> None:
        self._trip()
        await super().connect()

    def submit(self, data: Any, *arguments: Any) -> Any:
        self._trip()
        return super().submit(data, *arguments)
