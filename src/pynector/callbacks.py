"""An event loop for callbacks: asyncio's, one like it, or trio's, which are one to them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from typing import Any, Protocol

import anyio

from .eventloop import ClientContext, Runtime, is_end
from .unraisable import unraisable

Job = Callable[[], Coroutine[Any, Any, None]]


class Timer(Protocol):
    """What will be called at its time."""

    def cancel(self) -> None:
        """Call it no more."""

    def when(self) -> float:
        """Give its time on the loop's clock in seconds."""


class Loop(ABC):
    """An event loop, for callbacks that run on it.

    Attributes:
        context: Where tasks and timers live.
        time: Its clock, in seconds.
        call_soon: Calls a function, with arguments, when those that are called before it have returned.
    """

    time: Callable[[], float]
    call_soon: Callable[..., object]

    def __init__(self, context: ClientContext) -> None:
        self.context = context
        self._runtime = Runtime.current()

    def is_over(self) -> bool:
        """Say whether nothing can run on it any more."""
        return self._runtime.is_over()

    @abstractmethod
    def call_from_anywhere(self, call: Callable[..., Any], *args: Any) -> None:
        """Call a function soon, in the loop's own thread; any thread may ask, and a garbage collector. Or, if the loop
        is over, not at all."""

    @abstractmethod
    def call_at(self, when: float, call: Callable[..., Any], *args: Any) -> Timer:
        """Call a function at a time on its clock."""

    @abstractmethod
    def spawn(self, job: Job) -> None:
        """Run a coroutine function. What it raises is told as `complain` tells it."""

    @abstractmethod
    def keep(self, kept: Any) -> Timer:
        """Keep an object alive until this timer is cancelled or the loop is closed."""

    def complain(self, said: str, error: BaseException) -> None:
        """Tell of an error that no caller can be told of. It never raises."""
        try:
            self._complain(said, error)
        except Exception as failure:
            unraisable(failure)

    @abstractmethod
    def _complain(self, said: str, error: BaseException) -> None: ...


def weakly(method: Callable[..., Any]) -> Callable[..., None]:
    """Give a function that calls a method as long as its object lives, and does not keep that alive."""
    target, name = weakref.ref(method.__self__), method.__name__  # type: ignore[attr-defined]

    def call(*args: Any) -> None:
        alive = target()
        if alive is not None:
            getattr(alive, name)(*args)

    return call


class AsyncioLoop(Loop):
    """asyncio's loop, or one like it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, context: ClientContext) -> None:
        super().__init__(context)
        self.loop = loop
        self.time = loop.time
        self.call_soon = loop.call_soon
        self._tasks: set[asyncio.Task[None]] = set()

    def call_from_anywhere(self, call: Callable[..., Any], *args: Any) -> None:
        """See Loop."""
        # It is closed, or was closed meanwhile.
        with contextlib.suppress(RuntimeError):
            self.loop.call_soon_threadsafe(call, *args)

    def call_at(self, when: float, call: Callable[..., Any], *args: Any) -> Timer:
        """See Loop."""
        return self.context.run(self.loop.call_at, when, call, *args)

    def keep(self, kept: Any) -> Timer:
        """See Loop."""
        return self.call_at(math.inf, _nothing, kept)

    def spawn(self, job: Job) -> None:
        """See Loop."""
        self.context.run(self._begin, job)

    def _begin(self, job: Job) -> None:
        task = self.loop.create_task(_told(job, self))
        # The loop itself would not keep it alive.
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _complain(self, said: str, error: BaseException) -> None:
        self.loop.call_exception_handler({"message": f"pynector: {said}", "exception": error})


class TrioLoop(Loop):
    """trio's. Its tasks are system tasks, which end with the run: a client has no nursery of its own."""

    def __init__(self, context: ClientContext) -> None:
        import trio

        super().__init__(context)
        self._spawn: Any = trio.lowlevel.spawn_system_task
        self._run_soon: Any = trio.lowlevel.current_trio_token().run_sync_soon
        self._over: Any = trio.RunFinishedError
        self.time = trio.current_time
        self.call_soon = self._call_soon

    def _call_soon(self, call: Callable[..., Any], *args: Any) -> None:
        # trio keeps what it called last until it calls the next.
        self._run_soon(_call_once, [(call, args)])

    def call_from_anywhere(self, call: Callable[..., Any], *args: Any) -> None:
        """See Loop."""
        with contextlib.suppress(self._over):
            self._call_soon(call, *args)

    def call_at(self, when: float, call: Callable[..., Any], *args: Any) -> Timer:
        """See Loop."""
        timer = _TrioTimer(when)

        async def expire() -> None:
            with timer.scope:
                await anyio.sleep_until(when)
                call(*args)

        self.spawn(expire)
        return timer

    def keep(self, kept: Any) -> Timer:
        """See Loop. What is to be kept are system tasks' own things, which trio keeps."""
        return _TrioTimer(math.inf)

    def spawn(self, job: Job) -> None:
        """See Loop."""
        self._spawn(_told, job, self, context=self.context.run(copy_context))

    def _complain(self, said: str, error: BaseException) -> None:
        logging.getLogger("pynector").error(said, exc_info=error)


class _TrioTimer:
    def __init__(self, when: float) -> None:
        self._when = when
        self.scope = anyio.CancelScope()

    def cancel(self) -> None:
        self.scope.cancel()

    def when(self) -> float:
        return self._when


def _nothing(kept: Any) -> None:
    pass


def _call_once(calls: list[tuple[Callable[..., Any], tuple[Any, ...]]]) -> None:
    call, args = calls.pop()
    call(*args)


async def _told(job: Job, loop: Loop) -> None:
    try:
        await job()
    except BaseException as error:
        if is_end(error):
            raise
        loop.complain("a task of the WebSocket transport failed", error)


def running_loop(context: ClientContext) -> Loop:
    """Give the one that runs: asyncio's, one like it, or trio's.

    Args:
        context: Where its tasks and timers are to live.
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return TrioLoop(context)
    return AsyncioLoop(loop, context)
