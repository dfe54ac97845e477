"""How long requests took: counted by the logarithm of their time, so that any number of them takes the same memory."""

from __future__ import annotations

import math
from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

COMPILED = not __file__.endswith(".py")

# So many steps make a factor of e, so that a step is two percent.
STEPS = 50

# What is shorter is counted as this (seconds).
SHORTEST = 1e-6

PERCENTILES = (50, 90, 99, 99.9, 100)

# The preferred numbers (IEC 60063) that bands begin with: the finer the more of them there are in a decade.
E24 = (10, 11, 12, 13, 15, 16, 18, 20, 22, 24, 27, 30, 33, 36, 39, 43, 47, 51, 56, 62, 68, 75, 82, 91)
SERIES = (E24, E24[::2], E24[::4], E24[::8], E24[::24])

MOST_BANDS = 20


class Band(NamedTuple):
    """How many took at least `least` and less than `most` seconds; the last band has what took just `most`, too."""

    least: float
    most: float
    number: int


class Latencies:
    """Counts times.

    Attributes:
        total: How many.
        longest: The longest in seconds, 0.0 where there is none.
    """

    __slots__ = ("_counts", "longest", "total")

    def __init__(self) -> None:
        self.total = 0
        self.longest = 0.0
        self._counts: dict[int, int] = {}

    def add(self, seconds: float) -> None:
        """Count a time."""
        step = step_of(seconds) if seconds > SHORTEST else _LEAST_STEP
        self.total += 1
        self._counts[step] = self._counts.get(step, 0) + 1
        if seconds > self.longest:
            self.longest = seconds

    def percentile(self, percent: float) -> float:
        """Return the seconds that so many of a hundred did not exceed, two percent too much at the most."""
        left = math.ceil(percent / 100 * self.total)
        for step in sorted(self._counts):
            left -= self._counts[step]
            if left <= 0:
                return min(_end_of(step), self.longest)
        return self.longest

    def named(self) -> dict[str, float]:
        """Return the usual percentiles in seconds, by their names."""
        return {name_of(percent): self.percentile(percent) for percent in PERCENTILES}

    def steps(self) -> Iterator[tuple[float, int]]:
        """Return, from the shortest, times in seconds, and how many took no longer than each."""
        so_far = 0
        for step in sorted(self._counts):
            so_far += self._counts[step]
            yield min(_end_of(step), self.longest), so_far

    def bands(self, most: int = MOST_BANDS) -> list[Band]:
        """Return how many took how long, in bands with round ends, none left out between the first and the last.

        Args:
            most: How many bands there may be, 1 or more; so many decades are one band that the finest do not fit.
        """
        if not self._counts:
            return []
        first, last = min(self._counts), max(self._counts)
        for series in SERIES:
            ends = _ends(series, _end_of(first - 1), _end_of(last))
            if len(ends) - 1 <= most:
                break
        counts = [0] * (len(ends) - 1)
        place = 0
        for step in sorted(self._counts):
            # By the middle of the step: its ends may be those of a band, but for rounding.
            while place < len(counts) - 1 and _end_of(step - 0.5) >= ends[place + 1]:
                place += 1
            counts[place] += self._counts[step]
        bands = [Band(*found) for found in zip(ends, ends[1:], counts, strict=False)]
        # A step may reach into a band that none of its times is in.
        kept = [place for place, band in enumerate(bands) if band.number]
        return bands[kept[0] : kept[-1] + 1]


def step_of(seconds: float) -> int:
    """Return the step that a time is counted in."""
    if COMPILED:
        return int(ceil_of(log_of(seconds) * STEPS))  # type: ignore[name-defined] # noqa: F821
    return math.ceil(math.log(seconds) * STEPS)


def name_of(percent: float) -> str:
    """Return what a percentile is called."""
    return "max" if percent == 100 else f"p{percent:g}"


def shown(seconds: float) -> str:
    """Return a time as a text."""
    if seconds >= 99.95:
        return f"{seconds:,.0f} s"
    value, unit = (seconds, "s") if seconds >= 0.9995 else (seconds * 1e3, "ms")
    # Three digits, and none of them by an exponent.
    return f"{Decimal(f'{value:.3g}'):f} {unit}"


def _end_of(step: float) -> float:
    return math.exp(step / STEPS)


def _ends(series: tuple[int, ...], least: float, most: float) -> list[float]:
    """Return the numbers of a series from the last one that is not above `least` to the first not below `most`."""
    decades = range(math.floor(math.log10(least)) - 1, math.floor(math.log10(most)) + 2)
    numbers = [float(f"{digits}e{decade - 1}") for decade in decades for digits in series]
    first = max(place for place, number in enumerate(numbers) if number <= least)
    last = min(place for place, number in enumerate(numbers) if number >= most)
    return numbers[first : last + 1]


_LEAST_STEP = step_of(SHORTEST)
