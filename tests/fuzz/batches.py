"""Batches: scheduler, collector, pump and deadlines together, whatever becomes of each entry, and in whatever order."""

from __future__ import annotations

from typing import Any

from .builds import BUILDS, Build
from .source import Source, flag

TOKENS = [bytes([code]) * count for code in range(8) for count in (1, 3)]

MOST = 12

# What `submit` does with an entry: starts it, ends it at once, in either way, raises, or both.
PLANS = (
    "start",
    "answer",
    "fail",
    "raise",
    "answer and raise",
    "answer with a handle",
    "start without a handle",
    "wrong",
    "answer on cancel",
)


class Handle:
    """What a request is given up by."""

    def __init__(self, world: World, token: int) -> None:
        self._world = world
        self._token = token
        self.cancelled = 0

    def cancel(self) -> None:
        self.cancelled += 1
        self._world.cancelled(self._token)


class Problem(Exception):
    """What the collector makes of a failure."""


class World:
    """A batch with a clock of its own, over a transport whose requests end when somebody says so.

    Args:
        build: Whose scheduler, collector and pump.
        plans: What becomes of each entry at first, by the numbers of PLANS.
        window: The most in flight.
        deadline: When the batch ends; math.inf for never.
        stop_on_error: Whether the first failure ends it.
    """

    def __init__(self, build: Build, plans: list[int], window: int, deadline: float, stop_on_error: bool) -> None:
        self.plans = [PLANS[plan] for plan in plans]
        self.total, self.window, self.deadline, self.stop_on_error = len(plans), window, deadline, stop_on_error
        self.now = 0.0
        self.scheduler = build.scheduler.Scheduler(self.total, window, deadline, stop_on_error)
        self.collector = build.collector.Collector(self.scheduler, self.translate)
        self.requests = [
            (token, {"own": 1} if token % 3 == 0 or plan == "wrong" else {}) for token, plan in enumerate(self.plans)
        ]
        self.pump = build.dispatcher.Pump(
            self.scheduler, self.collector, self.submit, self.clock, self.requests, {}, 5.0, self.entry, self.notify
        )
        self.collector.wake = self.pump.run
        self.slots = build.scheduler.Deadlines(max(1, self.total))
        self.armed: dict[int, float] = {}
        self.flying: dict[int, Handle] = {}
        self.ended: dict[int, Any] = {}
        self.given: list[int] = []
        self.failed = 0
        self.first: int | None = None
        self.notified = 0
        self.abandoned = False

    # What the pump calls

    def clock(self) -> float:
        return self.now

    def notify(self) -> None:
        self.notified += 1

    def translate(self, error: BaseException, token: int) -> BaseException:
        problem = Problem(token)
        problem.__cause__ = error
        return problem

    def given_up(self, token: int, handle: Any) -> BaseException:
        has_handle = token in self.flying and self.plans[token] != "start without a handle"
        assert handle is (self.flying[token] if has_handle else None)
        return Problem(token)

    def entry(self, index: int) -> tuple[Any, Any, float]:
        if self.plans[index] == "wrong":
            self._ends(index, failed=True)
            self.given.append(index)
            raise ValueError(index)
        return index, {"own": 1}, 2.0

    def submit(self, data: int, options: Any, deadline: float, completion: Any, token: int) -> Any:
        assert completion is self.collector
        assert data == token
        assert deadline == self.now + (2.0 if options else 5.0)
        assert self.now < self.deadline, "an entry started when the time was over"
        self.given.append(token)
        assert self.given == list(range(len(self.given))), "an entry was left out, or came twice"
        plan = self.plans[token]
        self.flying[token] = handle = Handle(self, token)
        assert len(self.flying) <= self.window, "more in flight than the window has room for"
        self.slots.arm(token, deadline)
        self.armed[token] = deadline
        if plan in ("fail", "answer", "answer and raise", "answer with a handle"):
            self.end(token, failed=plan == "fail")
        if "raise" in plan:
            if token not in self.ended:
                self._ends(token, failed=True)
            raise OSError(token)
        return None if plan in ("answer", "fail", "start without a handle") else handle

    def cancelled(self, token: int) -> None:
        assert token in self.flying, "what had ended was given up"
        del self.flying[token]
        if self.plans[token] == "answer on cancel":
            self.collector.succeed(token, "too late")

    # What may happen

    def run(self) -> None:
        """Have the driver start what may start."""
        self.pump.run()

    def passes(self, seconds: float) -> None:
        """Have time pass, and fail what is late."""
        self.now += seconds
        late = self.slots.overdue(self.now)
        assert late == sorted(token for token, deadline in self.armed.items() if deadline <= self.now)
        for token in late:
            # One that is given up keeps its deadline.
            del self.armed[token]
        for token in late:
            if token in self.flying:
                self.end(token, failed=True)

    def end(self, token: int, failed: bool) -> None:
        """Have a request end, perhaps one that has ended, or has not begun."""
        if not 0 <= token < self.scheduler.started:
            for end in (self.collector.succeed, self.collector.fail):
                try:
                    end(token, OSError())
                except ValueError:
                    continue
                raise AssertionError(f"the end of {token}, which has not begun, was taken")
            return
        self._ends(token, failed)
        if failed:
            self.collector.fail(token, OSError(token))
        else:
            self.collector.succeed(token, token)

    def _ends(self, token: int, failed: bool) -> None:
        self.flying.pop(token, None)
        if self.armed.pop(token, None) is not None:
            self.slots.arm(token, float("inf"))
        if token not in self.ended:
            self.ended[token] = failed
            self.failed += failed
            if failed and self.first is None:
                self.first = token

    def abandon(self) -> None:
        """End the batch."""
        before = dict(self.flying)
        for token in range(self.total):
            if token not in self.ended:
                self.ended[token] = True
                self.failed += 1
        self.collector.abandon(self.given_up)
        self.abandoned = True
        assert all(self.plans[token] == "start without a handle" for token in self.flying), "not all were given up"
        self.flying.clear()
        assert all(handle.cancelled <= 1 for handle in before.values())

    def check(self) -> None:
        """Raise if something does not hold that must at any time."""
        scheduler, collector = self.scheduler, self.collector
        assert scheduler.in_flight == len(self.flying) <= self.window
        assert scheduler.started == len(self.given)
        assert collector.failures == self.failed
        for token, handle in self.flying.items():
            assert collector.results[token] is (None if self.plans[token] == "start without a handle" else handle)
        for token, failed in self.ended.items():
            result = collector.results[token]
            if failed:
                assert isinstance(result, Problem), (token, result)
                assert result.args == (token,)
            else:
                assert result == token
        if self.first is None:
            assert collector.first_error is None
        else:
            assert collector.first_error.args == (self.first,)
            assert scheduler.stopped or not self.stop_on_error
        has_failed = self.stop_on_error and self.first is not None
        assert not scheduler.stopped or self.abandoned or has_failed or self.now >= self.deadline
        over = not self.flying and (scheduler.stopped or len(self.given) == self.total)
        assert scheduler.finished() is over
        # Whoever runs the batch waits for this; he looks himself when he has run it.
        assert self.notified or self.abandoned or not self.given or not (over or scheduler.stopped)


def check(source: Source) -> None:
    """Raise if something goes wrong in a batch, in either build."""
    plans = [source.number(len(PLANS) - 1) for _ in range(source.number(MOST))]
    window, deadline, stops = 1 + source.number(4), [float("inf"), 0.0, 3.0][source.number(2)], flag(source)
    worlds = [World(build, plans, window, deadline, stops) for build in BUILDS.values()]
    for _ in range(source.number(30)):
        kind, token, failed = source.number(5), source.number(MOST), flag(source)
        for world in worlds:
            if kind in (0, 1):
                world.end(token, failed)
            elif kind == 2:
                world.run()
            elif kind == 3:
                world.passes(token / 4)
            elif kind == 4 and not world.abandoned:
                world.abandon()
            world.check()
    for world in worlds:
        finish(world)


def finish(world: World) -> None:
    """Have all requests end, and raise unless the batch is over then, with each entry ended."""
    for _ in range(2 * world.total + 2):
        if world.scheduler.finished():
            break
        world.run()
        for token in list(world.flying):
            world.end(token, failed=False)
        world.check()
    assert world.scheduler.finished(), "the batch never ends"
    if not world.scheduler.stopped:
        assert world.collector.complete()
        assert len(world.ended) == world.total
