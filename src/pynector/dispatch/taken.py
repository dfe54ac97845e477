"""Where results go that somebody takes one by one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from .._speedups import dispatcher
from .._speedups.results import Results
from ..errors import ConfigurationError, PynectorError
from .item import item_of

# Anew, so that it is C's own number here.
BURST = dispatcher.BURST


class TakenResults(Results):
    """Keeps results until they are taken: as they come, or in the order of their entries.

    Args:
        clock: The event loop's clock, in seconds.
        ready: Called when there is an item to take, and was none.
        ordered: Whether they are taken in the order of their entries.

    Attributes:
        taken: How many have been taken.
        in_a_row: How many of them since `rest` was called; there are BURST at the most.
    """

    __slots__ = ("_clock", "_early", "_items", "_next", "_ordered", "_ready", "in_a_row", "taken")

    def __init__(self, clock: Callable[[], float], ready: Callable[[], object], ordered: bool) -> None:
        self._clock = clock
        self._ready = ready
        self._ordered = ordered
        self._items: Any = deque()
        # Those whose turn has not come, and whose turn it is.
        self._early: dict[int, Any] = {}
        self._next = 0
        self.taken = 0
        self.in_a_row = 0

    def put(self, index: int, entry: Any, started: float, attempts: int, result: Any) -> None:
        """See Results."""
        data, own = entry
        error = None
        if isinstance(result, PynectorError):
            error, result = result, None
            if attempts == 1 and isinstance(error, ConfigurationError) and error.sent == "none":
                # It came to no attempt.
                attempts = 0
        elapsed = self._clock() - started if attempts else 0.0
        item: Any = item_of(index, own.get("key") if own else None, data, result, error, elapsed, attempts)
        # Whoever waits does so since there was none.
        is_first = not self._items
        if not self._ordered:
            self._items.append(item)
        elif index != self._next:
            self._early[index] = item
            return
        else:
            while item is not None:
                self._items.append(item)
                self._next += 1
                item = self._early.pop(self._next, None)
        if is_first:
            self._ready()

    def take(self) -> Any:
        """Return the next item, or None: there is none now, or too many have been taken in a row."""
        if self.in_a_row == BURST or not self._items:
            return None
        self.taken += 1
        self.in_a_row += 1
        return self._items.popleft()

    def rest(self) -> None:
        """Take note that the event loop has had its turn."""
        self.in_a_row = 0
