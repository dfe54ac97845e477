"""What a batch's records are read from, block by block: a file, packed or not, or standard input."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import PurePath

from ..errors import DecodingError
from ..transport.http.decoding import DECODERS, Decoder, decoders_of
from .pipes import is_pipe, readable
from .records import DELIMITERS, Record, Records

# What is read at once (bytes).
BLOCK = 1 << 16

# What counting the lines of a file beforehand is worth (bytes).
MOST_COUNTED = 1 << 31

FORMATS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl", ".csv": "csv", ".tsv": "tsv"}
CODINGS = {".gz": "gzip", ".zst": "zstd"}


class BadInput(Exception):
    """The input cannot be read on."""


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
        kind = kind or (FORMATS.get(suffix[0]) if suffix and name != "-" else None)
        self._decoders = _decoders(coding)
        try:
            self._file = sys.stdin.fileno() if name == "-" else os.open(name, os.O_RDONLY | getattr(os, "O_BINARY", 0))
            self._status = os.fstat(self._file)
        except OSError as error:
            raise BadInput(f"cannot read {name}: {error.strerror}") from None
        self._name = name
        self._has_names = kind in DELIMITERS
        self._records = Records(kind)

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
        return max(0, count - 1) if self._has_names else count

    @property
    def may_wait(self) -> bool:
        """Whether reading may have to wait for somebody else."""
        return is_pipe(self._status) or (os.isatty(self._file) and os.name != "nt")

    def pieces(self) -> Iterator[Iterator[Record]]:
        """Read it to its end, and return the records of one piece after the other."""
        while block := self._block():
            yield from self._fed(block)
        yield self._finished()

    async def pieces_as_they_come(self) -> AsyncIterator[Iterator[Record]]:
        """Do so, and let the event loop go on meanwhile."""
        while True:
            await readable(self._file)
            block = self._block()
            if not block:
                break
            for records in self._fed(block):
                yield records
        yield self._finished()

    def _block(self) -> bytes:
        try:
            return os.read(self._file, BLOCK)
        except OSError as error:
            raise BadInput(f"cannot read {self._name}: {error.strerror}") from None

    def _fed(self, block: bytes) -> Iterator[Iterator[Record]]:
        try:
            for decoder in self._decoders:
                for piece in decoder.feed(block):
                    yield self._records.feed(piece)
                return
        except DecodingError as error:
            raise BadInput(f"cannot read {self._name}: {error}") from None
        yield self._records.feed(block)

    def _finished(self) -> Iterator[Record]:
        try:
            for decoder in self._decoders:
                decoder.finish()
        except DecodingError as error:
            raise BadInput(f"cannot read {self._name}: {error}") from None
        return self._records.finish()


def _decoders(coding: str | None) -> list[Decoder]:
    if coding is None:
        return []
    if coding not in DECODERS:
        raise BadInput("a file in Zstandard needs a package: pip install zstandard")
    return decoders_of(coding)
