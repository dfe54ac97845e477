"""An event loop in a thread of its own, and calls into it."""

from __future__ import annotations

import asyncio
import atexit

# Loops import it, and cannot any more where the main thread has ended and another one goes on.
import concurrent.futures.thread  # noqa: F401
import os
import sys
import threading
import weakref
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import copy_context
from typing import Any, Generic, TypeVar

from ..errors import PynectorError, TransportError

T = TypeVar("T")

Make = Callable[[], Coroutine[Any, Any, T]]

# How long the interpreter's end, or the next thread, waits for what runs in one (seconds): that may hang in a call of
# somebody else's.
PATIENCE = 5.0

# Where waiting for a lock cannot be interrupted: how often it is looked for Ctrl-C (seconds).
LOOK = 0.1 if sys.platform == "win32" else -1


class Call(Generic[T]):
    """A coroutine that runs in the loop's thread while another thread waits for it.

    Args:
        make: Makes the coroutine, in the loop's thread.
    """

    __slots__ = ("_context", "_done", "_error", "_is_given_up", "_is_over", "_make", "_result", "_task")

    def __init__(self, make: Make[T]) -> None:
        self._make: Make[T] | None = make
        self._context = copy_context()
        self._done = threading.Lock()
        self._done.acquire()
        self._task: asyncio.Task[T] | None = None
        self._is_given_up = self._is_over = False
        self._result: Any = None
        self._error: BaseException | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Run it, in the loop's thread, with the caller's context variables."""
        make, self._make = self._make, None
        assert make is not None
        if self._is_given_up:
            self.refuse()
            return
        self._task = self._context.run(loop.create_task, make())
        self._task.add_done_callback(self._ended)

    def refuse(self) -> None:
        """Take note that it will not run."""
        self._error = closed()
        self._tell()

    def cancel(self) -> None:
        """Give it up, in the loop's thread."""
        self._is_given_up = True
        if self._task is not None:
            self._task.cancel()

    def result(self, give_up: Callable[[], object]) -> T:
        """Wait until it is done, and return what it returns, or raise what it raises.

        Args:
            give_up: Called if waiting is interrupted, as by Ctrl-C: then it is cancelled, and waited for.
        """
        try:
            self._wait()
        except BaseException:
            give_up()
            self._wait()
            raise
        error = self._error
        if error is None:
            result: T = self._result
            return result
        try:
            raise error
        finally:
            # The frame would be kept by the traceback, and keep it.
            error = self._error = None

    def _wait(self) -> None:
        # Ctrl-C may come when the lock has just been acquired, and then it is not released again.
        while not self._is_over:
            self._done.acquire(timeout=LOOK)

    def _tell(self) -> None:
        self._is_over = True
        self._done.release()

    def _ended(self, task: asyncio.Task[T]) -> None:
        self._task = None
        if task.cancelled():
            self._error = closed()
        else:
            self._error = task.exception()
            if self._error is None:
                self._result = task.result()
        self._tell()


