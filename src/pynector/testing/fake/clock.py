"""Virtual time: an event loop that has nothing to do but wait is at once where it waits to be."""

from __future__ import annotations

import asyncio
import math
import sys
import time
import types
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any
from unittest.mock import patch

import anyio.to_thread

from ...blocking import thread
from ...errors import ConfigurationError
from ...eventloop import Runtime
from ...transport.net import guard

# asyncio's own, in Python: it is the only one of its kind whose clock is not in C.
_Loop: Any = asyncio.BaseEventLoop
_real = types.SimpleNamespace(
    time=_Loop.time,
    run_once=_Loop._run_once,
    run_in_executor=_Loop.run_in_executor,
    run_sync=anyio.to_thread.run_sync,
)

# How long a loop waits for its threads before it goes on all the same: one of them may wait for the loop (seconds).
PATIENCE = 5.0


class VirtualTime:
    """The time of the event loops of a test; see `virtual_time`."""

    def __init__(self) -> None:
        self._clocks: dict[Any, Callable[[], float]] = {}
        self._began: dict[Any, float] = {}

    def __repr__(self) -> str:
        return f"<VirtualTime, {self.elapsed:g} s have passed>"

    @property
    def elapsed(self) -> float:
        """How much time has passed (seconds): on the loop that runs, or else on that where most has."""
        passed = {loop: round(clock() - self._began[loop], 6) for loop, clock in list(self._clocks.items())}
        return passed.get(_running(), max(passed.values(), default=0.0))

    def begin(self, loop: Any, clock: Callable[[], float]) -> None:
        """Take note of a loop, by what it is known by, and of its clock."""
        if loop not in self._clocks:
            self._began[loop] = clock()
            self._clocks[loop] = clock

    def end(self) -> None:
        """Have the loops go on in real time, from where they are; here it stands still."""
        for loop, clock in list(self._clocks.items()):
            self._clocks[loop] = partial(float, clock())
            line = _lines.get(loop)
            if line is not None:
                line.ahead = max(0.0, line.now - time.monotonic())
                if line.ahead and not loop.is_closed():
                    loop.time = types.MethodType(_time, loop)


class _Line:
    """The time of one loop.

    Attributes:
        test: Whose it is now.
        now: What time it is, for that.
        ahead: How much later it is there than it really is.
        threads: How many threads work for the loop.
    """

    def __init__(self) -> None:
        self.test: VirtualTime | None = None
        self.now = self.ahead = 0.0
        self.threads = 0


_lines: weakref.WeakKeyDictionary[Any, _Line] = weakref.WeakKeyDictionary()
_test: VirtualTime | None = None


@contextmanager
def virtual_time() -> Iterator[VirtualTime]:
    """Let no event loop wait meanwhile: one that has nothing to do but wait is at once where it waits to be.

    So timeouts, latencies of a fake, rates, waits between attempts and all `sleep`s pass in no time, in their order,
    and are as long as they are. It goes for asyncio's own loops in whatever thread, also those of `pynector.blocking`,
    and for clients that connect meanwhile. A thread that works for a loop, as by `asyncio.to_thread`, is waited for
    while time stands still; a server is not, so that none is connected to. A run of trio has to have a clock of trio's
    for it, `MockClock`.

    Yields:
        What says how much time has passed.

    Raises:
        ConfigurationError: If the loop that runs, or one that a client connects on, is uvloop's, or trio's with a
            clock of its own; if it is used inside of another one.
    """
    global _test
    if _test is not None:
        raise ConfigurationError("virtual_time() is on already")
    test = _test = VirtualTime()
    try:
        with (
            patch.multiple(_Loop, time=_time, _run_once=_run_once, run_in_executor=_run_in_executor),
            patch.object(anyio.to_thread, "run_sync", _run_sync),
            patch.object(thread, "new_loop", asyncio.new_event_loop),
            patch.object(Runtime, "check", check),
            patch.object(guard, "refuse", _refuse),
        ):
            if (running := _running()) is not None:
                check(running)
            yield test
    finally:
        test.end()
        _test = None


def check(loop: Any) -> None:
    """Raise a ConfigurationError if the loop that runs, or trio's token, cannot have such a time."""
    if isinstance(loop, asyncio.BaseEventLoop):
        _line_of(loop)
    elif isinstance(loop, asyncio.AbstractEventLoop):
        raise ConfigurationError(f"virtual time is for asyncio's own event loop, and for trio's, not for {loop!r}")
    else:
        from trio.lowlevel import current_clock
        from trio.testing import MockClock

        clock = current_clock()
        if not isinstance(clock, MockClock):
            said = "trio's time is virtual by its own means: trio.run(..., clock=MockClock(autojump_threshold=0))"
            raise ConfigurationError(said)
        if _test is not None:
            _test.begin(loop, clock.current_time)


def _running() -> Any:
    """Return the loop that runs, or trio's token, or None."""
    trio = sys.modules.get("trio")
    if trio is not None and trio.lowlevel.in_trio_run():
        return trio.lowlevel.current_trio_token()
    return asyncio._get_running_loop()


def _refuse(host: str, port: int) -> str:
    return f"virtual time waits for no server, as {host}:{port} would be: have a FakeTransport or a Replay answer"


# What takes the place of methods of loops


def _line_of(loop: Any) -> _Line:
    line = _lines.get(loop)
    if line is None:
        line = _lines[loop] = _Line()
    if _test is not None and line.test is not _test:
        line.test, line.now = _test, _real.time(loop) + line.ahead
        _test.begin(loop, types.MethodType(_time, loop))
    return line


def _time(loop: Any) -> float:
    line = _line_of(loop)
    return line.now if _test is not None else float(_real.time(loop) + line.ahead)


def _run_once(loop: Any) -> None:
    line, when = _line_of(loop), _next(loop)
    if not loop._ready and not loop._stopping and line.now < when < math.inf:
        loop._process_events(loop._selector.select(PATIENCE if line.threads else 0))
        if not loop._ready:
            # What is due at its time is so a moment later: the loop compares with a tolerance that may be lost.
            line.now = math.nextafter(when, math.inf)
    _real.run_once(loop)


def _next(loop: Any) -> float:
    """Return the time of a loop's next timer; infinite for none."""
    timers = loop._scheduled
    if timers and not timers[0].cancelled():
        return float(timers[0].when())
    return min((timer.when() for timer in timers if not timer.cancelled()), default=math.inf)


def _run_in_executor(loop: Any, executor: Any, func: Any, *args: Any) -> Any:
    future = _real.run_in_executor(loop, executor, func, *args)
    line = _line_of(loop)
    line.threads += 1

    def ended(_: Any) -> None:
        line.threads -= 1

    future.add_done_callback(ended)
    return future


async def _run_sync(*args: Any, **options: Any) -> Any:
    loop = asyncio._get_running_loop()
    line = _Line() if loop is None else _line_of(loop)
    line.threads += 1
    try:
        return await _real.run_sync(*args, **options)
    finally:
        line.threads -= 1
