"""A client at work: in a thread of its own, on all batches that come, with one window for them."""

from __future__ import annotations

import asyncio
import os
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Hashable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from ...blocking.thread import LoopThread, closed
from ...client import Pynector, limits_of
from ...dispatch.limits import Rate
from ...errors import PynectorError, as_pynector_error
from .blocks import Block, Blocks
from .borrowing import Bank, Borrower

# A client that nobody has used for so long is closed, and its thread ends; another begins when it is (seconds).
IDLE = 60.0


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
        self._life: _Life | None = None
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
        if self._life is None or self._life.loop is not loop:
            # The other one's loop is about to end.
            self._life = _Life(loop, self._note)
            self._life.task = loop.create_task(self._send(self._life))
        self._life.blocks.add(block)

    async def _send(self, life: _Life) -> None:
        error: PynectorError = closed()
        blocks = life.blocks
        try:
            async with (
                Pynector(**self._client) as client,
                self._borrowing(client),
                client.batch_stream(blocks.feed, as_response=True, **self._batch) as results,
            ):
                async for item in results:
                    blocks.put(item)
                    if self._dropped:
                        self._drop(life)
        except Exception as problem:
            error = as_pynector_error(problem)
        finally:
            if self._life is life:
                self._life = None
            for block in blocks.open:
                self._ended += block.left
                block.done.set_exception(error)
            self._tell()
            if life.is_retired:
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

    def _note(self, life: _Life, block: Block) -> None:
        """Take note that a request of a block has ended."""
        self._ended += 1
        if not block.left:
            block.done.set_result(None)
            self._tell()
            self._wait(life)
        elif self.unanswered == self.few:
            self._tell()

    def _drop(self, life: _Life) -> None:
        while self._dropped:
            block = self._dropped.popleft()
            self._ended += life.blocks.drop(block)
            if not block.left:
                block.done.cancel()
        self._tell()
        self._wait(life)

    def _wait(self, life: _Life) -> None:
        """Have the client be closed after a while, if there is nothing to be sent now."""
        if not life.blocks.open and self._idle is None:
            self._idle = life.loop.call_later(IDLE, self._retire, life)

    def _tell(self) -> None:
        with self.changed:
            self.changed.notify_all()

    def _retire(self, life: _Life) -> None:
        """Have the client be closed; the next block gets another one."""
        self._idle = None
        if self._life is life:
            self._life = None
        life.is_retired = True
        self._dropped.clear()
        life.blocks.feed.end()

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
        life = self._life
        if life is not None and life.task is not None and life.loop is asyncio.get_running_loop():
            self._life = None
            life.task.cancel()
            await asyncio.wait({life.task})


class _Life:
    """One client, from its first use to its end.

    Args:
        loop: The event loop that it runs on.
        note: Called with this and the block of each request that has ended.

    Attributes:
        loop: See above.
        blocks: What it sends.
        task: What sends it.
        is_retired: Whether it ends as nobody has used it.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, note: Callable[[_Life, Block], object]) -> None:
        self.loop = loop
        self.blocks = Blocks(partial(note, self))
        self.task: asyncio.Task[None] | None = None
        self.is_retired = False


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
