"""The file of a checkpoint: an SQLite database that one process at a time has."""

from __future__ import annotations

import os
import random
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NoReturn

from ..errors import CheckpointError

Row = tuple[int, bytes, bytes, int, "bytes | None", "bytes | None"]
"""Number, name, digest, and the three parts of a record."""

# "pync", so that no other program's database is taken for one, and the version of what is in it.
APPLICATION = 0x70796E63
VERSION = 1

_SCHEMA = (
    f"PRAGMA application_id = {APPLICATION}",
    f"PRAGMA user_version = {VERSION}",
    "CREATE TABLE job (id BLOB NOT NULL, runs INTEGER NOT NULL)",
    # What is read of all rows at the start stands first: SQLite skips what is long behind it.
    "CREATE TABLE results (row INTEGER PRIMARY KEY, name BLOB NOT NULL, digest BLOB NOT NULL, kind INTEGER NOT NULL, "
    "about BLOB, body BLOB)",
)

# Rows that one statement writes or reads. SQLite may be built for no more than 999 parameters; and for each statement
# Python lets go of its lock, which it may be long in getting back from a busy event loop.
_ROWS_WRITTEN = (128, 32, 8, 1)
_ROWS_READ = 512

_INSERT = {
    count: f"INSERT OR REPLACE INTO results VALUES {', '.join(['(?,?,?,?,?,?)'] * count)}" for count in _ROWS_WRITTEN
}

# Two that open a file in the same moment may each find it locked.
_TRIES = 5
_PAUSE = 0.05

_FOREIGN = "it is no checkpoint of Pynector's"

# What is said of errors that have their cause outside.
_SAID = {
    "locked": "another job is running with it",
    "is full": "the disk is full",
    "not a database": _FOREIGN,
}

# Where a process closes a file, it loses its locks on it (POSIX): also those that SQLite has by another descriptor.
_creating = threading.Lock()


class ResultFile:
    """A file of results. It is opened, used and closed in one thread, and blocks.

    No other process, and no other ResultFile, can open it meanwhile; a process that dies leaves it free. What `write`
    has returned of is on the disk.

    Args:
        path: Where it is, or is to be. Its folder must be there.
    """

    def __init__(self, path: str) -> None:
        self.path = os.path.realpath(path)

    def open(self) -> None:
        """Open or create it.

        Raises:
            CheckpointError: If it cannot be used; the message says why.
        """
        for tries_left in reversed(range(_TRIES)):
            self._create()
            try:
                self._connection = self._connected()
                return
            except sqlite3.Error as error:
                if not tries_left or "locked" not in str(error):
                    self._fail(error)
            time.sleep(random.uniform(0, _PAUSE))

    def close(self) -> None:
        """Close it, and let others have it."""
        self._connection.close()

    def job(self) -> bytes:
        """Return what tells its job from all others, the same for all its life."""
        found: bytes = self._connection.execute("SELECT id FROM job").fetchone()[0]
        return found

    def rows(self, failure: int) -> Iterator[tuple[int, bytes, bytes, bool]]:
        """Return number, name, digest, and whether its kind is `failure`, of each row by its number."""
        try:
            yield from self._connection.execute(
                "SELECT row, name, digest, kind = ? FROM results ORDER BY row", (failure,)
            )
        except sqlite3.Error as error:
            self._fail(error)

    def write(self, rows: Sequence[Row]) -> None:
        """Write rows, and return when the disk has them; all or none. One with a number that is there replaces that.

        Raises:
            CheckpointError: If they cannot be written.
        """
        execute, done = self._connection.execute, 0
        try:
            execute("BEGIN")
            try:
                for count in _ROWS_WRITTEN:
                    while done + count <= len(rows):
                        execute(_INSERT[count], [part for row in rows[done : done + count] for part in row])
                        done += count
                execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            self._fail(error)

    def read(self, numbers: Sequence[int]) -> dict[int, tuple[int, bytes | None, bytes | None]]:
        """Return the records of rows.

        Raises:
            CheckpointError: If they cannot be read.
        """
        found = {}
        try:
            for start in range(0, len(numbers), _ROWS_READ):
                some = numbers[start : start + _ROWS_READ]
                marks = ",".join("?" * len(some))
                sql = f"SELECT row, kind, about, body FROM results WHERE row IN ({marks})"
                found.update({row: (kind, *rest) for row, kind, *rest in self._connection.execute(sql, some)})
        except sqlite3.Error as error:
            self._fail(error)
        return found

    def _create(self) -> None:
        """Make an empty file that only its owner can read, if there is none; SQLite makes others beside it so."""
        try:
            with _creating:
                os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        except FileExistsError:
            if os.path.isdir(self.path):
                self._refuse("it is a folder")
            # SQLite says "disk I/O error" where it may not write beside it.
            if not (_is_writable(self.path) and _is_writable(os.path.dirname(self.path))):
                self._refuse("it, or its folder, may not be written to")
        except OSError as error:
            self._refuse(f"it cannot be made there ({error.strerror})", error)

    def _connected(self) -> sqlite3.Connection:
        with _creating:
            connection = sqlite3.connect(
                f"{Path(self.path).as_uri()}?mode=rw", timeout=0, isolation_level=None, uri=True
            )
        try:
            execute = connection.execute
            # Nobody else has it as long as it is open. So it needs no memory to share, which some file systems lack.
            execute("PRAGMA locking_mode = EXCLUSIVE")
            execute("BEGIN IMMEDIATE")
            self._check(execute)
            # To find out whether it can be written to.
            execute("UPDATE job SET runs = runs + 1")
            execute("COMMIT")
            execute("PRAGMA journal_mode = WAL")
            # The disk has what was committed, also when the power fails; macOS has to be asked twice.
            execute("PRAGMA synchronous = FULL")
            execute("PRAGMA fullfsync = ON")
        except BaseException:
            connection.close()
            raise
        return connection

    def _check(self, execute: Callable[..., sqlite3.Cursor]) -> None:
        """Make an empty database one of ours, and refuse any other that is none."""
        application = execute("PRAGMA application_id").fetchone()[0]
        version = execute("PRAGMA user_version").fetchone()[0]
        if (application, version) == (0, 0) and not execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            for statement in _SCHEMA:
                execute(statement)
            execute("INSERT INTO job VALUES (?, 0)", (secrets.token_bytes(16),))
        elif application != APPLICATION:
            self._refuse(_FOREIGN)
        elif version != VERSION:
            self._refuse("it was written by another version of Pynector")

    def _fail(self, error: sqlite3.Error) -> NoReturn:
        text = str(error)
        self._refuse(next((f"{said} ({text})" for part, said in _SAID.items() if part in text), text), error)

    def _refuse(self, why: str, cause: BaseException | None = None) -> NoReturn:
        raise CheckpointError(f"the checkpoint {self.path} cannot be used: {why}") from cause


def _is_writable(place: str) -> bool:
    return os.access(place, os.R_OK | os.W_OK, effective_ids=os.access in os.supports_effective_ids)
