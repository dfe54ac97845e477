"""The command line."""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence

from resume.killing import check, play


def main(arguments: Sequence[str] | None = None) -> int:
    """Play a job, and say what became of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.resume", description=__doc__)
    parser.add_argument("--requests", type=int, default=50_000, help="how many the job has (%(default)s)")
    parser.add_argument("--window", type=int, default=100, help="how many are in flight (%(default)s)")
    parser.add_argument("--kills", type=int, default=20, help="how often it is killed (%(default)s)")
    parser.add_argument("--seed", type=int, default=None, help="of the moments, else others each time")
    asked = parser.parse_args(arguments)
    begun = time.monotonic()
    outcome = play(asked.requests, asked.window, asked.kills, asked.seed)
    check(outcome, asked.requests, asked.window)
    again = sum(outcome.seen.values()) - asked.requests
    print(f"{asked.requests} requests, {asked.kills} kills, window {asked.window}: {time.monotonic() - begun:.1f} s")
    print(f"every result is there once; the server saw {again} requests again, which were in flight at a kill:")
    print(f"  at most {max(outcome.in_flight)}, {statistics.median(outcome.in_flight):g} at the median")
    print(f"  given out before each kill: {outcome.given}")
    print(f"  in flight at each kill:     {outcome.in_flight}")
    return 0
