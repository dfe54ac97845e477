"""What connections need of the event loop: its clock, its timers, and tasks that nobody waits for."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

import anyio

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
        time: Its clock, in seconds.
        call_soon: Calls a function, with arguments, when those that are called before it have returned.
    """

    time: Callable[[], float]
    call_soon: Callable[..., object]

    @abstractmethod
    def call_at(self, when: float, call: Callable[..., Any], *args: Any) -> Timer:
        """Call a function at a time on its clock."""

    @abstractmethod
    def spawn(self, job: Job) -> None:
        """Run a coroutine function. What it raises is told as `complain` tells it."""

    @abstractmethod
    def complain(self, said: str, error: BaseException) -> None:
        """Tell of an error that no caller can be told of."""


class AsyncioLoop(Loop):
    """asyncio's loop, or one like it."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.time = loop.time
        self.call_soon = loop.call_soon
        self._tasks: set[asyncio.Task[None]] = set()

    def call_at(self, when: float, call: Callable[..., Any], *args: Any) -> Timer:
        """See Loop."""
        return self.loop.call_at(when, call, *args)

    def spawn(self, job: Job) -> None:
        """See Loop."""
        task = self.loop.create_task(_told(job, self))
        # The loop itself would not keep it alive.
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def complain(self, said: str, error: BaseException) -> None:
        """See Loop."""
        self.loop.call_exception_handler({"message": f"pynector: {said}", "exception": error})


class TrioLoop(Loop):
    """trio's. Its tasks are system tasks, which end with the run: a client has no nursery of its own."""

    def __init__(self) -> None:
        import trio

        self._spawn: Any = trio.lowlevel.spawn_system_task
        self.time = trio.current_time
        self.call_soon = trio.lowlevel.current_trio_token().run_sync_soon

    def call_at(self, when: float, call: Callable[..., Any], *args: Any) -> Timer:
        """See Loop."""
        timer = _TrioTimer(when)

        async def ring() -> None:
            with timer.scope:
                await anyio.sleep_until(when)
                call(*args)

        self.spawn(ring)
        return timer

    def spawn(self, job: Job) -> None:
        """See Loop."""
        self._spawn(_told, job, self)

    def complain(self, said: str, error: BaseException) -> None:
        """See Loop."""
        logging.getLogger("pynector").error(said, exc_info=error)


class _TrioTimer:
    def __init__(self, when: float) -> None:
        self._when = when
        self.scope = anyio.CancelScope()

    def cancel(self) -> None:
        self.scope.cancel()

    def when(self) -> float:
        return self._when


async def _told(job: Job, loop: Loop) -> None:
    try:
        await job()
    except Exception as error:
        loop.complain("a task of the WebSocket transport failed", error)


def running_loop() -> Loop:
    """Give the one that runs: asyncio's, one like it, or trio's."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return TrioLoop()
    return AsyncioLoop(loop)
