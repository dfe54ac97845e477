"""The requests of record batches on their way: which are sent next, and whose rows the answers are."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future

from ...dispatch.entries import Request
from ...dispatch.item import BatchItem
from ...dispatch.sources import Feed
from ...errors import ConfigurationError
from .answers import Answers


class Block:
    """The requests of one batch on their way.

    Args:
        entries: Makes one for each record, or the error of a record of which none can be made.
        answers: What became of each.

    Attributes:
        entries, answers: See above.
        done: Is there when all of them have ended.
        left: How many have not ended.
        made: How many have been made.
        first: The number of the first one that was sent, among all that ever were.
        rows: The row of each one that was sent; None: they are all rows.
    """

    __slots__ = ("answers", "done", "entries", "first", "left", "made", "rows")

    def __init__(self, entries: Iterator[Request | ConfigurationError], answers: Answers) -> None:
        self.entries = entries
        self.answers = answers
        self.done: Future[None] = Future()
        self.left = answers.count
        self.made = 0
        # Those that have not begun come after all that have.
        self.first = sys.maxsize
        self.rows: list[int] | None = None
        if not self.left:
            self.done.set_result(None)


class Blocks:
    """The blocks of one client, from its first use to its end.

    Args:
        ended: Called with the block of each request that has ended, or that could not be made.

    Attributes:
        open: Those that are not done, which are few at a time.
        feed: Gives their entries.
    """

    def __init__(self, ended: Callable[[Block], object]) -> None:
        self._ended = ended
        self.open: list[Block] = []
        self.feed = Feed()
        # How many were sent.
        self._sent = 0

    def add(self, block: Block) -> None:
        """Have a block's requests be sent."""
        self.open.append(block)
        self.feed.add(self._entries(block))

    def _entries(self, block: Block) -> Iterator[Request]:
        """Make the entries of a block as they are taken to be sent.

        So a request lives no longer than until it is answered: those that live long cost the garbage collector more
        than all that is done here.
        """
        block.first = self._sent
        while (entry := next(block.entries, None)) is not None:
            row = block.made
            block.made += 1
            if isinstance(entry, ConfigurationError):
                if block.rows is None:
                    block.rows = list(range(row))
                self._end(block, row, BatchItem(row, None, None, None, entry, 0.0, 0))
                continue
            self._sent += 1
            if block.rows is not None:
                block.rows.append(row)
            yield entry

    def put(self, item: BatchItem) -> None:
        """Take note of what became of an entry."""
        block = self._block_of(item.index)
        row = item.index - block.first
        if block.rows is not None:
            row = block.rows[row]
        self._end(block, row, item)

    def _block_of(self, index: int) -> Block:
        """Return the block that has an entry."""
        low, high = 0, len(self.open)
        while high - low > 1:
            middle = (low + high) // 2
            block: Block = self.open[middle]
            if block.first <= index:
                low = middle
            else:
                high = middle
        return self.open[low]

    def _end(self, block: Block, row: int, item: BatchItem) -> None:
        block.answers.put(row, item)
        block.left -= 1
        if not block.left:
            self.open.remove(block)
        self._ended(block)

    def drop(self, block: Block) -> int:
        """Make no more entries of a block, and return how many that are."""
        if block not in self.open:
            return 0
        count = block.answers.count - block.made
        block.entries = iter(())
        block.made += count
        block.left -= count
        if not block.left:
            self.open.remove(block)
        return count
