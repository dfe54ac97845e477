"""Requests that are sent a second time beside the first: who wins, and what becomes of the other."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from typing import Any

import anyio
import pytest
from scripted import eventually

from leaks import open_files
from limits.noting import Answer, Asked, Gate, NotingServer
from loops import EVERYWHERE
from pynector import ConfigurationError, HTTPStatusError, Pynector, RetryPolicy

Serve = Callable[..., NotingServer]

pytestmark = pytest.mark.anyio


def gets(count: int, **options: Any) -> list[Any]:
    return [({"path": f"/{n}"}, dict(options)) for n in range(count)]


def slow_at_first(gate: Gate) -> Callable[[Asked], Any]:
    """The first request for each path waits for a gate, and each other one says its number."""

    async def play(asked: Asked) -> Answer:
        if asked.number == 0:
            await gate.passed()
        return Answer(200, str(asked.number).encode())

    return play


@EVERYWHERE
async def test_the_first_answer_counts_and_the_other_request_is_given_up(serve: Serve) -> None:
    server = serve(slow_at_first(Gate()))
    async with Pynector(base_url=server.url) as client:
        results = await client.batch_request(gets(5), 10, hedge_after=0.1)
        assert results == [b"1"] * 5
        # On another connection, and the first one is closed.
        assert {len({one.connection for one in server.asked if one.path == f"/{n}"}) for n in range(5)} == {2}
        assert await eventually(lambda: server.in_flight == 0 and server.connections == server.accepted - 5)
        assert await client.request({"path": "/0"}) == b"2"
        # It has a slot, however few entries there are.
        for path, window in (("/own", 2), ("/other", None)):
            own: list[Any] = [({"path": path}, {"hedge_after": 0.1})]
            with anyio.fail_after(20):
                assert await client.batch_request(own, window) == [b"1"]
    assert await eventually(lambda: server.connections == 0)


@EVERYWHERE
async def test_the_first_request_may_win(serve: Serve) -> None:
    gates = [Gate(), Gate()]

    async def play(asked: Asked) -> Answer:
        await gates[asked.number].passed()
        return Answer(200, str(asked.number).encode())

    server = serve(play)
    async with Pynector(base_url=server.url) as client, anyio.create_task_group() as tasks:
        results: list[Any] = []
        tasks.start_soon(lambda: client.batch_request(gets(1), hedge_after=0.05, into=results))
        assert await eventually(lambda: len(server.asked) == 2)
        gates[0].open()
    assert results == [b"0"]
    assert await eventually(lambda: server.connections == 0)


async def test_a_failure_waits_for_the_other_one(serve: Serve) -> None:
    gate = Gate()

    async def play(asked: Asked) -> Answer:
        if asked.number == 0:
            await gate.passed()
            return Answer(200, b"late")
        return Answer(503)

    server = serve(play)
    async with Pynector(base_url=server.url) as client, client.batch_stream(gets(1), hedge_after=0.05) as results:
        assert await eventually(lambda: len(server.asked) == 2)
        gate.open()
        item = await anext(results)
    assert (item.result, item.attempts) == (b"late", 2)


async def test_where_both_fail_a_policy_has_it_sent_again(serve: Serve) -> None:
    gate = Gate()

    async def play(asked: Asked) -> Answer:
        if asked.number == 0:
            await gate.passed()
        elif asked.number == 1:
            gate.open()
        return Answer(503 if asked.number < 2 else 200)

    server = serve(play)
    async with Pynector(base_url=server.url, hedge_after=0.05) as client:
        (failed,) = await client.batch_request(gets(1))
        assert (type(failed), failed.attempts) == (HTTPStatusError, 2)
        (again,) = await client.batch_request([({"path": "/again"}, {})], retry=RetryPolicy(backoff=0.0))
        assert again == b"ok"


async def test_what_is_not_idempotent_is_never_sent_twice(serve: Serve) -> None:
    async def play(asked: Asked) -> Answer:
        await asyncio.sleep(0.3)
        return Answer(200, str(asked.number).encode())

    server = serve(play)
    entries: list[Any] = [({"method": method, "path": f"/{method}"}, {}) for method in ("POST", "PATCH")]
    entries.append(({"method": "PUT", "path": "/once", "content": iter([b"body"])}, {}))
    entries.append(({"method": "POST", "path": "/key"}, {"idempotency_key": True}))
    entries.append(({"method": "POST", "path": "/own"}, {"hedge_after": 0.05}))
    async with Pynector(base_url=server.url) as client:
        await client.batch_request(entries, hedge_after=0.1)
    assert {path: server.paths.count(path) for path in server.paths} == {
        "/POST": 1,
        "/PATCH": 1,
        "/once": 1,
        "/key": 2,
        "/own": 1,
    }


@pytest.mark.parametrize("policy", [None, RetryPolicy(1, budget=0.2)], ids=["none", "policy"])
async def test_hedges_stay_within_the_budget(serve: Serve, policy: RetryPolicy | None) -> None:
    gate = Gate()

    async def play(asked: Asked) -> Answer:
        await gate.passed()
        return Answer()

    server = serve(play)
    # One a second for ten seconds is always there, of a policy ten.
    most = 10 + 30 if policy is None else 100 + 60
    async with Pynector(base_url=server.url, max_connections=600) as client, anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: client.batch_request(gets(300), 600, hedge_after=0.3, retry=policy))
        assert await eventually(lambda: len(server.asked) >= 300 + most)
        await anyio.sleep(0.1)
        assert len(server.asked) == 300 + most
        gate.open()


async def test_a_pause_ends_nothing_that_is_on_its_way(serve: Serve) -> None:
    gate = Gate()

    async def play(asked: Asked) -> Answer:
        if asked.path == "/0":
            await gate.passed()
            return Answer()
        return Answer(429, b"", {"Retry-After": "60"})

    server = serve(play)
    async with (
        Pynector(base_url=server.url, learn=True) as client,
        client.batch_stream(gets(2), max_concurrency=4, hedge_after=0.2) as results,
    ):
        assert not (await anext(results)).ok
        with anyio.move_on_after(0.5):
            await anext(results)
        gate.open()
        item = await anext(results)
    assert (item.result, item.attempts) == (b"ok", 1)


async def test_a_hedge_keeps_to_the_window_and_to_the_origin_s(serve: Serve) -> None:
    gate = Gate()

    async def play(asked: Asked) -> Answer:
        await gate.passed()
        return Answer()

    server = serve(play)
    async with Pynector(base_url=server.url, max_concurrency_per_origin=3) as client:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lambda: client.batch_request(gets(2), 3, hedge_after=0.05))
            assert await eventually(lambda: len(server.asked) == 3)
            await anyio.sleep(0.2)
            assert len(server.asked) == 3
            gate.open()
        assert await client.batch_request(gets(3), 3) == [b"ok"] * 3
    assert server.most == 3


@pytest.mark.parametrize("of_client", [False, True])
async def test_a_quantile_says_when(serve: Serve, of_client: bool) -> None:
    gate = Gate()

    async def play(asked: Asked) -> Answer:
        if asked.path in ("/slow", "/other") and asked.number == 0:
            await gate.passed()
        return Answer(200, str(asked.number).encode())

    server = serve(play)
    entries = [*gets(40), ({"path": "/slow"}, {})]
    async with Pynector(base_url=server.url) as client:
        results = await client.batch_request(entries, 2, hedge_after="p95")
        assert results[-1] == b"1"
    # A client's is of all its calls, for a single request knows of no other.
    async with Pynector(base_url=server.url, hedge_after="p95" if of_client else None) as client:
        own = {} if of_client else {"hedge_after": "p95"}
        for number in range(40):
            await client.request({"path": f"/{number}"}, **own)
        with anyio.fail_after(20):
            assert await client.request({"path": "/other"}, **own) == b"1"


@EVERYWHERE
async def test_a_client_that_is_closed_leaves_neither_of_two(serve: Serve) -> None:
    before = open_files()
    server = serve(slow_at_first(Gate()))
    server.play = lambda asked: never()
    async with Pynector(base_url=server.url) as client, anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: client.batch_request(gets(3), hedge_after=0.05))
        assert await eventually(lambda: len(server.asked) == 6)
        await client.aclose()
    assert await eventually(lambda: server.connections == 0)
    gc.collect()
    assert open_files() <= before + 8


async def never() -> Answer:
    await asyncio.sleep(60)
    return Answer()


@pytest.mark.parametrize("wrong", ["p49", "p100", "p9x", 0, -1, True, "95"])
async def test_when_that_cannot_be_is_refused(wrong: Any) -> None:
    async with Pynector(base_url="http://127.0.0.1:9") as client:
        with pytest.raises(ConfigurationError, match="hedge_after"):
            await client.batch_request(gets(1), hedge_after=wrong)
        with pytest.raises(ConfigurationError, match=r"requests\[0\]: hedge_after"):
            await client.batch_request(gets(1, hedge_after=wrong))
        (result,) = await client.batch_request(iter(gets(1, hedge_after=wrong)))
        assert isinstance(result, ConfigurationError)
