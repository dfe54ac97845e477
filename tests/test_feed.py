"""Entries that are put in while others are sent, for one stream of results."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest

from pynector import Pynector, RetryPolicy
from pynector.dispatch.sources import Feed
from transports import transport_of

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["exchange", "submit"])
async def transport(request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    async with transport_of(request.param) as made:
        yield made


def entries(first: int, count: int) -> list[Any]:
    return [(number, {}) for number in range(first, first + count)]


@pytest.mark.parametrize("rules", [{}, {"retry": RetryPolicy(2)}], ids=["plain", "rules"])
async def test_they_are_sent_as_they_come(transport: Any, rules: dict[str, Any]) -> None:
    feed, seen = Feed(), []
    feed.put(entries(0, 3))
    async with Pynector(transport).batch_stream(feed, max_concurrency=2, **rules) as results:
        async for item in results:
            seen.append((item.index, item.result))
            if len(seen) == 3:
                # Nothing is there for a while.
                await anyio.sleep(0.01)
                feed.put(entries(3, 500))
            if len(seen) == 503:
                feed.put(entries(503, 1))
                feed.end()
    assert sorted(seen) == [(number, number) for number in range(504)]


async def test_one_that_ends_without_any_is_over(transport: Any) -> None:
    feed = Feed()
    async with anyio.create_task_group() as tasks, Pynector(transport).batch_stream(feed) as results:
        tasks.start_soon(anyio.lowlevel.checkpoint)
        feed.end()
        assert [item async for item in results] == []


async def test_entries_of_their_own_rules_are_taken(transport: Any) -> None:
    feed = Feed()
    feed.put([(0, {}), (1, {"retry": RetryPolicy(2)}), (2, {"timeout": 5})])
    feed.end()
    async with Pynector(transport).batch_stream(feed) as results:
        assert sorted([item.result async for item in results]) == [0, 1, 2]


async def test_what_is_none_is_an_error_in_its_place(transport: Any) -> None:
    feed = Feed()
    feed.put([7, (1, {})])
    feed.end()
    async with Pynector(transport).batch_stream(feed, ordered=True) as results:
        first, second = [item async for item in results]
    assert not first.ok
    assert second.result == 1


async def test_what_is_put_in_after_the_stream_was_left_is_kept(transport: Any) -> None:
    feed = Feed()
    feed.put(entries(0, 1))
    async with Pynector(transport).batch_stream(feed) as results:
        assert (await anext(results)).result == 0
    feed.put(entries(1, 2))
    assert list(feed) == entries(1, 2)
