"""Which event loop runs, what its clock says, and whether it is still the one a client began with."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import os
import sys
import types
import warnings
import weakref
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator
from contextlib import suppress
from contextvars import copy_context
from typing import Any, ParamSpec, Protocol, TypeVar

import anyio

from .errors import PynectorError
from .unraisable import unraisable

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
    """

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
        return trio.lowlevel.current_trio_token(), trio.current_time
    return loop, loop.time


class _Signal:
    """What stands for a future where the loop has none."""

    def __init__(self) -> None:
        self._event = anyio.Event()

    def done(self) -> bool:
        return self._event.is_set()

    def set_result(self, result: None) -> None:
        self._event.set()

    def __await__(self) -> Generator[Any, Any, None]:
        return self._event.wait().__await__()


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


def _nothing(*kept: Any) -> None:
    pass


def _note_fork() -> None:
    global _process
    _process = object()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_fork)


# For callbacks that run on a loop

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


ENDS = (KeyboardInterrupt, SystemExit, GeneratorExit)
"""What ends a program or a coroutine, and is no failure of the function that it comes out of. Anything else is."""


def is_end(error: BaseException) -> bool:
    """Say whether what was raised in this task is one of ENDS, or a cancellation that somebody asked for."""
    cancelled = isinstance(error, anyio.get_cancelled_exc_class())
    return isinstance(error, ENDS) or (cancelled and cancellation_is_asked_for())


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
