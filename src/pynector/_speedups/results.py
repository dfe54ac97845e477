"""Where the answers and errors of a batch go: into a list, say."""

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


MISSING: Any = None
