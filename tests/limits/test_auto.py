"""max_concurrency="auto": a window that finds its size, against servers that bear so many at a time."""

from __future__ import annotations

import asyncio
import itertools
import statistics
from collections.abc import Callable
from typing import Any

import pytest

from limits.noting import Answer, Asked, NotingServer
from loops import EVERYWHERE
from pynector import Pynector, PynectorError, RetryPolicy

Serve = Callable[..., NotingServer]

pytestmark = pytest.mark.anyio


def gets(count: int) -> list[Any]:
    return [({"path": f"/{n}"}, {}) for n in range(count)]


class Knee:
    """A server that works on so many at a time, each for 20 ms; the others wait."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.gate: asyncio.Semaphore | None = None
        self.seen: list[int] = []
        self.server: NotingServer | None = None

    async def __call__(self, asked: Asked) -> Answer:
        if self.gate is None:
            self.gate = asyncio.Semaphore(self.most)
        assert self.server is not None
        self.seen.append(self.server.in_flight)
        async with self.gate:
            await asyncio.sleep(0.02)
        return Answer()


async def test_the_window_grows_to_what_the_server_bears_and_no_further(serve: Serve) -> None:
    knee = Knee(20)
    knee.server = server = serve(knee)
    endless = (({"path": "/"}, {}) for _ in itertools.count())
    async with (
        Pynector(base_url=server.url) as client,
        client.batch_stream(endless, max_concurrency="auto") as results,
    ):
        for _ in range(1_000):
            assert (await anext(results)).ok
    # This client may be what is slow; the long form is `python -m tests.scale auto`.
    assert 4 <= statistics.fmean(knee.seen[len(knee.seen) // 2 :]) <= 40


async def test_a_server_that_drops_what_is_too_much_is_not_pressed(serve: Serve) -> None:
    async def play(asked: Asked) -> Answer:
        if server.in_flight > 15:
            return Answer(429)
        await asyncio.sleep(0.01)
        return Answer()

    server = serve(play)
    policy = RetryPolicy(10, 0.01, budget=None)
    async with Pynector(base_url=server.url) as client:
        assert await client.batch_request(gets(600), "auto", retry=policy) == [b"ok"] * 600
    assert len(server.asked) <= 900
    assert server.most <= 100


@EVERYWHERE
async def test_a_dead_server_ends_each_request_with_its_error() -> None:
    with NotingServer() as gone:
        pass
    async with Pynector(base_url=gone.url) as client:
        results = await client.batch_request(gets(50), "auto")
    assert all(isinstance(result, PynectorError) for result in results)
    assert len(results) == 50


@EVERYWHERE
async def test_a_short_batch_is_over_before_anything_is_learnt(serve: Serve) -> None:
    server = serve()
    async with Pynector(base_url=server.url, max_concurrency="auto") as client:
        assert await client.batch_request(gets(3)) == [b"ok"] * 3
        assert await client.request({"path": "/"}) == b"ok"


@EVERYWHERE
async def test_it_keeps_to_what_the_transport_carries(serve: Serve) -> None:
    server = serve()
    async with Pynector(base_url=server.url, max_connections=4) as client:
        assert await client.batch_request(gets(300), "auto") == [b"ok"] * 300
    assert server.most <= 4
