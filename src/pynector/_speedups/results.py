"""Where the answers and errors of a batch go."""

from typing import Any


class Results:
    """Takes what became of the entries of a batch, each once, in any order."""

    __slots__ = ()

    def put(self, index: int, result: Any) -> None:
        """Take the answer of the entry with this index, or its error."""
        raise NotImplementedError


class ListResults(Results):
    """Puts each result in its place.

    Args:
        count: The number of entries, 0 or more.

    Attributes:
        results: One item an entry: its answer or error; MISSING as long as it has none.
    """

    __slots__ = ("results",)

    def __init__(self, count: int) -> None:
        self.results: list[Any] = [MISSING] * count

    def put(self, index: int, result: Any) -> None:
        """See Results."""
        self.results[index] = result


MISSING: Any = object()
