"""Measures a candidate and its reference in turn, so that a busy machine slows both alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any


def compare(
    benchmark: Any,
    candidate: Callable[[], Any],
    reference: Callable[[], Any],
    *,
    units: int = 1,
    reference_units: int = 1,
    rounds: int = 7,
) -> float:
    """Give how many times cheaper the candidate is than the reference, by their medians.

    Args:
        benchmark: The fixture of pytest-benchmark; its report gets the ratio and both costs as extra_info.
        candidate: Does `units` units of work.
        reference: Does `reference_units` units of the same work.
        units: See candidate.
        reference_units: See reference.
        rounds: How often each is run, in turn.
    """
    candidate()
    times: list[float] = []

    def run_reference() -> None:
        started = time.perf_counter()
        reference()
        times.append((time.perf_counter() - started) / reference_units)

    benchmark.pedantic(candidate, setup=run_reference, rounds=rounds, iterations=1)
    cost = statistics.median(benchmark.stats.stats.data) / units
    reference_cost = statistics.median(times)
    ratio = reference_cost / cost
    benchmark.extra_info.update(
        {
            "times cheaper": round(ratio, 2),
            "microseconds a unit": round(cost * 1e6, 3),
            "reference, microseconds a unit": round(reference_cost * 1e6, 3),
        }
    )
    name = benchmark.name
    print(f"\n{name}: {cost * 1e6:.2f} us, reference {reference_cost * 1e6:.2f} us, {ratio:.1f} times cheaper")
    return ratio
