"""Limits that are lent from elsewhere: what is granted may start, and who waited is woken."""

from __future__ import annotations

from typing import Any

import pytest

from pynector._speedups.limits import NEVER, Bucket, Limits


class Starter:
    """Whoever starts requests, and what he was told."""

    def __init__(self) -> None:
        self.woken = 0
        self.given: list[Any] = []

    def has_room(self) -> bool:
        return True

    def try_again(self) -> None:
        self.woken += 1

    def take_place(self, call: Any, place: Any) -> None:
        self.given.append(call)


def test_a_rate_that_is_not_lent_has_no_end() -> None:
    bucket = Bucket(0.001, 1)
    for number in range(100):
        bucket.take(1.0, number)
    assert bucket.lent == NEVER
    assert bucket.when(200.0) <= 200.0


def test_no_more_starts_than_was_lent() -> None:
    limits = Limits([Bucket(0.001, 1)], 0, None, False)
    starter = Starter()
    limits.lend([0.0], 0)
    now = 10.0
    # It is looked at again before long, for whoever has no time left.
    assert now < limits.ready_at(starter, now) < now + 1
    limits.lend([2.0], 0)
    assert starter.woken == 1
    for _ in range(2):
        now += 1
        assert limits.ready_at(starter, now) <= now
        limits.take(starter, [1.0], now)
    assert limits.buckets[0].lent == 0.0
    assert limits.ready_at(starter, now + 1) > now + 1


def test_a_debt_is_paid_first() -> None:
    limits = Limits([Bucket(0.001, 1)], 0, None, False)
    starter = Starter()
    limits.lend([1.0], 0)
    limits.take(starter, [5.0], 1.0)
    limits.lend([3.0], 0)
    assert limits.buckets[0].lent == -1.0
    assert limits.ready_at(starter, 2.0) > 2.0
    limits.buckets[0].correct(-2.0)
    assert limits.ready_at(starter, 3.0) <= 3.0


def test_what_is_lent_does_not_pass_the_rate() -> None:
    bucket = Bucket(1.0, 1)
    bucket.lent = 100.0
    bucket.take(1.0, 5.0)
    assert bucket.when(5.0) == pytest.approx(6.0)


def test_more_places_are_given_to_who_waits() -> None:
    limits = Limits([], 2, None, False)
    starter = Starter()
    limits.lend([], -1)
    origin = limits.origin("a", 0.0)
    assert origin.is_full()
    for call in range(3):
        origin.wait(starter, call)
    assert not origin.is_idle(0.0)
    limits.lend([], 2)
    assert (starter.given, starter.woken, origin.in_flight) == ([0, 1], 2, 2)
    assert limits.busiest() == 2


def test_fewer_places_are_kept_to_as_requests_leave() -> None:
    limits = Limits([], 3, None, False)
    starter = Starter()
    origin = limits.origin("a", 0.0)
    origin.in_flight = 3
    origin.wait(starter, "next")
    limits.lend([], 2)
    assert origin.leave() is None
    assert origin.in_flight == 2
    assert origin.leave() == (starter, "next")
    assert origin.in_flight == 2
    limits.lend([], -1)
    origin.wait(starter, "another")
    for left in (1, 0):
        assert origin.leave() is None
        assert origin.in_flight == left
    limits.lend([], 1)
    assert starter.given == ["another"]
    assert Limits([], 1, None, False).busiest() == 0
