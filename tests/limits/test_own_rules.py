"""Entries that are read one by one and have rules of their own, where nothing is declared for their batch."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import anyio
import pytest

from leaks import left_at_last, living
from limits.noting import Answer, Asked, Gate, NotingServer
from loops import EVERYWHERE
from pynector import HTTPStatusError, Pynector, RetryPolicy, TimeoutError
from transports import ExchangeOnly

Serve = Callable[..., NotingServer]

pytestmark = pytest.mark.anyio

AGAIN = RetryPolicy(3, backoff=0)


def flaky(asked: Asked) -> Answer:
    """Fails twice at each path, and says how often it was asked."""
    return Answer(503 if asked.number < 2 else 200, str(asked.number).encode())


@EVERYWHERE
@pytest.mark.parametrize("is_later", [False, True])
async def test_an_entry_that_is_read_has_its_own_rules(is_later: bool, serve: Serve) -> None:
    server = serve(flaky)

    def entries() -> Iterator[Any]:
        for number in range(20):
            yield {"path": f"/{number}"}, {"key": number, **({"retry": AGAIN} if number % 2 else {})}
        yield {"method": "POST", "path": "/order"}, {"retry": AGAIN, "idempotency_key": True}

    async def later() -> AsyncIterator[Any]:
        for entry in entries():
            yield entry

    async with Pynector(base_url=server.url) as client:
        async with client.batch_stream(later() if is_later else entries(), max_concurrency=3) as results:
            items = sorted([item async for item in results], key=lambda item: item.index)
        listed = await client.batch_request(later() if is_later else entries(), 3)
        stats = client.stats()
    assert [item.attempts for item in items] == [1, 3] * 10 + [3]
    assert [item.key for item in items] == [*range(20), None]
    assert [item.result for item in items] == [None, b"2"] * 10 + [b"2"]
    assert all(isinstance(item.error, HTTPStatusError) for item in items[:20:2])
    # By then each path has had its first request.
    assert [isinstance(answer, HTTPStatusError) for answer in listed] == [True, False] * 10 + [False]
    assert len({one.fields["idempotency-key"] for one in server.asked if one.path == "/order"}) == 2
    assert (stats.requests, stats.retries, stats.in_flight, stats.queued) == (64, 22, 0, 0)


async def test_what_is_in_flight_then_stays_so(serve: Serve) -> None:
    gate, told = Gate(), []

    async def play(asked: Asked) -> Answer:
        if asked.path.startswith("/held"):
            await gate.passed()
        return Answer(404 if asked.path == "/held/1" else 503 if asked.number == 0 and asked.path == "/own" else 200)

    server = serve(play)

    def entries() -> Iterator[Any]:
        for number in range(3):
            yield {"path": f"/held/{number}"}, {}
        yield {"path": "/own"}, {"retry": AGAIN}
        yield {"path": "/last"}, {}

    async with (
        Pynector(base_url=server.url) as client,
        client.batch_stream(entries(), max_concurrency=4, on_progress=told.append) as results,
    ):
        # What is held up holds up nobody else.
        items = [await anext(results), await anext(results)]
        assert sorted((item.index, item.attempts, item.ok) for item in items) == [(3, 2, True), (4, 1, True)]
        assert client.stats().in_flight == 3
        gate.open()
        rest = sorted([item async for item in results], key=lambda item: item.index)
    assert [(item.index, item.attempts, item.ok) for item in rest] == [(0, 1, True), (1, 1, False), (2, 1, True)]
    last = told[-1]
    assert (last.done, last.failed, last.retried, last.in_flight, last.waiting) == (5, 1, 1, 0, 0)


@pytest.mark.parametrize("ending", ["leave", "late", "cancel", "raise"])
async def test_a_batch_that_has_changed_over_ends_as_any(ending: str, serve: Serve) -> None:
    async def play(asked: Asked) -> Answer:
        if asked.path.startswith("/held"):
            await Gate().passed()
        return Answer(404 if asked.path == "/missing" else 200)

    server = serve(play)

    def entries() -> Iterator[Any]:
        yield {"path": "/held"}, {}
        yield {"path": "/1"}, {"retry": AGAIN}
        yield {"path": "/missing" if ending == "raise" else "/held/too"}, {"retry": AGAIN}

    gc.collect()
    kinds = ("BatchRun", "RuledDispatcher", "Dispatcher", "Source")
    gc.disable()
    before = living(*kinds)
    try:
        async with Pynector(base_url=server.url) as client:
            if ending == "leave":
                async with client.batch_stream(entries(), max_concurrency=4) as results:
                    assert (await anext(results)).index == 1
                del results
            elif ending == "late":
                answers = await client.batch_request(entries(), 4, timeout=2)
                assert [isinstance(answer, TimeoutError) for answer in answers] == [True, False, True]
            elif ending == "raise":
                with pytest.raises(HTTPStatusError) as caught:
                    await client.batch_request(entries(), 4, raise_on_error=True)
                del caught
            else:
                with anyio.move_on_after(0.3):
                    await client.batch_request(entries(), 4)
            assert client.stats().in_flight == client.stats().queued == 0
            # What cancels a stream's task keeps that task's frames until the garbage collector comes by.
            assert ending == "leave" or await left_at_last(before, *kinds) == []
    finally:
        gc.enable()


async def test_a_drained_stream_does_not_begin_it(serve: Serve) -> None:
    entries = [({"path": "/1"}, {}), ({"path": "/2"}, {"retry": AGAIN})]
    async with (
        Pynector(base_url=serve().url) as client,
        client.batch_stream(iter(entries), max_concurrency=1) as results,
    ):
        results.drain()
        assert [item.index async for item in results] == []


async def test_over_a_transport_of_ones_own() -> None:
    lost = ConnectionResetError("gone")
    own = {"retry": RetryPolicy(3, backoff=0, methods=None)}
    entries = [("a", {}), (lost, own), (lost, {}), ("b", own)]
    async with Pynector(ExchangeOnly()) as client, client.batch_stream(iter(entries)) as results:
        items = sorted([item async for item in results], key=lambda item: item.index)
    assert [(item.attempts, item.ok) for item in items] == [(1, True), (3, False), (1, False), (1, True)]
