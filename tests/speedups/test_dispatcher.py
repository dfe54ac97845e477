"""The pump: starts entries on a transport that calls back."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pynector._speedups.collector import Collector
from pynector._speedups.dispatcher import BURST, Pump
from pynector._speedups.scheduler import NEVER, Scheduler

TIMEOUT = 5.0


class Wire:
    """A pump with a fake clock, over a transport whose requests are completed by hand."""

    def __init__(
        self,
        requests: list[Any],
        window: int,
        deadline: float = NEVER,
        stop_on_error: bool = False,
        on_submit: Callable[[int], Any] | None = None,
    ) -> None:
        self.requests = requests
        self.now = 0.0
        self.scheduler = Scheduler(len(requests), window, deadline, stop_on_error)
        self.collector = Collector(self.scheduler, lambda error, token: error)
        self.on_submit = on_submit
        self.submitted: list[tuple[Any, Any, float, int]] = []
        self.in_flight: list[int] = []
        self.notified = 0
        self.pump = Pump(
            self.scheduler,
            self.collector,
            self.submit,
            lambda: self.now,
            requests,
            {"shared": True},
            TIMEOUT,
            self.entry,
            self.notify,
        )
        self.collector.wake = self.pump.run

    def submit(self, data: Any, options: Any, deadline: float, completion: Any, token: int) -> Any:
        assert completion is self.collector
        self.submitted.append((data, options, deadline, token))
        if self.on_submit is not None:
            return self.on_submit(token)
        self.in_flight.append(token)
        return f"handle {token}"

    def entry(self, index: int) -> tuple[Any, Any, float]:
        data, options = self.requests[index]
        if "wrong" in options:
            raise ValueError(options["wrong"])
        return data, {"shared": True, **options}, options.get("own", TIMEOUT)

    def notify(self) -> None:
        self.notified += 1

    def complete(self, position: int) -> None:
        token = self.in_flight.pop(position)
        self.collector.succeed(token, token)


@given(st.integers(1, 60), st.integers(1, 9), st.data())
def test_keeps_the_window_full_in_any_order_of_answers(total: int, window: int, data: st.DataObject) -> None:
    wire = Wire([(n, {}) for n in range(total)], window)
    wire.pump.run()
    while wire.in_flight:
        left = total - sum(1 for result in wire.collector.results if isinstance(result, int))
        assert len(wire.in_flight) == min(window, left)
        assert not wire.notified
        wire.complete(data.draw(st.integers(0, len(wire.in_flight) - 1)))
    assert wire.collector.results == list(range(total))
    assert [token for *_, token in wire.submitted] == list(range(total))
    assert wire.notified
    assert wire.scheduler.finished()


def test_gives_each_entry_its_options_and_its_deadline() -> None:
    wire = Wire([("a", {}), ("b", {"own": 1.0}), ("c", {})], 3)
    wire.now = 100.0
    wire.pump.run()
    assert wire.submitted == [
        ("a", {"shared": True}, 105.0, 0),
        ("b", {"shared": True, "own": 1.0}, 101.0, 1),
        ("c", {"shared": True}, 105.0, 2),
    ]


def test_an_entry_counts_from_its_own_start() -> None:
    wire = Wire([("a", {}), ("b", {})], 1)
    wire.pump.run()
    wire.now = 50.0
    wire.complete(0)
    assert [deadline for _, _, deadline, _ in wire.submitted] == [5.0, 55.0]


def test_a_wrong_entry_fails_and_the_rest_go_on() -> None:
    wire = Wire([("a", {"wrong": "this"}), ("b", {}), ("c", {"wrong": "that"})], 1)
    wire.pump.run()
    wire.complete(0)
    first, second, third = wire.collector.results
    assert (str(first), second, str(third)) == ("this", 1, "that")
    assert wire.notified


def test_a_submit_that_raises_fails_its_entry_and_the_rest_go_on() -> None:
    def submit(token: int) -> str:
        if token % 2:
            raise RuntimeError(f"bug {token}")
        wire.in_flight.append(token)
        return "handle"

    wire = Wire([(n, {}) for n in range(6)], 1, on_submit=submit)
    wire.pump.run()
    while wire.in_flight:
        wire.complete(0)
    results = wire.collector.results
    assert results[::2] == [0, 2, 4]
    assert [str(result) for result in results[1::2]] == ["bug 1", "bug 3", "bug 5"]
    assert wire.scheduler.finished()
    assert wire.notified


def test_keeps_the_handle_until_the_answer_comes() -> None:
    wire = Wire([("a", {}), ("b", {})], 2)
    wire.pump.run()
    assert wire.collector.results == ["handle 0", "handle 1"]
    wire.complete(1)
    assert wire.collector.results == ["handle 0", 1]


def test_starts_nothing_more_after_a_failure_that_stops() -> None:
    wire = Wire([(n, {}) for n in range(9)], 3, stop_on_error=True)
    wire.pump.run()
    assert not wire.notified
    wire.collector.fail(1, OSError())
    assert len(wire.submitted) == 3
    assert wire.notified


def test_starts_nothing_more_at_the_deadline() -> None:
    wire = Wire([(n, {}) for n in range(3)], 1, deadline=10.0)
    wire.pump.run()
    wire.now = 10.0
    wire.complete(0)
    assert len(wire.submitted) == 1
    assert wire.notified


def test_gives_the_loop_its_turn_after_a_burst() -> None:
    wire = Wire([(n, {}) for n in range(2 * BURST + 5)], 10**6)
    for starts in (BURST, 2 * BURST):
        wire.pump.run()
        assert len(wire.submitted) == starts
        assert wire.notified == starts // BURST
    wire.pump.run()
    assert len(wire.submitted) == 2 * BURST + 5
    assert wire.notified == 2


def test_no_entries_are_over_at_once() -> None:
    wire = Wire([], 1)
    wire.pump.run()
    assert wire.notified


@pytest.mark.parametrize("window", [1, 10**6])
@pytest.mark.parametrize("outcome", ["answer", "error", "raise", "wrong options"])
def test_100_000_immediate_ends_do_not_deepen_the_stack(window: int, outcome: str) -> None:
    total = 100_000
    depths: set[int] = set()

    def submit(token: int) -> None:
        depths.add(depth())
        if outcome == "answer":
            wire.collector.succeed(token, token)
        elif outcome == "error":
            wire.collector.fail(token, OSError())
        else:
            raise OSError

    options = {"wrong": "w"} if outcome == "wrong options" else {}
    wire = Wire([(n, options) for n in range(total)], window, on_submit=submit)
    while not wire.scheduler.finished():
        wire.pump.run()
    assert wire.collector.complete()
    assert wire.collector.failures == (0 if outcome == "answer" else total)
    assert len(depths) == (0 if outcome == "wrong options" else 1)


def depth() -> int:
    frame: Any = sys._getframe()
    count = 0
    while frame is not None:
        frame, count = frame.f_back, count + 1
    return count
