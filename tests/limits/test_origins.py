"""Origins: a window for each, pauses that their answers ask for, and circuits that open."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import anyio
import pytest
from scripted import eventually

from limits.noting import Answer, Asked, Gate, NotingServer
from loops import EVERYWHERE
from pynector import CircuitBreaker, CircuitOpen, HTTPStatusError, Pynector, Rate, RetryPolicy, TimeoutError

Serve = Callable[..., NotingServer]

pytestmark = pytest.mark.anyio


def gets(server: NotingServer, count: int, path: str = "/", **options: Any) -> list[Any]:
    return [({"url": f"{server.url}{path}{n}"}, dict(options)) for n in range(count)]


def gated(gate: Gate, answer: Answer = Answer()) -> Callable[[Asked], Any]:  # noqa: B008 - nobody changes it
    async def play(asked: Asked) -> Answer:
        await gate.passed()
        return answer

    return play


# Windows


@pytest.mark.parametrize(("of_client", "of_call", "most"), [(2, None, 2), (None, 2, 2), (3, 2, 2)])
async def test_an_origin_has_no_more_than_its_window(
    serve: Serve, of_client: int | None, of_call: int | None, most: int
) -> None:
    gate = Gate()
    first, second = serve(gated(gate)), serve(gated(gate))
    async with Pynector(max_concurrency_per_origin=of_client) as client, anyio.create_task_group() as tasks:
        tasks.start_soon(
            lambda: client.batch_request(gets(first, 8) + gets(second, 8), max_concurrency_per_origin=of_call)
        )
        assert await eventually(lambda: len(first.asked) == len(second.asked) == most)
        gate.open()
    assert (len(first.asked), first.most, len(second.asked), second.most) == (8, most, 8, most)


async def test_a_client_s_window_at_an_origin_is_for_all_its_calls(serve: Serve) -> None:
    gate = Gate()
    server = serve(gated(gate))
    async with Pynector(max_concurrency_per_origin=3) as client, anyio.create_task_group() as tasks:
        for _ in range(2):
            tasks.start_soon(client.batch_request, gets(server, 5))
        for _ in range(3):
            tasks.start_soon(client.request, {"url": server.url})
        assert await eventually(lambda: len(server.asked) == 3)
        gate.open()
    assert (len(server.asked), server.most) == (13, 3)


@pytest.mark.parametrize("as_list", [True, False])
@EVERYWHERE
async def test_an_origin_that_is_full_does_not_hold_others_up(serve: Serve, as_list: bool) -> None:
    gate = Gate()
    slow, quick = serve(gated(gate)), serve()
    entries = gets(slow, 20) + gets(quick, 20)
    async with Pynector() as client, anyio.create_task_group() as tasks:
        tasks.start_soon(
            lambda: client.batch_request(entries if as_list else iter(entries), 2, max_concurrency_per_origin=1)
        )
        assert await eventually(lambda: len(quick.asked) == 20)
        assert len(slow.asked) == 1
        gate.open()
    assert (len(slow.asked), slow.most) == (20, 1)


@EVERYWHERE
async def test_what_is_cancelled_leaves_its_place_at_an_origin(serve: Serve) -> None:
    gate = Gate()
    server = serve(gated(gate))
    async with Pynector(max_concurrency_per_origin=2) as client:
        with anyio.move_on_after(0.2):
            await client.batch_request(gets(server, 10, "/cancelled"))
        with pytest.raises(TimeoutError):
            await client.request({"url": f"{server.url}/late"}, timeout=0.05)
        gate.open()
        assert await client.batch_request(gets(server, 4)) == [b"ok"] * 4
    assert server.most == 2


# Pauses

PAUSE = 0.7


async def test_an_origin_that_asks_for_it_is_left_alone_while_others_go_on(serve: Serve) -> None:
    gate, begun = Gate(), []

    async def play(asked: Asked) -> Answer:
        if asked.path == "/on-its-way0":
            await gate.passed()
        elif not begun:
            begun.append(time.monotonic())
            # Longer than a machine may pause.
            return Answer(429, b"", {"Retry-After": "4"})
        return Answer()

    paused, other = serve(play), serve()
    entries = gets(paused, 1, "/on-its-way") + gets(paused, 4) + gets(other, 20)
    async with Pynector() as client, client.batch_stream(entries, max_concurrency=2, learn=True) as results:
        ended = []
        for _ in range(21):
            ended.append(await anext(results))
        # All others are through, and an answer that was on its way changes nothing.
        assert [item.ok for item in ended].count(False) == 1
        assert {item.request["url"].rpartition("/")[0] for item in ended if item.ok} == {other.url}
        gate.open()
        assert (await anext(results)).result == b"ok"
        assert len(paused.asked) == 2
        assert [item.ok async for item in results] == [True] * 3
    assert paused.asked[2].at - begun[0] >= PAUSE


async def test_a_pause_holds_for_all_calls_and_is_no_longer_than_a_request_has_time(serve: Serve) -> None:
    paused, other = serve(lambda asked: Answer(429, b"", {"Retry-After": "60"})), serve()
    async with Pynector(learn=True) as client:
        with pytest.raises(HTTPStatusError):
            await client.request({"url": paused.url})
        with anyio.fail_after(20):
            with pytest.raises(TimeoutError, match="left alone") as late:
                await client.request({"url": paused.url}, timeout=30)
            assert (late.value.sent, late.value.phase, late.value.attempts) == ("none", "queue", 0)
            assert await client.batch_request(gets(other, 3)) == [b"ok"] * 3
    assert len(paused.asked) == 1


async def test_without_learn_nobody_is_left_alone(serve: Serve) -> None:
    server = serve(lambda asked: Answer(429, b"", {"Retry-After": "60"}))
    async with Pynector(max_concurrency_per_origin=5) as client:
        results = await client.batch_request(gets(server, 5), 1)
    assert len(results) == len(server.asked) == 5


@EVERYWHERE
async def test_what_is_sent_again_waits_for_the_end_of_a_pause(serve: Serve) -> None:
    def play(asked: Asked) -> Answer:
        return Answer(429, b"", {"Retry-After": "1"}) if len(server.asked) == 1 else Answer()

    server = serve(play)
    async with Pynector(learn=True, retry=RetryPolicy(backoff=0.0, respect_retry_after=False)) as client:
        items = []
        async with client.batch_stream(gets(server, 3), max_concurrency=1) as results:
            items = [item async for item in results]
    assert sorted(item.attempts for item in items) == [1, 1, 2]
    assert server.asked[1].at - server.asked[0].at >= PAUSE


# Circuits


class Switch:
    """A server that fails until it is told otherwise."""

    is_broken = True

    def __call__(self, asked: Asked) -> Answer:
        return Answer(500 if self.is_broken else 200)


BREAKER = CircuitBreaker(minimum=4, cooldown=0.3)


async def test_a_circuit_opens_half_opens_and_closes(serve: Serve) -> None:
    switch = Switch()
    broken, well = serve(switch), serve()
    async with Pynector(breaker=BREAKER) as client:
        results = await client.batch_request(gets(broken, 10) + gets(well, 5), 1)
        assert [type(result) for result in results[:10]] == [HTTPStatusError] * 4 + [CircuitOpen] * 6
        assert results[10:] == [b"ok"] * 5
        assert (results[9].sent, results[9].attempts, len(broken.asked)) == ("none", 0, 4)
        assert "attempts" not in str(results[9])
        assert 0 <= results[9].seconds <= 0.31
        # A probe that fails opens it again.
        await anyio.sleep(0.35)
        results = await client.batch_request(gets(broken, 5), 1)
        assert [type(result) for result in results] == [HTTPStatusError] + [CircuitOpen] * 4
        switch.is_broken = False
        await anyio.sleep(0.35)
        assert await client.request({"url": broken.url}) == b"ok"
        assert await client.batch_request(gets(broken, 5)) == [b"ok"] * 5
    assert len(broken.asked) == 11


async def test_what_another_request_fails_with_inside_a_stream_is_not_held_against_the_streams_origin(
    serve: Serve,
) -> None:
    well, broken = serve(), serve(Switch())
    async with Pynector(breaker=CircuitBreaker(minimum=2)) as client, Pynector() as other:

        async def pass_on() -> None:
            async with client.stream({"url": well.url}) as response:
                assert await response.read() == b"ok"
                await other.request({"url": broken.url})

        for _ in range(4):
            with pytest.raises(HTTPStatusError):
                await pass_on()
        assert (client.stats().errors, client.stats().circuits) == ({}, {})
        for _ in range(2):
            with pytest.raises(HTTPStatusError):
                async with client.stream({"url": broken.url}, raise_for_status=False) as response:
                    await response.raise_for_status()
        assert client.stats().errors == {"HTTPStatusError": 2}
        with pytest.raises(CircuitOpen):
            await client.stream({"url": broken.url}).__aenter__()


async def test_an_open_circuit_costs_nothing_of_a_rate_and_is_told_at_once(serve: Serve) -> None:
    broken, well = serve(Switch()), serve()
    rate = Rate(10, per=36_000.0, burst=10)
    async with Pynector(breaker=CircuitBreaker(minimum=4, cooldown=60), rate=rate) as client:
        results = await client.batch_request(gets(broken, 100) + gets(well, 6), 1, timeout=20)
    assert [type(result) for result in results[:100]] == [HTTPStatusError] * 4 + [CircuitOpen] * 96
    assert results[100:] == [b"ok"] * 6


async def test_an_open_circuit_is_not_asked_again_by_a_policy(serve: Serve) -> None:
    broken = serve(Switch())
    policy = RetryPolicy(attempts=10, backoff=0.0, statuses={500})
    async with Pynector(breaker=CircuitBreaker(minimum=4), retry=policy) as client:
        with pytest.raises(CircuitOpen) as refused:
            await client.request({"url": broken.url})
    assert (refused.value.attempts, refused.value.sent, len(broken.asked)) == (4, "full", 4)


async def test_a_server_that_is_gone_opens_the_circuit_too(serve: Serve) -> None:
    with NotingServer() as gone:
        pass
    async with Pynector(breaker=BREAKER) as client:
        results = await client.batch_request(gets(gone, 8), 1)
    assert [type(result) is CircuitOpen for result in results] == [False] * 4 + [True] * 4
