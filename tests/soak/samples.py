"""What is measured while a soak runs, and whether it stays flat."""

from __future__ import annotations

import ctypes
import gc
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

# What comes before is warming up (seconds), and how much of what is in use then may be growth.
WARM_UP = 120.0
MOST_GROWTH = 0.01

# Of the resident memory more may be: one arena that a few long-lived objects keep is as much as the whole of the rest.
MOST_RESIDENT_GROWTH = 0.03

# What one sample takes itself (blocks): an object, its dict, and its numbers.
OWN_BLOCKS = 9

# Fewer samples tell nothing of growth.
FEWEST = 20

# By how many descriptors the end may exceed the beginning: connections come and go.
MORE_FILES = 20


@dataclass(frozen=True)
class Sample:
    """What was measured at a time.

    Attributes:
        time: Seconds since the begin.
        rate: Requests a second since the sample before.
        blocks: Blocks of memory in use, those of the server included and the samples' own left out, after a garbage
            collection.
        memory: Resident bytes of the process, the server's included.
        files: Open descriptors, the server's included.
        p50: Median of the seconds that requests took which were sent singly, since the sample before.
        p99: Their 99th percentile.
    """

    time: float
    rate: float
    blocks: int
    memory: int
    files: int
    p50: float
    p99: float


def resident() -> int:
    """Return the process's resident memory in bytes, without what the allocator keeps of freed memory, on Linux."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        # Else the free pieces between the threads' arenas, which come and go, would be most of what changes.
        trim(0)
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("this system does not tell the resident memory")


def percentile(values: Sequence[float], part: float) -> float:
    """Return the value that `part` of the values are not above; 0.0 if there is none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else 0.0


def growth(samples: Sequence[Sample], what: str) -> float | None:
    """Return by which part `what` of the samples grew after the warm-up, or None if there are too few to tell.

    It is the median of the slopes between any two samples (Theil and Sen), which no outlier moves.
    """
    settled = [sample for sample in samples if sample.time >= WARM_UP]
    if len(settled) < FEWEST:
        return None
    points: list[tuple[float, int]] = [(sample.time, getattr(sample, what)) for sample in settled]
    slopes = [(b - a) / (then - now) for (now, a), (then, b) in combinations(points, 2)]
    span = settled[-1].time - settled[0].time
    return statistics.median(slopes) * span / statistics.median(value for _, value in points)


def more_files(samples: Sequence[Sample]) -> int:
    """Return how many descriptors more there are at the end than at the beginning, by the medians of the quarters."""
    quarter = len(samples) // 4
    if not quarter:
        return 0
    first, last = samples[:quarter], samples[-quarter:]
    return int(statistics.median(s.files for s in last) - statistics.median(s.files for s in first))


def problems(samples: Sequence[Sample]) -> list[str]:
    """Say which lines are not flat."""
    said = []
    for what, name, most in (
        ("blocks", "memory in use", MOST_GROWTH),
        ("memory", "resident memory", MOST_RESIDENT_GROWTH),
    ):
        grown = growth(samples, what)
        if grown is not None and grown > most:
            said.append(f"{name} grew by {grown:.2%} after the first {WARM_UP:g} s, more than {most:.0%}")
    more = more_files(samples)
    if more > MORE_FILES:
        said.append(f"there are {more} descriptors more at the end than at the beginning")
    return said
