"""Which event loop runs, what its clock says, and whether it is still the one a client began with."""

from __future__ import annotations

import asyncio
import math
import os
import sys
import time
import types
import warnings
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator
from contextlib import suppress
from contextvars import copy_context
from typing import Any, ClassVar, ParamSpec, TypeVar

import anyio

from .errors import PynectorError

P = ParamSpec("P")
T = TypeVar("T")

# Another object in each process: asking the system for the process's number costs a request more than anything here.
_process = object()


class Runtime:
    """The event loop and the process that a client's connections belong to.

    Attributes:
        clock: The loop's clock, in seconds; AnyIO's deadlines are on it.
        new_future: Makes a future of the loop's own kind, or what serves as one: it has done(), set_result(None), and
            can be awaited by one task.
        check: Raises a PynectorError if no client may run on a loop, given that or trio's token; None: any will do.
    """

    check: ClassVar[Callable[[Any], None] | None] = None

    __slots__ = ("_process", "_token", "clock", "new_future")

    def __init__(self, token: Any, clock: Callable[[], float]) -> None:
        self._token = token
        self._process = _process
        self.clock = clock
        self.new_future: Callable[[], Any] = token.create_future if self.is_asyncio else _Signal

    @classmethod
    def current(cls) -> Runtime:
        """Give that of the caller.

        Raises:
            PynectorError: If neither asyncio nor trio is running.
        """
        token, clock = _running()
        if cls.check is not None:
            cls.check(token)
        return cls(token, clock)

    @property
    def is_asyncio(self) -> bool:
        """Whether the loop is asyncio's or one made like it, as uvloop's."""
        return isinstance(self._token, asyncio.AbstractEventLoop)

    def serves(self) -> bool:
        """Say whether the caller runs on this loop, in this process."""
        running = asyncio._get_running_loop()
        if running is None:
            running, _ = _running()
        return running is self._token and self._process is _process

    def is_over(self) -> bool:
        """Say whether nothing can run on this loop any more: it is closed, or was left behind by a fork."""
        if self._process is not _process:
            return True
        if self.is_asyncio:
            return bool(self._token.is_closed())
        import trio

        try:
            self._token.run_sync_soon(_nothing)
        except trio.RunFinishedError:
            return True
        return False


ENDS = (KeyboardInterrupt, SystemExit, GeneratorExit)
"""What ends a program or a coroutine, and is no failure of the function that it comes out of. Anything else is."""


def cancellation_is_asked_for() -> bool:
    """Say, in a task that got its cancelled exception, whether somebody really cancelled it.

    A transport may let one escape that was meant for a task of its own. Python 3.10 cannot tell, so there it counts.
    """
    if anyio.current_effective_deadline() == -math.inf:
        return True
    try:
        task = asyncio.current_task()
    except RuntimeError:
        return True
    return task is None or sys.version_info < (3, 11) or task.cancelling() > 0


def has_escaped(error: BaseException) -> bool:
    """Say whether what was raised in this task is a cancellation that nobody asked for."""
    # A coroutine may be closed where no event loop runs any more.
    if isinstance(error, ENDS):
        return False
    return isinstance(error, anyio.get_cancelled_exc_class()) and not cancellation_is_asked_for()


def is_end(error: BaseException) -> bool:
    """Say whether what was raised in this task is one of ENDS, or a cancellation that somebody asked for."""
    if isinstance(error, ENDS):
        return True
    return isinstance(error, anyio.get_cancelled_exc_class()) and cancellation_is_asked_for()


class ClientContext:
    """The context variables as they were where a client began: what outlives a request must not keep the request's.

    Whatever an event loop calls back later, and every task, keeps the context that it was begun in.
    """

    def __init__(self) -> None:
        # Copied each time: one context cannot be entered twice at a time.
        self._context = copy_context()

    def __reduce__(self) -> tuple[Any, ...]:
        # What holds it may be copied or go to another process, and begins anew there.
        return ClientContext, ()

    def run(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a function there, and return what it returns."""
        return self._context.copy().run(function, *args, **kwargs)

    @types.coroutine
    def complete(self, work: Coroutine[Any, Any, T]) -> Generator[Any, Any, T]:
        """Run a coroutine there, in the caller's task, and return what it returns."""
        context = self._context.copy()
        step: Callable[[Any], Any] = work.send
        argument: Any = None
        while True:
            try:
                awaited = context.run(step, argument)
            except StopIteration as end:
                result: T = end.value
                return result
            finally:
                # An error keeps the frames that it comes through.
                argument = None
            try:
                step, argument = work.send, (yield awaited)
            except BaseException as error:
                step, argument = work.throw, error


def _running() -> tuple[Any, Callable[[], float]]:
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        trio = sys.modules.get("trio")
        if trio is None or not trio.lowlevel.in_trio_run():
            raise PynectorError("Pynector must be used inside a running event loop: asyncio, uvloop or trio") from None
        return trio.lowlevel.current_trio_token(), trio.lowlevel.current_clock().current_time
    return loop, _clock_of(loop)


def _clock_of(loop: asyncio.AbstractEventLoop) -> Callable[[], float]:
    uvloop = sys.modules.get("uvloop")
    if sys.platform == "linux" and uvloop is not None and type(loop) is uvloop.Loop:
        # Its own is this one in whole milliseconds.
        return time.monotonic
    return loop.time


class _Signal:
    """What stands for a future on trio, which has none: cheaper than its events."""

    __slots__ = ("_is_done", "_task")

    def __init__(self) -> None:
        self._is_done = False
        self._task: Any = None

    def done(self) -> bool:
        return self._is_done

    def set_result(self, result: None) -> None:
        self._is_done = True
        task, self._task = self._task, None
        if task is not None:
            sys.modules["trio"].lowlevel.reschedule(task)

    def __await__(self) -> Generator[Any, Any, None]:
        lowlevel = sys.modules["trio"].lowlevel
        if self._is_done:
            yield from lowlevel.checkpoint().__await__()
        else:
            self._task = lowlevel.current_task()
            yield from lowlevel.wait_task_rescheduled(self._give_up).__await__()

    def _give_up(self, _: Any) -> Any:
        # As asyncio's is when its waiter was cancelled.
        self._is_done = True
        self._task = None
        return sys.modules["trio"].lowlevel.Abort.SUCCEEDED


class Forgotten:
    """Ends what its owner forgets to end: when the owner is no more, or with the event loop.

    Loops call the asynchronous generators that are left when they end, and when nobody has one any more (PEP 525). So
    `asyncio.run` and the like leave no connection open behind them.

    Args:
        owner: Whose business it is; where he is no more, a ResourceWarning tells.
        end: Ends it. It must not hold the owner.
        what: What it is, for the warning.
    """

    def __init__(self, owner: object, end: Callable[[], Awaitable[None]], what: str) -> None:
        self._ends = [end]
        self._sentinel = _last_words(weakref.ref(owner), self._ends, what)

    async def watch(self) -> None:
        """Begin."""
        await anext(self._sentinel)

    async def leave(self) -> None:
        """Take note that it has been ended."""
        self._ends.clear()
        await self._sentinel.aclose()


async def _last_words(
    owner: weakref.ref[Any], ends: list[Callable[[], Awaitable[None]]], what: str
) -> AsyncGenerator[None, None]:
    try:
        yield
    finally:
        for end in ends:
            if owner() is None:
                warnings.warn(f"{what} was not closed: use `async with`, or aclose()", ResourceWarning, stacklevel=1)
            with suppress(Exception):
                await end()


def _nothing() -> None:
    pass


def _note_fork() -> None:
    global _process
    _process = object()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_fork)
