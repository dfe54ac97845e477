"""GETs on trio, beside httpx2 there."""

from __future__ import annotations

import resource
import statistics
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from pynector import Pynector

from .ratio import tried
from .servers import SMALL, Server, serving

ROUNDS = 7
IN_FLIGHT = 100
BAR = 8

Batch = Callable[[str, int], Awaitable[list[bytes]]]


async def _pynector(server: Server, stack: AsyncExitStack) -> Batch:
    client = await stack.enter_async_context(Pynector(base_url=server.url, http_engine="native"))

    async def batch(path: str, count: int) -> list[bytes]:
        return await client.batch_request([({"path": path}, {})] * count, max_concurrency=IN_FLIGHT)

    return batch


async def _httpx2(server: Server, stack: AsyncExitStack) -> Batch:
    import httpx2
    import trio

    limits = httpx2.Limits(max_connections=IN_FLIGHT, max_keepalive_connections=IN_FLIGHT)
    client = await stack.enter_async_context(httpx2.AsyncClient(base_url=server.url, limits=limits, timeout=60))

    async def batch(path: str, count: int) -> list[bytes]:
        turns, bodies = iter(range(count)), list[bytes]()

        async def work() -> None:
            for _ in turns:
                bodies.append((await client.get(path)).content)

        async with trio.open_nursery() as nursery:
            for _ in range(IN_FLIGHT):
                nursery.start_soon(work)
        return bodies

    return batch


CLIENTS = {"pynector": (_pynector, 20_000), "httpx2": (_httpx2, 1_000)}


async def _measure(server: Server) -> dict[str, tuple[float, float]]:
    """Give each client's requests/s, and its microseconds of CPU a request: medians of rounds in turn."""
    figures: dict[str, list[tuple[float, float]]] = {name: [] for name in CLIENTS}
    async with AsyncExitStack() as stack:
        batches = {name: await make(server, stack) for name, (make, _) in CLIENTS.items()}
        for number in range(ROUNDS + 1):
            for name, (_, count) in CLIENTS.items():
                started, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
                bodies = await batches[name](server.small, count)
                elapsed, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF)
                assert len(bodies) == count
                assert set(map(len, bodies)) == {SMALL}
                cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
                if number:
                    figures[name].append((count / elapsed, cpu / count * 1e6))
    return {name: tuple(map(statistics.median, zip(*rows, strict=True))) for name, rows in figures.items()}  # type: ignore[misc]


def test_get_on_trio(benchmark: Any) -> None:
    trio = pytest.importorskip("trio")
    pytest.importorskip("httpx2")

    def times_as_fast() -> float:
        with serving() as server:
            measured = trio.run(_measure, server)
        (rate, cpu), (other_rate, other_cpu) = measured["pynector"], measured["httpx2"]
        benchmark.extra_info.update({"server": server.name, "requests/s": rate, "us of CPU a request": cpu})
        print(f"\n{server.name} server: {rate:,.0f} requests/s, {rate / other_rate:.1f} times httpx2 (>= {BAR})")
        print(f"microseconds of CPU a request: {cpu:.1f}, httpx2 {other_cpu:.1f}")
        return rate / other_rate

    assert benchmark.pedantic(tried, args=(times_as_fast, BAR), rounds=1) >= BAR
