"""Keeps a second run from writing to the same output. The lock ends with the process, whatever ends that."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from .outputs import BadOutput

try:
    import fcntl
except ImportError:
    # Windows, where a file that is open cannot be replaced by another one.
    fcntl = None  # type: ignore[assignment]


class Lock:
    """The lock on an output that is a file; one that is none, as a pipe, has no lock.

    Where the file lies on another machine (NFS), it is up to that whether others elsewhere see it.

    Args:
        path: The file, which is made if it is not there.

    Raises:
        BadOutput: If another run has it.
        OSError: If it cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None
        if fcntl is not None and (path.is_file() or not path.exists()):
            self._take(fcntl)

    def follow(self) -> None:
        """Take the lock on what is in the file's place now.

        Raises:
            BadOutput: If another run has it.
        """
        earlier = self._file
        if earlier is not None and not self._is_in_place(earlier):
            self._file = None
            os.close(earlier)
            self._take(fcntl)

    def release(self) -> None:
        """Let it go."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _take(self, fcntl: Any) -> None:
        while self._file is None:
            file = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o666)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(file)
                raise BadOutput(f"{self._path} is the output of another run, which goes on") from None
            except OSError:
                # There are file systems without locks.
                pass
            if self._is_in_place(file):
                self._file = file
            else:
                # Whoever had the lock has put another file there.
                os.close(file)

    def _is_in_place(self, file: int) -> bool:
        with suppress(FileNotFoundError):
            return os.path.samestat(os.fstat(file), os.stat(self._path))
        return False
