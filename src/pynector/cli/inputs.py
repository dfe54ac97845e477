"""The records of a batch's input: lines of JSON, rows of CSV, or a list of URLs; read block by block."""

from __future__ import annotations

import asyncio
import csv
import json
import os
import stat
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from pathlib import PurePath
from typing import Any, NamedTuple

from ..errors import DecodingError
from ..transport.http.decoding import DECODERS, Decoder, decoders_of

# What is read at once (bytes).
BLOCK = 1 << 16

# What counting the lines of a file beforehand is worth (bytes).
MOST_COUNTED = 1 << 31

FORMATS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl", ".csv": "csv", ".tsv": "tsv"}
CODINGS = {".gz": "gzip", ".zst": "zstd"}

# A field of CSV may be as long as any line.
MOST_OF_A_FIELD = 1 << 30


class BadInput(Exception):
    """The input cannot be read on."""


class Record(NamedTuple):
    """One record.

    Attributes:
        number: 0 for the first, whatever becomes of it.
        line: The number of its first line, 1 for the first.
        fields: What it has, by name; None if it is none.
        problem: What is wrong with it, or None.
        is_row: Whether it is a row of CSV, in which all is text.
    """

    number: int
    line: int
    fields: dict[str, Any] | None
    problem: str | None = None
    is_row: bool = False


class Input:
    """A file, or standard input.

    Args:
        name: Its name, "-" for standard input. Its suffixes say what is in it, and how it is compressed.
        kind: "jsonl", "csv", "tsv" or "urls"; None: as its name says, else as it begins.

    Raises:
        BadInput: If it cannot be opened, or read.
    """

    def __init__(self, name: str, kind: str | None = None) -> None:
        suffixes = [suffix.lower() for suffix in PurePath(name).suffixes]
        coding = CODINGS.get(suffixes[-1]) if suffixes and name != "-" else None
        suffix = suffixes[-2:-1] if coding else suffixes[-1:]
        self._kind = kind or (FORMATS.get(suffix[0]) if suffix and name != "-" else None)
        self._decoders = _decoders(coding)
        try:
            self._file = sys.stdin.fileno() if name == "-" else os.open(name, os.O_RDONLY | getattr(os, "O_BINARY", 0))
            self._status = os.fstat(self._file)
        except OSError as error:
            raise BadInput(f"cannot read {name}: {error.strerror}") from None
        self._name = name
        self._is_rows = self._kind in ("csv", "tsv")
        self._lines = Lines(self._is_rows)
        self._parse: Callable[[str], dict[str, Any] | None] | None = None
        self._index = 0

    def close(self) -> None:
        """Close it."""
        if self._name != "-":
            os.close(self._file)

    def count(self) -> int | None:
        """Return how many lines it has, about, or None where that is not quickly found out."""
        status = self._status
        if self._name == "-" or self._decoders or not stat.S_ISREG(status.st_mode) or status.st_size > MOST_COUNTED:
            return None
        with open(self._name, "rb") as file:
            count, last = 0, b"\n"
            while block := file.read(1 << 20):
                count += block.count(b"\n")
                last = block[-1:]
        count += last != b"\n"
        return max(0, count - 1) if self._is_rows else count

    @property
    def may_wait(self) -> bool:
        """Whether reading may have to wait for somebody else."""
        mode = self._status.st_mode
        is_slow = stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(self._file)
        return is_slow and os.name != "nt"

    def records(self) -> Iterator[Record]:
        """Read it to its end."""
        while block := self._block():
            yield from self._fed(block)
        yield from self._finished()

    async def records_as_they_come(self) -> AsyncIterator[Record]:
        """Read it to its end, and let the event loop go on meanwhile."""
        while True:
            await _readable(self._file)
            block = self._block()
            if not block:
                break
            for record in self._fed(block):
                yield record
        for record in self._finished():
            yield record

    def _block(self) -> bytes:
        try:
            return os.read(self._file, BLOCK)
        except OSError as error:
            raise BadInput(f"cannot read {self._name}: {error.strerror}") from None

    def _fed(self, block: bytes) -> Iterator[Record]:
        try:
            for decoder in self._decoders:
                for piece in decoder.feed(block):
                    yield from self._records(self._lines.feed(piece))
                return
        except DecodingError as error:
            raise BadInput(f"cannot read {self._name}: {error}") from None
        yield from self._records(self._lines.feed(block))

    def _finished(self) -> Iterator[Record]:
        try:
            for decoder in self._decoders:
                decoder.finish()
        except DecodingError as error:
            raise BadInput(f"cannot read {self._name}: {error}") from None
        yield from self._records(self._lines.finish())

    def _records(self, lines: Iterable[tuple[int, bytes]]) -> Iterator[Record]:
        is_row = self._is_rows
        for number, line in lines:
            fields, problem = None, None
            try:
                text = line.decode("utf-8-sig" if number == 1 else "utf-8").strip("\r\n")
                if not text or text.isspace():
                    continue
                if self._parse is None:
                    self._parse = self._parser(text)
                fields = self._parse(text)
                if fields is None:
                    continue
            except UnicodeDecodeError as error:
                problem = f"it is not UTF-8 at byte {error.start + 1}"
            except (ValueError, RecursionError, csv.Error) as error:
                problem = str(error)
            yield Record(self._index, number, fields, problem, is_row)
            self._index += 1

    def _parser(self, text: str) -> Callable[[str], dict[str, Any] | None]:
        """Return what makes fields of a line, by the first one that is not empty."""
        if self._kind is None:
            self._kind = "jsonl" if text.lstrip().startswith("{") else "urls"
        if self._is_rows:
            return _Rows("\t" if self._kind == "tsv" else ",").parse
        return _of_json if self._kind == "jsonl" else _of_list


