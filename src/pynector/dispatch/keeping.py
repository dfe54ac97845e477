"""A batch whose results are in a file before they are given out, and found there by the next run of its job."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import anyio.to_thread

from .._speedups.call import Call
from .._speedups.results import Results
from ..callbacks import running_loop
from ..errors import CheckpointError, ConfigurationError, PynectorError
from ..eventloop import ClientContext
from .bell import Bell
from .checkpoint import Checkpoint
from .identities import digest_of


class Keeping(Results):
    """Gives results on when they are durable.

    Args:
        results: Who gets them then.
        path: Where the file is, or is to be.
        retry_failed: Whether the failures of earlier runs are sent again.

    Attributes:
        stop: Called when the job cannot go on.
        refused: Called with the number, the entry and the error of a result that cannot be kept; returns what stands in
            its place.
        problem: Why the job cannot go on, or None.
        found: How many results of earlier runs have been given back.
    """

    def __init__(self, results: Results, path: Any, retry_failed: bool) -> None:
        self._results = results
        call = running_loop(ClientContext()).call_from_anywhere
        self._checkpoint = Checkpoint(path, retry_failed, call, self.fail)
        # Those to keep, by their numbers, and how many are on their way to the disk or from there.
        self._digests: dict[int, tuple[Any, bytes]] = {}
        self._under_way = 0
        self._changed = Bell()
        self.problem: CheckpointError | None = None
        self.found = 0
        self.stop: Callable[[], object] = self._changed.ring
        self.refused: Callable[[int, Any, PynectorError], PynectorError] = _as_it_is
        self._go_on: Callable[[], object] = self._changed.ring
        self._most = 1
        self._is_behind = False

    def paced(self, source: Iterator[Any], most: int, go_on: Callable[[], object]) -> Iterator[Any]:
        """Return entries, and none for as long as there are `most` results whose way to the disk is not over.

        They are sent again if the program is killed now. `go_on` is called when there are fewer again.
        """
        self._most, self._go_on = most, go_on
        end = object()
        while True:
            self._is_behind = self._under_way >= most
            if self._is_behind:
                yield None
                continue
            entry = next(source, end)
            if entry is end:
                return
            yield entry

    def has(self, call: Call, essence: bytes, done: Callable[[Call, Any], object]) -> bool:
        """Say whether the file has a call's result; then `done` is called with both.

        Args:
            call: The call, which is not sent yet.
            essence: What it says, to be held against what it said in an earlier run.
            done: See above.

        Raises:
            ConfigurationError: If its key is of a wrong type, or an earlier entry's.
            CheckpointError: If the file is another job's.
        """
        index, key = call.index, call.entry[1].get("key")
        digest = digest_of(essence)
        row = self._checkpoint.find(index, key, digest)
        if not row:
            self._digests[index] = key, digest
            return False
        self._under_way += 1
        self._checkpoint.fetch(row, self._found, done, call)
        return True

    def _found(self, done: Callable[[Call, Any], object], call: Call, result: Any) -> None:
        self._under_way -= 1
        self.found += 1
        done(call, result)
        self._look()

    def idempotency_key(self, call: Call) -> str:
        """Return a key for a call, the same in each run of its job."""
        return self._checkpoint.idempotency_key(call.index, call.entry[1].get("key"))

    def forget(self, call: Call) -> None:
        """Do not keep the result of a call: it has none, but was given up."""
        self._digests.pop(call.index, None)

    def put(self, index: int, entry: Any, started: float, attempts: int, result: Any) -> None:
        """See Results."""
        if self.problem is not None:
            # It is not durable, and so nobody gets it.
            return
        given = self._digests.pop(index, None)
        if given is None:
            self._results.put(index, entry, started, attempts, result)
            return
        try:
            self._checkpoint.keep(index, *given, result, self._kept, index, entry, started, attempts, result)
        except ConfigurationError as error:
            self._results.put(index, entry, started, attempts, self.refused(index, entry, error))
            return
        self._under_way += 1

    def _kept(self, index: int, entry: Any, started: float, attempts: int, result: Any) -> None:
        self._under_way -= 1
        self._results.put(index, entry, started, attempts, result)
        self._look()

    def _look(self) -> None:
        if self._is_behind and self._under_way < self._most:
            self._is_behind = False
            self._go_on()
        if not self._under_way:
            self._changed.ring()

    def fail(self, problem: CheckpointError) -> None:
        """Have the job end: what is not durable yet is given out by nobody."""
        if self.problem is None:
            self.problem = problem
            self.stop()
            self._changed.ring()

    async def open(self) -> None:
        """Open the file.

        Raises:
            CheckpointError: If it cannot be used.
        """
        await anyio.to_thread.run_sync(self._checkpoint.open)

    async def flush(self) -> None:
        """Wait until all that was put has been given on."""
        while self._under_way and self.problem is None:
            await self._changed.wait()

    async def aclose(self) -> None:
        """Have all that was put given out, and close the file."""
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(self._checkpoint.close)
            await self.flush()
        # They lead to the batch, which has this.
        self.stop = self._go_on = self._changed.ring
        self.refused = _as_it_is


def _as_it_is(index: int, entry: Any, error: PynectorError) -> PynectorError:
    return error


@asynccontextmanager
async def kept(results: Results, path: Any, retry_failed: bool) -> AsyncIterator[Keeping]:
    """Give results on when they are durable.

    Args:
        results: Who gets them.
        path: Where the file is, or is to be.
        retry_failed: Whether the failures of earlier runs are sent again.

    Raises:
        CheckpointError: If the file cannot be used, also by the end of the batch.
    """
    keeping = Keeping(results, path, retry_failed)
    await keeping.open()
    try:
        yield keeping
    finally:
        await keeping.aclose()
