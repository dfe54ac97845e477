"""The command line."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Sequence

from pynector._speedups import COMPILED

from . import limits, windows
from .figures import Figure, Figures
from .million import measured


def million(count: int, window: int = 100) -> Figures:
    """So many requests from a generator to nginx, and parts of the same list by batch_request."""
    from benchmarks.servers import serving

    with serving() as server:
        for kind, least in (("plain", 0.9), ("all set", 0.7)):
            found = measured("peak", server.url, server.small, count, kind, window)
            yield Figure(f"{count:,} requests, {kind}: peak above start", found["peak"] / 2**20, most=40, unit=" MiB")
            yield Figure("  requests a second", found["rate"])
            found = measured("ratio", server.url, server.small, count // 2, kind, window)
            yield Figure("  requests a second, of batch_request's", found["wall"], least=least)
            yield Figure("  the same by the CPU time of the client", found["cpu"])


SHOWS: dict[str, Callable[[], Figures]] = {
    "rate": limits.rate,
    "budget": limits.budget,
    "auto": windows.auto,
    "crawler": windows.crawler,
    "pause": windows.pause,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run shows, and print their figures; return 1 if one is not what it must be."""
    parser = argparse.ArgumentParser(prog="python -m tests.scale", description=__doc__)
    parser.add_argument("shows", nargs="*", metavar="SHOW", help=f"million, {', '.join(SHOWS)} (all)")
    parser.add_argument("--requests", type=int, default=1_000_000, help="of the show million (%(default)s)")
    given = parser.parse_args(arguments)
    shows = {"million": lambda: million(given.requests), **SHOWS}
    if not shows.keys() >= set(given.shows):
        parser.error(f"there are these shows: {', '.join(shows)}")
    print(f"{'compiled' if COMPILED else 'pure'} build, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    wrong = 0
    for name in given.shows or shows:
        begun = time.monotonic()
        for figure in shows[name]():
            print(figure, flush=True)
            wrong += not figure.ok
        print(f"  ({name}: {time.monotonic() - begun:.0f} s)", flush=True)
    return 1 if wrong else 0
