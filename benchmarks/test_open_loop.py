"""Requests at a fixed rate, whatever the answers do: latency counts from when a request was meant to start.

A closed loop waits for answers before it sends more, so a slow moment hides the requests that it kept from starting.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from pynector.cli.meter import percentile

from .peers import MORE_PEERS, Client, PynectorClient
from .servers import serving

CLIENTS: list[type[Client]] = [
    PynectorClient,
    *(peer for peer in MORE_PEERS if peer.name in ("pyreqwest", "aiohttp", "httpx2")),
]
SECONDS = 2.0
IN_FLIGHT = 100


async def _latencies(client: Client, path: str, rate: int) -> list[float]:
    """Send for SECONDS at a rate (requests a second) and give each request's seconds from its intended start."""
    loop = asyncio.get_running_loop()
    one = client.one("GET", path, None)
    latencies: list[float] = []

    async def send(intended: float) -> None:
        body = await one()
        assert body
        latencies.append(time.perf_counter() - intended)

    await one()
    began = time.perf_counter()
    tasks = []
    count = round(rate * SECONDS)
    while len(tasks) < count:
        due = min(count, int((time.perf_counter() - began) * rate) + 1)
        tasks += [loop.create_task(send(began + number / rate)) for number in range(len(tasks), due)]
        await asyncio.sleep(0.001)
    await asyncio.gather(*tasks)
    return latencies


@pytest.mark.parametrize("rate", [200, 1_000, 3_000])
@pytest.mark.parametrize("kind", CLIENTS, ids=lambda kind: kind.name)
def test_open_loop(benchmark: Any, loop: asyncio.AbstractEventLoop, kind: type[Client], rate: int) -> None:
    if kind.package:
        pytest.importorskip(kind.package)
    benchmark.group = f"open loop, {rate:,} requests/s"

    async def measure() -> list[float]:
        with serving() as server:
            client = kind(server.url, IN_FLIGHT, None)
            await client.start()
            try:
                return await _latencies(client, server.small, rate)
            finally:
                await client.stack.aclose()

    latencies = benchmark.pedantic(lambda: loop.run_until_complete(measure()), rounds=1)
    assert len(latencies) == round(rate * SECONDS)
    figures = {f"p{share * 100:g} ms": round(percentile(latencies, share) * 1e3, 2) for share in (0.5, 0.99, 1.0)}
    benchmark.extra_info.update(figures)
    print(f"\n{kind.name} at {rate:,}/s: {figures}")
