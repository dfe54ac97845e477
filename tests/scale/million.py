"""Very many requests from a generator: python million.py URL PATH COUNT KIND WINDOW prints the figures of one process.

A process of its own, because a peak is one of the whole process.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pynector import BatchProgress, Pynector, Rate, RetryPolicy

ROUNDS = 10


class Clock:
    """The seconds that something took: of time, and of this process."""

    def __init__(self) -> None:
        self.wall = self.cpu = 0.0

    def __enter__(self) -> None:
        self._begun = time.perf_counter(), time.process_time()

    def __exit__(self, *exc_info: object) -> None:
        self.wall += time.perf_counter() - self._begun[0]
        self.cpu += time.process_time() - self._begun[1]


def options_of(kind: str, window: int) -> dict[str, Any]:
    """Return what a stream is made with: nothing more than its window if `kind` is "plain", else all there is."""
    if kind == "plain":
        return {"max_concurrency": window}
    return {
        "max_concurrency": window,
        "rate": Rate(1_000_000, burst=1000),
        "retry": RetryPolicy(),
        "max_concurrency_per_origin": window,
        "on_progress": _heard,
    }


def _heard(progress: BatchProgress) -> None:
    pass


async def taken(client: Pynector, requests: Iterator[Any], options: dict[str, Any]) -> int:
    """Return how many answers there were."""
    count = 0
    async with client.batch_stream(requests, **options) as results:
        async for item in results:
            count += item.ok
    return count


async def peak(url: str, path: str, count: int, kind: str, window: int) -> dict[str, float]:
    """Stream them in one go, and return the bytes at the peak above the start."""
    options, clock = options_of(kind, window), Clock()
    async with Pynector(base_url=url, max_connections=window, enable_telemetry=False) as client:
        await taken(client, (({"path": path}, {}) for _ in range(window)), options)
        before = status("VmRSS")
        with clock:
            assert await taken(client, (({"path": path}, {}) for _ in range(count)), options) == count
        return {"peak": status("VmHWM") - before, "rate": count / clock.wall, "cpu": clock.cpu / count}


async def ratio(url: str, path: str, count: int, kind: str, window: int) -> dict[str, float]:
    """Send parts of one list by batch_request and by batch_stream in turn, and return how much slower the latter is."""
    options, listed, streamed = options_of(kind, window), Clock(), Clock()
    requests: list[Any] = [({"path": path}, {}) for _ in range(count // ROUNDS)]
    async with Pynector(base_url=url, max_connections=window, enable_telemetry=False) as client:
        await client.batch_request(requests[: 10 * window], max_concurrency=window)
        for _ in range(ROUNDS):
            with listed:
                answers = await client.batch_request(requests, max_concurrency=window)
            assert all(isinstance(answer, bytes) for answer in answers)
            del answers
            with streamed:
                assert await taken(client, (entry for entry in requests), options) == len(requests)
    return {"wall": listed.wall / streamed.wall, "cpu": listed.cpu / streamed.cpu}


def status(name: str) -> int:
    """Return so much of this process's memory, in bytes."""
    with open("/proc/self/status") as lines:
        return int(next(line for line in lines if line.startswith(name)).split()[1]) * 1024


def measured(what: str, url: str, path: str, count: int, kind: str, window: int) -> dict[str, float]:
    """Return what a process of its own finds."""
    command = [sys.executable, str(Path(__file__)), what, url, path, str(count), kind, str(window)]
    found: dict[str, float] = json.loads(subprocess.check_output(command, text=True))
    return found


def main(what: str, url: str, path: str, count: str, kind: str, window: str) -> None:
    """Print the figures."""
    work = {"peak": peak, "ratio": ratio}[what](url, path, int(count), kind, int(window))
    import uvloop

    print(json.dumps(uvloop.run(work)))


if __name__ == "__main__":
    main(*sys.argv[1:])
