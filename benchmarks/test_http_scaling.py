"""What a request costs must not grow with the batch, nor memory with more than the answers. Minutes: -m exhaustive."""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pynector import Pynector

from .servers import LARGE, Server, serving

pytestmark = [pytest.mark.exhaustive, pytest.mark.timeout(900)]

ROUNDS = 5
LEAST = 50_000


async def _cpu(server: Server, count: int, in_flight: int) -> float:
    """Give user CPU microseconds a request."""
    requests: list[Any] = [({"path": server.small}, {}) for _ in range(count)]
    repeats = max(1, LEAST // count)
    async with Pynector(base_url=server.url, max_connections=in_flight, enable_telemetry=False) as client:
        await client.batch_request(requests[: 2 * in_flight], max_concurrency=in_flight)
        started = os.times().user
        for _ in range(repeats):
            answers = await client.batch_request(requests, max_concurrency=in_flight)
            assert answers[-1] == answers[0]
        return (os.times().user - started) / (repeats * count) * 1e6


@pytest.mark.parametrize(
    ("least", "most", "bar"),
    [
        pytest.param((10_000, 100), (200_000, 100), 1.2, id="200,000 requests to 10,000"),
        pytest.param((10_000, 10), (10_000, 1_000), 1.5, id="1,000 in flight to 10"),
    ],
)
def test_cpu_a_request_does_not_grow(
    benchmark: Any, loop: asyncio.AbstractEventLoop, least: tuple[int, int], most: tuple[int, int], bar: float
) -> None:
    def measure() -> float:
        with serving() as server:
            pairs = [[loop.run_until_complete(_cpu(server, *size)) for size in (least, most)] for _ in range(ROUNDS)]
        few, many = (statistics.median(column) for column in zip(*pairs, strict=True))
        benchmark.extra_info.update({"us at the least": round(few, 2), "us at the most": round(many, 2)})
        print(f"\n{few:.2f} us at {least}, {many:.2f} us at {most} (count, in flight)")
        return many / few

    assert benchmark.pedantic(measure, rounds=1) <= bar


def _beyond_answers(server: Server, path: str, count: int, in_flight: int) -> int:
    command = [sys.executable, "-m", "benchmarks.memory", server.url, path, str(count), str(in_flight)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600)
    return int(done.stdout)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_memory_of_a_batch_is_that_of_its_answers(benchmark: Any) -> None:
    count = 200_000
    with serving() as server:
        beyond = benchmark.pedantic(_beyond_answers, args=(server, server.small, count, 100), rounds=1)
    benchmark.extra_info["bytes an entry beyond its answer"] = round(beyond / count, 1)
    print(f"\n{beyond / count:.1f} bytes an entry beyond its answer")
    assert beyond / count <= 150


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_large_bodies_are_held_once(benchmark: Any) -> None:
    with serving() as server:
        beyond = benchmark.pedantic(_beyond_answers, args=(server, server.large, 60, 4), rounds=1)
    benchmark.extra_info["MB beyond the bodies"] = round(beyond / 1e6, 1)
    print(f"\n{beyond / 1e6:.1f} MB beyond 60 bodies of {LARGE / 1e6:.1f} MB")
    assert beyond <= 40e6


def test_the_pure_build_is_twice_as_fast_as_aiohttp(benchmark: Any, tmp_path: Path) -> None:
    pytest.importorskip("aiohttp")
    pytest.importorskip("httptools")
    found = tmp_path / "row.json"
    command = [sys.executable, "-m", "benchmarks.table", "--only", "1 KiB, 100 in flight", "--json", str(found)]
    environment = {**os.environ, "PYNECTOR_PURE": "1"}
    benchmark.pedantic(subprocess.run, args=(command,), kwargs={"check": True, "env": environment}, rounds=1)
    result = json.loads(found.read_text())
    assert result["machine"]["build"] == "pure"
    assert result["rows"][0]["ratios"]["aiohttp"] >= 2
