"""A quantile of the last values, beside one that is counted out."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pynector._speedups.quantile import Quantile


def counted(values: list[float], q: float) -> float:
    return next(value for place, value in enumerate(sorted(values), 1) if place / len(values) >= q)


@given(
    values=st.lists(st.floats(0, 1e6), max_size=120),
    q=st.sampled_from([0.001, 0.07, 0.5, 0.57, 0.9, 0.95, 0.99, 1.0]),
    keep=st.sampled_from([20, 33, 512]),
)
def test_of_values_that_all_came_it_is_exact(values: list[float], q: float, keep: int) -> None:
    quantile = Quantile(q, keep)
    for value in values:
        quantile.add(value)
    expected = counted(values[-keep:], q) if len(values) >= 20 else math.inf
    assert quantile.value() == expected


def test_while_values_come_it_is_at_most_an_eighth_of_them_behind() -> None:
    draw = random.Random(17)
    quantile = Quantile(0.95, 64)
    values: list[float] = []
    for number in range(300):
        values.append(draw.expovariate(1.0) * (1.0 if number < 150 else 10.0))
        quantile.add(values[-1])
        if number % 3:
            continue
        past = [values[max(0, end - 64) : end] for end in range(max(0, len(values) - 8), len(values) + 1)]
        assert quantile.value() in [counted(window, 0.95) if len(window) >= 20 else math.inf for window in past]


def test_quantiles_that_cannot_be() -> None:
    for q, keep in [(0.0, 512), (1.1, 512), (math.nan, 512), (0.5, 19)]:
        with pytest.raises(ValueError, match="must be"):
            Quantile(q, keep)
