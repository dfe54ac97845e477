"""Counts what must not be more after a test than before."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from typing import Any

import anyio


def open_files() -> int | None:
    """Count the open file descriptors, where the system tells."""
    folder = "/proc/self/fd" if sys.platform == "linux" else "/dev/fd"
    return len(os.listdir(folder)) if os.path.isdir(folder) else None


def pending() -> Any:
    """Count the tasks of the running loop, and the timers of an asyncio loop that shows them."""
    if "trio" in sys.modules:
        import trio

        if trio.lowlevel.in_trio_run():
            return running_tasks()
    timers = getattr(asyncio.get_running_loop(), "_scheduled", ())
    return len(asyncio.all_tasks()), len([timer for timer in timers if not timer.cancelled()])


def running_tasks() -> int:
    """Count the tasks of the running loop, but those that on trio serve whatever there is, and are there with it."""
    serving = ("pynector.reactor.Reactor.", "pynector.transport.net.readiness.")
    return sum(not str(task.name).startswith(serving) for task in anyio.get_running_tasks())


def present() -> tuple[int, ...]:
    """Count the open descriptors, and the tasks and timers of the running loop."""
    count = pending()
    return (open_files() or 0, *(count if isinstance(count, tuple) else (count,)))


async def no_more_than(before: tuple[int, ...]) -> bool:
    """Wait until there is no more of anything than there was; say whether it came to that.

    What another test has left may end meanwhile, so there may be less.
    """
    # Without a deadline of its own: that would be one more timer where timers are counted.
    for _ in range(2_000):
        if all(now <= then for now, then in zip(present(), before, strict=True)):
            return True
        gc.collect(1)
        await anyio.sleep(0.01)
    return False


def living(*names: str) -> list[object]:
    """Return the objects there are of classes with these names, which other tests may have left, too."""
    return [it for it in gc.get_objects() if type(it).__name__ in names]


def newly(before: list[object], *names: str) -> list[object]:
    """Return those that were not there before."""
    known = {id(it) for it in before}
    return [it for it in living(*names) if id(it) not in known]


async def left_at_last(before: list[object], *names: str) -> list[object]:
    """Return those that were not there before when what has been begun has come to its end, however long that takes."""
    for _ in range(500):
        if not newly(before, *names):
            break
        await anyio.sleep(0.01)
    return newly(before, *names)
