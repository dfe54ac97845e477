"""A client at work: in a thread of its own, on all batches that come, with one window for them."""

from __future__ import annotations

import asyncio
import os
import threading
from bisect import bisect_right
from collections import deque
from collections.abc import AsyncIterator, Callable, Hashable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from ...blocking.thread import LoopThread, closed
from ...client import Pynector, limits_of
from ...dispatch.entries import Request
from ...dispatch.item import Item as BatchItem
from ...dispatch.limits import Rate
from ...dispatch.sources import Feed
from ...errors import PynectorError, as_pynector_error
from .borrowing import Bank, Borrower

# A client that nobody has used for so long is closed, and its thread ends; another begins when it is (seconds).
IDLE = 60.0


class Block:
    """The requests of one batch on their way.

    Args:
        entries: Those that are to be sent.
        rows: The row of each of them; None: they are all rows.
        items: What became of each row; None where that is to come.

    Attributes:
        entries, rows, items: See above.
        done: Is there when all of them have ended.
        first: The number of the first entry among all that were ever sent.
        count: How many are sent, or will be.
        left: How many of these have not ended.
    """

    __slots__ = ("count", "done", "entries", "first", "items", "left", "rows")

    def __init__(self, entries: list[Request], rows: Sequence[int] | None, items: list[Any]) -> None:
        self.entries = entries
        self.rows = rows
        self.items = items
        self.count = self.left = len(entries)
        self.done: Future[None] = Future()
        self.first = 0
        if not self.left:
            self.done.set_result(None)


