"""What became of one entry of a batch."""

from __future__ import annotations

from types import GenericAlias
from typing import TYPE_CHECKING, Any, Generic

from ..answer import Answer
from ..errors import PynectorError


class BatchItem:
    """What became of one entry of a batch.

    Attributes:
        index: The entry's number, 0 for the first.
        key: The option `key` of the entry, or None.
        request: The entry's data.
        result: The answer; None if it failed.
        error: What it failed with, or None.
        elapsed: Seconds from its start to its end.
        attempts: How often it was sent; 0 if it never was.
    """

    __slots__ = ("attempts", "elapsed", "error", "index", "key", "request", "result")
    __match_args__ = ("index", "key", "request", "result", "error", "elapsed", "attempts")
    __class_getitem__ = classmethod(GenericAlias)  # type: ignore[var-annotated]

    def __init__(
        self,
        index: int,
        key: Any,
        request: Any,
        result: Any,
        error: PynectorError | None,
        elapsed: float,
        attempts: int = 1,
    ) -> None:
        self.index = index
        self.key = key
        self.request = request
        self.result = result
        self.error = error
        self.elapsed = elapsed
        self.attempts = attempts

    def __repr__(self) -> str:
        # What was sent and answered may be long, or secret.
        shown = ("index", "key", "error", "elapsed", "attempts")
        return f"BatchItem({', '.join([f'{name}={getattr(self, name)!r}' for name in shown])})"

    def __reduce__(self) -> tuple[Any, ...]:
        fields = (self.index, self.key, self.request, self.result, self.error, self.elapsed, self.attempts)
        return type(self), fields

    @property
    def ok(self) -> bool:
        """Whether it has an answer."""
        return self.error is None


def item_of(index: int, key: Any, request: Any, result: Any, error: Any, elapsed: float, attempts: int) -> BatchItem:
    """Return an item of these fields; so it is made at the least cost."""
    item = BatchItem.__new__(BatchItem)
    item.index = index
    item.key = key
    item.request = request
    item.result = result
    item.error = error
    item.elapsed = elapsed
    item.attempts = attempts
    return item


if TYPE_CHECKING:
    from typing import Literal, TypeAlias

    # To a type checker a BatchItem is one of two, so that it knows what follows from `ok` and from `error`.

    class _Item:
        index: int
        key: Any
        request: Any
        elapsed: float
        attempts: int

    class Answered(_Item, Generic[Answer]):
        """One that has an answer."""

        result: Answer
        error: None
        ok: Literal[True]

    class Failed(_Item):
        """One that has none."""

        # None, but not every type checker knows from `ok` that it is not this one.
        result: Any
        error: PynectorError
        ok: Literal[False]

    Item: TypeAlias = Answered[Answer] | Failed
else:
    Item = BatchItem
