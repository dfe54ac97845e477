"""The tasks and timers of an engine that are no request's own."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from ....callbacks import Loop, Task


class Tasks:
    """What runs beside the requests, until it ends or all is ended.

    Args:
        loop: The event loop; connections and timers live in its context.

    Attributes:
        loop: See above.
        now: The event loop's clock, in seconds.
        new_future: Makes a future of the loop's own kind.
        call_at: Calls a function at a time on the event loop's clock.
        begin: Runs a coroutine with the context variables of now.
        end: Ends all of them, but for the task that calls this.
    """

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.now = loop.time
        self.new_future = loop.new_future
        self.call_at = loop.call_at
        self.begin = loop.begin
        self.end = loop.end
        self._context = loop.context

    def call(self, function: Callable[[], object]) -> None:
        """Call a function with the context variables of the client."""
        self._context.run(function)

    def call_soon(self, function: Callable[[], object]) -> None:
        """Call a function in the event loop's next turn."""
        self._context.run(self.loop.call_soon, function)

    def spawn(self, work: Coroutine[Any, Any, None]) -> Task:
        """Run a coroutine with the context variables of the client."""
        return self._context.run(self.begin, work)
