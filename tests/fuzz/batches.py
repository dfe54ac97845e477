"""Batches: scheduler, dispatcher and deadlines together, whatever becomes of each entry, and in whatever order."""

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


# Options of entries: the first have the timeout of all, the others 2 seconds; the last needs a closer look.
OWN: list[dict[str, Any]] = [{}, {"own": 1, "timeout": 2.0}, {}, {"own": 1, "timeout": None}]


class Handle:
    """What a request is given up by."""

    def __init__(self, world: World, index: int) -> None:
        self._world = world
        self._index = index
        self.cancelled = 0

    def cancel(self) -> None:
        self.cancelled += 1
        self._world.cancelled(self._index)


class Problem(Exception):
    """What is made of a failure."""


class World:
    """A batch with a clock of its own, over a transport whose requests end when somebody says so.

    Args:
        build: Whose scheduler and dispatcher.
        plans: What becomes of each entry at first, by the numbers of PLANS.
        window: The most in flight.
        deadline: When the batch ends; math.inf for never.
        stop_on_error: Whether the first failure ends it.
    """

    def __init__(self, build: Build, plans: list[int], window: int, deadline: float, stop_on_error: bool) -> None:
        self.plans = [PLANS[plan] for plan in plans]
        self.total, self.window, self.deadline, self.stop_on_error = len(plans), window, deadline, stop_on_error
        self.now = 0.0
        self.scheduler = build.scheduler.Scheduler(window, deadline, stop_on_error)
        self.missing = build.results.MISSING
        self.requests = [
            (index, OWN[index % 4] if plan != "wrong" else {"timeout": -1}) for index, plan in enumerate(self.plans)
        ]
        self.collected = build.results.ListResults(self.total)
        self.dispatcher = build.dispatcher.Dispatcher(
            self.scheduler,
            iter(self.requests),
            self.collected,
            self.submit,
            self.clock,
            {},
            5.0,
            self.timeout_of,
            self.translate,
            self.notify,
        )
        self.dispatcher.wake = self.dispatcher.run
        self.slots = build.scheduler.Deadlines()
        self.tokens: dict[int, int] = {}
        self.armed: dict[int, float] = {}
        self.flying: dict[int, Handle] = {}
        self.ended: dict[int, Any] = {}
        self.given: list[int] = []
        self.failed = 0
        self.first: int | None = None
        self.notified = 0
        self.abandoned = False

    # What the dispatcher calls

    def clock(self) -> float:
        return self.now

    def notify(self) -> None:
        self.notified += 1

    def translate(self, error: BaseException, index: int, entry: Any, timeout: float) -> BaseException:
        assert entry is self.requests[index]
        problem = Problem(index)
        problem.__cause__ = error
        return problem

    def given_up(self, handle: Any) -> BaseException:
        return Problem(handle)

    def timeout_of(self, entry: tuple[int, Any]) -> float:
        index = entry[0]
        if self.plans[index] == "wrong":
            self._ends(index, failed=True)
            self.given.append(index)
            raise ValueError(index)
        return 2.0

    def submit(self, data: int, options: Any, deadline: float, completion: Any, token: int) -> Any:
        assert completion is self.dispatcher
        assert self.dispatcher.index_of(token) == data
        assert token not in self.tokens.values(), "a token came twice"
        self.tokens[data] = token
        assert deadline == self.now + (2.0 if options else 5.0)
        assert self.now < self.deadline, "an entry started when the time was over"
        self.given.append(data)
        assert self.given == list(range(len(self.given))), "an entry was left out, or came twice"
        plan = self.plans[data]
        self.flying[data] = handle = Handle(self, data)
        assert len(self.flying) <= self.window, "more in flight than the window has room for"
        self.slots.arm(data, deadline)
        self.armed[data] = deadline
        if plan in ("fail", "answer", "answer and raise", "answer with a handle"):
            self.end(data, failed=plan == "fail")
        if "raise" in plan:
            if data not in self.ended:
                self._ends(data, failed=True)
            raise OSError(data)
        return None if plan in ("answer", "fail", "start without a handle") else handle

    def cancelled(self, index: int) -> None:
        assert index in self.flying, "what had ended was given up"
        del self.flying[index]
        if self.plans[index] == "answer on cancel":
            self.dispatcher.succeed(self.tokens[index], "too late")

    # What may happen

    def run(self) -> None:
        """Have the driver start what may start."""
        self.dispatcher.run()

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

    def end(self, index: int, failed: bool) -> None:
        """Have a request end, perhaps one that has ended; one that has not begun has no token."""
        if index not in self.tokens:
            for end in (self.dispatcher.succeed, self.dispatcher.fail):
                try:
                    end((self.total + 1) << 24 | index, OSError())
                except ValueError:
                    continue
                raise AssertionError("the end of what has not begun was taken")
            return
        self._ends(index, failed)
        if failed:
            self.dispatcher.fail(self.tokens[index], OSError(index))
        else:
            self.dispatcher.succeed(self.tokens[index], index)

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
        for index in before:
            self.ended[index] = True
            self.failed += 1
            if self.first is None:
                self.first = index
        self.dispatcher.abandon(self.given_up)
        self.abandoned = True
        assert all(self.plans[index] == "start without a handle" for index in self.flying), "not all were given up"
        self.flying.clear()
        assert all(handle.cancelled <= 1 for handle in before.values())

    def check(self) -> None:
        """Raise if something does not hold that must at any time."""
        scheduler, dispatcher, results = self.scheduler, self.dispatcher, self.collected.results
        assert scheduler.in_flight == len(self.flying) <= self.window
        assert scheduler.slots <= self.window
        assert scheduler.started == len(self.given)
        assert dispatcher.failures == self.failed
        for index in range(self.total):
            if index not in self.ended:
                assert results[index] is self.missing
        for index, failed in self.ended.items():
            if failed:
                assert isinstance(results[index], Problem), (index, results[index])
                assert results[index].args == (index,)
            else:
                assert results[index] == index
        if self.first is None:
            assert dispatcher.first_error is None
        else:
            assert dispatcher.first_error.args == (self.first,)
            assert scheduler.stopped or not self.stop_on_error
        has_failed = self.stop_on_error and self.first is not None
        assert not scheduler.stopped or self.abandoned or has_failed or self.now >= self.deadline
        over = not self.flying and (scheduler.stopped or scheduler.exhausted)
        assert not scheduler.exhausted or len(self.given) == self.total
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
        assert len(world.ended) == world.total
