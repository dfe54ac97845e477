"""`pynector batch` beside the library: python -m benchmarks.command [--lines N] [--rounds N].

The same requests to the same server, in turn: as lines of a file through the command, in a process of its own whose
start counts, and as a list through `batch_request`, whose making counts. Every line and every answer is checked.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from pynector import Pynector

from .servers import serving

BODY = b'{"ok":true}'

# So many lines are enough to import all, and to have all connections.
FEW = 2_000

# What a process has held at the most, as its end tells it, begins with what the one held that it was made by.
PROGRAM = """
import sys
from pynector.cli import main
status = main(sys.argv[1:])
try:
    lines = open("/proc/self/status").readlines()
except OSError:
    lines = []
print(*(line.split()[1] for line in lines if line.startswith("VmHWM")))
sys.exit(status)
"""


class Run(NamedTuple):
    """What one run came to.

    Attributes:
        rate: Requests a second.
        cpu: CPU microseconds a request.
        memory: The most that its process held, in bytes; 0 where nobody knows, or it is not one of its own.
    """

    rate: float
    cpu: float
    memory: int = 0


def _seconds(used: resource.struct_rusage) -> float:
    return used.ru_utime + used.ru_stime


async def _batch(entries: list[Any]) -> list[Any]:
    async with Pynector(enable_telemetry=False) as client:
        return await client.batch_request(entries)


def library(urls: list[str]) -> Run:
    """Send them as a list."""
    started, before = time.perf_counter(), _seconds(resource.getrusage(resource.RUSAGE_SELF))
    work = _batch([({"url": url}, {}) for url in urls])
    try:
        import uvloop
    except ImportError:
        answers = asyncio.run(work)
    else:
        answers = uvloop.run(work)
    elapsed, used = time.perf_counter() - started, _seconds(resource.getrusage(resource.RUSAGE_SELF)) - before
    if answers != [BODY] * len(urls):
        raise AssertionError("the library has wrong answers")
    return Run(len(urls) / elapsed, used / len(urls) * 1e6)


def command(file: Path, count: int) -> Run:
    """Send the first lines of a file."""
    output = file.with_name("results.jsonl")
    arguments = ["batch", str(file), "--output", str(output), "--limit", str(count), "--quiet"]
    # As with an installed one there is bytecode: the first run makes it, even where no run is to leave any behind.
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(file.with_name("bytecode"))}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", PROGRAM, *arguments], stdout=subprocess.PIPE, env=environment)
    assert process.stdout is not None
    with process.stdout:
        held = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    elapsed = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    found = [json.loads(line) for line in output.open("rb")]
    output.unlink()
    if process.returncode or sorted(line["index"] for line in found) != list(range(count)):
        raise AssertionError(f"the command gave {len(found)} lines, and the exit status {process.returncode}")
    if any(line["json"] != json.loads(BODY) for line in found):
        raise AssertionError("the command has wrong answers")
    return Run(count / elapsed, _seconds(used) / count * 1e6, int(held or 0) * 1024)


def main(lines: int, rounds: int) -> None:
    """Measure both in turn, and print a line for each round and the medians."""
    with serving() as server, tempfile.TemporaryDirectory() as folder:
        urls = [f"{server.url}{server.answer}?n={number}" for number in range(lines)]
        file = Path(folder) / "requests.jsonl"
        file.write_text("".join(json.dumps({"url": url}) + "\n" for url in urls))
        # To make bytecode takes memory, too.
        command(file, FEW)
        least = command(file, FEW)
        library(urls[:FEW])
        ratios, cpu_ratios, grown = [], [], []
        for _ in range(rounds):
            sent, given = library(urls), command(file, lines)
            ratios.append(given.rate / sent.rate)
            cpu_ratios.append(sent.cpu / given.cpu)
            grown.append((given.memory - least.memory) / 1e6)
            print(
                f"library {sent.rate:>8,.0f}/s {sent.cpu:>6.1f} us   command {given.rate:>8,.0f}/s {given.cpu:>6.1f} us"
                f"   rate x {ratios[-1]:.2f}   by CPU time x {cpu_ratios[-1]:.2f}   {grown[-1]:+.1f} MB",
                flush=True,
            )
    print(
        f"medians: rate x {statistics.median(ratios):.2f}, by CPU time x {statistics.median(cpu_ratios):.2f}; "
        f"at most {max(grown):.1f} MB more for {lines:,} lines than for {FEW:,}"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=100_000, help="how many requests (default: 100000)")
    parser.add_argument("--rounds", type=int, default=5, help="how often (default: 5)")
    given = parser.parse_args()
    main(given.lines, given.rounds)
