"""What many workers share: rates and windows of origins, lent to them bit by bit.

It is told the time, and sends nothing.

A worker asks every so often: it says what it still holds of earlier loans and how much more it has use for. Each rate
accrues to all that ask, in equal parts; what one has no use for is there for the others. So the whole rate is kept
whoever is slow, and no more is ever lent than has accrued. Whoever is not heard of any more is taken for dead: what it
held goes to the others.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ...dispatch.limits import Rate
from ...errors import ConfigurationError

# How often a worker asks (seconds): seldom where there are many, so that whoever lends can answer all of them. An actor
# of Ray's takes 0.6 ms of CPU for a call.
OFTEN = 0.1
ASKED_A_SECOND = 500.0

# What nobody has use for is kept for so long, in which the next one may ask (seconds).
KEPT = 0.5

# A worker that was not heard of for so long is dead (seconds, and times it should have asked).
PATIENCE = 5.0
PATIENCE_TIMES = 20

# How often that is looked at (seconds).
LOOK = 1.0

# Where there are fewer places at an origin than workers, they go round (seconds).
TURN = 1.0


class Asked(NamedTuple):
    """What a worker says when it asks.

    Attributes:
        held: What it still has of each rate; less than 0 where a request has cost more than it had.
        wanted: How much more of each it has use for, 0 or more.
        places: How many requests it may have at an origin at a time, as it was told last.
        busiest: How many it has at the origin where it has most.
    """

    held: list[float]
    wanted: list[float]
    places: int
    busiest: int


class Loan(NamedTuple):
    """What a worker is told.

    Attributes:
        granted: How much more of each rate it may use.
        places: How many requests it may have at an origin at a time; 0 for any number, -1 for none.
        again: In how many seconds it is to ask again.
    """

    granted: list[float]
    places: int
    again: float


@dataclass
class _Worker:
    heard: float
    # The share that had accrued to everybody when this one asked last, and what it held after that, for each rate.
    seen: list[float]
    held: list[float]
    # How many requests it may have at an origin, or still has.
    places: int = 0


@dataclass
class _Pot:
    """One rate: what has accrued to each worker since the beginning, and what is there for any of them."""

    rate: float
    most: float
    share: float = 0.0
    left: float = 0.0

    def accrue(self, seconds: float, workers: int) -> None:
        accrued = self.rate * seconds
        # In equal parts of less than one each would have to wait for its own, and all would have theirs at once.
        if workers and self.rate * OFTEN >= workers:
            self.share += accrued / workers
        elif workers:
            self.give_back(accrued)

    def give_back(self, amount: float) -> None:
        self.left = min(self.left + amount, self.most)

    def take(self, accrued: float, wanted: float) -> float:
        """Take what a worker has use for, in whole numbers, from what has accrued to it and from what is left."""
        own = min(accrued, self.most)
        granted = float(math.floor(min(wanted, own + max(0.0, self.left))))
        self.give_back(own - granted)
        return granted


class Lender:
    """Lends rates and windows to workers.

    Args:
        rates: The rates that all of them keep together.
        per_origin: The most requests of all of them at an origin at a time, 1 or more; None for any number.
    """

    def __init__(self, rates: Sequence[Rate] = (), per_origin: int | None = None) -> None:
        self._workers: dict[str, _Worker] = {}
        # Whose turn it is of those; {}: they are others now. And how many places all of them have.
        self._numbers: dict[str, int] = {}
        self._taken = 0
        self._now: float | None = None
        self._looked = -math.inf
        self._lend(tuple(rates), per_origin)

    def _lend(self, rates: tuple[Rate, ...], per_origin: int | None) -> None:
        self._declared = (rates, per_origin)
        paces = [rate.requests / rate.per for rate in rates]
        self._pots = [_Pot(pace, rate.burst + pace * KEPT) for pace, rate in zip(paces, rates, strict=True)]
        self._per_origin = per_origin or 0

    def __len__(self) -> int:
        """Return how many workers there are."""
        return len(self._workers)

    def declare(self, rates: Sequence[Rate], per_origin: int | None, now: float) -> bool:
        """Lend what is given from now on; return False if something else is lent to workers that are there.

        Args:
            rates, per_origin, now: See above, and `ask`.
        """
        self._go_on(now)
        declared = (tuple(rates), per_origin)
        if declared != self._declared and not self._workers:
            self._lend(*declared)
        return declared == self._declared

    def ask(self, name: str, asked: Asked, now: float) -> Loan:
        """Answer a worker.

        Args:
            name: Which one it is; one that is not known is a new one.
            asked: What it says.
            now: The time (seconds), of any clock that does not go back.
        """
        self._go_on(now)
        worker = self._workers.get(name)
        if worker is None:
            worker = self._workers[name] = _Worker(now, [pot.share for pot in self._pots], [0.0] * len(self._pots))
            # One that outlived an earlier lender has places already.
            worker.places = max(0, asked.places)
            self._taken += worker.places
            self._numbers = {}
        worker.heard = now
        granted = [
            self._granted(number, worker, held, wanted)
            for number, (held, wanted) in enumerate(zip(asked.held, asked.wanted, strict=True))
        ]
        return Loan(granted, self._places(name, worker, asked.busiest, now), self._again())

    def leave(self, name: str) -> None:
        """Take note that a worker is gone; what it held is there for the others."""
        worker = self._workers.pop(name, None)
        if worker is not None:
            self._taken -= worker.places
            self._numbers = {}
            for pot, seen, held in zip(self._pots, worker.seen, worker.held, strict=True):
                pot.give_back(pot.share - seen + held)

    def _go_on(self, now: float) -> None:
        before, self._now = self._now, now
        if now >= self._looked + LOOK:
            self._looked = now
            patience = max(PATIENCE, PATIENCE_TIMES * self._again())
            for name in [name for name, worker in self._workers.items() if worker.heard + patience < now]:
                self.leave(name)
        for pot in self._pots:
            pot.accrue(0.0 if before is None else now - before, len(self._workers))

    def _granted(self, number: int, worker: _Worker, held: float, wanted: float) -> float:
        pot = self._pots[number]
        granted = pot.take(pot.share - worker.seen[number], wanted)
        worker.seen[number] = pot.share
        worker.held[number] = held + granted
        return granted

    def _places(self, name: str, worker: _Worker, busiest: int, now: float) -> int:
        if not self._per_origin:
            return 0
        if not self._numbers:
            self._numbers = {each: number for number, each in enumerate(self._workers)}
        each, others = divmod(self._per_origin, len(self._workers))
        # Those that have one more than others, or one instead of none, take turns.
        place = (self._numbers[name] - int(now / TURN) * others) % len(self._workers)
        taken = self._taken - worker.places
        share = max(0, min(each + (place < others), self._per_origin - taken))
        worker.places = max(share, busiest)
        self._taken = taken + worker.places
        return share or -1

    def _again(self) -> float:
        return max(OFTEN, len(self._workers) / ASKED_A_SECOND)


def others_are_lent(job: str) -> ConfigurationError:
    """Return the error of a job that would share its limits with workers that have others."""
    said = "is under way with other rates or windows; give it another name, or the same limits"
    return ConfigurationError(f"job {job!r} {said}")
