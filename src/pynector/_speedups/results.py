"""Where the answers and errors of a batch go: into a list, or to somebody who takes them one by one."""

from collections import deque
from collections.abc import Callable
from typing import Any


class Results:
    """Takes what became of the entries of a batch, each once, in any order."""

    __slots__ = ()

    def put(self, index: int, entry: Any, started: float, attempts: int, result: Any) -> None:
        """Take the answer of an entry, or its error.

        Args:
            index: The entry's number.
            entry: The entry.
            started: When it started, on the event loop's clock in seconds.
            attempts: How often it was sent.
            result: See above.
        """


class ListResults(Results):
    """Puts each result in its place.

    Args:
        count: The number of entries, 0 or more; 0, too, if that is not known.
        into: An empty list to put them in, or None for a new one.

    Attributes:
        results: One item an entry: its answer or error; MISSING as long as it has none.
    """

    __slots__ = ("results",)

    def __init__(self, count: int, into: Any = None) -> None:
        self.results: list[Any] = [] if into is None else into
        self.results += [MISSING] * count

    def put(self, index: int, entry: Any, started: float, attempts: int, result: Any) -> None:
        """See Results."""
        results = self.results
        while index >= len(results):
            results.append(MISSING)
        results[index] = result


class TakenResults(Results):
    """Keeps results until they are taken: as they come, or in the order of their entries.

    Args:
        make: Makes an item of what `put` gets.
        ready: Called when there is an item to take, and was none.
        ordered: Whether they are taken in the order of their entries.

    Attributes:
        taken: How many have been taken.
    """

    __slots__ = ("_early", "_items", "_make", "_next", "_ordered", "_ready", "taken")

    def __init__(
        self, make: Callable[[int, Any, float, int, Any], Any], ready: Callable[[], object], ordered: bool
    ) -> None:
        self._make = make
        self._ready = ready
        self._ordered = ordered
        self._items: Any = deque()
        # Those whose turn has not come, and whose turn it is.
        self._early: dict[int, Any] = {}
        self._next = 0
        self.taken = 0

    def put(self, index: int, entry: Any, started: float, attempts: int, result: Any) -> None:
        """See Results."""
        item = self._make(index, entry, started, attempts, result)
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
        """Return the next item, or None if there is none now."""
        if not self._items:
            return None
        self.taken += 1
        return self._items.popleft()


MISSING: Any = None
