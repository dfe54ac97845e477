"""Sends HTTP and WebSocket requests through servers that break off wherever they can, for as long as one likes.

The exit status is 1 if the memory in use grows by more than 1% after the first two minutes, or what the allocators keep
of it by 3%, if descriptors grow, or a request does not end as it should; what the ledger server saw of that is told.
"""

from __future__ import annotations

import argparse
import json
import platform
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from ledger.cases import CASES, LOOPS
from pynector import __version__
from pynector._speedups import COMPILED
from pynector.cli.plot import obstacle

from .load import Soak
from .plot import draw
from .samples import Sample, growth, problems

# So many problems are told in full.
MOST_TOLD = 10

# Seconds between two lines.
EACH = 8.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    given = parsed(arguments)
    engine = given.engine or next(case.engine for case in CASES if case.loop == given.loop)
    soak = Soak(given.loop, [engine, "fifo", "id"], given.seed, given.concurrency, Printer())
    about = {
        "engine": engine,
        "loop": given.loop,
        "seed": given.seed,
        "concurrency": given.concurrency,
        "python": platform.python_version(),
        "pynector": f"{__version__} ({'compiled' if COMPILED else 'pure'})",
    }
    print(", ".join(f"{name} {value}" for name, value in about.items()))
    soak.run(given.minutes * 60)
    wrong = [*soak.problems, *problems(soak.samples)]
    write(given.plot, soak, about, wrong)
    for name, counts in soak.counts.items():
        print(f"{name}: {counts.total()} requests: " + ", ".join(f"{kind} {n}" for kind, n in counts.most_common()))
    for what, name in (("blocks", "memory in use"), ("memory", "resident memory")):
        grown = growth(soak.samples, what)
        print(f"{name}: " + ("too short to tell" if grown is None else f"{grown:+.2%} after the warm-up"))
    print(f"see {given.plot.with_suffix('.json')}, and {obstacle(given.plot) or given.plot}")
    for problem in wrong[:MOST_TOLD]:
        print(f"\n{problem}")
    print(f"{len(wrong)} problems")
    return 1 if wrong else 0


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.soak", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=20.0, help="how long (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="decides what happens (%(default)s)")
    parser.add_argument("--loop", choices=list(LOOPS), default="asyncio", help="(%(default)s)")
    parser.add_argument("--engine", choices=["native", "httpx"], help="that of HTTP (native, if it can be)")
    parser.add_argument("--concurrency", type=int, default=40, help="of HTTP, and twice of WebSocket (%(default)s)")
    parser.add_argument("--plot", type=Path, default=Path("soak.png"), help="the picture; its figures go beside it")
    given = parser.parse_args(arguments)
    if given.minutes <= 0 or given.concurrency < 2:
        parser.error("--minutes must be more than 0, and --concurrency 2 or more")
    if not given.plot.absolute().parent.is_dir():
        parser.error(f"there is no folder {given.plot.absolute().parent}")
    return given


class Printer:
    """Prints samples, one in a while."""

    def __init__(self) -> None:
        self._next = 0.0

    def __call__(self, sample: Sample) -> None:
        if sample.time < self._next:
            return
        self._next = sample.time + EACH
        print(
            f"{sample.time:7.0f} s {sample.rate:7.0f}/s {sample.memory / 2**20:7.1f} MiB {sample.files:5} descriptors "
            f"p50 {sample.p50 * 1000:6.1f} ms p99 {sample.p99 * 1000:6.1f} ms",
            flush=True,
        )


def write(plot: Path, soak: Soak, about: dict[str, object], wrong: list[str]) -> None:
    """Write the picture and the figures."""
    title = "Pynector through servers with faults\n" + ", ".join(f"{name} {value}" for name, value in about.items())
    if obstacle(plot) is None:
        draw(soak.samples, title, plot)
    figures = {
        **about,
        "counts": soak.counts,
        "growth": {what: growth(soak.samples, what) for what in ("blocks", "memory")},
        "problems": wrong,
        "samples": [asdict(sample) for sample in soak.samples],
    }
    plot.with_suffix(".json").write_text(json.dumps(figures, indent=1) + "\n")