class _Runner:
    """One thread with its loop, from the begin to the end of both.

    Attributes:
        loop: The loop.
        thread: The thread.
        ending: Set when it is to end.
        waits_for: Another one that this thread waits for: for the end of a call that it has made there, or for its
            own turn; or None.

    Args:
        loop: See above.
        at_end: See LoopThread.
        earlier: Whose end comes first, or None.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, at_end: Make[None], earlier: _Runner | None) -> None:
        self.loop = loop
        self.thread = threading.Thread(target=_run, args=(self, at_end), name="pynector.blocking", daemon=True)
        self.ending = threading.Event()
        self.waits_for = earlier

    def wait_for(self, other: _Runner) -> None:
        """Take note of what this thread waits for.

        Raises:
            PynectorError: If it would wait for itself.
        """
        # First: of two threads that begin to wait for one another now, one at least sees it.
        self.waits_for = one = other
        while one is not self:
            further = one.waits_for
            if further is None:
                return
            one = further
        self.waits_for = None
        whose = "its own thread" if other is self else "the thread of another one, for which it waits itself"
        said = f"a blocking client cannot be called from {whose}, as by on_progress or what gives a body"
        raise PynectorError(said)


class LoopThread:
    """Runs coroutines for any number of threads in one of its own, which begins with the first and can end.

    Args:
        at_end: Makes what is to be done before the loop ends. It must not hold what holds this.
    """

    def __init__(self, at_end: Make[None]) -> None:
        self._at_end = at_end
        self._lock = threading.Lock()
        self._runner: _Runner | None = None
        # The one before it, which may not have ended yet.
        self._earlier: _Runner | None = None
        _all.add(self)

    def run(self, make: Make[T]) -> T:
        """Run a coroutine, and return what it returns.

        Raises:
            PynectorError: If this is called in the loop's own thread, or in one that it waits for: it would wait for
                itself. Also if no thread can begin.
        """
        call, here = Call(make), _here()
        try:
            runner = self._post(call.start, here)
            return call.result(lambda: _soon(runner.loop, call.cancel))
        finally:
            if here is not None:
                here.waits_for = None

    def soon(self, function: Callable[[asyncio.AbstractEventLoop], object]) -> None:
        """Have a function be called in the loop's thread, with the loop, and do not wait for it."""
        self._post(function, None)

    def stop(self, wait: bool = True, patience: float | None = None) -> bool:
        """End the loop and the thread, and what runs there; say whether they ran. A later call begins anew.

        Args:
            wait: Whether to wait for their end.
            patience: For how long (seconds), or None until it comes.

        Raises:
            PynectorError: See `run`; not in its own thread, which ends later.
        """
        here = _here() if wait else None
        with self._lock:
            runner = self._runner
            if here is not None and runner is not None and runner is not here:
                here.wait_for(runner)
            self._runner = None
            self._earlier = runner or self._earlier
        if runner is None:
            return False
        _soon(runner.loop, lambda: _end(runner))
        if wait and runner is not here:
            runner.thread.join(patience)
            if here is not None:
                here.waits_for = None
        return True

    def has(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Say whether this is its loop: not another one after `stop` or in another process."""
        runner = self._runner
        return runner is not None and runner.loop is loop

    def forked(self) -> None:
        """Take note that the thread is in another process."""
        self._lock = threading.Lock()
        self._runner = self._earlier = None

    def _post(self, function: Callable[[asyncio.AbstractEventLoop], object], here: _Runner | None) -> _Runner:
        """Have a function be called; where a thread of another loop will wait for that, it is `here`."""
        with self._lock:
            runner = self._runner or self._begin()
            if here is not None:
                here.wait_for(runner)
            runner.loop.call_soon_threadsafe(function, runner.loop)
        return runner

    def _begin(self) -> _Runner:
        runner = _Runner(new_loop(), self._at_end, self._earlier)
        try:
            runner.thread.start()
            self._runner, self._earlier = runner, None
        except RuntimeError as error:
            # There are too many already, or the interpreter ends.
            runner.loop.close()
            raise PynectorError(f"a blocking client needs a thread of its own, and none can begin: {error}") from error
        except BaseException:
            # Ctrl-C comes while the thread begins: nobody has it, so it ends.
            _soon(runner.loop, lambda: _end(runner))
            raise
        return runner


# Those that are to end before the interpreter does, and begin anew after a fork.
_all: weakref.WeakSet[LoopThread] = weakref.WeakSet()

# What the thread that looks is.
_threads = threading.local()


def closed() -> TransportError:
    """Return the error of a call whose client was closed."""
    return TransportError("the client was closed", phase=None, sent=None, came_of="closed")


def _here() -> _Runner | None:
    """Return what this thread is, if it is one of those with a loop."""
    runner: _Runner | None = getattr(_threads, "runner", None)
    return runner


def _run(runner: _Runner, at_end: Make[None]) -> None:
    loop = runner.loop
    _threads.runner = runner
    if runner.waits_for is not None:
        # Until then the client is that one's.
        runner.waits_for.thread.join(PATIENCE)
        runner.waits_for = None
    asyncio.set_event_loop(loop)
    try:
        while not runner.ending.is_set():
            # What gives a body may call sys.exit: its caller is who exits.
            with suppress(SystemExit, KeyboardInterrupt):
                loop.run_forever()
    finally:
        try:
            loop.run_until_complete(_finished(at_end))
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.run_until_complete(loop.shutdown_default_executor())
        finally:
            asyncio.set_event_loop(None)
            loop.close()


def _end(runner: _Runner) -> None:
    runner.ending.set()
    runner.loop.stop()


async def _finished(at_end: Make[None]) -> None:
    """Close the client, and end what still runs."""
    try:
        await at_end()
    finally:
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


def new_loop() -> asyncio.AbstractEventLoop:
    """Return a new event loop: uvloop's, where that is installed."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def _soon(loop: asyncio.AbstractEventLoop, function: Callable[[], object]) -> None:
    # Where it is closed, what was to end has ended.
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(function)


def _stop_all() -> None:
    for thread in list(_all):
        thread.stop(patience=PATIENCE)


def _note_fork() -> None:
    for thread in list(_all):
        thread.forked()


atexit.register(_stop_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_fork)
