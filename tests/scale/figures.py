"""What a show comes to, and how it runs."""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections.abc import Coroutine, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Figure:
    """One figure.

    Attributes:
        name: What it is of.
        value: It.
        least, most: What it must be between.
        unit: Stands behind it.
    """

    name: str
    value: float
    least: float = float("-inf")
    most: float = float("inf")
    unit: str = ""

    @property
    def ok(self) -> bool:
        """Whether it is what it must be."""
        return self.least <= self.value <= self.most

    def __str__(self) -> str:
        bars = [f"at least {self.least:g}"] * (self.least > float("-inf"))
        bars += [f"at most {self.most:g}"] * (self.most < float("inf"))
        bar = f" ({', '.join(bars)}: {'yes' if self.ok else 'NO'})" if bars else ""
        return f"{self.name}: {self.value:,.6g}{self.unit}{bar}"


Figures = Iterator[Figure]


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on the fastest loop that is there."""
    try:
        import uvloop
    except ImportError:
        return asyncio.run(work)
    result: T = uvloop.run(work)
    return result


def most_within(times: Sequence[float], seconds: float) -> int:
    """Return the most of sorted times that lie within so many seconds."""
    return max((bisect_left(times, at + seconds) - position for position, at in enumerate(times)), default=0)
