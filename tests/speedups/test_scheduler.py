"""The scheduler and the deadlines: what starts when, on a fake clock."""

from __future__ import annotations

import math
import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pynector._speedups.scheduler import LATER, NEVER, NOTHING, RESOLUTION, Deadlines, Scheduler

times = st.floats(0, 100, allow_nan=False)


class Scheduling(RuleBasedStateMachine):
    """Starts, postpones, holds and ends jobs in any order while the clock goes on."""

    @initialize(
        total=st.integers(0, 12),
        window=st.integers(1, 5),
        deadline=st.one_of(st.just(NEVER), times),
        stop_on_error=st.booleans(),
    )
    def begin(self, total: int, window: int, deadline: float, stop_on_error: bool) -> None:
        self.scheduler = Scheduler(window, deadline, stop_on_error)
        self.left, self.window, self.deadline, self.stop_on_error = total, window, deadline, stop_on_error
        self.now = 0.0
        self.started = 0
        self.taken: set[int] = set()
        self.timed: list[tuple[float, str]] = []
        self.line: list[str] = []
        self.held: tuple[float, str] | None = None
        self.made = 0
        self.most = 0
        self.stopped = self.exhausted = False

    def a_job(self) -> str:
        self.made += 1
        return f"{self.made:03}"

    @rule(seconds=st.floats(0, 30))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(window=st.integers(1, 8))
    def the_window_changes(self, window: int) -> None:
        self.scheduler.window = self.window = window

    @rule(has_one=st.booleans())
    def start(self, has_one: bool) -> None:
        slot = self.scheduler.next(self.now)
        if self.stopped or len(self.taken) >= self.window:
            assert slot == NOTHING
            return
        if self.now >= self.deadline:
            self.stopped = True
            assert slot == NOTHING
            return
        job = None
        if self.held is not None:
            if self.held[0] > self.now:
                assert slot == LATER
                return
            job, self.held = self.held[1], None
        elif self.line:
            job = self.line.pop(0)
        elif self.exhausted:
            assert slot == NOTHING
            return
        assert slot not in self.taken
        assert 0 <= slot <= self.most
        assert self.scheduler.job == job
        self.most = max(self.most, len(self.taken) + 1)
        if job is None:
            if not self.left or not has_one:
                self.exhausted = not self.left
                self.scheduler.return_slot(slot, self.exhausted)
                return
            self.left -= 1
            self.started += 1
        self.taken.add(slot)

    def one_taken(self, data: st.DataObject) -> int:
        slot = data.draw(st.sampled_from(sorted(self.taken)))
        self.taken.remove(slot)
        return slot

    @precondition(lambda self: self.taken)
    @rule(failed=st.booleans(), data=st.data())
    def end(self, failed: bool, data: st.DataObject) -> None:
        self.scheduler.finish(self.one_taken(data), failed)
        self.stopped |= failed and self.stop_on_error

    @precondition(lambda self: self.taken)
    @rule(failed=st.booleans(), data=st.data())
    def end_after_its_slot(self, failed: bool, data: st.DataObject) -> None:
        self.scheduler.release(self.one_taken(data))
        self.scheduler.ended(failed)
        self.stopped |= failed and self.stop_on_error

    @precondition(lambda self: self.taken)
    @rule(wait=st.floats(0, 20), data=st.data())
    def postpone(self, wait: float, data: st.DataObject) -> None:
        self.scheduler.release(self.one_taken(data))
        job = self.a_job()
        self.scheduler.postpone(job, self.now + wait)
        self.timed.append((self.now + wait, job))

    @rule()
    def take_what_is_due(self) -> None:
        due = min(self.timed, default=(NEVER, ""))
        job = self.scheduler.due(self.now)
        assert job == (due[1] if due[0] <= self.now else None)
        if job is not None:
            self.timed.remove(due)
            self.scheduler.line_up(job)
            self.line.append(job)

    @precondition(lambda self: self.taken and self.held is None)
    @rule(wait=st.one_of(st.just(NEVER), st.floats(0, 20)), data=st.data())
    def hold(self, wait: float, data: st.DataObject) -> None:
        self.scheduler.release(self.one_taken(data))
        self.held = self.now + wait, self.a_job()
        self.scheduler.hold(self.held[1], self.held[0])

    @rule(drop=st.booleans())
    def hold_no_more(self, drop: bool) -> None:
        assert self.scheduler.drop("another") is False
        if self.held is not None and drop:
            assert self.scheduler.drop(self.held[1]) is True
            self.held = None
        elif self.held is not None:
            self.scheduler.unhold()
            self.held = -NEVER, self.held[1]

    @precondition(lambda self: not self.taken)
    @rule(failed=st.booleans())
    def end_what_did_not_start(self, failed: bool) -> None:
        with pytest.raises(ValueError, match="had not started"):
            self.scheduler.finish(0, failed)

    @invariant()
    def counts_agree(self) -> None:
        scheduler = self.scheduler
        assert scheduler.started == self.started
        assert scheduler.in_flight == len(self.taken)
        assert scheduler.slots == self.most
        assert (scheduler.stopped, scheduler.exhausted) == (self.stopped, self.exhausted)
        waits = self.held is not None or bool(self.line)
        assert scheduler.finished() is (not self.taken and (self.stopped or (self.exhausted and not waits)))
        times = [when for when, _ in self.timed] + ([self.held[0]] if self.held is not None else [])
        assert scheduler.when() == min(times, default=NEVER)


