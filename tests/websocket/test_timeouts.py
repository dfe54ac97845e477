"""One timer for the deadlines of all that is in flight, with a fake clock."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pynector.transport.websocket.pending import Pending
from pynector.transport.websocket.timeouts import Timeouts

quick = settings(max_examples=200)


class Clock:
    """A clock that the test turns, with timers that go off then."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[Timer] = []

    def call_at(self, when: float, call: Any) -> Timer:
        timer = Timer(when, call)
        self.timers.append(timer)
        return timer

    def turn(self, now: float) -> None:
        while True:
            due = [timer for timer in self.timers if timer.when <= now and not timer.cancelled]
            if not due:
                self.now = now
                return
            first = min(due, key=lambda timer: timer.when)
            self.timers.remove(first)
            self.now = max(self.now, first.when)
            first.call()

    @property
    def waiting(self) -> int:
        return sum(not timer.cancelled for timer in self.timers)


class Timer:
    def __init__(self, when: float, call: Any) -> None:
        self.when = when
        self.call = call
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Table:
    """The timeouts, and who was late."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.late: list[tuple[float, int]] = []
        self.timeouts = Timeouts(lambda: self.clock.now, self.clock.call_at, self.take)
        self.on_late: Any = None

    def take(self, pending: Pending) -> None:
        pending.completion = None
        self.late.append((self.clock.now, pending.token))
        if self.on_late is not None:
            self.on_late()

    def add(self, deadline: float, token: int = 0) -> Pending:
        pending = Pending(None, deadline, object(), token)
        self.timeouts.add(pending)
        return pending


class Held:
    """Counts how many of its kind are held."""

    def __init__(self) -> None:
        self.count = 0

    def another(self) -> Any:
        class One:
            def __del__(one) -> None:
                self.count -= 1

        self.count += 1
        return One()


DEADLINES = st.integers(1, 20).map(float) | st.just(math.inf)


@quick
@given(st.lists(st.tuples(DEADLINES, st.booleans()), max_size=40), st.integers(0, 25))
def test_each_is_late_at_its_deadline_unless_it_ended_before(entries: list[tuple[float, bool]], until: int) -> None:
    table = Table()
    pendings = [table.add(deadline, token) for token, (deadline, _) in enumerate(entries)]
    for pending, (_, ends) in zip(pendings, entries, strict=True):
        if ends:
            pending.completion = None
    table.clock.turn(until)
    expected = sorted((due, token) for token, (due, ends) in enumerate(entries) if not ends and due <= until)
    assert sorted(table.late) == expected
    assert table.late == sorted(table.late)
    assert table.clock.waiting <= 1


def test_an_earlier_deadline_sets_the_timer_anew() -> None:
    table = Table()
    table.add(9.0, 9)
    table.add(3.0, 3)
    table.add(5.0, 5)
    assert [timer.when for timer in table.clock.timers if not timer.cancelled] == [3.0]
    table.clock.turn(5.0)
    assert table.late == [(3.0, 3), (5.0, 5)]


def test_no_end_needs_no_timer() -> None:
    table = Table()
    table.add(math.inf)
    assert table.clock.timers == []


def test_what_is_added_by_one_that_was_late_has_its_turn() -> None:
    table = Table()
    table.on_late = lambda: len(table.late) < 5 and table.add(table.clock.now, len(table.late))
    table.add(1.0)
    table.clock.turn(1.0)
    assert table.late == [(1.0, token) for token in range(5)]


def test_after_stop_nothing_is_late() -> None:
    table = Table()
    table.add(1.0)
    table.timeouts.stop()
    table.clock.turn(5.0)
    assert (table.late, table.clock.waiting) == ([], 0)


@pytest.mark.parametrize("order", [1, -1])
def test_those_that_have_ended_are_not_kept_until_their_deadlines(order: int) -> None:
    table = Table()
    stays = table.add(1e9, -1)
    held = Held()
    for token in range(10 * 1024):
        pending = table.add(1e6 + order * token, token)
        pending.key = held.another()
        pending.completion = None
        del pending
    assert held.count <= 2 * 1024
    table.clock.turn(2e9)
    assert table.late == [(1e9, -1)]
    assert stays.completion is None
