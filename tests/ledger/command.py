"""The command: sends requests to the ledger server and says what is wrong with their ends."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from .cases import CASES, ENGINES, LOOPS, tried

# So many problems are told in full.
MOST_TOLD = 20


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status, 1 if there was a problem."""
    parser = argparse.ArgumentParser(prog="python -m tests.ledger", description=__doc__)
    parser.add_argument("--requests", type=int, default=20_000, help="how many, of each loop and engine (%(default)s)")
    parser.add_argument(
        "--seed", type=int, default=0, help="decides what is sent and what the server does (%(default)s)"
    )
    parser.add_argument("--engine", choices=[*ENGINES, "all"], default="all")
    parser.add_argument("--loop", choices=[*LOOPS, "all"], default="all")
    parser.add_argument("--only", type=int, metavar="KEY", help="send one request alone")
    given = parser.parse_args(arguments)
    keys = range(given.requests) if given.only is None else range(given.only, given.only + 1)
    problems: list[str] = []
    for case in CASES:
        if given.engine not in ("all", case.engine) or given.loop not in ("all", case.loop):
            continue
        verdict = tried(case, keys, case.trial(given.seed))
        for problem in verdict.problems[:MOST_TOLD]:
            print(problem, end="\n\n")
        print(f"{case.engine} on {case.loop}: {verdict}", flush=True)
        problems += verdict.problems
    print(f"{len(problems)} problems")
    return 1 if problems else 0