class Lines:
    """Cuts what is read into lines.

    Args:
        has_quotes: Whether a line goes on after its end where a quotation mark is open, as in CSV.
    """

    def __init__(self, has_quotes: bool) -> None:
        self._has_quotes = has_quotes
        self._rest = bytearray()
        self._number = 1
        self._open: list[bytes] = []
        self._quotes = 0

    def feed(self, block: bytes) -> Iterable[tuple[int, bytes]]:
        """Return the lines that end in a block, each with the number of its first line."""
        end = block.rfind(b"\n") + 1
        if not end:
            self._rest += block
            return ()
        whole = bytes(self._rest) + block[: end - 1]
        self._rest = bytearray(block[end:])
        return self._numbered(whole.split(b"\n"))

    def finish(self) -> Iterable[tuple[int, bytes]]:
        """Return what is left."""
        found = list(self._numbered([bytes(self._rest)])) if self._rest else []
        if self._open:
            found.append((self._number - len(self._open), b"\n".join(self._open)))
        return found

    def _numbered(self, lines: list[bytes]) -> Iterable[tuple[int, bytes]]:
        if self._has_quotes:
            return self._joined(lines)
        first = self._number
        self._number += len(lines)
        return enumerate(lines, first)

    def _joined(self, lines: list[bytes]) -> Iterator[tuple[int, bytes]]:
        for line in lines:
            self._number += 1
            self._open.append(line)
            self._quotes += line.count(b'"')
            if self._quotes % 2 == 0:
                row, self._open, self._quotes = self._open, [], 0
                yield self._number - len(row), b"\n".join(row)


class _Rows:
    """The rows of CSV, of which the first names the fields."""

    def __init__(self, delimiter: str) -> None:
        self._delimiter = delimiter
        self._names: list[str] | None = None
        csv.field_size_limit(MOST_OF_A_FIELD)

    def parse(self, text: str) -> dict[str, Any] | None:
        values = next(csv.reader([text], delimiter=self._delimiter, strict=True), [])
        if self._names is None:
            self._names = [value.strip() for value in values]
            return None
        if len(values) != len(self._names):
            raise ValueError(f"it has {len(values)} fields, and the first line {len(self._names)}")
        return dict(zip(self._names, values, strict=True))


# What json.loads takes time for beyond this, few lines need.
_VALUE = json.JSONDecoder().raw_decode


def _of_json(text: str) -> dict[str, Any]:
    try:
        found, end = _VALUE(text) if text[0] == "{" else (None, 0)
        if end != len(text):
            found = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"it is not JSON: {error.msg} at column {error.colno}") from None
    except RecursionError:
        raise ValueError("it is JSON of too many levels") from None
    if not isinstance(found, dict):
        raise ValueError("it is no JSON object")
    return found


def _of_list(text: str) -> dict[str, Any] | None:
    line = text.strip()
    return None if line.startswith("#") else {"line": line}


def _decoders(coding: str | None) -> list[Decoder]:
    if coding is None:
        return []
    if coding not in DECODERS:
        raise BadInput("a file in Zstandard needs a package: pip install zstandard")
    return decoders_of(coding)


async def _readable(file: int) -> None:
    loop, event = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(file, event.set)
    try:
        await event.wait()
    finally:
        loop.remove_reader(file)
