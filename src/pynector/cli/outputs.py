"""The file that a batch's results go to, and what an earlier run has put there."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ..dispatch.identities import Identities, Key, digest_of, name_of
from .pipes import Pipe, is_pipe


class BadOutput(Exception):
    """The output cannot be used."""


class Done:
    """What an earlier run has done; 30 bytes for each.

    Args:
        by_key: Whether records are known by their keys, else by their numbers.

    Attributes:
        failures: How many of its results are failures.
    """

    def __init__(self, by_key: bool) -> None:
        self._by_key = by_key
        self._known = Identities()
        self.failures = 0

    def load(self, lines: Iterator[dict[str, Any]]) -> None:
        """Take what is in the file."""
        self._known.load(self._row(number, line) for number, line in enumerate(lines, 1))

    def has(self, index: int, key: Key | None, method: str, url: str) -> bool:
        """Say whether a record has its result.

        Raises:
            BadOutput: If that is of another request.
        """
        row = self._known.row_of(self._name(index, key))
        if row <= 0:
            return False
        if self._known.digest(row) != _digest(method, url):
            what = f"the key {key!r}" if self._by_key else f"the record with the index {index}"
            raise BadOutput(f"the output has the result of another request for {what}: the input has changed")
        return True

    def _row(self, number: int, line: dict[str, Any]) -> tuple[int, bytes, bytes, bool]:
        is_failure = "error" in line
        self.failures += is_failure
        return number, self._name(line["index"], line.get("key")), _digest(line["method"], line["url"]), is_failure

    def _name(self, index: int, key: Key | None) -> bytes:
        return name_of(index, key if self._by_key else None)


def _digest(method: str, url: str) -> bytes:
    return digest_of(method.encode(), url.encode("utf-8", "surrogatepass"))


class Output:
    """Where lines go: a file, to which they are appended, or standard output.

    After a kill at most the last one is torn.

    Args:
        path: The file, or None.

    Attributes:
        pipe: What stands for the file if another program reads from it, else None.
    """

    def __init__(self, path: Path | None) -> None:
        if path is None:
            sys.stdout.flush()
            self._file = sys.stdout.fileno()
        else:
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)
            self._file = os.open(path, flags, 0o666)
        self._is_own = path is not None
        self.pipe = Pipe(self._file) if is_pipe(os.fstat(self._file)) else None

    def write(self, lines: Sequence[bytes]) -> None:
        """Write lines at once, or as a pipe takes them.

        Raises:
            OSError: If they cannot be written.
        """
        if self.pipe is not None:
            self.pipe.write(b"".join(lines))
            return
        block = memoryview(b"".join(lines))
        while block:
            block = block[os.write(self._file, block) :]

    def close(self) -> None:
        """Close it."""
        if self._is_own:
            os.close(self._file)


def resumed(path: Path, done: Done, without_failures: bool) -> None:
    """Take note of what is in a file, and repair its end if it is torn.

    Args:
        path: The file, which need not be there.
        done: Takes note.
        without_failures: Whether failures are taken out of the file, so that they are sent again.

    Raises:
        BadOutput: If it is no output of a batch.
    """
    if not path.exists():
        return
    _repair(path)
    if not without_failures:
        done.load(said for _, said in _lines(path))
        return
    # As a whole, or not at all.
    other = path.with_name(path.name + ".new")
    with other.open("wb") as file:
        done.load(said for line, said in _lines(path) if "error" not in said and file.write(line))
        file.flush()
        os.fsync(file.fileno())
    os.replace(other, path)


def _lines(path: Path) -> Iterator[tuple[bytes, dict[str, Any]]]:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            said = _said(line)
            if said is None:
                raise BadOutput(f"{path} is no output of a batch: see its line {number}")
            yield line, said


def _said(line: bytes) -> dict[str, Any] | None:
    try:
        said = _parsed(line)
    except (ValueError, RecursionError):
        return None
    is_result = isinstance(said, dict) and isinstance(said.get("index"), int)
    return said if is_result and isinstance(said.get("method"), str) and isinstance(said.get("url"), str) else None


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise
    except ValueError:
        # Bodies are there as they came, and may have longer numbers than Python's own may be.
        return json.loads(line, parse_int=_number)


def _number(text: str) -> int | str:
    try:
        return int(text)
    except ValueError:
        return text


def _repair(path: Path) -> None:
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        start = _start_of_last(file, size)
        if start == size:
            return
        file.seek(start)
        if _said(file.read()) is None:
            file.truncate(start)
        else:
            file.write(b"\n")


def _start_of_last(file: Any, size: int) -> int:
    """Return where the line begins that has no end; the size if there is none."""
    place = size
    while place:
        before = max(0, place - (1 << 16))
        file.seek(before)
        found = file.read(place - before).rfind(b"\n")
        if found >= 0:
            return int(before + found + 1)
        place = before
    return 0
