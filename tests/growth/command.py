"""Has very many requests end in each way there is, and shows what is left of them.

The exit status is 1 if anything grows.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Sequence

from pynector._speedups import COMPILED

from .measure import PARTS, Sample, grown
from .outcomes import OUTCOMES, Servers
from .watching import servers, watched

ROW = "{:<36} {:>9} {:>8} {:>10} {:>9} {:>8} {:>8} {:>6}  {}"
HEAD = ROW.format("outcome", "requests", "seconds", "memory, B", "blocks", "objects", "RSS, KiB", "files", "grows")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    given = parsed(arguments)
    names = [name for name in OUTCOMES if not given.outcomes or any(part in name for part in given.outcomes)]
    print(f"{'compiled' if COMPILED else 'pure'} build, {given.loop}. What the last quarter has more than the first:")
    print(HEAD, flush=True)
    growing = 0
    with servers() as running:
        for name in names:
            line, grows = tried(name, running, given)
            print(line, flush=True)
            growing += grows
    print(f"{growing} of {len(names)} grow")
    return 1 if growing else 0


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.growth", description=__doc__)
    parser.add_argument("outcomes", nargs="*", help="parts of the names of those to try; none: all")
    parser.add_argument("--requests", type=int, default=1_000_000, help="how many, of each outcome (%(default)s)")
    parser.add_argument("--seconds", type=float, default=60.0, help="or for how long, if that is less (%(default)s)")
    parser.add_argument("--round", type=int, default=2000, help="requests between two samples (%(default)s)")
    parser.add_argument("--loop", choices=["uvloop", "asyncio"], default="uvloop")
    return parser.parse_args(arguments)


def tried(name: str, servers: Servers, given: argparse.Namespace) -> tuple[str, bool]:
    """Try an outcome; return its line in the table, and whether anything grows."""
    begun, loop = time.monotonic(), new_loop(given.loop)
    try:
        sampling = watched(OUTCOMES[name], servers, given.round, given.requests, given.seconds)
        samples = loop.run_until_complete(sampling)
    finally:
        loop.close()
    growth = grown(samples)
    return row(name, samples, time.monotonic() - begun, growth), bool(growth)


def new_loop(name: str) -> asyncio.AbstractEventLoop:
    if name == "asyncio":
        return asyncio.new_event_loop()
    import uvloop

    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


def row(name: str, samples: list[Sample], seconds: float, growth: dict[str, int]) -> str:
    part = len(samples) // PARTS
    first, last = samples[:part], samples[-part:]
    added = [
        min(map(held, last)) - min(map(held, first))
        for held in (
            lambda sample: sample.memory,
            lambda sample: sample.blocks,
            lambda sample: sum(sample.objects.values()),
            lambda sample: sample.resident // 1024,
            lambda sample: sample.files,
        )
    ]
    return ROW.format(name, samples[-1].requests, f"{seconds:.0f}", *added, ", ".join(growth))
