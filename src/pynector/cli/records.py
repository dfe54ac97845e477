"""Makes records of what a batch's input has: lines of JSON, rows of CSV, or a list of URLs."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from typing import Any

# A field of CSV may be as long as any line.
MOST_OF_A_FIELD = 1 << 30

# The kinds of rows, and what is between their fields.
DELIMITERS = {"csv": ",", "tsv": "\t"}


class Record:
    """One record.

    Attributes:
        number: 0 for the first, whatever becomes of it.
        line: The number of its first line, 1 for the first.
        fields: What it has, by name; None if it is none.
        problem: What is wrong with it, or None.
        is_row: Whether it is a row of CSV, in which all is text.
    """

    __slots__ = ("fields", "is_row", "line", "number", "problem")

    def __init__(
        self, number: int, line: int, fields: dict[str, Any] | None, problem: str | None, is_row: bool
    ) -> None:
        self.number = number
        self.line = line
        self.fields: Any = fields
        self.problem: Any = problem
        self.is_row = is_row


class Lines:
    """Cuts what is read into lines.

    Args:
        delimiter: What is between fields where one in quotation marks goes on after the end of its line, as in CSV;
            else None.
    """

    __slots__ = ("_delimiter", "_is_open", "_number", "_open", "_rest")

    def __init__(self, delimiter: bytes | None) -> None:
        self._delimiter: Any = delimiter
        self._rest = bytearray()
        self._number = 1
        # The lines of a row that goes on, and whether it does.
        self._open: list[bytes] = []
        self._is_open = False

    def feed(self, block: bytes) -> list[tuple[int, bytes]]:
        """Return the lines that end in a block, each with the number of its first line."""
        end = block.rfind(b"\n") + 1
        if not end:
            self._rest += block
            return []
        whole = bytes(self._rest) + block[: end - 1]
        self._rest = bytearray(block[end:])
        return self._numbered(whole.split(b"\n"))

    def finish(self) -> list[tuple[int, bytes]]:
        """Return what is left."""
        found = self._numbered([bytes(self._rest)]) if self._rest else []
        if self._open:
            found.append((self._number - len(self._open), b"\n".join(self._open)))
        return found

    def _numbered(self, lines: list[bytes]) -> list[tuple[int, bytes]]:
        if self._delimiter is not None:
            return self._joined(lines)
        first = self._number
        self._number += len(lines)
        return list(enumerate(lines, first))

    def _joined(self, lines: list[bytes]) -> list[tuple[int, bytes]]:
        found = []
        for line in lines:
            self._number += 1
            self._open.append(line)
            if b'"' in line:
                self._is_open = self._goes_on(line)
            if not self._is_open:
                row, self._open = self._open, []
                found.append((self._number - len(row), b"\n".join(row)))
        return found

    def _goes_on(self, line: bytes) -> bool:
        """Return whether a field is open at the end of a line. Only a mark that a field begins with opens it."""
        is_open, is_begin = self._is_open, True
        for text in line.split(b'"')[:-1]:
            # A mark follows; right after one that closes a field it is a part of it.
            if is_open:
                is_open, is_begin = False, True
            else:
                is_open = text.endswith(self._delimiter) or (is_begin and not text)
                is_begin = False
        return is_open


class Records:
    """Makes records of what is read, piece by piece.

    Args:
        kind: "jsonl", "csv", "tsv" or "urls"; None: as it begins.
    """

    __slots__ = ("_is_rows", "_kind", "_lines", "_number", "_parse")

    def __init__(self, kind: str | None) -> None:
        self._kind: Any = kind
        self._is_rows = kind in DELIMITERS
        self._lines = Lines(None if kind is None or not self._is_rows else DELIMITERS[kind].encode())
        self._parse: Any = None
        self._number = 0

    def feed(self, block: bytes) -> Iterator[Record]:
        """Return the records that end in a block."""
        return self._made(self._lines.feed(block))

    def finish(self) -> Iterator[Record]:
        """Return the one that is left."""
        return self._made(self._lines.finish())

    def _made(self, lines: list[tuple[int, bytes]]) -> Iterator[Record]:
        for number, line in lines:
            record = self._record(number, line)
            if record is not None:
                yield record

    def _record(self, number: int, line: bytes) -> Any:
        """Return the record of a line, or None if it has none."""
        fields, problem = None, None
        try:
            text = line.decode("utf-8").strip("\r\n")
            if number == 1:
                text = text.removeprefix("\ufeff")
            if not text or text.isspace():
                return None
            if self._parse is None:
                self._parse = self._parser(text)
            fields = self._parse(text)
            if fields is None:
                return None
        except UnicodeDecodeError as error:
            problem = f"it is not UTF-8 at byte {error.start + 1}"
        except (ValueError, RecursionError, csv.Error) as error:
            problem = str(error)
        self._number += 1
        return Record(self._number - 1, number, fields, problem, self._is_rows)

    def _parser(self, text: str) -> Callable[[str], dict[str, Any] | None]:
        """Return what makes fields of a line, by the first one that is not empty."""
        if self._is_rows:
            return _Rows(DELIMITERS[self._kind]).parse
        if self._kind is None:
            self._kind = "jsonl" if text.lstrip().startswith("{") else "urls"
        return of_json if self._kind == "jsonl" else _of_list


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
_VALUE: Any = json.JSONDecoder().scan_once  # type: ignore[attr-defined]


def of_json(text: str) -> dict[str, Any]:
    """Return the fields of a line of JSON.

    Raises:
        ValueError: If it is none.
    """
    try:
        found, end = _scanned(text)
        if end != len(text):
            # It may have spaces around it, and else this says what is wrong.
            found = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"it is not JSON: {error.msg.removesuffix(' at')} at column {error.colno}") from None
    except RecursionError:
        raise ValueError("it is JSON of too many levels") from None
    if not isinstance(found, dict):
        raise ValueError("it is no JSON object")
    return found


def _scanned(text: str) -> tuple[Any, int]:
    """Return the object that a text begins with, and where it ends; (None, 0) where there is none."""
    try:
        return _VALUE(text, 0) if text[0] == "{" else (None, 0)
    except StopIteration:
        return None, 0


def _of_list(text: str) -> dict[str, Any] | None:
    line = text.strip()
    return None if line.startswith("#") else {"line": line}
