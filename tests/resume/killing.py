"""Runs the job, kills it at random moments, and holds what the server saw against what the file had at each kill."""

from __future__ import annotations

import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from resume.server import Counts, serving

JOB = Path(__file__).with_name("job.py")


@dataclass
class Outcome:
    """What became of a job.

    Attributes:
        in_flight: At each kill, how many items had been asked for in that run of which the file had no result.
        given: At each kill, how many items had been given out in that run.
        seen: How often the server was asked for each item.
        due: How often it had to be: once, and again for each kill that it was in flight at.
        last: The items that the last run gave out.
        kept: The names of the results in the file at the end.
        contents: What the file's results say.
    """

    in_flight: list[int] = field(default_factory=list)
    given: list[int] = field(default_factory=list)
    seen: Counter[int] = field(default_factory=Counter)
    due: Counter[int] = field(default_factory=Counter)
    last: list[int] = field(default_factory=list)
    kept: list[int] = field(default_factory=list)
    contents: list[bytes] = field(default_factory=list)


class Run:
    """The job as a process; what it gives out is read as it comes."""

    def __init__(self, *arguments: object) -> None:
        command = [sys.executable, str(JOB), *map(str, arguments)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE)
        self.given: list[int] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            self.given += (int(line) for line in lines if line.endswith(b"\n"))

    def wait(self) -> int:
        status = self.process.wait(600)
        self._reader.join()
        return status

    def kill(self) -> None:
        self.process.kill()
        self.wait()


def play(count: int, window: int, kills: int, seed: int | None = None) -> Outcome:
    """Run a job of `count` items, and kill it `kills` times before it is through."""
    chance, counts, outcome = random.Random(seed), Counts(), Outcome()
    outcome.due = Counter(range(count))
    with tempfile.TemporaryDirectory() as folder, serving(counts):
        file = Path(folder) / "job.db"
        while len(outcome.in_flight) < kills:
            left = count - len(durable(file))
            # So that what is left is enough for the kills that are to come.
            after = counts.total + chance.randrange(1, max(2, 2 * left // (kills - len(outcome.in_flight) + 1)))
            before = counts.seen.copy()
            run = Run(counts.port, count, window, file)
            while counts.total < after and run.process.poll() is None:
                time.sleep(0.0005)
            run.kill()
            note_kill(file, counts, before, run.given, outcome)
        run = Run(counts.port, count, window, file)
        assert run.wait() == 0
        outcome.last, outcome.seen = run.given, counts.seen
        with closing(sqlite3.connect(file)) as connection:
            rows = connection.execute("SELECT name, body FROM results").fetchall()
        outcome.kept = [int(name[1:]) for name, _ in rows]
        outcome.contents = [body for _, body in rows]
    return outcome


def note_kill(file: Path, counts: Counts, before: Counter[int], given: list[int], outcome: Outcome) -> None:
    counts.settle()
    kept = durable(file)
    assert kept.issuperset(given), "what was given out is not in the file"
    # In this run: it may have been killed before it came to what was in flight at the kill before.
    in_flight = (counts.seen - before).keys() - kept
    outcome.due.update(in_flight)
    outcome.in_flight.append(len(in_flight))
    outcome.given.append(len(given))


def durable(file: Path) -> set[int]:
    """The items that a file has results of, found in a copy of it, which is left as the kill left it."""
    if not file.exists():
        return set()
    with tempfile.TemporaryDirectory() as folder:
        for path in file.parent.glob(f"{file.name}*"):
            shutil.copy(path, folder)
        with closing(sqlite3.connect(Path(folder) / file.name)) as connection:
            if connection.execute("PRAGMA user_version").fetchone() == (0,):
                return set()
            return {int(name[1:]) for (name,) in connection.execute("SELECT name FROM results")}


def check(outcome: Outcome, count: int, window: int) -> None:
    """Every result is there once, and the server was asked again for what was in flight at a kill, and for no more."""
    assert sorted(outcome.last) == sorted(outcome.kept) == list(range(count))
    assert sorted(outcome.contents) == sorted(b"item %d" % index for index in range(count))
    assert (outcome.seen - outcome.due, outcome.due - outcome.seen) == (Counter(), Counter())
    # Those in the window, and as many whose results were on their way to the disk.
    assert max(outcome.in_flight) <= 2 * window
