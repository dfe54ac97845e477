"""Rates: how many requests a server gets in a time, from all calls of a client, and what each costs."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Any

import anyio
import pytest
from scripted import eventually

from limits.noting import Answer, Asked, Gate, NotingServer
from loops import EVERYWHERE
from pynector import ConfigurationError, HTTPStatusError, Pynector, PynectorError, Rate, RetryPolicy, TimeoutError

Serve = Callable[..., NotingServer]

pytestmark = pytest.mark.anyio

BUSY = Answer(503, b"busy")


def gets(count: int, path: str = "/", **options: Any) -> list[Any]:
    return [({"path": f"{path}{n}"}, dict(options)) for n in range(count)]


def few(most: int, **fields: Any) -> Rate:
    """A rate that lets so many start, and then none for as long as a test lasts."""
    return Rate(most, per=36_000.0, burst=most, **fields)


async def let_through(server: NotingServer, count: int, client: Pynector, entries: list[Any], *given: Any) -> list[Any]:
    """Send a batch of which so many requests come to the server, and no more; return what has been answered."""
    results: list[Any] = []
    *window, rate = given
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: client.batch_request(entries, *window, rate=rate, into=results))
        assert await eventually(lambda: len(server.asked) == count and server.in_flight == 0)
        await anyio.sleep(0.1)
        tasks.cancel_scope.cancel()
    assert len(server.asked) == count
    return results


@EVERYWHERE
async def test_a_client_s_rate_holds_for_all_its_calls_together(serve: Serve) -> None:
    server = serve()
    async with Pynector(base_url=server.url, rate=Rate(100)) as client, anyio.create_task_group() as tasks:
        tasks.start_soon(client.batch_request, gets(20, "/a"))
        tasks.start_soon(client.batch_request, gets(20, "/b"))
        for n in range(10):
            tasks.start_soon(client.request, {"path": f"/c{n}"})
    times = [one.at for one in server.asked]
    assert len(times) == 50
    # Whoever is late may go 1.15 times as fast, and what was sent at its time may arrive later.
    assert times[-1] - times[0] >= 49 / 115 - 0.1
    assert all(times[n + 20] - times[n] >= 20 / 115 - 0.1 for n in range(30))
    # Each has its turn.
    last = {kind: max(n for n, path in enumerate(server.paths) if path[1] == kind) for kind in "abc"}
    assert last["c"] <= 35
    assert min(last["a"], last["b"]) >= 40


@pytest.mark.parametrize("of", ["client", "call"])
async def test_all_of_several_rates_hold(serve: Serve, of: str) -> None:
    server = serve()
    rates = {"rate": [Rate(10_000, burst=100), few(3)]}
    async with Pynector(base_url=server.url, **(rates if of == "client" else {})) as client:
        results = await client.batch_request(gets(10), timeout=2, **(rates if of == "call" else {}))
    assert results[:3] == [b"ok"] * 3
    assert all(isinstance(result, TimeoutError) and result.sent == "none" for result in results[3:])
    assert sorted(server.paths) == ["/0", "/1", "/2"]


async def test_a_call_s_rate_holds_beside_the_client_s(serve: Serve) -> None:
    server = serve()
    async with Pynector(base_url=server.url, rate=few(4)) as client:
        await let_through(server, 3, client, gets(10), few(3))
        await let_through(server, 4, client, gets(10), few(3))


async def test_a_burst_starts_at_once(serve: Serve) -> None:
    server = serve()
    async with (
        Pynector(base_url=server.url) as client,
        client.batch_stream(gets(10), rate=Rate(6, per=36_000.0, burst=4)) as results,
    ):
        assert [(await anext(results)).result for _ in range(4)] == [b"ok"] * 4
        with anyio.move_on_after(0.2) as waited:
            await anext(results)
        assert waited.cancelled_caught
    assert len(server.asked) == 4


async def test_each_attempt_counts(serve: Serve) -> None:
    server = serve(lambda asked: BUSY)
    policy = RetryPolicy(attempts=10, backoff=0.0)
    async with Pynector(base_url=server.url, rate=few(3)) as client:
        with pytest.raises(TimeoutError) as late:
            await client.request({"path": "/"}, timeout=2, retry=policy)
    assert (late.value.attempts, len(server.asked)) == (3, 3)


# Costs


@pytest.mark.parametrize("cost", [4, lambda data, options: len(data["content"])])
async def test_a_request_takes_what_it_costs(serve: Serve, cost: Any) -> None:
    server = serve()
    requests: list[Any] = [({"method": "PUT", "path": f"/{n}", "content": b"four"}, {}) for n in range(6)]
    async with Pynector(base_url=server.url) as client:
        # The third begins within the burst.
        await let_through(server, 3, client, requests, few(10, cost=cost))
    assert sorted(server.paths) == ["/0", "/1", "/2"]


async def test_what_costs_nothing_does_not_wait(serve: Serve) -> None:
    server = serve()
    async with Pynector(base_url=server.url, rate=few(1, cost=lambda data, options: 0)) as client:
        assert await client.batch_request(gets(20)) == [b"ok"] * 20


def _raises(data: Any, options: Any) -> float:
    if data["path"] == "/3":
        raise LookupError("no price")
    return 1


@pytest.mark.parametrize(
    "cost",
    [
        _raises,
        *(lambda data, options, wrong=wrong: 1 if data["path"] != "/3" else wrong for wrong in (-1, math.nan, "1")),
    ],
    ids=["raises", "negative", "nan", "text"],
)
async def test_a_request_whose_cost_cannot_be_has_an_error_and_is_not_sent(serve: Serve, cost: Any) -> None:
    server = serve()
    async with Pynector(base_url=server.url) as client:
        results = await client.batch_request(gets(6), rate=Rate(1000, burst=10, cost=cost))
        assert isinstance(results.pop(3), PynectorError)
        assert results == [b"ok"] * 5
        with pytest.raises(PynectorError):
            async with Pynector(base_url=server.url, rate=Rate(1000, cost=cost)) as other:
                await other.request({"path": "/3"})
    assert "/3" not in server.paths


@pytest.mark.parametrize(("settled", "sent"), [(0, 12), (None, 2), (100, 1)])
async def test_an_answer_settles_what_its_request_has_cost(serve: Serve, settled: Any, sent: int) -> None:
    server = serve()
    rate = few(10, cost=6, settle=lambda response: settled if response.content == b"ok" else 7)
    async with Pynector(base_url=server.url) as client:
        results = await let_through(server, sent, client, gets(12), 1, rate)
    # What is asked for is the same as without a Rate.
    assert results[:sent] == [b"ok"] * sent


@EVERYWHERE
async def test_what_waits_goes_on_when_an_answer_has_cost_less(serve: Serve) -> None:
    gate = Gate()

    async def play(asked: Asked) -> Answer:
        await gate.passed()
        return Answer()

    server = serve(play)
    async with (
        Pynector(base_url=server.url, rate=few(10, cost=6, settle=lambda response: 1)) as client,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(client.batch_request, gets(4))
        tasks.start_soon(client.request, {"path": "/single"})
        assert await eventually(lambda: len(server.asked) == 2)
        gate.open()
    assert len(server.asked) == 5


@pytest.mark.parametrize("wrong", [-1, math.nan, "7", "raises"])
async def test_an_answer_that_settles_what_cannot_be_stands_at_its_cost(
    serve: Serve, wrong: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def settle(response: Any) -> Any:
        if wrong == "raises":
            raise KeyError("usage")
        return wrong

    told: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda raised: told.append(raised.exc_type))
    server = serve()
    async with Pynector(base_url=server.url) as client:
        results = await let_through(server, 3, client, gets(5), 1, few(3, settle=settle))
    assert results[:3] == [b"ok"] * 3
    assert told == [KeyError if wrong == "raises" else ConfigurationError]


# What does not come to be sent


@EVERYWHERE
async def test_what_is_cancelled_while_it_waits_takes_nothing_of_the_rate(serve: Serve) -> None:
    server = serve()
    async with (
        Pynector(base_url=server.url, rate=Rate(1, per=0.5)) as client,
        anyio.create_task_group() as tasks,
    ):
        await client.request({"path": "/first"})
        scope = anyio.CancelScope()

        async def cancelled() -> None:
            with scope:
                await client.batch_request(gets(5, "/cancelled"))

        async def late() -> None:
            with pytest.raises(TimeoutError) as error:
                await client.request({"path": "/late"}, timeout=0.05)
            assert (error.value.phase, error.value.sent) == ("queue", "none")
            assert "while waiting for its turn" in str(error.value)

        tasks.start_soon(cancelled)
        tasks.start_soon(late)
        await anyio.sleep(0.1)
        tasks.start_soon(client.request, {"path": "/last"})
        await anyio.sleep(0.1)
        scope.cancel()
        assert await eventually(lambda: "/last" in server.paths)
    assert server.paths == ["/first", "/last"]


@EVERYWHERE
async def test_a_stream_that_is_left_leaves_the_rate_to_others(serve: Serve) -> None:
    server = serve()
    async with Pynector(base_url=server.url, rate=Rate(1, per=0.3)) as client:
        async with client.batch_stream(gets(5)) as results:
            await anext(results)
        assert await client.request({"path": "/other"}) == b"ok"
    assert server.paths == ["/0", "/other"]


async def test_an_error_s_answer_is_the_caller_s_as_ever(serve: Serve) -> None:
    server = serve(lambda asked: BUSY)
    rate = Rate(1000, burst=10, settle=lambda response: 1)
    async with Pynector(base_url=server.url, rate=rate) as client:
        with pytest.raises(HTTPStatusError):
            await client.request({"path": "/"})
        assert await client.request({"path": "/"}, raise_for_status=False) == b"busy"
        answer = await client.request({"path": "/"}, raise_for_status=False, as_response=True)
    assert (answer.status_code, answer.content) == (503, b"busy")
