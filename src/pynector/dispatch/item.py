"""What became of one entry of a batch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic

from ..answer import Answer
from ..errors import PynectorError


@dataclass(slots=True)
class BatchItem(Generic[Answer]):
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

    index: int
    key: Any
    # What was sent and answered may be long, or secret.
    request: Any = field(repr=False)
    result: Any = field(repr=False)
    error: PynectorError | None
    elapsed: float
    attempts: int = 1

    @property
    def ok(self) -> bool:
        """Whether it has an answer."""
        return self.error is None


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
