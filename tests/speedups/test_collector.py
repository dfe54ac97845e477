"""The collector: each answer in its place, once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pynector._speedups.collector import Collector
from pynector._speedups.scheduler import Scheduler


class Translated(Exception):
    """What the collector makes of a failure."""


class Given:
    """A handle that counts how often it is cancelled, and may complete its request when it is."""

    def __init__(self, on_cancel: Callable[[], None] | None = None) -> None:
        self.cancelled = 0
        self.on_cancel = on_cancel

    def cancel(self) -> None:
        self.cancelled += 1
        if self.on_cancel is not None:
            self.on_cancel()


def translate(error: BaseException, token: int) -> BaseException:
    translated = Translated(token)
    translated.__cause__ = error
    return translated


def given_up(token: int, handle: Any) -> BaseException:
    return Translated(token)


def collecting(total: int, started: int | None = None, **kwargs: Any) -> tuple[Scheduler, Collector]:
    scheduler = Scheduler(total, max(total, 1), **kwargs)
    for _ in range(total if started is None else started):
        scheduler.next(0.0)
    return scheduler, Collector(scheduler, translate)


class Collecting(RuleBasedStateMachine):
    """Completes any token any number of times, and abandons the batch at any moment."""

    @initialize(total=st.integers(0, 10))
    def begin(self, total: int) -> None:
        self.scheduler, self.collector = collecting(total, started=0)
        self.total = total
        self.settled: dict[int, Any] = {}
        self.handles: dict[int, Given] = {}
        self.failures = 0
        self.first: Any = None
        self.abandoned = False

    @rule()
    def start(self) -> None:
        may_start = not self.abandoned and len(self.handles) < self.total
        index = self.scheduler.next(0.0)
        assert (index >= 0) is may_start
        if index >= 0:
            self.handles[index] = Given()
            self.collector.attach(index, self.handles[index])

    @rule(token=st.integers(0, 9), answer=st.integers())
    def succeed(self, token: int, answer: int) -> None:
        if token >= self.scheduler.started:
            with pytest.raises(ValueError, match=f"token {token}"):
                self.collector.succeed(token, answer)
            return
        self.collector.succeed(token, answer)
        self.settled.setdefault(token, answer)

    @rule(token=st.integers(0, 9))
    def fail(self, token: int) -> None:
        error = OSError("it broke")
        if token >= self.scheduler.started:
            with pytest.raises(ValueError, match=f"token {token}"):
                self.collector.fail(token, error)
            return
        self.collector.fail(token, error)
        if token not in self.settled:
            problem = self.collector.results[token]
            assert (type(problem), problem.args, problem.__cause__) == (Translated, (token,), error)
            self.settled[token] = problem
            self.failures += 1
            self.first = self.first or problem

    @rule(token=st.integers(0, 9))
    def attach_too_late(self, token: int) -> None:
        if token in self.settled:
            self.collector.attach(token, Given())

    @precondition(lambda self: not self.abandoned)
    @rule()
    def abandon(self) -> None:
        in_flight = [token for token in self.handles if token not in self.settled]
        self.collector.abandon(given_up)
        self.abandoned = True
        for token in range(self.total):
            if token not in self.settled:
                assert self.collector.results[token].args == (token,)
                self.settled[token] = self.collector.results[token]
                self.failures += 1
        assert [token for token, handle in self.handles.items() if handle.cancelled] == in_flight

    @invariant()
    def each_place_keeps_its_first_completion(self) -> None:
        collector, scheduler = self.collector, self.scheduler
        for token in range(self.total):
            assert collector.results[token] is self.settled.get(token, self.handles.get(token))
        assert collector.failures == self.failures
        assert collector.first_error is self.first
        assert scheduler.in_flight == scheduler.started - sum(token < scheduler.started for token in self.settled)
        assert all(handle.cancelled <= 1 for handle in self.handles.values())
        assert collector.complete() is (scheduler.started == self.total == len(self.settled))


TestCollecting = Collecting.TestCase


@pytest.mark.parametrize("token", [-1, 2, 3, 10**6])
def test_refuses_a_token_that_is_not_in_flight(token: int) -> None:
    scheduler, collector = collecting(3, started=2)
    with pytest.raises(ValueError, match=f"token {token} "):
        collector.succeed(token, b"")
    with pytest.raises(ValueError, match=f"token {token} "):
        collector.fail(token, OSError())
    assert (scheduler.in_flight, collector.failures) == (2, 0)


def test_wakes_after_each_completion() -> None:
    _, collector = collecting(3)
    woken: list[int] = []
    collector.wake = lambda: woken.append(1)
    collector.succeed(0, b"")
    collector.fail(1, OSError())
    assert len(woken) == 2
    collector.succeed(0, b"again")
    collector.fail(1, OSError())
    assert len(woken) == 2


def test_does_not_wake_whom_it_keeps_busy() -> None:
    _, collector = collecting(2)
    woken: list[int] = []
    collector.wake = lambda: woken.append(1)
    collector.busy = True
    collector.succeed(0, b"")
    collector.fail(1, OSError())
    assert not woken


def test_needs_nobody_to_wake() -> None:
    _, collector = collecting(2)
    collector.succeed(0, b"a")
    collector.fail(1, OSError())
    assert collector.complete()


def test_takes_none_for_an_answer() -> None:
    _, collector = collecting(1)
    collector.succeed(0, None)
    collector.succeed(0, b"late")
    assert collector.results == [None]
    assert collector.complete()


def test_abandoning_cancels_what_is_in_flight_only() -> None:
    scheduler, collector = collecting(4, started=3)
    done, flying = Given(), Given()
    collector.attach(0, done)
    collector.attach(1, flying)
    collector.succeed(0, b"a")
    collector.abandon(given_up)
    assert (done.cancelled, flying.cancelled) == (0, 1)
    assert collector.results[0] == b"a"
    assert [result.args for result in collector.results[1:]] == [(1,), (2,), (3,)]
    assert (scheduler.in_flight, scheduler.stopped, collector.failures) == (0, True, 3)


def test_a_completion_out_of_cancel_is_ignored() -> None:
    _, collector = collecting(1)
    collector.attach(0, Given(lambda: collector.fail(0, OSError("cancelled"))))
    collector.abandon(given_up)
    assert collector.results[0].__cause__ is None
    assert collector.failures == 1


def test_a_failure_stops_the_batch_if_asked_to() -> None:
    scheduler, collector = collecting(3, started=2, stop_on_error=True)
    collector.fail(1, OSError())
    assert scheduler.stopped
    assert collector.first_error is collector.results[1]
