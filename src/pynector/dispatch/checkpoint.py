"""What makes a batch resumable: results are on the disk before they are given out, and found there by the next run."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from hashlib import blake2b
from queue import SimpleQueue
from threading import Event, Thread
from typing import Any, TypeAlias

from ..causes import text_of
from ..errors import CheckpointError, ConfigurationError
from .identities import Identities, Key, name_of
from .records import ERROR, recorded, restored
from .resultfile import ResultFile, Row

# The most results that become durable together.
MOST_AT_ONCE = 4096

# How long results are collected after a commit for the next one (seconds): each costs the disk a wait.
COLLECTED = 0.002

Call: TypeAlias = "tuple[Callable[..., object], tuple[Any, ...]]"


class Checkpoint:
    """The results of a job in a file, from one run of it to the next.

    `open` and `close` block, and may be called in any thread. All else is for the event loop's thread, and does not
    wait for the disk: that is what a thread of the checkpoint's own does. What is called back is called in the order
    in which it was asked for, and must not raise.

    Args:
        path: Where the file is, or is to be.
        retry_failed: Whether failures of earlier runs are not found, so that their requests are sent again.
        call: Calls a function with arguments soon, in the event loop's thread; called from another.
        failed: Called in the event loop's thread if the file can be written or read no more. All that was called back
            before is safe; what was asked for since is not called back.

    Attributes:
        kept: How many results of this run are durable.
        found: How many results of earlier runs were given out in this one.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        retry_failed: bool,
        call: Callable[..., object],
        failed: Callable[[CheckpointError], object],
    ) -> None:
        try:
            place = os.fspath(path)
        except TypeError:
            place = ""
        if not isinstance(place, str) or not place or "\0" in place:
            raise ConfigurationError(f"checkpoint must be the path of a file, as str or os.PathLike, not {path!r}")
        self._file = ResultFile(place)
        self._retry_failed = retry_failed
        self._call = call
        self._failed = failed
        self._identities = Identities()
        self._last_row = 0
        self._job = b""
        # The rows of failures that what is kept next by these names is to replace.
        self._to_replace: dict[bytes, int] = {}
        # Rows to write, numbers of rows to read, and what to call then; None ends it.
        self._work: SimpleQueue[tuple[Row | int, Call] | None] = SimpleQueue()
        # When the thread began its last commit, on the monotonic clock.
        self._begun = 0.0
        self._is_open = Event()
        self._problem: CheckpointError | None = None
        self._thread = Thread(target=self._run, name="pynector-checkpoint", daemon=True)
        self.kept = 0
        self.found = 0

    def open(self) -> None:
        """Open the file, or create it, and read what it has; call it once. A million results take some seconds.

        Raises:
            CheckpointError: If the file cannot be used; the message says why.
        """
        self._thread.start()
        self._is_open.wait()
        problem, self._problem = self._problem, None
        if problem is not None:
            self._thread.join()
            try:
                raise problem
            finally:
                del problem

    def close(self) -> None:
        """Write what has not been written, and close the file; call it once where `open` has returned."""
        self._work.put(None)
        self._thread.join()

    def find(self, index: int, key: Key | None, digest: bytes) -> int:
        """Return the number of the result that an entry has in the file, for `fetch`; 0 if it is to be sent.

        Call it once for each entry, before it is sent.

        Args:
            index: The entry's number.
            key: Its key, or None: then it goes by its number.
            digest: The `digest_of` its request, always the same.

        Raises:
            ConfigurationError: If the key is of a wrong type, or an earlier entry of this run has it.
            CheckpointError: If the file has the result of another request for it: it is another job's.
        """
        name, known = name_of(index, key), self._identities
        row = known.row_of(name)
        if row < 0:
            if key is not None:
                known.add(name)
            return 0
        if row == 0 or known.see(row):
            raise ConfigurationError(f"an earlier entry of the job has the key {key!r}, too")
        if known.digest(row) != digest:
            raise CheckpointError(
                f"the checkpoint {self._file.path} has the result of another request for "
                f"{f'position {index}' if key is None else f'the key {key!r}'}: the source of the job has changed"
            )
        if self._retry_failed and known.is_failure(row):
            self._to_replace[name] = row
            return 0
        return row

    def fetch(self, row: int, done: Callable[..., object], *args: Any) -> None:
        """Read a result.

        Args:
            row: What `find` gave.
            done: Called with `args` and the result.
            args: See above.
        """
        self._work.put((row, (done, args)))

    def keep(
        self, index: int, key: Key | None, digest: bytes, result: Any, done: Callable[..., object], *args: Any
    ) -> None:
        """Make the result of an entry durable.

        Args:
            index: See `find`.
            key: See `find`.
            digest: See `find`.
            result: What became of it: an answer, or an error. It must not change until `done` is called.
            done: Called with `args` when it is durable.
            args: See above.

        Raises:
            ConfigurationError: If the result is of a type that no checkpoint keeps; then `done` is not called.
        """
        record = recorded(result)
        name = name_of(index, key)
        row = self._to_replace.pop(name, 0) if self._to_replace else 0
        if not row:
            self._last_row += 1
            row = self._last_row
        self._work.put(((row, name, digest, *record), (done, args)))

    def idempotency_key(self, index: int, key: Key | None) -> str:
        """Return a name for an entry that no other entry of any job has, and that is the same in each run of its job.

        Args:
            index: See `find`.
            key: See `find`.
        """
        return blake2b(name_of(index, key), digest_size=16, key=self._job).hexdigest()

    # In the thread of its own

    def _run(self) -> None:
        try:
            self._file.open()
            try:
                self._load()
                self._is_open.set()
                while self._work_on():
                    pass
            finally:
                self._file.close()
        except BaseException as error:
            problem = error if isinstance(error, CheckpointError) else self._damaged(error)
            if self._is_open.is_set():
                self._call(self._failed, problem)
            else:
                self._problem = problem
                self._is_open.set()

    def _damaged(self, error: BaseException) -> CheckpointError:
        problem = CheckpointError(f"the checkpoint {self._file.path} cannot be used: {text_of(error)}")
        problem.__cause__ = error
        return problem

    def _load(self) -> None:
        self._job = self._file.job()
        self._last_row = self._identities.load(self._file.rows(ERROR))

    def _work_on(self) -> bool:
        """Do what there is, and return whether that is to go on. What was done is not held while there is nothing."""
        take = self._work.get
        taken = [take()]
        time.sleep(max(0.0, self._begun + COLLECTED - time.monotonic()))
        taken += [take() for _ in range(min(self._work.qsize(), MOST_AT_ONCE))]
        self._begun = time.monotonic()
        work = [item for item in taken if item is not None]
        if work:
            self._do(work)
        return len(work) == len(taken)

    def _do(self, work: list[tuple[Row | int, Call]]) -> None:
        rows = [row for row, _ in work if type(row) is tuple]
        if rows:
            self._file.write(rows)
        numbers = [row for row, _ in work if type(row) is int]
        read = self._file.read(numbers) if numbers else {}
        calls: list[Call] = []
        for row, call in work:
            if type(row) is int:
                done, args = call
                call = done, (*args, restored(*read[row]))
            calls.append(call)
        self._call(self._tell, len(rows), calls)

    def _tell(self, kept: int, calls: list[Call]) -> None:
        self.kept += kept
        self.found += len(calls) - kept
        for done, args in calls:
            done(*args)
