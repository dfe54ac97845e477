"""Requests of record batches on local clusters: `python -m benchmarks.clusters ray|dask [--workers N] [--only TEXT]`.

Each record is posted as JSON, and answered at once with a small JSON, by nginx. In this process: `batch_stream`, and
`Requests.process` over batches of pyarrow, which is what workers run. Ray: `request_dataset`, Ray Data's own HTTP
stage, a `map_batches` over aiohttp written by hand, and one that sends nothing and adds the columns of answers, which
is what Ray itself takes and lets through. Dask: `request_bag`.

Each has its turn as often as `--rounds` says. What is shown are the medians of requests a second, and of the CPU that
one takes: of the workers, of this process, and of the engine's others, not the server's. It is measured from when the
server has seen two tenths of them to nine: no start-up counts. Of what sends nothing the rows count as they are read.
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
from typing import Any, NamedTuple

import anyio

from pynector import Pynector
from pynector.integrations.many import Requests

from .servers import serving

ROUNDS = 3
BATCH = 1000
BLOCK = 5 * BATCH

# What the requests of those that take much longer for one are divided by, and those of who sends nothing multiplied.
SLOW, QUICK = 10, 5

# Whose CPU it is, and what is in the command lines of workers that map: an actor's of Ray, a process of Dask's.
WHOSE = ("workers", "this process", "the engine")
WORKERS = ("ray::MapWorker", "spawn_main")


class Sample(NamedTuple):
    """How far a run has come.

    Attributes:
        count: How many requests the server has seen.
        at: When (seconds).
        used: How much CPU has been used, by each of WHOSE (seconds).
    """

    count: float
    at: float
    used: tuple[float, ...]


class Figures(NamedTuple):
    """What is shown of a run.

    Attributes:
        rate: Requests a second.
        used: CPU of one, of each of WHOSE (us).
    """

    rate: float
    used: tuple[float, ...]


class Meter(threading.Thread):
    """Looks several times a second how far a run has come, and how much CPU this process has used, and those begun
    since it was marked: they may end.

    Args:
        port: The server's.
    """

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self._port = port
        self._ticks: dict[int, int] = {}
        self._kinds: dict[int, int] = {}
        self._before = 0
        self._lock = threading.Lock()
        self.samples: list[Sample] = []
        # For what sends nothing: how far it has come.
        self.rows = 0

    def run(self) -> None:
        while True:
            # In the end there is no server any more.
            with suppress(OSError):
                self.sample()
            time.sleep(0.3)

    def sample(self) -> None:
        with self._lock:
            count = self._sent() - self._before + self.rows
            self.samples.append(Sample(count, time.perf_counter(), self._used()))

    def begin(self) -> None:
        """Begin with another run."""
        with self._lock:
            self._before, self.rows = self._sent(), 0
            self.samples.clear()
        self.sample()

    def between(self, first: float, last: float) -> Figures:
        """Return what was seen between so many and so many requests."""
        self.sample()
        began, ended = (_at(count, self.samples) for count in (first, last))
        used = (1e6 * (after - before) / (last - first) for before, after in zip(began.used, ended.used, strict=True))
        return Figures((last - first) / (ended.at - began.at), tuple(used))

    def _sent(self) -> int:
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/status") as response:
            return int(response.read().split()[9])

    def _used(self) -> tuple[float, ...]:
        for path in Path("/proc").iterdir():
            with suppress(OSError):
                if not path.name.isdigit() or not self._is_ours(path):
                    continue
                fields = (path / "stat").read_text().rpartition(")")[2].split()
                self._ticks[int(path.name)] = int(fields[11]) + int(fields[12])
                # An actor's is known when it has begun to work.
                self._kinds[int(path.name)] = _kind_of(path)
        sums = [0] * len(WHOSE)
        for process, ticks in self._ticks.items():
            sums[self._kinds[process]] += ticks
        return tuple(ticks / os.sysconf("SC_CLK_TCK") for ticks in sums)

    @staticmethod
    def _is_ours(path: Path) -> bool:
        return path.name == str(os.getpid()) or MARK.encode() in (path / "environ").read_bytes()


def _kind_of(path: Path) -> int:
    """Return whose of WHOSE a process is."""
    if path.name == str(os.getpid()):
        return 1
    title = (path / "cmdline").read_text(errors="replace")
    return 0 if any(name in title for name in WORKERS) else 2


def _at(count: float, samples: Sequence[Sample]) -> Sample:
    """Return what there was when the server had seen so many."""
    place = next(place for place, sample in enumerate(samples) if sample.count >= count)
    if place == 0:
        return samples[0]
    before, after = samples[place - 1 : place + 1]
    part = (count - before.count) / (after.count - before.count)

    def between(first: float, last: float) -> float:
        return first + part * (last - first)

    used = tuple(between(*both) for both in zip(before.used, after.used, strict=True))
    return Sample(count, between(before.at, after.at), used)


MARK = f"PYNECTOR_BENCHMARK={os.getpid()}"


class Way(NamedTuple):
    """A way to do it.

    Attributes:
        run: Does it with so many requests.
        times: How many times as many as others.
    """

    run: Callable[[int], None]
    times: float = 1


# In this process


async def one_process(url: str, count: int) -> None:
    async with Pynector(base_url=url) as client:
        entries = (({"path": "/answer", "json": {"id": number}}, {}) for number in range(count))
        async with client.batch_stream(entries, as_response=True) as results:
            async for item in results:
                assert item.ok
                assert item.result.text


def in_one_process(url: str, count: int) -> None:
    anyio.run(one_process, url, count, backend_options={"use_uvloop": True})


def by_the_core(url: str, count: int) -> None:
    import pyarrow

    batches = (pyarrow.table({"id": range(first, first + BATCH)}) for first in range(0, count, BATCH))
    with posting(url) as requests:
        assert sum(batch.num_rows for batch in requests.process(batches)) == count


def posting(url: str) -> Requests:
    return Requests({"base_url": url}, path="/answer", json={"id": "{id}"}, answer="text")


def here(url: str) -> dict[str, Way]:
    return {
        "one process, `batch_stream`": Way(lambda count: in_one_process(url, count)),
        "one process, `Requests.process`": Way(lambda count: by_the_core(url, count)),
    }


# On Ray


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
    """Sends nothing, and adds what answers have, at next to no cost."""

    async def __call__(self, batch: Any) -> Any:
        import pyarrow

        added = {"status": 200, "body": '{"ok":true}', "sent": "full", "attempts": 1, "elapsed": 0.01}
        for name, value in added.items():
            batch = batch.append_column(name, pyarrow.repeat(value, batch.num_rows))
        for name in ("error", "message", "phase"):
            batch = batch.append_column(name, pyarrow.nulls(batch.num_rows, pyarrow.string()))
        return batch


def on_ray(url: str, workers: int, meter: Meter) -> dict[str, Way]:
    import ray
    from ray.data.llm import HttpRequestProcessorConfig, build_processor

    from pynector.integrations.ray import request_dataset

    environment = {"PYTHONPATH": os.pathsep.join(sys.path)}
    os.environ |= {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}
    # Else they give way to everybody, this process included, with which they are compared.
    os.environ |= {"RAY_worker_niceness": f"{os.nice(0)}"}
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
        "Ray, `request_dataset`": Way(ours),
        "Ray, `map_batches` that sends nothing": Way(lambda count: mapped(count, Nothing, "pyarrow"), QUICK),
        "Ray, `map_batches` over aiohttp": Way(lambda count: mapped(count, OverAiohttp, "pandas", url), 1 / SLOW),
        "Ray, its own HTTP stage": Way(stage, 1 / SLOW),
    }


# On Dask


def on_dask(url: str, workers: int, meter: Meter) -> dict[str, Way]:
    import dask.bag
    from distributed import Client, LocalCluster

    from pynector.integrations.dask import request_bag

    Client(LocalCluster(n_workers=workers, threads_per_worker=2, dashboard_address=":0"))

    def ours(count: int) -> None:
        records = dask.bag.range(count, npartitions=max(1, count // BLOCK)).map(lambda number: {"id": number})
        assert request_bag(records, posting(url)).count().compute() == count

    return {"Dask, `request_bag`": Way(ours)}


ENGINES = {"ray": on_ray, "dask": on_dask}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("engine", choices=sorted(ENGINES))
    parser.add_argument("--requests", type=int, default=60_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--only", default="", help="those whose name has this, or one of these between commas")
    arguments = parser.parse_args()
    with serving() as server:
        # The server was begun before, and does not count.
        name, _, value = MARK.partition("=")
        os.environ[name] = value
        meter = Meter(int(server.url.rpartition(":")[2]))
        meter.start()
        ways = here(server.url) | ENGINES[arguments.engine](server.url, arguments.workers, meter)
        ways = {way: how for way, how in ways.items() if any(text in way for text in arguments.only.split(","))}
        seen: dict[str, list[Figures]] = {way: [] for way in ways}
        for _ in range(arguments.rounds):
            for way, (run, times) in ways.items():
                count = int(arguments.requests * times)
                meter.begin()
                run(count)
                seen[way].append(meter.between(0.2 * count, 0.9 * count))
                print(f"  {way}: {seen[way][-1]}", file=sys.stderr, flush=True)
    show(seen, arguments.workers)


def show(seen: dict[str, list[Figures]], workers: int) -> None:
    print(f"Workers: {workers}. CPU of one request (us) of:\n")
    print(f"| | requests/s | {' | '.join(WHOSE)} | all |\n|---|{'---|' * (2 + len(WHOSE))}")
    for way, several in seen.items():
        rate = statistics.median(figures.rate for figures in several)
        used = [statistics.median(values) for values in zip(*(figures.used for figures in several), strict=True)]
        whole = statistics.median(sum(figures.used) for figures in several)
        print(f"| {way} | {rate:,.0f} | {' | '.join(f'{each:.1f}' for each in used)} | {whole:.1f} |", flush=True)


if __name__ == "__main__":
    main()
