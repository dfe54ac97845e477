"""A batch whose results are taken one by one while it goes on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any, Generic

import anyio.lowlevel

from .._speedups.dispatcher import BURST
from ..answer import Answer
from .batch import BatchRun
from .bell import Bell
from .item import Item
from .sources import Source
from .taken import TakenResults

if TYPE_CHECKING:
    from typing_extensions import Self


class BatchStream(Generic[Answer]):
    """The results of a batch: an asynchronous iterator of `BatchItem`.

    Made by `Pynector.batch_stream`. Any number of tasks may take from it, and each item is one task's. An error that
    ends it is one's, too; to the others it has just ended.
    """

    def __init__(self, entries: Any, ahead: int, ordered: bool, clock: Callable[[], float]) -> None:
        # What is made here holds this no longer than its source is open: it has what was not taken.
        self._changed = Bell()
        self._is_over = False
        self._run: BatchRun | None = None
        self.results = results = TakenResults(clock, self._changed.ring, ordered)
        self.source = Source(entries, ahead, lambda: results.taken, self._go_on)

    def drain(self) -> None:
        """Start nothing new. What was sent is given out, and then the stream ends.

        What was read ahead and waits to be sent for the first time, as for its origin or a rate, is a TransportError.
        """
        self.source.stop()
        if self._run is not None and not self._is_over:
            self._run.drain()

    def __aiter__(self) -> AsyncIterator[Item[Answer]]:
        return self

    async def __anext__(self) -> Item[Answer]:
        item: Item[Answer] | None = self.results.take()
        if item is None:
            item = await self._next()
        if self.source.is_held:
            self._go_on()
        return item

    async def _next(self) -> Item[Answer]:
        """Return the next item, when there is one, and when the event loop has had its turn after many in a row."""
        results = self.results
        while True:
            if results.in_a_row == BURST:
                # A transport that has every answer at once would keep the event loop from its turn.
                await anyio.lowlevel.checkpoint()
                results.rest()
            item: Item[Answer] | None = results.take()
            if item is not None:
                return item
            if self._is_over:
                error, self.source.error = self.source.error, None
                if error is not None:
                    raise error
                raise StopAsyncIteration
            await self._changed.wait()
            results.rest()

    def counts(self) -> tuple[int, int]:
        """Return how many entries have ended, and how many of these have failed."""
        run = self._run
        if run is None:
            return 0, 0
        return run.dispatcher.counts()[0], run.dispatcher.failures

    # Whoever runs it

    def begin(self, run: BatchRun) -> Self:
        """Take note of what starts the entries."""
        self._run = run
        return self

    def end(self) -> None:
        """Take note that nothing more comes."""
        self._is_over = True
        self._changed.ring()

    def _go_on(self) -> None:
        """Go on, now that the source may have an entry."""
        if self._run is not None and not self._is_over:
            self._run.read_on()
