"""Requests of record batches on local clusters: `python -m benchmarks.clusters ray|dask [--requests N] [--workers N]`.

Each record is posted as JSON, and answered at once with a small JSON, by nginx. Ray: `request_dataset`, Ray Data's own
HTTP stage, a `map_batches` over aiohttp written by hand, and one that sends nothing, which is all that Ray itself lets
through; Dask: `request_bag`. Beside them what one process does with `batch_stream`.

Each has its turn three times, or as often as `--rounds` says. What is shown are the medians of requests a second, and
seconds of CPU for a thousand of all processes but the server, from when the server has seen two tenths of them to nine:
no start-up counts. Of what sends nothing the rows count as they are read.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import anyio

from pynector import Pynector
from pynector.integrations.many import Requests

from .servers import serving

ROUNDS = 3
BATCH = 1000
BLOCK = 5 * BATCH


class Meter(threading.Thread):
    """Looks twice a second how far a run has come, and how much CPU this process has used, and those begun since it was
    marked: they may end.

    Args:
        port: The server's.
    """

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self._port = port
        self._ticks: dict[int, int] = {}
        self._before = 0
        self.samples: list[tuple[int, float, float]] = []
        # For what sends nothing: how far it has come.
        self.rows = 0

    def run(self) -> None:
        while True:
            # In the end there is no server any more.
            with suppress(OSError):
                self.sample()
            time.sleep(0.5)

    def sample(self) -> None:
        self.samples.append((self._sent() - self._before + self.rows, time.perf_counter(), self._used()))

    def begin(self) -> None:
        """Begin with another run."""
        self._before, self.rows = self._sent(), 0
        self.samples.clear()

    def between(self, first: float, last: float) -> tuple[float, float]:
        """Return requests a second, and seconds of CPU for a thousand, between so many and so many requests."""
        self.sample()
        counts, *others = zip(*self.samples, strict=True)
        (began, ended), (before, after) = ([_at(count, counts, each) for count in (first, last)] for each in others)
        return (last - first) / (ended - began), 1000 * (after - before) / (last - first)

    def _sent(self) -> int:
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/status") as response:
            return int(response.read().split()[9])

    def _used(self) -> float:
        for path in Path("/proc").iterdir():
            with suppress(OSError):
                is_marked = path.name.isdigit() and MARK.encode() in (path / "environ").read_bytes()
                if is_marked or path.name == str(os.getpid()):
                    fields = (path / "stat").read_text().rpartition(")")[2].split()
                    self._ticks[int(path.name)] = int(fields[11]) + int(fields[12])
        return sum(list(self._ticks.values())) / os.sysconf("SC_CLK_TCK")


def _at(count: float, counts: Sequence[int], values: Sequence[float]) -> float:
    """Return what a value was when there were so many."""
    after = next(place for place, each in enumerate(counts) if each >= count)
    if after == 0:
        return values[0]
    part = (count - counts[after - 1]) / (counts[after] - counts[after - 1])
    return values[after - 1] + part * (values[after] - values[after - 1])


MARK = f"PYNECTOR_BENCHMARK={os.getpid()}"


async def one_process(url: str, count: int) -> None:
    async with Pynector(base_url=url) as client:
        entries = (({"path": "/answer", "json": {"id": number}}, {}) for number in range(count))
        async with client.batch_stream(entries, as_response=True) as results:
            async for item in results:
                assert item.ok
                assert item.result.text


def in_one_process(url: str, count: int) -> None:
    anyio.run(one_process, url, count, backend_options={"use_uvloop": True})


def read(dataset: Any, count: int, meter: Meter | None = None) -> None:
    rows = 0
    # To count them Ray would not run what makes no more of them.
    for batch in dataset.iter_batches(batch_size=None, batch_format="pyarrow"):
        rows += batch.num_rows
        if meter is not None:
            meter.rows = rows
    assert rows == count, (rows, count)


class OverAiohttp:
    """What one writes by hand: a session that is kept, a hundred requests at a time."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session: Any = None

    async def __call__(self, batch: Any) -> Any:
        import asyncio

        import aiohttp

        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(None))
            self._places = asyncio.Semaphore(100)

        async def fetch(number: int) -> tuple[int, str]:
            async with self._places, self._session.post(f"{self._url}/answer", json={"id": number}) as response:
                return response.status, await response.text()

        answers = await asyncio.gather(*map(fetch, batch["id"].tolist()))
        batch["status"] = [status for status, _ in answers]
        batch["body"] = [body for _, body in answers]
        return batch


