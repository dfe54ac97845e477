"""How much memory a batch takes beyond its answers: python -m benchmarks.memory URL PATH COUNT IN_FLIGHT.

It prints the bytes that the process held at its peak beyond what it held before, less the answers' own. A process of
its own, because a peak is one of the whole process.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from pynector import Pynector


def _status(name: str) -> int:
    with open("/proc/self/status") as lines:
        found = next(line for line in lines if line.startswith(name))
    return int(found.split()[1]) * 1024


async def beyond_answers(url: str, path: str, count: int, in_flight: int) -> int:
    """Run a batch of `count` GETs and give the bytes."""
    requests: list[Any] = [({"path": path}, {}) for _ in range(count)]
    async with Pynector(base_url=url, max_connections=in_flight, enable_telemetry=False) as client:
        # The connections and their buffers are the client's, not the batch's.
        await client.batch_request(requests[:in_flight], max_concurrency=in_flight)
        before = _status("VmRSS")
        answers = await client.batch_request(requests, max_concurrency=in_flight)
        peak = _status("VmHWM")
    assert all(isinstance(answer, bytes) for answer in answers)
    return peak - before - sum(map(sys.getsizeof, answers))


def main(url: str, path: str, count: str, in_flight: str) -> None:
    """Print the figure."""
    work = beyond_answers(url, path, int(count), int(in_flight))
    try:
        import uvloop
    except ImportError:
        print(asyncio.run(work))
    else:
        print(uvloop.run(work))


if __name__ == "__main__":
    main(*sys.argv[1:])
