"""The budget of extra requests, on a fake clock."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pynector._speedups.budget import Budget
from pynector._speedups.recent import Recent

# Times that are whole parts of a window of 10 s and what lies between, exact as floats.
steps = st.lists(st.tuples(st.sampled_from([0.0, 0.25, 0.5, 1.0, 3.75, 9.0, 10.0, 40.0]), st.booleans()), max_size=200)


@given(steps=steps, share=st.sampled_from([0.0, 0.1, 0.5, 2.0]), floor=st.sampled_from([0.0, 0.1, 1.0]))
def test_in_any_window_there_are_at_most_so_many(steps: list[tuple[float, bool]], share: float, floor: float) -> None:
    budget = Budget(share, floor, 10.0)
    first: list[float] = []
    extra: list[float] = []
    refused = 0
    now = 0.0
    for wait, is_first in steps:
        now += wait
        if is_first:
            budget.began(now)
            first.append(now)
        elif budget.withdraw(now):
            extra.append(now)
            recent = [len([time for time in times if time > now - 10.0]) for times in (first, extra)]
            assert recent[1] <= share * recent[0] + floor * 10.0
        else:
            refused += 1
    assert budget.refused == refused


def test_a_server_that_fails_everything_gets_the_share_and_the_floor() -> None:
    budget = Budget(share=0.2, floor=1.0, window=10.0)
    sent = 0
    for tick in range(6000):
        now = tick / 100
        budget.began(now)
        sent += budget.withdraw(now)
    # A minute of 100 a second: 20 repeated ones a second and one more, counted on the side of fewer.
    assert 0.85 * 60 * 21 <= sent <= 60 * 21
    assert budget.refused == 6000 - sent


def test_one_who_asks_for_little_has_the_floor_at_once_and_again_after_a_window() -> None:
    budget = Budget(share=0.0, floor=2.0, window=5.0)
    assert [budget.withdraw(100.0) for _ in range(11)] == [True] * 10 + [False]
    assert not budget.withdraw(104.9)
    assert [budget.withdraw(105.6) for _ in range(11)] == [True] * 10 + [False]


def test_an_extra_one_counts_until_a_whole_window_has_passed_and_a_first_attempt_no_longer_than_that() -> None:
    budget = Budget(share=1.0, floor=0.1, window=10.0)
    assert [budget.withdraw(0.5), budget.withdraw(10.25), budget.withdraw(11.0)] == [True, False, True]
    budget.began(20.5)
    assert [budget.withdraw(29.75), budget.withdraw(30.75)] == [True, False]


def test_with_neither_there_is_none() -> None:
    budget = Budget(share=0.0, floor=0.0)
    budget.began(0.0)
    assert not budget.withdraw(0.0)


def test_budgets_that_cannot_be() -> None:
    for share, floor, window in [(-0.1, 1, 1), (math.nan, 1, 1), (1, -1, 1), (1, math.nan, 1), (1, 1, 0), (1, 1, -1)]:
        with pytest.raises(ValueError, match="must be"):
            Budget(share, floor, window)


@given(waits=st.lists(st.floats(0, 1e12), max_size=50), window=st.sampled_from([1e-300, 1e-9, 1.0, 1e300, math.inf]))
def test_what_is_recent_lies_between_a_part_less_and_a_part_more(waits: list[float], window: float) -> None:
    recent = Recent(window)
    times: list[float] = []
    for wait in waits:
        times.append(wait + (times[-1] if times else 0.0))
        now = times[-1]
        recent.add(now)
        assert recent.inside(now) <= len([time for time in times if time >= now - window])
        assert recent.covering(now) >= len([time for time in times if time > now - window * 0.999])
        assert recent.inside(now) >= len([time for time in times if time > now - window * 0.899])
        assert recent.covering(now) <= len([time for time in times if time > now - window * 1.101]) or window < 1e-3
    recent.clear()
    assert recent.covering(times[-1] if times else 0.0) == 0
