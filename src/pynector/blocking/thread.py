"""An event loop in a thread of its own, and calls into it."""

from __future__ import annotations

import asyncio
import atexit
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


class LoopThread:
    """Runs coroutines for any number of threads in one of its own, which begins with the first and can end.

    Args:
        at_end: Makes what is to be done before the loop ends. It must not hold what holds this.
    """

    def __init__(self, at_end: Make[None]) -> None:
        self._at_end = at_end
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._ending = threading.Event()
        _all.add(self)

    def run(self, make: Make[T]) -> T:
        """Run a coroutine, and return what it returns.

        Raises:
            PynectorError: If this is called in the loop's own thread, where it would wait for itself.
        """
        call = Call(make)
        loop = self._post(call.start)
        return call.result(lambda: _soon(loop, call.cancel))

    def soon(self, function: Callable[[asyncio.AbstractEventLoop], object]) -> None:
        """Have a function be called in the loop's thread, with the loop, and do not wait for it."""
        self._post(function)

    def stop(self, wait: bool = True) -> bool:
        """End the loop and the thread, and what runs there; say whether they ran. A later call begins anew."""
        with self._lock:
            loop, thread, ending = self._loop, self._thread, self._ending
            self._loop = self._thread = None
        if loop is None or thread is None:
            return False
        _soon(loop, lambda: _end(loop, ending))
        if wait and thread is not threading.current_thread():
            thread.join()
        return True

    def has(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Say whether this is its loop: not another one after `stop` or in another process."""
        return self._loop is loop

    def forked(self) -> None:
        """Take note that the thread is in another process."""
        self._lock = threading.Lock()
        self._loop = self._thread = None

    def _post(self, function: Callable[[asyncio.AbstractEventLoop], object]) -> asyncio.AbstractEventLoop:
        with self._lock:
            loop = self._loop
            if loop is None:
                loop = self._begin()
            elif self._thread is threading.current_thread():
                said = "a blocking client cannot be called from its own thread, as by on_progress or what gives a body"
                raise PynectorError(said)
            loop.call_soon_threadsafe(function, loop)
        return loop

    def _begin(self) -> asyncio.AbstractEventLoop:
        loop, started, ending = _new_loop(), threading.Event(), threading.Event()
        arguments = (loop, started, ending, self._at_end)
        thread = threading.Thread(target=_run, args=arguments, name="pynector.blocking", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            # There are too many already, or the interpreter ends.
            loop.close()
            raise
        self._loop, self._thread, self._ending = loop, thread, ending
        started.wait()
        return loop


# Those that are to end before the interpreter does, and begin anew after a fork.
_all: weakref.WeakSet[LoopThread] = weakref.WeakSet()


def closed() -> TransportError:
    """Return the error of a call whose client was closed."""
    return TransportError("the client was closed", phase=None, sent=None, came_of="closed")


def _run(
    loop: asyncio.AbstractEventLoop, started: threading.Event, ending: threading.Event, at_end: Make[None]
) -> None:
    asyncio.set_event_loop(loop)
    loop.call_soon(started.set)
    try:
        while not ending.is_set():
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


def _end(loop: asyncio.AbstractEventLoop, ending: threading.Event) -> None:
    ending.set()
    loop.stop()


async def _finished(at_end: Make[None]) -> None:
    """Close the client, and end what still runs."""
    try:
        await at_end()
    finally:
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)


def _new_loop() -> asyncio.AbstractEventLoop:
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
        thread.stop()


def _note_fork() -> None:
    for thread in list(_all):
        thread.forked()


atexit.register(_stop_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_fork)