class Running:
    """Sends blocks of requests; any thread may give them.

    Args:
        client: The arguments of the client.
        batch: Those of its stream of results.
        rates: The client's rates.
        bank: Where it borrows what it shares with other processes, or None.
        few: With how many unanswered requests there ought to be more.

    Attributes:
        few: See above.
        changed: Notified when a block is done, or no more than `few` requests are unanswered.
        at_rest: Called when its thread ends because nobody has used it.
    """

    def __init__(
        self, client: Mapping[str, Any], batch: Mapping[str, Any], rates: Sequence[Rate], bank: Bank | None, few: int
    ) -> None:
        self._client = client
        self._batch = batch
        self._rates = rates
        self._bank = bank
        self.few = few
        self.changed = threading.Condition()
        self.at_rest: Callable[[], object] = _nobody
        self._thread = LoopThread(self._end)
        # Counted by those who give them, and in the loop's thread.
        self._given = 0
        self._ended = 0
        # Those that nobody wants any more. Whoever gives one up may be a finalizer, which must not wait for a lock.
        self._dropped: deque[Block] = deque()
        # In the loop's thread.
        self._blocks: _Blocks | None = None
        self._idle: asyncio.TimerHandle | None = None

    @property
    def unanswered(self) -> int:
        """How many requests were given that have not ended."""
        return self._given - self._ended

    def begin(self, block: Block) -> None:
        """Send a block's requests."""
        if block.left:
            with self.changed:
                self._given += block.left
                self._thread.soon(lambda loop: self._put(loop, block))

    def drop(self, block: Block) -> None:
        """Do not send what of a block waits to be sent: nobody wants its answers any more."""
        if not block.done.done():
            self._dropped.append(block)

    def stop(self) -> None:
        """Close the client; what is in flight fails."""
        self._thread.stop()

    # In the loop's thread

    def _put(self, loop: asyncio.AbstractEventLoop, block: Block) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        if self._blocks is None or self._blocks.loop is not loop:
            # The other one's loop is about to end.
            self._blocks = _Blocks(loop)
            self._blocks.task = loop.create_task(self._send(self._blocks))
        self._blocks.add(block)

    async def _send(self, blocks: _Blocks) -> None:
        error: PynectorError = closed()
        try:
            async with (
                Pynector(**self._client) as client,
                self._borrowing(client),
                client.batch_stream(blocks.feed, as_response=True, **self._batch) as results,
            ):
                async for item in results:
                    self._take(blocks, item)
        except Exception as problem:
            error = as_pynector_error(problem)
        finally:
            if self._blocks is blocks:
                self._blocks = None
            for block in blocks.open:
                self._ended += block.left
                block.done.set_exception(error)
            self._tell()
            if blocks.is_retired:
                self._rest()

    @asynccontextmanager
    async def _borrowing(self, client: Pynector) -> AsyncIterator[None]:
        limits = None if self._bank is None else limits_of(client)
        if self._bank is None or limits is None:
            yield
            return
        task = asyncio.create_task(Borrower(self._bank, limits, self._rates).run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait({task})

    def _take(self, blocks: _Blocks, item: BatchItem) -> None:
        self._ended += 1
        block = blocks.put(item)
        if block is not None:
            block.done.set_result(None)
            self._tell()
        elif self.unanswered == self.few:
            self._tell()
        if self._dropped:
            self._drop(blocks)
        if not blocks.open:
            self._idle = blocks.loop.call_later(IDLE, self._retire, blocks)

    def _drop(self, blocks: _Blocks) -> None:
        while self._dropped:
            self._ended += blocks.drop(self._dropped.popleft())
        self._tell()

    def _tell(self) -> None:
        with self.changed:
            self.changed.notify_all()

    def _retire(self, blocks: _Blocks) -> None:
        """Have the client be closed; the next block gets another one."""
        self._idle = None
        if self._blocks is blocks:
            self._blocks = None
        blocks.is_retired = True
        self._dropped.clear()
        blocks.feed.end()

    def _rest(self) -> None:
        """Have the thread end, unless somebody has given a block meanwhile."""
        with self.changed:
            if not self.unanswered:
                self.at_rest()
                self._thread.stop(wait=False)

    async def _end(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        blocks = self._blocks
        if blocks is not None and blocks.task is not None and blocks.loop is asyncio.get_running_loop():
            self._blocks = None
            blocks.task.cancel()
            await asyncio.wait({blocks.task})


class _Blocks:
    """The blocks of one client, from its first use to its end.

    Args:
        loop: The event loop that it runs on.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        # Those that are not done, which are few at a time.
        self.open: list[Block] = []
        self.feed = Feed()
        self.task: asyncio.Task[None] | None = None
        self.is_retired = False
        self._given = 0

    def add(self, block: Block) -> None:
        block.first = self._given
        self._given += len(block.entries)
        self.open.append(block)
        entries, block.entries = block.entries, []
        self.feed.add(entries)

    def drop(self, block: Block) -> int:
        """Take back what of a block has not been taken to be sent, and return how much."""
        if block not in self.open:
            return 0
        taken = self._given - len(self.feed)
        before = max(0, block.first - taken)
        count = max(0, block.first + block.count - taken - before)
        self.feed.take_back(before, count)
        self._given -= count
        for later in self.open[self.open.index(block) + 1 :]:
            later.first -= count
        block.count -= count
        block.left -= count
        if not block.left:
            self.open.remove(block)
            block.done.cancel()
        return count

    def put(self, item: BatchItem) -> Block | None:
        """Take note of what became of an entry, and return its block if it was the last there."""
        blocks, index = self.open, item.index
        place = bisect_right(blocks, index, key=_first) - 1 if len(blocks) > 1 else 0
        block = blocks[place]
        # Else each would be kept, and looked through for garbage, until all others have ended.
        item.request = None
        index -= block.first
        block.items[index if block.rows is None else block.rows[index]] = item
        block.left -= 1
        return None if block.left else blocks.pop(place)


def _first(block: Block) -> int:
    return block.first


class Pool:
    """The clients at work in this process, by the names of what asked for them: its copies share one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[Hashable, Running] = {}
        # Those of the process that this one was forked off, whose connections are not to be touched.
        self._of_others: list[Running] = []
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forked)

    def _forked(self) -> None:
        self._lock = threading.Lock()
        self._of_others += self._running.values()
        self._running = {}

    def get(self, name: Hashable, make: Callable[[], Running]) -> Running:
        """Return the one of a name, which is made if there is none."""
        with self._lock:
            if name not in self._running:
                running = self._running[name] = make()
                running.at_rest = partial(self._forget, name, running)
            return self._running[name]

    def names(self) -> list[Hashable]:
        """Return the names of those that there are."""
        return list(self._running)

    def stop(self, name: Hashable) -> None:
        """Close the one of a name."""
        with self._lock:
            running = self._running.pop(name, None)
        if running is not None:
            running.stop()

    def _forget(self, name: Hashable, running: Running) -> None:
        with self._lock:
            if self._running.get(name) is running:
                del self._running[name]


def _nobody() -> None:
    pass
