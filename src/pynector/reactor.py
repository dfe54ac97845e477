"""Functions that trio calls, soon or at a time. They cost it no task each."""

from __future__ import annotations

import heapq
import logging
import math
from collections import deque
from collections.abc import Callable
from contextvars import Context, copy_context
from typing import Any

import trio
from trio.lowlevel import Abort, RunVar, current_task, reschedule, spawn_system_task, wait_task_rescheduled

from .eventloop import ENDS
from .unraisable import unraisable

Call = Callable[..., object]

# Timers that were cancelled are thrown away when there are so many, and more than there are others.
MANY = 64

_running: RunVar[Reactor] = RunVar("pynector")


def running_reactor() -> Reactor:
    """Return that of the trio run that the caller is in: all clients share it."""
    try:
        return _running.get()
    except LookupError:
        reactor = Reactor()
        _running.set(reactor)
        return reactor


def complain(said: str, error: BaseException) -> None:
    """Tell of an error that no caller can be told of. It never raises."""
    try:
        logging.getLogger("pynector").error(said, exc_info=error)
    except Exception as failure:
        unraisable(failure)


class Timer:
    """A function to be called at its time."""

    __slots__ = ("_reactor", "_when", "call")

    def __init__(self, reactor: Reactor, when: float, call: tuple[Context, Call, tuple[Any, ...]]) -> None:
        self._reactor = reactor
        self._when = when
        self.call: tuple[Context, Call, tuple[Any, ...]] | None = call

    def cancel(self) -> None:
        """Call it no more."""
        if self.call is not None:
            self.call = None
            self._reactor.note_cancelled()

    def when(self) -> float:
        """Return its time on trio's clock in seconds."""
        return self._when


class Reactor:
    """Calls functions in one trio run, from a system task that is there as long as something may have to be called."""

    def __init__(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        self._now = trio.lowlevel.current_clock().current_time
        self._ready: deque[tuple[Context, Call, tuple[Any, ...]]] = deque()
        self._timers: list[tuple[float, int, Timer]] = []
        self._count = self._cancelled = 0
        self._runs = False
        self._parked: Any = None
        self._scope = trio.CancelScope()

    # What is to be called

    def call_soon(self, call: Call, *args: Any) -> None:
        """Call a function, with the context variables of now, when the caller's task has had its turn."""
        self._ready.append((copy_context(), call, args))
        self._wake()

    def call_at(self, when: float, call: Call, *args: Any) -> Timer:
        """Call a function, with the context variables of now, at a time on trio's clock."""
        timer = Timer(self, when, (copy_context(), call, args))
        self._count += 1
        heapq.heappush(self._timers, (when, self._count, timer))
        if self._timers[0][2] is timer:
            self._scope.deadline = when
            self._wake()
        return timer

    def note_cancelled(self) -> None:
        """Take note that a timer was cancelled."""
        self._cancelled += 1
        if self._cancelled > max(MANY, len(self._timers) // 2):
            self._timers = [entry for entry in self._timers if entry[2].call is not None]
            heapq.heapify(self._timers)
            self._cancelled = 0
        self._drop_cancelled()
        if not self._timers:
            # The task may have nothing more to wait for.
            self._wake()

    def _drop_cancelled(self) -> None:
        """Leave no timer that was cancelled before all others: it would be waited for."""
        while self._timers and self._timers[0][2].call is None:
            heapq.heappop(self._timers)
            self._cancelled -= 1

    def call(self, call: Call, *args: Any) -> None:
        """Call a function now; what it raises is told."""
        try:
            call(*args)
        except ENDS:
            raise
        except BaseException as error:
            complain("a callback failed", error)

    def start(self, work: Callable[[], Any]) -> bool:
        """Start a system task, unless the run is over; say whether it was started."""
        try:
            if trio.lowlevel.current_trio_token() is not self._token:
                return False
            spawn_system_task(work, context=Context())
        except RuntimeError:
            return False
        return True

    # The task

    def _wake(self) -> None:
        if self._parked is not None:
            parked, self._parked = self._parked, None
            reschedule(parked)
        elif not self._runs:
            self._runs = self.start(self._run)

    async def _run(self) -> None:
        try:
            while self._ready or self._timers:
                with trio.CancelScope(deadline=self._due()) as self._scope:
                    while self._ready or self._timers:
                        self._call_ready()
                        await self._rest()
                self._call_due()
        finally:
            self._runs = False
            self._ready.clear()
            self._timers.clear()

    def _due(self) -> float:
        return self._timers[0][0] if self._timers else math.inf

    async def _rest(self) -> None:
        """Wait for something to do; what there is already has its turn when others have had theirs."""
        if self._ready:
            await trio.lowlevel.checkpoint()
        elif self._timers:
            self._parked = current_task()
            await wait_task_rescheduled(self._not_parked)

    def _not_parked(self, _: Any) -> Abort:
        self._parked = None
        return Abort.SUCCEEDED

    def _call_ready(self) -> None:
        for _ in range(len(self._ready)):
            context, call, args = self._ready.popleft()
            context.run(self.call, call, *args)

    def _call_due(self) -> None:
        now = self._now()
        while self._timers and self._timers[0][0] <= now:
            timer = heapq.heappop(self._timers)[2]
            # What was called before may have cancelled it.
            if timer.call is None:
                self._cancelled -= 1
            else:
                (context, call, args), timer.call = timer.call, None
                context.run(self.call, call, *args)
        self._drop_cancelled()
