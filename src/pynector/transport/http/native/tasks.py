"""The tasks and timers of an engine that are no request's own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from ....eventloop import ClientContext


class Tasks:
    """What runs beside the requests, until it ends or all is ended.

    Args:
        loop: The event loop.
        context: Where connections and timers live.

    Attributes:
        now: The event loop's clock, in seconds.
        new_future: Makes a future of the loop's own kind.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, context: ClientContext) -> None:
        self._loop = loop
        self.now = loop.time
        self.new_future = loop.create_future
        self._context = context
        self._tasks: set[asyncio.Task[None]] = set()

    def call(self, function: Callable[[], object]) -> None:
        """Call a function with the context variables of the client."""
        self._context.run(function)

    def call_soon(self, function: Callable[[], object]) -> None:
        """Call a function in the event loop's next turn."""
        self._context.run(self._loop.call_soon, function)

    def call_at(self, when: float, function: Callable[..., object], *args: Any) -> asyncio.TimerHandle:
        """Call a function at a time on the event loop's clock."""
        return self._context.run(self._loop.call_at, when, function, *args)

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a coroutine with the context variables of the client."""
        return self._context.run(self.begin, work)

    def begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a coroutine with the context variables of now."""
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def end(self) -> None:
        """End all of them, but for the task that calls this."""
        tasks = self._tasks - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
