"""Asynchronous context managers and iterators, held in the loop's thread for who uses them from another one."""

from __future__ import annotations

import asyncio
import os
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from types import TracebackType
from typing import Any, Generic, NoReturn, TypeVar

from ..errors import PynectorError
from .thread import LoopThread, closed

T = TypeVar("T")
V = TypeVar("V")

# How much is taken before it is asked for: that one thread waits for another costs more than what it waits for.
MOST_ITEMS = 256
MOST_BYTES = 1 << 18


class Held(Generic[V]):
    """A context that is entered and left in one task, as its manager wants it.

    Args:
        thread: Where it is held.
        make: Makes the manager.
    """

    def __init__(self, thread: LoopThread, make: Callable[[], AbstractAsyncContextManager[V]]) -> None:
        self.thread = thread
        self._make = make
        self._task: asyncio.Task[None] | None = None
        self._pumps: list[asyncio.Task[None]] = []

    async def enter(self) -> V:
        """Enter it, and return what that gives."""
        self._loop = loop = asyncio.get_running_loop()
        self._entered: asyncio.Future[V] = loop.create_future()
        self._leaving: asyncio.Future[None] = loop.create_future()
        self._task = loop.create_task(self._hold())
        try:
            futures: set[asyncio.Future[Any]] = {self._entered, self._task}
            await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            self._task.cancel()
            await asyncio.wait({self._task})
            raise
        if not self._entered.done():
            self._task.result()
        return self._entered.result()

    async def leave(self, error: BaseException | None) -> None:
        """Leave it, with the error that its block ended with, which is raised by who raised it."""
        try:
            await self._leave(error)
        except asyncio.CancelledError:
            # By another Ctrl-C, or because the client is closed.
            if self._task is not None:
                self._task.cancel()
                await asyncio.wait({self._task})
            raise

    async def _leave(self, error: BaseException | None) -> None:
        for pump in self._pumps:
            pump.cancel()
        if self._pumps:
            await asyncio.wait(self._pumps)
        task = self._task
        if task is None or task.done():
            return
        if error is None:
            self._leaving.set_result(None)
        elif isinstance(error, Exception) and not isinstance(error, StopIteration):
            self._leaving.set_exception(error)
        else:
            task.cancel()
        await asyncio.wait({task})
        if not task.cancelled() and (raised := task.exception()) is not None and raised is not error:
            raise raised

    def is_over(self) -> bool:
        """Say whether it has been left, or ended with its loop, or is another process's."""
        return self._task is None or self._task.done() or not self.thread.has(self._loop)

    def pump(self, work: Callable[[], Any]) -> None:
        """Run a coroutine function in the loop's thread until it ends or the context is left."""
        self._pumps.append(asyncio.get_running_loop().create_task(work()))

    async def _hold(self) -> None:
        async with self._make() as value:
            self._entered.set_result(value)
            await self._leaving


class Pieces(Iterator[T]):
    """Iterates in any thread over what comes in the loop's.

    Args:
        held: The context that it comes from.
        source: Gives it.
    """

    def __init__(self, held: Held[Any], source: AsyncIterator[T]) -> None:
        self._held = held
        self._source = source
        self._lock = threading.Lock()
        self._process = os.getpid()
        self._taken: deque[T] = deque()
        self._is_over = False
        # In the loop's thread.
        self._buffer: list[T] = []
        self._size = 0
        self._has_begun = self._has_ended = False
        self._error: Exception | None = None
        self._news: Any = None
        self._room: Any = None

    def __iter__(self) -> Pieces[T]:
        return self

    def __next__(self) -> T:
        if self._process != os.getpid():
            # One of the other's threads may have had the lock, and is not here to give it back.
            raise _left()
        with self._lock:
            if not self._taken and not self._is_over:
                if self._held.is_over():
                    raise _left()
                self._held.thread.run(self._more)
                self._is_over = not self._taken
            if not self._taken:
                raise StopIteration
            return self._taken.popleft()

    async def _more(self) -> None:
        """Take what has come, at least one; nothing at the end.

        What is taken is kept here: whoever waits for it may be interrupted, and go on later.
        """
        if not self._has_begun:
            self._has_begun = True
            self._news, self._room = asyncio.Event(), asyncio.Event()
            self._held.pump(self._pump)
        while not self._buffer and not self._has_ended:
            self._news.clear()
            await self._news.wait()
        items, self._buffer, self._size = self._buffer, [], 0
        self._taken.extend(items)
        self._room.set()
        if not items and self._error is not None:
            error, self._error = self._error, None
            raise error

    async def _pump(self) -> None:
        try:
            async for item in self._source:
                self._buffer.append(item)
                self._size += len(item) if isinstance(item, (bytes, str)) else 0
                self._news.set()
                while len(self._buffer) >= MOST_ITEMS or self._size >= MOST_BYTES:
                    self._room.clear()
                    await self._room.wait()
        except Exception as error:
            self._error = error
        except asyncio.CancelledError:
            self._error = closed()
            raise
        finally:
            self._has_ended = True
            self._news.set()


def _left() -> PynectorError:
    return PynectorError("this was left: it is iterated over inside of its `with`")


class Entering(AbstractContextManager[V], Generic[V]):
    """What a call returns that is used by `with`.

    Args:
        held: What is entered.
        made: Makes what that gives, for the block, of it and of the context.
        call: The call that it comes of, for messages.
    """

    def __init__(self, held: Held[Any], made: Callable[[Any, Held[Any]], V], call: str) -> None:
        self._held = held
        self._made = made
        self._call = call
        self._is_entered = False

    def __enter__(self) -> V:
        if self._is_entered:
            raise PynectorError(f"what {self._call}(...) returns can be entered once")
        self._is_entered = True
        try:
            return self._made(self._held.thread.run(self._held.enter), self._held)
        except BaseException as error:
            # Ctrl-C may come when it has just been entered.
            self.__exit__(type(error), error, error.__traceback__)
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Where the client was closed meanwhile, all is over, and its loop, too.
        if not self._held.is_over():
            self._held.thread.run(lambda: self._held.leave(error))

    def __iter__(self) -> NoReturn:
        raise PynectorError(f"`with` is missing: with {self._call}(...) as it: ...")
