"""The circuit breaker: what is let through, and what changes its state, on a fake clock."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pynector import ConfigurationError
from pynector._speedups.breaker import CLOSED, HALF_OPEN, OPEN, Breaker
from pynector.dispatch.breaker import CircuitBreaker


class Breaking(RuleBasedStateMachine):
    """Requests begin and end in any order. All that ends does so within one window, so that its share is known."""

    @initialize(
        rate=st.sampled_from([0.1, 0.5, 1.0]),
        minimum=st.integers(1, 5),
        cooldown=st.sampled_from([0.0, 1.0, 30.0]),
        probes=st.integers(1, 3),
    )
    def begin(self, rate: float, minimum: int, cooldown: float, probes: int) -> None:
        self.breaker = Breaker(rate, math.inf, minimum, cooldown, probes)
        self.rate, self.minimum, self.cooldown, self.probes = rate, minimum, cooldown, probes
        self.now = 0.0
        self.state = CLOSED
        self.until = 0.0
        self.opened = 0
        # Those of requests let through: before it last opened or closed, and since then.
        self.old: list[int] = []
        self.new: list[int] = []
        self.ended: list[bool] = []

    @rule(seconds=st.sampled_from([0.5, 1.0, 29.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def ask(self) -> None:
        generation = self.breaker.allows(self.now)
        if self.state == OPEN and self.now >= self.until:
            self.state = HALF_OPEN
        free = self.state == CLOSED or (self.state == HALF_OPEN and len(self.new) + len(self.ended) < self.probes)
        assert (generation > 0) is free
        assert generation not in self.old
        if generation:
            self.new.append(generation)

    @precondition(lambda self: self.new)
    @rule(failed=st.booleans())
    def end(self, failed: bool) -> None:
        self.breaker.record(self.new.pop(), failed, self.now)
        self.ended.append(failed)
        if self.state == HALF_OPEN:
            if failed:
                self.change(OPEN)
            elif len(self.ended) == self.probes:
                assert not self.new
                self.change(CLOSED)
        elif len(self.ended) >= self.minimum and sum(self.ended) / len(self.ended) >= self.rate:
            self.change(OPEN)

    def change(self, state: int) -> None:
        self.state = state
        if state == OPEN:
            self.opened += 1
            self.until = self.now + self.cooldown
        self.old += self.new
        self.new, self.ended = [], []

    @precondition(lambda self: self.new)
    @rule()
    def cancel(self) -> None:
        self.breaker.release(self.new.pop())

    @precondition(lambda self: self.old)
    @rule(failed=st.booleans(), cancelled=st.booleans())
    def end_what_began_before(self, failed: bool, cancelled: bool) -> None:
        if cancelled:
            self.breaker.release(self.old.pop())
        else:
            self.breaker.record(self.old.pop(), failed, self.now)

    @rule(failed=st.booleans())
    def end_what_was_not_let_through(self, failed: bool) -> None:
        self.breaker.record(0, failed, self.now)
        self.breaker.release(0)

    @invariant()
    def is_as_it_should_be(self) -> None:
        if hasattr(self, "breaker"):
            assert self.breaker.state == self.state
            assert self.breaker.opened == self.opened
            left = max(0.0, self.until - self.now) if self.state == OPEN else 0.0
            assert self.breaker.opens_again(self.now) == left


TestBreaking = Breaking.TestCase
TestBreaking.settings = settings(max_examples=60)


def ended(breaker: Breaker, failed: bool, now: float, times: int) -> None:
    for _ in range(times):
        breaker.record(breaker.allows(now), failed, now)


def test_answers_to_requests_from_before_it_opened_change_nothing() -> None:
    breaker = CircuitBreaker(minimum=1, cooldown=1.0, probes=2).make()
    first, late, later, cancelled = (breaker.allows(0.0) for _ in range(4))
    breaker.record(first, True, 0.0)
    breaker.record(late, False, 0.5)
    assert [breaker.state, breaker.allows(0.5), breaker.opens_again(0.5)] == [OPEN, 0, 0.5]
    probes = [breaker.allows(1.0) for _ in range(3)]
    assert probes[2] == 0
    breaker.record(late, False, 1.0)
    breaker.record(later, True, 1.0)
    breaker.release(cancelled)
    assert [breaker.state, breaker.allows(1.0)] == [HALF_OPEN, 0]
    for probe in probes[:2]:
        breaker.record(probe, False, 1.0)
    breaker.record(later, True, 1.0)
    assert (breaker.state, breaker.opened) == (CLOSED, 1)


def test_what_is_older_than_the_window_does_not_count() -> None:
    breaker = CircuitBreaker(failure_rate=0.5, window=10.0, minimum=4).make()
    ended(breaker, True, 0.0, 3)
    ended(breaker, False, 10.5, 2)
    ended(breaker, True, 10.5, 1)
    assert breaker.state == CLOSED
    ended(breaker, True, 10.5, 1)
    assert breaker.state == OPEN


def test_of_many_successes_long_ago_none_hides_that_all_fail_now() -> None:
    breaker = CircuitBreaker().make()
    ended(breaker, False, 0.0, 100_000)
    ended(breaker, True, 11.0, 20)
    assert (breaker.state, breaker.opens_again(11.0), breaker.opens_again(31.0)) == (OPEN, 30.0, 10.0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("failure_rate", 0),
        ("failure_rate", 1.1),
        ("failure_rate", math.nan),
        ("failure_rate", True),
        ("failure_rate", "half"),
        ("window", 0),
        ("window", math.nan),
        ("minimum", 0),
        ("minimum", 1.5),
        ("cooldown", -1),
        ("cooldown", math.inf),
        ("probes", 0),
        ("probes", None),
    ],
)
def test_settings_that_cannot_be_name_the_argument(name: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=f"^CircuitBreaker: {name} must be"):
        CircuitBreaker(**{name: value})


@pytest.mark.parametrize("huge", [2**63, 10**400])
def test_counts_may_be_as_large_as_one_likes(huge: int) -> None:
    breaker = CircuitBreaker(failure_rate=1, minimum=huge, probes=huge, window=math.inf, cooldown=0).make()
    ended(breaker, True, 0.0, 100)
    assert breaker.state == CLOSED


def test_a_breaker_that_cannot_be() -> None:
    good: dict[str, Any] = {"failure_rate": 0.5, "window": 1.0, "minimum": 1, "cooldown": 1.0, "probes": 1}
    for name, value in [("failure_rate", 0.0), ("window", 0.0), ("minimum", 0), ("cooldown", -1.0), ("probes", 0)]:
        with pytest.raises(ValueError, match=f"{name}.* must be"):
            Breaker(**{**good, name: value})
