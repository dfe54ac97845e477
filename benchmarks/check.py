"""The regression check: python -m benchmarks.check [--update] [--only ratios|instructions].

It measures what baseline.json has and fails if anything became worse by more than its margin. Ratios are taken against
a reference that runs in turn with the candidate, so that a busy machine slows both alike; one that looks worse is
measured again and again, with more rounds, before it counts. Instructions are exact, so their margin is small; they are
compared only where interpreter, processor and compiler are those of the baseline.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

from pynector._speedups import COMPILED

from . import instructions
from .ratio import seconds, tried
from .references import REFERENCES, Reference

BASELINE = Path(__file__).with_name("baseline.json")

# Set from the spread of ten runs on an unchanged tree, on a machine that was busy with other work, too.
RATIO_MARGIN = 0.35
INSTRUCTION_MARGIN = 0.02

# How long a ratio is measured, in rounds and seconds at the least; again if it looks worse; and for a baseline.
SHORT, LONG = (5, 3.0), (15, 10.0)


def ratio_of(reference: Reference, effort: tuple[int, float]) -> float:
    """Give how many times cheaper the candidate is than its reference: the median over rounds of both in turn."""
    rounds, least = effort
    ratios: list[float] = []
    with reference.prepared() as (candidate, plain):
        candidate()
        plain()
        end = time.perf_counter() + least
        while len(ratios) < rounds or time.perf_counter() < end:
            cost = seconds(candidate)
            ratios.append(seconds(plain) / cost)
    return statistics.median(ratios)


def check_ratios(baseline: dict[str, float]) -> list[tuple[str, float, float, bool]]:
    """Measure each ratio, and give name, baseline, figure and whether it holds; more is better."""
    rows = []
    for reference in REFERENCES:
        expected = baseline.get(reference.name)
        found = ratio_of(reference, LONG if expected is None else SHORT)
        if expected is not None:
            bar = expected * (1 - RATIO_MARGIN)
            found = found if found >= bar else tried(partial(ratio_of, reference, LONG), bar)
        rows.append((reference.name, expected or found, found, found >= (expected or found) * (1 - RATIO_MARGIN)))
    return rows


def check_instructions(baseline: dict[str, float]) -> list[tuple[str, float, float, bool]]:
    """Count the instructions of each part, and give name, baseline, figure and whether it holds; less is better."""
    rows = []
    for part, found in instructions.count_all().items():
        expected = baseline.get(part, found)
        rows.append((part, expected, found, found <= expected * (1 + INSTRUCTION_MARGIN)))
    return rows


def report(title: str, unit: str, rows: list[tuple[str, float, float, bool]]) -> int:
    """Print a table, and give how many rows do not hold."""
    print(f"\n{title}\n{'':44}{'baseline':>12}{'now':>12}{'change':>9}")
    for name, expected, found, holds in rows:
        change = (found - expected) / expected
        print(f"{name:44}{expected:>12,.2f}{found:>12,.2f}{change:>+9.1%}{'' if holds else '  WORSE'} {unit}".rstrip())
    return sum(not holds for _, _, _, holds in rows)


def main(arguments: list[str] | None = None) -> int:
    """Run the check."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.check", description=__doc__)
    parser.add_argument("--update", action="store_true", help="write what is found into baseline.json")
    parser.add_argument("--only", choices=["ratios", "instructions"], help="leave the other out")
    options = parser.parse_args(arguments)
    if not COMPILED:
        print("the check is of the compiled build; this is the pure one", file=sys.stderr)
        return 2
    baseline: dict[str, Any] = json.loads(BASELINE.read_text()) if BASELINE.exists() else {}
    worse = 0
    if options.only != "instructions":
        rows = check_ratios({} if options.update else baseline.get("ratios", {}))
        worse += report("Ratios to their references (more is better)", "", rows)
        baseline["ratios"] = {name: round(found, 2) for name, _, found, _ in rows}
    if options.only != "ratios":
        worse += _instructions(baseline, options.update)
    if options.update:
        BASELINE.write_text(json.dumps(baseline, indent=1) + "\n")
        print(f"\n{BASELINE.name} written")
    elif worse:
        print(
            f"\n{worse} became worse by more than the margin ({RATIO_MARGIN:.0%} for ratios, {INSTRUCTION_MARGIN:.0%} "
            "for instructions).\nIf that is on purpose: python -m benchmarks.check --update, and say why in the commit."
        )
    return 0 if options.update or not worse else 1


def _instructions(baseline: dict[str, Any], update: bool) -> int:
    name = instructions.build_name()
    known: dict[str, dict[str, float]] = baseline.setdefault("instructions", {})
    if shutil.which("valgrind") is None:
        print("\ninstructions are not counted: valgrind is not installed")
        return 0
    if name not in known and not update:
        print(f"\ninstructions are not compared: the baseline has none for {name}")
        return 0
    rows = check_instructions({} if update else known[name])
    worse = report(f"Instructions a unit ({name}; less is better)", "", rows)
    if update:
        known[name] = {part: found for part, _, found, _ in rows}
    return worse


if __name__ == "__main__":
    raise SystemExit(main())
