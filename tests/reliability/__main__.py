"""Disturb each scenario at each of its steps, and make a table of the cases: python -m tests.reliability --write.

Everything that is not known here goes to pytest: -k narrows what is tried, -x ends it at the first fault.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "reliability.md"


class Tally:
    """A plugin of pytest that counts what was tried, by what was done."""

    def __init__(self) -> None:
        self.rows: defaultdict[str, Row] = defaultdict(Row)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        tried: dict[str, Any] = dict(report.user_properties)
        if report.when == "call" and "how" in tried:
            self.rows[tried["how"]].add(tried)


class Row:
    """What was tried of one kind."""

    def __init__(self) -> None:
        self.scenarios: set[str] = set()
        self.runs_on: set[str] = set()
        self.sweeps = self.points = self.faults = 0

    def add(self, tried: dict[str, Any]) -> None:
        self.scenarios.add(tried["scenario"])
        self.runs_on.add(tried["runs_on"])
        self.sweeps += 1
        self.points += tried["points"]
        self.faults += tried["faults"]

    def line(self, name: str) -> str:
        places = len(self.runs_on)
        return f"| {name} | {len(self.scenarios)} | {places} | {self.sweeps:,} | {self.points:,} | {self.faults} |"


def build() -> str:
    # Not imported before pytest has its hooks in place.
    from pynector._speedups import COMPILED

    return "compiled" if COMPILED else "pure"


def table(rows: dict[str, Row]) -> str:
    """Return the table of what was tried."""
    total = Row()
    total.scenarios, total.runs_on = (
        set().union(*(getattr(row, name) for row in rows.values())) for name in ("scenarios", "runs_on")
    )
    for name in ("sweeps", "points", "faults"):
        setattr(total, name, sum(getattr(row, name) for row in rows.values()))
    lines = [rows[name].line(name) for name in sorted(rows)]
    head = f"| {build()} build | scenarios | engines and loops | sweeps | points | faults |"
    return "\n".join([head, "|---|---:|---:|---:|---:|---:|", *lines, total.line("**all**")])


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.reliability", description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"put the table into {PAGE.name}")
    given, others = parser.parse_known_args()
    tally = Tally()
    status = pytest.main(["-q", "-m", "exhaustive", str(HERE), *others], plugins=[tally])
    made = table(tally.rows)
    print(made)
    if given.write:
        begin, end = f"<!-- {build()} cases -->", f"<!-- end of {build()} cases -->"
        before, rest = PAGE.read_text().split(begin)
        PAGE.write_text(f"{before}{begin}\n{made}\n{end}{rest.split(end)[1]}")
    return int(status)


sys.exit(main())
