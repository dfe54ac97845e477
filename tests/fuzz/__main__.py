"""Fuzz one target, or each in turn: `python -m tests.fuzz TARGET --seconds N`.

With atheris where that is installed (it is not among the extras), else with changes of the corpus at random.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import time
from pathlib import Path

# Where the helpers of the whole suite are.
sys.path.insert(0, str(Path(__file__).parents[1]))

from . import guided
from .mutation import mutated
from .targets import TARGETS, Target


def main(arguments: list[str]) -> int:
    """Run what the command line says, and give the exit status: other than 0 if something was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("target", choices=[*TARGETS, "all"])
    parser.add_argument("--seconds", type=float, default=60.0, help="how long each target runs (default 60)")
    parser.add_argument("--seed", type=int, default=0, help="another seed makes other inputs (default 0)")
    parser.add_argument("--keep", type=Path, default=Path("fuzz-failures"), help="where failing inputs go")
    parser.add_argument("--random", action="store_true", help="go without atheris")
    given = parser.parse_args(arguments)
    if given.target == "all":
        rest = arguments[:]
        rest.remove("all")
        # Each of them runs, whatever another one finds; atheris wants a process for each.
        return max([subprocess.call([sys.executable, "-m", "tests.fuzz", name, *rest]) for name in TARGETS])
    target = TARGETS[given.target]
    if guided.AVAILABLE and not given.random:
        guided.fuzz(target, given.seconds, given.seed, given.keep)
    return fuzz(target, given.seconds, given.seed, given.keep)


def fuzz(target: Target, seconds: float, seed: int, keep: Path) -> int:
    """Run a target at random until something is found or the time is over; give the exit status."""
    chance = random.Random(seed)
    corpus = [path.read_bytes() for path in target.corpus()]
    end, count = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        data = mutated(chance, corpus, target.tokens)
        count += 1
        try:
            target.run(data)
        except Exception as error:
            keep.mkdir(exist_ok=True)
            file = keep / f"{target.name}-{seed}-{count}"
            file.write_bytes(data)
            print(f"{target.name}: {type(error).__name__} after {count} inputs: {error}\nthe input is in {file}")
            return 1
    print(f"{target.name}: {count} inputs, nothing found")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
