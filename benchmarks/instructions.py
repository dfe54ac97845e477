"""How many instructions the compiled parts take, by valgrind's callgrind: exact, however busy the machine is.

python -m benchmarks.instructions PART COUNT does COUNT units of a part's work; that is what callgrind looks at.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pynector._speedups.accumulator import Accumulator
from pynector._speedups.collector import Collector
from pynector._speedups.encoder import RequestEncoder
from pynector._speedups.exchange import Exchange, Owner
from pynector._speedups.http1 import ConnectionCore
from pynector._speedups.pump import Pump
from pynector._speedups.scheduler import Scheduler

# What importing and the interpreter cost is taken away: that of a run without units.
UNITS = 20_000

_RESPONSE = b"HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Type: text/plain\r\nContent-Length: 64\r\n\r\n" + b"x" * 64


def scheduler(count: int) -> None:
    """Start an entry and end it."""
    plan = Scheduler(count, 1)
    for _ in range(count):
        plan.next(0.0)
        plan.finish(False)


def collector(count: int) -> None:
    """Put an answer in its place."""
    plan = Scheduler(count, count)
    for _ in range(count):
        plan.next(0.0)
    places = Collector(plan, lambda error, token: error)
    for token in range(count):
        places.succeed(token, None)


def accumulator(count: int) -> None:
    """Take a chunk."""
    chunks = Accumulator(-1)
    for _ in range(count):
        chunks.append(b"0123456789abcdef")
    chunks.finish()


def encoder(count: int) -> None:
    """Write a plain request."""
    encode = RequestEncoder("/v1", b"Host: example.com\r\nAccept: */*\r\n", b"", repr).encode
    request = {"path": "/items/1"}
    for _ in range(count):
        encode(request)


class _Wire:
    def write(self, data: bytes) -> None:
        pass

    def get_extra_info(self, name: str) -> Any:
        return self

    def fileno(self) -> int:
        return -1


class _Nobody(Owner):
    def answered(self, *arguments: Any) -> None:
        pass


def framing(count: int) -> None:
    """Take a response."""
    scratch = memoryview(bytearray(1 << 16))
    scratch[: len(_RESPONSE)] = _RESPONSE
    connection = ConnectionCore(None, scratch, _Nobody())
    connection.connection_made(_Wire())
    exchange = Exchange(None, None, None, 0.0, None, 0, 0.0)
    size = len(_RESPONSE)
    for _ in range(count):
        connection.start(exchange)
        connection.buffer_updated(size)


def pump(count: int) -> None:
    """Start an entry that ends at once."""
    plan = Scheduler(count, 1)
    places = Collector(plan, lambda error, token: error)

    def submit(data: Any, options: Any, deadline: float, completion: Any, token: int) -> None:
        completion.succeed(token, data)

    requests = [(None, {})] * count
    runner = Pump(plan, places, submit, lambda: 0.0, requests, {}, 1.0, lambda index: (None, {}, 1.0), lambda: None)
    while not plan.finished():
        runner.run()


PARTS: dict[str, Callable[[int], None]] = {
    part.__name__: part for part in (scheduler, collector, accumulator, encoder, framing, pump)
}


def build_name() -> str:
    """Name what decides how many instructions a part takes: interpreter, processor and compiler."""
    compiler = shutil.which("cc")
    said = "none"
    if compiler:
        said = subprocess.run(
            [compiler, "-dumpfullversion"], capture_output=True, text=True, check=False
        ).stdout.strip()
    return f"Python {platform.python_version()}, {platform.machine()}, compiler {said}"


def count_all() -> dict[str, float]:
    """Give the instructions a unit of each part's work takes."""
    with ThreadPoolExecutor(2) as pool:
        idle, *busy = pool.map(_collected, ["scheduler", *PARTS], [0] + [UNITS] * len(PARTS))
    return {part: round((count - idle) / UNITS, 1) for part, count in zip(PARTS, busy, strict=True)}


def _collected(part: str, units: int) -> int:
    command = [
        "valgrind",
        "--tool=callgrind",
        "--callgrind-out-file=/dev/null",
        sys.executable,
        "-m",
        "benchmarks.instructions",
    ]
    # Hashes of str decide how long a look into a dict takes.
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    command += [part, str(units)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment, timeout=300)
    found = re.search(r"Collected : (\d+)", done.stderr)
    if found is None:
        raise RuntimeError(f"callgrind said nothing of instructions: {done.stderr[-500:]}")
    return int(found[1])


if __name__ == "__main__":
    PARTS[sys.argv[1]](int(sys.argv[2]))
