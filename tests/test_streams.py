"""`client.stream` over any transport: its turn, what is counted, and what is used wrongly."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from pynector import Pynector, PynectorError, TimeoutError, TransportError
from transports import ExchangeOnly

pytestmark = pytest.mark.anyio


class Streaming(ExchangeOnly):
    """Gives answers while they come, as many at a time as it says."""

    def __init__(self, most: int | None = None) -> None:
        super().__init__()
        self.max_concurrency = most
        self.open = self.most_open = 0

    @asynccontextmanager
    async def stream(self, data: Any, options: Mapping[str, Any], timeout: float) -> AsyncIterator[Any]:
        if data == "refused":
            raise OSError("no")
        self.open += 1
        self.most_open = max(self.open, self.most_open)
        try:
            await anyio.lowlevel.checkpoint()
            yield data
            if data == "cut":
                raise TransportError("cut short", phase="body", sent="full")
        finally:
            self.open -= 1


async def test_streams_wait_for_their_turn() -> None:
    transport = Streaming(2)
    async with Pynector(transport) as client, anyio.create_task_group() as tasks:

        async def read(number: int) -> None:
            async with client.stream(number) as answer:
                await anyio.sleep(0.01)
                assert answer == number

        for number in range(7):
            tasks.start_soon(read, number)
    assert (transport.open, transport.most_open) == (0, 2)
    assert client.stats().requests == 7


async def test_a_turn_that_does_not_come_is_a_timeout_and_takes_none() -> None:
    async with Pynector(Streaming(1)) as client:
        async with client.stream("a"):
            with pytest.raises(TimeoutError) as caught:
                async with client.stream("b", timeout=0.05):
                    pass
            assert caught.value.phase == "queue"
            assert client.stats().in_flight == 1
        async with client.stream("c") as answer:
            assert answer == "c"
        assert (client.stats().in_flight, client.stats().requests) == (0, 3)


@pytest.mark.parametrize("most", [None, 1])
async def test_a_failure_is_counted_once(most: int | None) -> None:
    async with Pynector(Streaming(most)) as client:
        for data in ("refused", "cut"):
            with pytest.raises(PynectorError):
                async with client.stream(data):
                    pass
        stats = client.stats()
        assert (stats.requests, sum(stats.errors.values()), stats.in_flight) == (2, 2, 0)
        async with client.stream("well") as answer:
            assert answer == "well"


async def test_a_stream_is_entered_once() -> None:
    async with Pynector(Streaming()) as client:
        call = client.stream("a")
        async with call:
            with pytest.raises(PynectorError, match="entered once"):
                await call.__aenter__()
        with pytest.raises(PynectorError, match="entered once"):
            async with call:
                pass
        with pytest.raises(PynectorError, match="without having been entered"):
            await client.stream("a").__aexit__(None, None, None)
        assert client.stats().in_flight == 0
