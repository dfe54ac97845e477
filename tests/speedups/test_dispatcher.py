"""The dispatcher: starts entries on a transport that calls back, and takes what becomes of each, once."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from pynector._speedups.dispatcher import BURST, Dispatcher
from pynector._speedups.results import MISSING, ListResults
from pynector._speedups.scheduler import NEVER, Scheduler

TIMEOUT = 5.0


class Translated(Exception):
    """What is made of a failure."""


class Handle:
    """Counts how often it is cancelled, and may complete its request when it is."""

    def __init__(self, on_cancel: Callable[[], None] | None = None) -> None:
        self.cancelled = 0
        self.on_cancel = on_cancel

    def cancel(self) -> None:
        self.cancelled += 1
        if self.on_cancel is not None:
            self.on_cancel()


class Wire:
    """A dispatcher with a fake clock, over a transport whose requests are completed by hand."""

    def __init__(
        self,
        requests: list[Any],
        window: int,
        deadline: float = NEVER,
        stop_on_error: bool = False,
        on_submit: Callable[[int], Any] | None = None,
        source: Iterator[Any] | None = None,
        shared: dict[str, Any] | None = None,
    ) -> None:
        self.now = 0.0
        self.scheduler = Scheduler(window, deadline, stop_on_error)
        self.collected = ListResults(len(requests))
        self.on_submit = on_submit
        self.submitted: list[tuple[Any, Any, float, int]] = []
        self.in_flight: list[int] = []
        self.handles: dict[int, Handle] = {}
        self.notified = 0
        self.doubtful: list[Any] = []
        self.dispatcher = Dispatcher(
            self.scheduler,
            iter(requests) if source is None else source,
            self.collected,
            self.submit,
            lambda: self.now,
            {"shared": True} if shared is None else shared,
            TIMEOUT,
            self.timeout_of,
            self.translate,
            self.notify,
        )
        self.dispatcher.wake = self.dispatcher.run

    @property
    def results(self) -> list[Any]:
        return self.collected.results

    def submit(self, data: Any, options: Any, deadline: float, completion: Any, token: int) -> Any:
        assert completion is self.dispatcher
        index = self.dispatcher.index_of(token)
        self.submitted.append((data, options, deadline, index))
        if self.on_submit is not None:
            return self.on_submit(token)
        self.in_flight.append(token)
        self.handles[token] = Handle()
        return self.handles[token]

    def timeout_of(self, entry: tuple[Any, Any]) -> float:
        options = entry[1]
        self.doubtful.append(options)
        if "wrong" in options:
            raise ValueError(options["wrong"])
        return TIMEOUT

    def translate(self, error: BaseException, index: int, entry: Any, timeout: float) -> BaseException:
        translated = Translated(index, entry[0])
        translated.__cause__ = error
        return translated

    def notify(self) -> None:
        self.notified += 1

    def complete(self, position: int) -> None:
        token = self.in_flight.pop(position)
        self.dispatcher.succeed(token, self.dispatcher.index_of(token))


@given(st.integers(1, 60), st.integers(1, 9), st.data())
def test_keeps_the_window_full_in_any_order_of_answers(total: int, window: int, data: st.DataObject) -> None:
    wire = Wire([(n, {}) for n in range(total)], window)
    wire.dispatcher.run()
    while wire.in_flight:
        left = total - sum(1 for result in wire.results if isinstance(result, int))
        assert len(wire.in_flight) == min(window, left)
        assert not wire.notified
        wire.complete(data.draw(st.integers(0, len(wire.in_flight) - 1)))
    assert wire.results == list(range(total))
    assert [index for *_, index in wire.submitted] == list(range(total))
    assert wire.notified
    assert wire.scheduler.finished()
    assert wire.scheduler.slots <= window


def test_gives_each_entry_its_options_and_its_deadline() -> None:
    own = [{"timeout": 1.0}, {"timeout": 2, "more": 1}, {"more": 2}, {"timeout": None}, {"timeout": -1}, {"key": 3}]
    wire = Wire([("a", {}), *(("b", options) for options in own), ("c", {})], 8)
    wire.now = 100.0
    wire.dispatcher.run()
    assert wire.submitted == [
        ("a", {"shared": True}, 105.0, 0),
        ("b", {"shared": True}, 101.0, 1),
        ("b", {"shared": True, "more": 1}, 102.0, 2),
        ("b", {"shared": True, "more": 2}, 105.0, 3),
        ("b", {"shared": True}, 105.0, 4),
        ("b", {"shared": True}, 105.0, 5),
        ("b", {"shared": True}, 105.0, 6),
        ("c", {"shared": True}, 105.0, 7),
    ]
    assert own[1] == {"timeout": 2, "more": 1}
    assert wire.doubtful == [{"timeout": None}, {"timeout": -1}]


VALUE = st.sampled_from([1, 1.0, True, 2])
OWN = st.fixed_dictionaries({}, optional={"timeout": st.sampled_from([1, 2]), "key": VALUE, "a": VALUE, "b": VALUE})


@given(st.lists(OWN), st.sampled_from([{}, {"a": 1}]))
def test_options_like_those_before_are_taken_for_no_others(own: list[dict[str, Any]], shared: dict[str, Any]) -> None:
    given_before = [dict(options) for options in own]
    wire = Wire([("x", options) for options in own], len(own) + 1, shared=shared)
    wire.dispatcher.run()
    for options, (_, sent, deadline, _) in zip(own, wire.submitted, strict=True):
        wanted = {**shared, **options}
        wanted.pop("timeout", None)
        wanted.pop("key", None)
        assert [(name, repr(value)) for name, value in sorted(sent.items())] == [
            (name, repr(value)) for name, value in sorted(wanted.items())
        ]
        assert deadline == options.get("timeout", TIMEOUT)
    assert own == given_before


def test_an_entry_counts_from_its_own_start() -> None:
    wire = Wire([("a", {}), ("b", {})], 1)
    wire.dispatcher.run()
    wire.now = 50.0
    wire.complete(0)
    assert [deadline for _, _, deadline, _ in wire.submitted] == [5.0, 55.0]


def test_a_wrong_entry_fails_and_the_rest_go_on() -> None:
    wire = Wire([("a", {"timeout": None, "wrong": "this"}), ("b", {}), ("c", {"timeout": None, "wrong": "that"})], 1)
    wire.dispatcher.run()
    wire.complete(0)
    first, second, third = wire.results
    assert (str(first.__cause__), second, str(third.__cause__)) == ("this", 1, "that")
    assert (first.args, third.args) == ((0, "a"), (2, "c"))
    assert wire.notified


def test_a_submit_that_raises_fails_its_entry_and_the_rest_go_on() -> None:
    def submit(token: int) -> str:
        if wire.dispatcher.index_of(token) % 2:
            raise RuntimeError("bug")
        wire.in_flight.append(token)
        return "handle"

    wire = Wire([(n, {}) for n in range(6)], 1, on_submit=submit)
    wire.dispatcher.run()
    while wire.in_flight:
        wire.complete(0)
    assert wire.results[::2] == [0, 2, 4]
    assert [result.args[0] for result in wire.results[1::2]] == [1, 3, 5]
    assert wire.scheduler.finished()
    assert wire.notified


def test_starts_nothing_more_after_a_failure_that_stops() -> None:
    wire = Wire([(n, {}) for n in range(9)], 3, stop_on_error=True)
    wire.dispatcher.run()
    assert not wire.notified
    wire.dispatcher.fail(wire.in_flight[1], OSError())
    assert len(wire.submitted) == 3
    assert wire.notified
    assert wire.dispatcher.first_error is wire.results[1]


def test_starts_nothing_more_at_the_deadline() -> None:
    wire = Wire([(n, {}) for n in range(3)], 1, deadline=10.0)
    wire.dispatcher.run()
    wire.now = 10.0
    wire.complete(0)
    assert len(wire.submitted) == 1
    assert wire.notified


def test_what_is_stopped_tells_of_its_end_and_not_before() -> None:
    wire = Wire([(n, {}) for n in range(9)], 2)
    wire.dispatcher.run()
    wire.scheduler.stopped = True
    wire.complete(0)
    assert not wire.notified
    wire.complete(0)
    assert wire.notified == 1


def test_gives_the_loop_its_turn_after_a_burst() -> None:
    wire = Wire([(n, {}) for n in range(2 * BURST + 5)], 10**6)
    for starts in (BURST, 2 * BURST):
        wire.dispatcher.run()
        assert len(wire.submitted) == starts
        assert wire.notified == starts // BURST
    wire.dispatcher.run()
    assert len(wire.submitted) == 2 * BURST + 5
    assert wire.notified == 2


def test_no_entries_are_over_at_once() -> None:
    wire = Wire([], 1)
    wire.dispatcher.run()
    assert wire.notified
    assert wire.scheduler.finished()


def test_what_has_nothing_now_is_asked_again_when_it_is_run() -> None:
    wire = Wire([None] * 3, 2, source=iter([None, ("a", {}), None, ("b", {}), ("c", {})]))
    wire.dispatcher.run()
    assert not wire.submitted
    assert not wire.scheduler.finished()
    # Or whoever is told would run it at once, and go on so until there is something.
    assert not wire.notified
    wire.dispatcher.run()
    assert [data for data, *_ in wire.submitted] == ["a"]
    wire.dispatcher.run()
    assert [data for data, *_ in wire.submitted] == ["a", "b"]
    wire.complete(0)
    wire.complete(0)
    wire.complete(0)
    assert wire.results == [0, 1, 2]
    assert wire.scheduler.finished()


@pytest.mark.parametrize("window", [1, 10**6])
@pytest.mark.parametrize("outcome", ["answer", "error", "raise", "wrong options"])
def test_20_000_immediate_ends_do_not_deepen_the_stack(window: int, outcome: str) -> None:
    total = 20_000
    depths: set[int] = set()

    def submit(token: int) -> None:
        depths.add(depth())
        if outcome == "answer":
            wire.dispatcher.succeed(token, token)
        elif outcome == "error":
            wire.dispatcher.fail(token, OSError())
        else:
            raise OSError

    options = {"timeout": None, "wrong": "w"} if outcome == "wrong options" else {}
    wire = Wire([(n, options) for n in range(total)], window, on_submit=submit)
    while not wire.scheduler.finished():
        wire.dispatcher.run()
    assert MISSING not in wire.results
    assert wire.dispatcher.failures == (0 if outcome == "answer" else total)
    assert len(depths) == (0 if outcome == "wrong options" else 1)
    assert wire.scheduler.slots == 1


def depth() -> int:
    frame: Any = sys._getframe()
    count = 0
    while frame is not None:
        frame, count = frame.f_back, count + 1
    return count


# The completion


class Completing(RuleBasedStateMachine):
    """Completes any token any number of times, and abandons the batch at any moment."""

    @initialize(total=st.integers(0, 10), window=st.integers(1, 4))
    def begin(self, total: int, window: int) -> None:
        self.total, self.window = total, window
        self.wire = Wire([(n, {}) for n in range(total)], window)
        self.wire.dispatcher.wake = None
        self.tokens: list[int] = []
        self.settled: dict[int, Any] = {}
        self.first: Any = None
        self.abandoned = False

    @rule()
    def start(self) -> None:
        before = len(self.tokens)
        self.wire.dispatcher.run()
        self.tokens += self.wire.in_flight[before:]
        if not self.abandoned:
            flying = len(self.tokens) - len(self.settled)
            assert flying == min(self.window, self.total - len(self.settled))

    @rule(index=st.integers(0, 9), answer=st.integers(), failed=st.booleans())
    def end(self, index: int, answer: int, failed: bool) -> None:
        if index >= len(self.tokens):
            return
        token = self.tokens[index]
        if failed:
            self.wire.dispatcher.fail(token, OSError("it broke"))
        else:
            self.wire.dispatcher.succeed(token, answer)
        if index not in self.settled:
            self.settled[index] = self.wire.results[index]
            if failed:
                assert isinstance(self.settled[index].__cause__, OSError)
                self.first = self.first or self.settled[index]
            else:
                assert self.settled[index] == answer

    @precondition(lambda self: not self.abandoned)
    @rule()
    def abandon(self) -> None:
        flying = [index for index in range(len(self.tokens)) if index not in self.settled]
        self.wire.dispatcher.abandon(lambda handle: Translated(handle))
        self.abandoned = True
        for index in flying:
            self.settled[index] = self.wire.results[index]
            assert self.settled[index].args == (index, index)
        # They end at one moment, so that any of them may be the first.
        if self.first is None and flying:
            self.first = self.wire.dispatcher.first_error
            assert self.first in [self.settled[index] for index in flying]
        cancelled = [index for index, token in enumerate(self.tokens) if self.wire.handles[token].cancelled]
        assert cancelled == flying

    @invariant()
    def each_place_keeps_its_first_completion(self) -> None:
        for index, result in enumerate(self.wire.results):
            assert result is self.settled.get(index, MISSING)
        dispatcher, scheduler = self.wire.dispatcher, self.wire.scheduler
        assert dispatcher.failures == sum(isinstance(result, Translated) for result in self.settled.values())
        assert dispatcher.first_error is self.first
        assert scheduler.in_flight == len(self.tokens) - len(self.settled)
        assert scheduler.slots <= self.window
        assert all(handle.cancelled <= 1 for handle in self.wire.handles.values())


TestCompleting = Completing.TestCase


@pytest.mark.parametrize("token", [-1, 2, 3 << 24 | 1, 10**6])
def test_refuses_a_token_that_was_never_given(token: int) -> None:
    wire = Wire([(0, {}), (1, {})], 2)
    wire.dispatcher.run()
    assert wire.in_flight == [0, 1 << 24 | 1]
    with pytest.raises(ValueError, match=f"token {token} "):
        wire.dispatcher.succeed(token, b"")
    with pytest.raises(ValueError, match=f"token {token} "):
        wire.dispatcher.fail(token, OSError())
    assert (wire.scheduler.in_flight, wire.dispatcher.failures) == (2, 0)


def test_a_second_end_is_not_taken_for_that_of_the_next_entry_in_its_slot() -> None:
    wire = Wire([(0, {}), (1, {})], 1)
    wire.dispatcher.run()
    (first,) = wire.in_flight
    wire.complete(0)
    wire.dispatcher.succeed(first, "again")
    wire.dispatcher.fail(first, OSError())
    assert wire.results == [0, MISSING]
    wire.complete(0)
    assert wire.results == [0, 1]


def test_wakes_once_after_completions_until_it_is_run() -> None:
    wire = Wire([(n, {}) for n in range(6)], 3)
    woken: list[int] = []
    wire.dispatcher.run()
    wire.dispatcher.wake = lambda: woken.append(1)
    wire.dispatcher.succeed(wire.in_flight[0], b"")
    wire.dispatcher.fail(wire.in_flight[1], OSError())
    wire.dispatcher.succeed(wire.in_flight[0], b"again")
    assert (len(woken), len(wire.submitted)) == (1, 3)
    wire.dispatcher.resume()
    assert (len(woken), len(wire.submitted)) == (1, 5)
    wire.dispatcher.succeed(wire.in_flight[2], b"")
    assert (len(woken), len(wire.submitted)) == (2, 5)


@pytest.mark.parametrize("ended", [False, True])
def test_resumes_only_what_has_not_been_run_since_and_has_not_ended(ended: bool) -> None:
    wire = Wire([(n, {}) for n in range(3)], 1)
    wire.dispatcher.run()
    wire.dispatcher.wake = lambda: None
    wire.dispatcher.succeed(wire.in_flight[0], b"")
    if ended:
        wire.dispatcher.end()
    else:
        wire.dispatcher.run()
    told, begun = wire.notified, len(wire.submitted)
    wire.dispatcher.resume()
    assert (wire.notified, len(wire.submitted)) == (told, begun)


def test_takes_none_for_an_answer() -> None:
    wire = Wire([(0, {})], 1)
    wire.dispatcher.run()
    wire.dispatcher.succeed(wire.in_flight[0], None)
    wire.dispatcher.succeed(wire.in_flight[0], b"late")
    assert wire.results == [None]


def test_a_completion_out_of_cancel_is_ignored() -> None:
    wire = Wire([(0, {}), (1, {})], 1)
    wire.dispatcher.run()
    (token,) = wire.in_flight
    wire.handles[token].on_cancel = lambda: wire.dispatcher.succeed(token, "too late")
    reason = OSError("given up")
    wire.dispatcher.abandon(lambda handle: reason)
    assert wire.results[0].__cause__ is reason
    assert wire.results[1] is MISSING
    assert wire.dispatcher.failures == 1
    assert len(wire.submitted) == 1
