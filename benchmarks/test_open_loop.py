"""Latency of requests at a fixed rate."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from pynector.cli.meter import percentile

from .open_loop import latencies
from .peers import MORE_PEERS, Client, PynectorClient
from .servers import serving

CLIENTS: list[type[Client]] = [
    PynectorClient,
    *(peer for peer in MORE_PEERS if peer.name in ("wreq", "pyreqwest", "aiohttp", "httpx2")),
]
SECONDS = 2.0
IN_FLIGHT = 100


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
                return await latencies(client, server.small, rate, SECONDS)
            finally:
                await client.stack.aclose()

    found = benchmark.pedantic(lambda: loop.run_until_complete(measure()), rounds=1)
    assert len(found) == round(rate * SECONDS)
    figures = {f"p{share * 100:g} ms": round(percentile(found, share) * 1e3, 2) for share in (0.5, 0.99, 1.0)}
    benchmark.extra_info.update(figures)
    print(f"\n{kind.name} at {rate:,}/s: {figures}")
