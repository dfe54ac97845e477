"""The scheduler and the deadlines: what starts when, on a fake clock."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pynector._speedups.scheduler import NEVER, NOTHING, RESOLUTION, Deadlines, Scheduler

times = st.floats(0, 100, allow_nan=False)


class Scheduling(RuleBasedStateMachine):
    """Starts and ends entries in any order while the clock goes on."""

    @initialize(
        total=st.integers(0, 12),
        window=st.integers(1, 5),
        deadline=st.one_of(st.just(NEVER), times),
        stop_on_error=st.booleans(),
    )
    def begin(self, total: int, window: int, deadline: float, stop_on_error: bool) -> None:
        self.scheduler = Scheduler(total, window, deadline, stop_on_error)
        self.total, self.window, self.deadline, self.stop_on_error = total, window, deadline, stop_on_error
        self.now = 0.0
        self.started: list[int] = []
        self.in_flight = 0
        self.stopped = False

    @rule(seconds=st.floats(0, 30))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def start(self) -> None:
        index = self.scheduler.next(self.now)
        may_start = not self.stopped and self.in_flight < self.window and len(self.started) < self.total
        if may_start and self.now >= self.deadline:
            self.stopped, may_start = True, False
        assert (index != NOTHING) is may_start
        if may_start:
            self.started.append(index)
            self.in_flight += 1

    @precondition(lambda self: self.in_flight)
    @rule(failed=st.booleans())
    def end(self, failed: bool) -> None:
        self.scheduler.finish(failed)
        self.in_flight -= 1
        self.stopped |= failed and self.stop_on_error

    @precondition(lambda self: not self.in_flight)
    @rule(failed=st.booleans())
    def end_what_did_not_start(self, failed: bool) -> None:
        with pytest.raises(ValueError, match="had not started"):
            self.scheduler.finish(failed)

    @invariant()
    def counts_agree(self) -> None:
        scheduler = self.scheduler
        assert self.started == list(range(len(self.started)))
        assert scheduler.started == len(self.started)
        assert 0 <= scheduler.in_flight == self.in_flight <= self.window
        assert scheduler.stopped is self.stopped
        over = not self.in_flight and (self.stopped or len(self.started) == self.total)
        assert scheduler.finished() is over


TestScheduling = Scheduling.TestCase


@given(st.integers(1, 200), st.integers(1, 20))
def test_starts_every_entry_once_and_in_order(total: int, window: int) -> None:
    scheduler = Scheduler(total, window)
    seen = []
    while not scheduler.finished():
        index = scheduler.next(0.0)
        if index == NOTHING:
            scheduler.finish(False)
        else:
            seen.append(index)
    assert seen == list(range(total))


def test_starts_nothing_at_the_deadline() -> None:
    scheduler = Scheduler(3, 3, deadline=5.0)
    assert scheduler.next(math.nextafter(5.0, 0)) == 0
    assert scheduler.next(5.0) == NOTHING
    assert scheduler.stopped
    assert not scheduler.finished()
    scheduler.finish(False)
    assert scheduler.finished()


def test_stops_at_the_first_failure() -> None:
    scheduler = Scheduler(3, 1, stop_on_error=True)
    scheduler.next(0.0)
    scheduler.finish(True)
    assert scheduler.next(0.0) == NOTHING
    assert scheduler.finished()


def test_goes_on_after_a_failure_that_does_not_stop() -> None:
    scheduler = Scheduler(2, 1)
    scheduler.next(0.0)
    scheduler.finish(True)
    assert scheduler.next(0.0) == 1


@pytest.mark.parametrize(("total", "window"), [(-1, 1), (1, 0), (1, -1), (0, 0)])
def test_refuses_sizes_that_make_no_sense(total: int, window: int) -> None:
    with pytest.raises(ValueError, match="total"):
        Scheduler(total, window)


class Alarms(RuleBasedStateMachine):
    """Arms and clears slots; the alarm is looked at whenever it is due."""

    SLOTS = 4

    def __init__(self) -> None:
        super().__init__()
        self.deadlines = Deadlines(self.SLOTS)
        self.table = [NEVER] * self.SLOTS
        self.now = 0.0
        self.looked = -NEVER

    @rule(slot=st.integers(0, SLOTS - 1), after=st.one_of(st.just(NEVER), st.floats(0, 10)))
    def arm(self, slot: int, after: float) -> None:
        before, deadline = self.deadlines.alarm, self.now + after
        earlier = self.deadlines.arm(slot, deadline)
        self.table[slot] = deadline
        assert earlier is (deadline < before)
        assert self.deadlines.alarm == min(before, deadline)

    @rule(slot=st.integers(0, SLOTS - 1))
    def clear(self, slot: int) -> None:
        assert self.deadlines.arm(slot, NEVER) is False
        self.table[slot] = NEVER

    @rule(seconds=st.one_of(st.floats(0, RESOLUTION), st.floats(0, 10)))
    def look(self, seconds: float) -> None:
        self.now += seconds
        late = [slot for slot, deadline in enumerate(self.table) if deadline <= self.now]
        assert self.deadlines.overdue(self.now) == late
        for slot in late:
            self.table[slot] = NEVER
        self.looked = self.now
        assert self.deadlines.alarm > self.now

    @invariant()
    def no_deadline_is_missed(self) -> None:
        assert self.deadlines.alarm <= max(min(self.table), self.looked + RESOLUTION)


TestAlarms = Alarms.TestCase


@given(st.lists(st.floats(0.01, 10), min_size=1, max_size=30))
def test_each_deadline_is_found_once(deadlines: list[float]) -> None:
    table = Deadlines(len(deadlines))
    for slot, deadline in enumerate(deadlines):
        table.arm(slot, deadline)
    found: dict[int, float] = {}
    while table.alarm != NEVER:
        now = table.alarm
        for slot in table.overdue(now):
            assert slot not in found
            found[slot] = now
    assert len(found) == len(deadlines)
    for slot, deadline in enumerate(deadlines):
        assert deadline <= found[slot] <= deadline + RESOLUTION


def test_a_deadline_in_the_past_is_found_at_the_next_look() -> None:
    deadlines = Deadlines(2)
    assert deadlines.arm(1, -5.0) is True
    assert deadlines.overdue(0.0) == [1]
    assert deadlines.overdue(1.0) == []


def test_no_slots_have_no_alarm() -> None:
    deadlines = Deadlines(0)
    assert deadlines.alarm == NEVER
    assert deadlines.overdue(1.0) == []
