"""Requests of record batches on local clusters: `python -m benchmarks.clusters ray|dask [--requests N]`.

Ray: `request_dataset`, Ray Data's own HTTP stage, and a `map_batches` over aiohttp written by hand, with two workers
each and the same server; Dask: `request_bag`. Beside them what one process does with `batch_stream`. Each has its turn
three times, or as often as `--rounds` says; the medians are shown, and seconds of CPU for a thousand requests, of all
processes but the server.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio

from pynector import Pynector
from pynector.integrations.many import Requests

from .servers import serving

ROUNDS = 3
BATCH = 1000


class Meter(threading.Thread):
    """Looks twice a second how much CPU this process has used, and those begun since it was marked: they may end."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._ticks: dict[int, int] = {}

    def run(self) -> None:
        while True:
            self.used()
            time.sleep(0.5)

    def used(self) -> float:
        """Seconds of all of them, whoever is their parent now."""
        for path in Path("/proc").iterdir():
            with suppress(OSError):
                is_marked = path.name.isdigit() and MARK.encode() in (path / "environ").read_bytes()
                if is_marked or path.name == str(os.getpid()):
                    fields = (path / "stat").read_text().rpartition(")")[2].split()
                    self._ticks[int(path.name)] = int(fields[11]) + int(fields[12])
        return sum(list(self._ticks.values())) / os.sysconf("SC_CLK_TCK")


MARK = f"PYNECTOR_BENCHMARK={os.getpid()}"


async def one_process(url: str, count: int) -> None:
    async with Pynector(base_url=url) as client:
        entries = (({"path": "/answer"}, {}) for _ in range(count))
        async with client.batch_stream(entries, as_response=True) as results:
            async for item in results:
                assert item.ok


def in_one_process(url: str, count: int) -> float:
    before = time.perf_counter()
    anyio.run(one_process, url, count, backend_options={"use_uvloop": True})
    return count / (time.perf_counter() - before)


def read(dataset: Any, count: int) -> float:
    """Read a dataset to its end, and return how many records a second came after the first batch: Ray takes its time to
    begin."""
    rows, first, began = 0, 0, 0.0
    # To count them Ray would not run what makes no more of them.
    for batch in dataset.iter_batches(batch_size=None, batch_format="pyarrow"):
        rows += batch.num_rows
        if not first:
            first, began = batch.num_rows, time.perf_counter()
    assert rows == count, (rows, count)
    return (rows - first) / (time.perf_counter() - began)


class OverAiohttp:
    """What one writes by hand: a session for each batch, a hundred requests at a time."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def __call__(self, batch: Any) -> Any:
        import asyncio

        import aiohttp

        places = asyncio.Semaphore(100)

        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(None)) as session:

            async def fetch(number: int) -> tuple[int, str]:
                async with places, session.get(f"{self._url}/answer") as response:
                    return response.status, await response.text()

            answers = await asyncio.gather(*map(fetch, batch["id"].tolist()))
        batch["status"] = [status for status, _ in answers]
        batch["body"] = [body for _, body in answers]
        return batch


def on_ray(url: str) -> dict[str, Callable[[int], float]]:
    import ray
    from ray.data.llm import HttpRequestProcessorConfig, build_processor

    from pynector.integrations.ray import request_dataset

    environment = {"PYTHONPATH": os.pathsep.join(sys.path)}
    os.environ |= {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}
    ray.init(num_cpus=8, include_dashboard=False, log_to_driver=False, runtime_env={"env_vars": environment})
    ray.data.DataContext.get_current().enable_progress_bars = False
    pool = ray.data.ActorPoolStrategy(size=2, max_concurrent_calls_per_actor=4)

    def numbers(count: int) -> Any:
        return ray.data.range(count, override_num_blocks=max(8, count // 5000))

    def ours(count: int) -> float:
        requests = Requests({"base_url": url}, path="/answer", answer="text")
        return read(request_dataset(numbers(count), requests, workers=2, batch_size=BATCH), count)

    def by_hand(count: int) -> float:
        made = numbers(count).map_batches(
            OverAiohttp, fn_constructor_args=(url,), batch_size=BATCH, batch_format="pandas", compute=pool
        )
        return read(made, count)

    def stage(count: int) -> float:
        # It knows POST alone.
        config = HttpRequestProcessorConfig(url=f"{url}/upload", batch_size=BATCH, concurrency=2)
        process = build_processor(
            config,
            preprocess=lambda row: {"payload": {"id": row["id"]}},
            postprocess=lambda row: {"ok": row["http_response"]["ok"]},
        )
        return read(process(numbers(count)), count)

    return {"request_dataset": ours, "map_batches over aiohttp": by_hand, "Ray Data's HTTP stage": stage}


def on_dask(url: str) -> dict[str, Callable[[int], float]]:
    import dask.bag
    from distributed import Client, LocalCluster

    from pynector.integrations.dask import request_bag

    Client(LocalCluster(n_workers=2, threads_per_worker=2, dashboard_address=":0"))

    def ours(count: int) -> float:
        requests = Requests({"base_url": url}, path="/answer", answer="text")
        records = dask.bag.range(count, npartitions=max(8, count // 2500)).map(lambda number: {"id": number})
        before = time.perf_counter()
        assert request_bag(records, requests).count().compute() == count
        return count / (time.perf_counter() - before)

    return {"request_bag": ours}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("engine", choices=["ray", "dask"])
    parser.add_argument("--requests", type=int, default=50_000)
    parser.add_argument("--warm", type=int, choices=[0, 1], default=1)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    arguments = parser.parse_args()
    with serving() as server:
        # The server was begun before, and does not count.
        name, _, value = MARK.partition("=")
        os.environ[name] = value
        meter = Meter()
        meter.start()
        engines = {"ray": on_ray, "dask": on_dask}[arguments.engine](server.url)
        ways = {"one process, batch_stream": lambda count: in_one_process(server.url, count), **engines}
        rates: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
        for turn in range(1 - arguments.warm, arguments.rounds + 1):
            for way, run in ways.items():
                cpu = meter.used()
                rate = run(arguments.requests if turn else 10 * BATCH)
                if turn:
                    print(f"  {way}: {rate:,.0f}", file=sys.stderr, flush=True)
                    rates[way].append((rate, 1000 * (meter.used() - cpu) / arguments.requests))
        for way, seen in rates.items():
            rate, used = (statistics.median(values) for values in zip(*seen, strict=True))
            print(f"{way:30} {rate:10,.0f} requests/s {used:8.3f} s of CPU for 1,000", flush=True)


if __name__ == "__main__":
    main()
