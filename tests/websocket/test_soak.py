"""Very many requests to a server that ends connections and keeps answers back, some of them cancelled."""

from __future__ import annotations

import gc
import json
import random
import uuid
from collections import Counter
from typing import Any

import anyio
import pytest

from leaks import no_more_than, present
from pynector import Pynector, TimeoutError, WebSocketClosed
from wsservers import Url, client, until

pytestmark = pytest.mark.anyio

SIZES = [pytest.param(3_000, id="3000"), pytest.param(60_000, id="60000", marks=pytest.mark.exhaustive)]


class Asked:
    """What is asked, and what becomes of it.

    Args:
        by_id: Whether answers are found by id, so that one may be kept back.
    """

    def __init__(self, by_id: bool) -> None:
        self._by_id = by_id
        self.counts: Counter[str] = Counter()

    def request(self, number: int) -> tuple[Any, dict[str, Any]]:
        hangs = self._by_id and number % 50 == 8
        options: dict[str, Any] = {"timeout": 0.3} if hangs else {}
        return ({"n": number} if self._by_id else f"{number}"), {**options, "idempotent": number % 2 == 0}

    def ended(self, number: int, result: Any) -> None:
        if isinstance(result, WebSocketClosed):
            assert number % 2 == 1
            assert result.sent == "full"
            assert result.code in (1006, 1011)
            self.counts["closed"] += 1
        elif isinstance(result, TimeoutError):
            assert self._by_id
            assert number % 50 == 8
            self.counts["late"] += 1
        else:
            assert (json.loads(result)["n"] if self._by_id else int(result)) == number
            self.counts["answered"] += 1


async def use(it: Pynector, asked: Asked, numbers: range) -> None:
    """Send a batch, and beside it single requests that are given up after a while."""
    chance = random.Random(numbers.start)
    together = [number for number in numbers if number % 5]
    alone = iter([number for number in numbers if number % 5 == 0])

    async def hasty() -> None:
        for number in alone:
            data, options = asked.request(number)
            with anyio.move_on_after(chance.random() ** 2 * 0.02) as scope:
                try:
                    result: Any = await it.request(data, **options)
                except (WebSocketClosed, TimeoutError) as error:
                    result = error
                asked.ended(number, result)
            asked.counts["cancelled"] += scope.cancelled_caught

    async with anyio.create_task_group() as tasks:
        for _ in range(10):
            tasks.start_soon(hasty)
        results = await it.batch_request([asked.request(number) for number in together], max_concurrency=100)
    for number, result in zip(together, results, strict=True):
        asked.ended(number, result)


@pytest.mark.parametrize("count", SIZES)
@pytest.mark.parametrize(("correlation", "connections"), [("fifo", 1), ("fifo", 4), ("id", 3)])
async def test_every_request_ends_as_it_should_and_leaves_nothing(
    url: Url, correlation: str, connections: int, count: int
) -> None:
    address = url(f"/unruly?run={uuid.uuid4()}")
    options: dict[str, Any] = {"max_reconnects": 1000, "reconnect_delay": 0.001, "connections": connections}
    async with client(address, correlation=correlation) as it:
        await it.request({"n": 1} if correlation == "id" else "1")
    gc.collect()
    # Timers that were cancelled are tasks on trio, and end a little later.
    await anyio.wait_all_tasks_blocked()
    before = present()
    asked = Asked(correlation == "id")
    async with client(address, correlation=correlation, **options) as it:
        await use(it, asked, range(count))
        stats = it.stats()
        assert (stats.in_flight, stats.queued) == (0, 0)
        # What was given up still owns its place, until its answer comes or its connection ends.
        await until(lambda: not it.stats().connections.get("active"))
        assert stats.transport["reconnects"] > 0
    gc.collect()
    assert await no_more_than(before)
    assert asked.counts.total() == count
    assert all(asked.counts[kind] > 0 for kind in ("answered", "closed", "cancelled"))
    print(f"{correlation}: {dict(asked.counts)}")
