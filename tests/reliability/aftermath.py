"""What must hold when something has ended, however it ended: nothing is left, and nobody complained."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import anyio
import anyio.lowlevel
from stepping import SteppedLoop

# How often the loop may turn, and how long it may take then (turns of 5 ms), until what was ended is gone.
TURNS, WAITS = 20, 400

DESCRIPTORS = "/proc/self/fd"


class Complaints(logging.Handler):
    """Hears what is told where no caller listens: of tasks, callbacks, finalizers, and what a transport complains of.

    Attributes:
        heard: What was told.
    """

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        said = record.getMessage()
        if record.name == "asyncio" or record.exc_info or said.startswith("telemetry.error"):
            self.heard.append(f"log: {said}: {record.exc_info and record.exc_info[1]!r}")

    def _of_loop(self, loop: Any, context: dict[str, Any]) -> None:
        self.heard.append(f"loop: {context.get('message')}: {context.get('exception')!r}")

    def _of_finalizer(self, told: Any) -> None:
        self.heard.append(f"unraisable: {told.exc_value!r} in {told.object!r}")

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Listen."""
        hook, sys.unraisablehook = sys.unraisablehook, self._of_finalizer
        loggers = [logging.getLogger(name) for name in ("asyncio", "pynector")]
        for logger in loggers:
            logger.addHandler(self)
        try:
            yield
        finally:
            sys.unraisablehook = hook
            for logger in loggers:
                logger.removeHandler(self)

    def listen_to_loop(self) -> None:
        """Listen to the running loop, too, where it tells."""
        with suppress(RuntimeError):
            asyncio.get_running_loop().set_exception_handler(self._of_loop)

    def take(self) -> list[str]:
        """Return what was heard since the last time, of garbage, too."""
        gc.collect()
        heard, self.heard = self.heard, []
        return heard


class Inventory:
    """The tasks, timers and descriptors that there are before something begins.

    Args:
        loop: The running loop.
    """

    def __init__(self, loop: SteppedLoop) -> None:
        self._loop = loop
        self._tasks = loop.tasks()
        self._timers = len(loop.timers())
        self._files = open_files()

    def left(self) -> list[str]:
        """Name what there is now that was not there then."""
        timers = self._loop.timers()
        left = [f"task {task!r}" for task in self._loop.tasks() - self._tasks]
        left += [f"timer {timer}" for timer in timers] if len(timers) > self._timers else []
        return left + [f"descriptor {number} {target}" for number, target in open_files() - self._files]

    async def left_at_last(self) -> list[str]:
        """Wait until nothing is left, and name what is all the same."""
        await until(lambda: not self.left())
        return self.left()


async def settle() -> None:
    """Let the loop do what is to be done now."""
    for _ in range(TURNS):
        await anyio.lowlevel.checkpoint()


async def until(condition: Callable[[], object]) -> bool:
    """Wait for a condition, some turns of the loop and a while if need be; say whether it has come to hold."""
    await settle()
    for _ in range(WAITS):
        if condition():
            return True
        await anyio.sleep(0.005)
    return bool(condition())


def open_files() -> set[tuple[str, str]]:
    """Return the open descriptors and what they are of, where the system tells."""
    found = set()
    for number in os.listdir(DESCRIPTORS) if os.path.isdir(DESCRIPTORS) else ():
        try:
            found.add((number, os.readlink(f"{DESCRIPTORS}/{number}")))
        except OSError:
            continue  # that of the listing itself
    return found


def what_is_busy(client: Any) -> dict[str, int]:
    """Return the numbers of a client that are not 0 while it does something."""
    stats = client.stats()
    numbers = {"in_flight": stats.in_flight, "queued": stats.queued, "active": stats.connections.get("active", 0)}
    return {name: number for name, number in numbers.items() if number}
