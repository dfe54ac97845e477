"""An event loop for callbacks: asyncio's, one like it, or trio's, which are one to them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import socket
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Iterable
from contextvars import copy_context
from typing import Any, Protocol

from .eventloop import ClientContext, Runtime, is_end
from .threads import MOST_THREADS
from .unraisable import unraisable

Job = Callable[[], Coroutine[Any, Any, None]]


class Task(Protocol):
    """What runs until it ends or is cancelled."""

    def cancel(self) -> object:
        """End it."""


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
        new_future: See Runtime.
    """

    time: Callable[[], float]
    call_soon: Callable[..., object]
    new_future: Callable[[], Any]

    def __init__(self, context: ClientContext) -> None:
        self.context = context
        self._runtime = Runtime.current()
        self.time = self._runtime.clock
        self.new_future = self._runtime.new_future
        # asyncio would not keep them alive.
        self._tasks: set[Any] = set()

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
    def begin(self, work: Coroutine[Any, Any, None]) -> Task:
        """Run a coroutine, which raises nothing but ENDS and cancellations, with the context variables of now."""

    def spawn(self, job: Job) -> None:
        """Run a coroutine function. What it raises is told as `complain` tells it."""
        self.context.run(self.begin, _told(job, self))

    async def end(self) -> None:
        """End all tasks that were begun here, but for the caller's, and threads when they have done their work."""
        tasks = [task for task in self._tasks if not self.is_current(task)]
        for task in tasks:
            task.cancel()
        if tasks:
            await self.ended(tasks)

    @abstractmethod
    def is_current(self, task: Any) -> bool:
        """Say whether the caller runs in a task."""

    @abstractmethod
    async def ended(self, tasks: Iterable[Any]) -> None:
        """Wait until tasks have ended, however."""

    @abstractmethod
    async def turn(self) -> None:
        """Let the loop have its turn."""

    @abstractmethod
    async def catch_up(self) -> None:
        """Wait until the loop has polled its sockets and taken what they had."""

    @abstractmethod
    def in_thread(self, work: Callable[[], None], done: Callable[[], None]) -> Task:
        """Have another thread call a function, which raises nothing.

        Args:
            work: The function.
            done: Called in the loop's thread when it has returned, or when it was cancelled before it was called.
        """

    @abstractmethod
    async def getaddrinfo(self, host: str, port: int) -> list[Any]:
        """Return what `socket.getaddrinfo` does of a name for TCP."""

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
        self.call_soon = loop.call_soon
        # Made when one is needed.
        self._threads: Any = None

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

    def begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """See Loop."""
        task = self.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def end(self) -> None:
        """See Loop."""
        try:
            await super().end()
        finally:
            if self._threads is not None:
                self._threads.shutdown(wait=False)
                self._threads = None

    def is_current(self, task: Any) -> bool:
        """See Loop."""
        return task is asyncio.current_task()

    async def ended(self, tasks: Iterable[asyncio.Future[None]]) -> None:
        """See Loop."""
        await asyncio.wait(tasks)

    async def turn(self) -> None:
        """See Loop."""
        await asyncio.sleep(0)

    async def catch_up(self) -> None:
        """See Loop: that is over after its second turn."""
        for _ in range(2):
            await asyncio.sleep(0)

    def in_thread(self, work: Callable[[], None], done: Callable[[], None]) -> asyncio.Future[None]:
        """See Loop."""
        try:
            if self._threads is None:
                from concurrent.futures import ThreadPoolExecutor

                self._threads = ThreadPoolExecutor(MOST_THREADS, "pynector")
            running = self.loop.run_in_executor(self._threads, work)
        except RuntimeError:
            # There are no threads any more: the program is at its end.
            work()
            running = self.loop.create_future()
            running.set_result(None)
        running.add_done_callback(lambda _: done())
        return running

    async def getaddrinfo(self, host: str, port: int) -> list[Any]:
        """See Loop."""
        return await self.loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)

    def _complain(self, said: str, error: BaseException) -> None:
        self.loop.call_exception_handler({"message": f"pynector: {said}", "exception": error})


class TrioLoop(Loop):
    """trio's. Its tasks are system tasks, which end with the run: a client has no nursery of its own."""

    def __init__(self, context: ClientContext) -> None:
        import trio

        from .reactor import running_reactor

        super().__init__(context)
        self._trio = trio
        self._run_soon: Any = trio.lowlevel.current_trio_token().run_sync_soon
        self._reactor = running_reactor()
        self._room = trio.CapacityLimiter(MOST_THREADS)
        self.call_soon = self._reactor.call_soon

    def call_from_anywhere(self, call: Callable[..., Any], *args: Any) -> None:
        """See Loop."""
        # trio keeps what it called last until it calls the next.
        with contextlib.suppress(self._trio.RunFinishedError):
            self._run_soon(_call_once, self._reactor.call, [(call, args)])

    def call_at(self, when: float, call: Callable[..., Any], *args: Any) -> Timer:
        """See Loop."""
        return self.context.run(self._reactor.call_at, when, call, *args)

    def keep(self, kept: Any) -> Timer:
        """See Loop."""
        return self.call_at(math.inf, _nothing, kept)

    def begin(self, work: Coroutine[Any, Any, None]) -> Task:
        """See Loop."""
        task = _TrioTask(work, self)
        self._tasks.add(task)
        self._trio.lowlevel.spawn_system_task(task.run, context=copy_context())
        return task

    def is_current(self, task: Any) -> bool:
        """See Loop."""
        return task.task is self._trio.lowlevel.current_task()

    async def ended(self, tasks: Iterable[Any]) -> None:
        """See Loop."""
        for task in tasks:
            await task.ended.wait()

    async def turn(self) -> None:
        """See Loop."""
        await self._trio.lowlevel.checkpoint()

    async def catch_up(self) -> None:
        """See Loop: the tasks that read, and that tell of what was read, may each have to wait for a turn."""
        for _ in range(4):
            await self.turn()

    async def getaddrinfo(self, host: str, port: int) -> list[Any]:
        """See Loop."""
        found: list[Any] = await self._trio.socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return found

    def _complain(self, said: str, error: BaseException) -> None:
        logging.getLogger("pynector").error(said, exc_info=error)

    def in_thread(self, work: Callable[[], None], done: Callable[[], None]) -> Task:
        """See Loop."""

        async def run() -> None:
            try:
                await self._trio.to_thread.run_sync(work, limiter=self._room)
            except RuntimeError:
                # There can be no more threads.
                work()
            finally:
                done()

        return self.begin(run())

    def has_ended(self, task: Task) -> None:
        """Take note that a task has ended."""
        self._tasks.discard(task)


class _TrioTask:
    def __init__(self, work: Coroutine[Any, Any, None], loop: TrioLoop) -> None:
        import trio

        self._work = work
        self._loop = loop
        self._scope = trio.CancelScope()
        self.ended = trio.Event()
        self.task: Any = None

    def cancel(self) -> None:
        self._scope.cancel()

    async def run(self) -> None:
        import trio

        self.task = trio.lowlevel.current_task()
        try:
            with self._scope:
                await self._work
        except (KeyboardInterrupt, SystemExit, trio.Cancelled):
            raise
        except BaseException as error:
            # trio would take it for an error of its own, and end the run.
            self._loop.complain("a task failed", error)
        finally:
            self._loop.has_ended(self)
            self.ended.set()


def _nothing(kept: Any) -> None:
    pass


def _call_once(how: Callable[..., Any], calls: list[tuple[Callable[..., Any], tuple[Any, ...]]]) -> None:
    call, args = calls.pop()
    how(call, *args)


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