TestScheduling = Scheduling.TestCase


def test_starts_nothing_at_the_deadline() -> None:
    scheduler = Scheduler(3, deadline=5.0)
    assert scheduler.next(math.nextafter(5.0, 0)) == 0
    assert scheduler.next(5.0) == NOTHING
    assert scheduler.stopped
    assert not scheduler.finished()
    scheduler.finish(0, False)
    assert scheduler.finished()


def test_stops_at_the_first_failure() -> None:
    scheduler = Scheduler(1, stop_on_error=True)
    scheduler.finish(scheduler.next(0.0), True)
    assert scheduler.next(0.0) == NOTHING
    assert scheduler.finished()


def test_goes_on_after_a_failure_that_does_not_stop() -> None:
    scheduler = Scheduler(1)
    scheduler.finish(scheduler.next(0.0), True)
    assert scheduler.next(0.0) == 0


def test_of_two_jobs_for_the_same_time_the_first_goes_first() -> None:
    scheduler = Scheduler(2)
    scheduler.postpone({"first": 1}, 7.0)
    scheduler.postpone({"second": 1}, 7.0)
    assert [scheduler.due(7.0), scheduler.due(7.0), scheduler.due(7.0)] == [{"first": 1}, {"second": 1}, None]


@pytest.mark.parametrize("window", [0, -1])
def test_refuses_a_window_that_makes_no_sense(window: int) -> None:
    with pytest.raises(ValueError, match="window"):
        Scheduler(window)


class Arming(RuleBasedStateMachine):
    """Arms and clears slots, and looks whenever it is due."""

    SLOTS = 4

    def __init__(self) -> None:
        super().__init__()
        self.deadlines = Deadlines()
        self.table = [NEVER] * self.SLOTS
        self.now = 0.0
        self.looked = -NEVER

    @rule(slot=st.integers(0, SLOTS - 1), after=st.one_of(st.just(NEVER), st.floats(0, 10)))
    def arm(self, slot: int, after: float) -> None:
        before, deadline = self.deadlines.due, self.now + after
        earlier = self.deadlines.arm(slot, deadline)
        self.table[slot] = deadline
        assert earlier is (deadline < before)
        assert self.deadlines.due == min(before, deadline)

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
        assert self.deadlines.due > self.now

    @invariant()
    def no_deadline_is_missed(self) -> None:
        assert self.deadlines.due <= max(min(self.table), self.looked + RESOLUTION)


TestArming = Arming.TestCase


@given(st.lists(st.floats(0.01, 10), min_size=1, max_size=30))
def test_each_deadline_is_found_once(deadlines: list[float]) -> None:
    table = Deadlines()
    for slot, deadline in enumerate(deadlines):
        table.arm(slot, deadline)
    found: dict[int, float] = {}
    while table.due != NEVER:
        now = table.due
        for slot in table.overdue(now):
            assert slot not in found
            found[slot] = now
    assert len(found) == len(deadlines)
    for slot, deadline in enumerate(deadlines):
        assert deadline <= found[slot] <= deadline + RESOLUTION


def test_a_deadline_in_the_past_is_found_at_the_next_look() -> None:
    deadlines = Deadlines()
    assert deadlines.arm(1, -5.0) is True
    assert deadlines.overdue(0.0) == [1]
    assert deadlines.overdue(1.0) == []


def test_no_slots_are_never_due() -> None:
    deadlines = Deadlines()
    assert deadlines.due == NEVER
    assert deadlines.overdue(1.0) == []


class Job:
    is_over = False


def test_jobs_that_end_before_their_time_are_not_kept() -> None:
    scheduler = Scheduler(1)
    waiting = [Job() for _ in range(100)]
    for job in waiting:
        scheduler.postpone(job, 1000.0)
    ended = []
    for _ in range(5000):
        job = Job()
        scheduler.postpone(job, 2000.0)
        job.is_over = True
        ended.append(weakref.ref(job))
    del job
    assert sum(reference() is not None for reference in ended) <= 2 * len(waiting) + 64
    assert all(scheduler.due(1000.0) is job for job in waiting)