class Nothing:
    """Sends nothing, and adds what an answer would have."""

    async def __call__(self, batch: Any) -> Any:
        import pyarrow

        added = {"status": [200], "body": ['{"ok":true}'], "error": [None], "elapsed": [0.01], "attempts": [1]}
        for name, value in added.items():
            batch = batch.append_column(name, pyarrow.array(value * batch.num_rows))
        return batch


def posting(url: str) -> Requests:
    return Requests({"base_url": url}, path="/answer", json={"id": "{id}"}, answer="text")


def on_ray(url: str, workers: int, meter: Meter) -> dict[str, Callable[[int], None]]:
    import ray
    from ray.data.llm import HttpRequestProcessorConfig, build_processor

    from pynector.integrations.ray import request_dataset

    environment = {"PYTHONPATH": os.pathsep.join(sys.path)}
    os.environ |= {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}
    ray.init(num_cpus=workers + 2, include_dashboard=False, log_to_driver=False, runtime_env={"env_vars": environment})
    ray.data.DataContext.get_current().enable_progress_bars = False

    def numbers(count: int) -> Any:
        return ray.data.range(count, override_num_blocks=max(1, count // BLOCK))

    def ours(count: int) -> None:
        read(request_dataset(numbers(count), posting(url), workers=workers, batch_size=BATCH), count)

    def mapped(count: int, actor: Any, batch_format: str, *arguments: Any) -> None:
        pool = ray.data.ActorPoolStrategy(size=workers, max_concurrent_calls_per_actor=4)
        how = {"batch_size": BATCH, "batch_format": batch_format, "compute": pool}
        made = numbers(count).map_batches(actor, fn_constructor_args=arguments, **how)
        read(made, count, meter if actor is Nothing else None)

    def stage(count: int) -> None:
        config = HttpRequestProcessorConfig(url=f"{url}/answer", batch_size=BATCH, concurrency=workers)
        process = build_processor(
            config,
            preprocess=lambda row: {"payload": {"id": row["id"]}},
            postprocess=lambda row: {"ok": row["http_response"]["ok"]},
        )
        read(process(numbers(count)), count)

    return {
        "request_dataset": ours,
        "map_batches that sends nothing": lambda count: mapped(count, Nothing, "pyarrow"),
        "map_batches over aiohttp": lambda count: mapped(count, OverAiohttp, "pandas", url),
        "Ray Data's HTTP stage": stage,
    }


def on_dask(url: str, workers: int, meter: Meter) -> dict[str, Callable[[int], None]]:
    import dask.bag
    from distributed import Client, LocalCluster

    from pynector.integrations.dask import request_bag

    Client(LocalCluster(n_workers=workers, threads_per_worker=2, dashboard_address=":0"))

    def ours(count: int) -> None:
        records = dask.bag.range(count, npartitions=max(1, count // BLOCK)).map(lambda number: {"id": number})
        assert request_bag(records, posting(url)).count().compute() == count

    return {"request_bag": ours}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("engine", choices=["ray", "dask"])
    parser.add_argument("--requests", type=int, default=200_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--only", default="", help="those whose name has this")
    arguments = parser.parse_args()
    with serving() as server:
        # The server was begun before, and does not count.
        name, _, value = MARK.partition("=")
        os.environ[name] = value
        meter = Meter(int(server.url.rpartition(":")[2]))
        meter.start()
        engines = {"ray": on_ray, "dask": on_dask}[arguments.engine](server.url, arguments.workers, meter)
        ways = {"one process, batch_stream": lambda count: in_one_process(server.url, count), **engines}
        ways = {way: run for way, run in ways.items() if arguments.only in way}
        seen: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
        for _ in range(arguments.rounds):
            for way, run in ways.items():
                meter.begin()
                run(arguments.requests)
                figures = meter.between(0.2 * arguments.requests, 0.9 * arguments.requests)
                print(f"  {way}: {figures[0]:,.0f} {figures[1]:.3f}", file=sys.stderr, flush=True)
                seen[way].append(figures)
        for way, several in seen.items():
            rate, used = (statistics.median(values) for values in zip(*several, strict=True))
            print(f"{way:32} {rate:10,.0f} requests/s {used:8.3f} s of CPU for 1,000", flush=True)


if __name__ == "__main__":
    main()
