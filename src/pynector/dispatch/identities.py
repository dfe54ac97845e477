"""Which results a checkpoint's file has, in little memory: 27 MB for a million."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

from ..errors import ConfigurationError

Key = int | str

DIGEST_BYTES = 8

_NAME_BYTES = 8
_ROW_BYTES = 4
_ENTRY_BYTES = _NAME_BYTES + _ROW_BYTES
_SHARDS = 1 << 16

_FAILED, _SEEN = 1, 2


def digest_of(*parts: bytes) -> bytes:
    """Return what tells one request from another; it only verifies, and so is short.

    Args:
        parts: What the request says, such as its method, its URL and its body.
    """
    digest = blake2b(digest_size=DIGEST_BYTES)
    for part in parts:
        digest.update(b"%d:" % len(part))
        digest.update(part)
    return digest.digest()


def name_of(index: int, key: Key | None) -> bytes:
    """Return what an entry is called in the file: by its key, or else by its position.

    Raises:
        ConfigurationError: If the key is neither None, a str nor an int.
    """
    if key is None:
        return b"p%d" % index
    if isinstance(key, str):
        return b"s" + str.encode(key, "utf-8", "surrogatepass")
    if isinstance(key, int) and not isinstance(key, bool):
        # Python writes no number of thousands of digits in decimal.
        return b"i%x" % key
    raise ConfigurationError(
        f"with a checkpoint, the key of an entry must be a str or an int, not {type(key).__name__}"
    )


class Identities:
    """Says of a name in which row of the file its result is.

    A name counts by 80 bits of its hash: that two of a million entries have the same happens once in 10 ** 12 jobs.
    """

    def __init__(self) -> None:
        self._shards: list[bytearray | None] = [None] * _SHARDS
        # Of each row, from row 1.
        self._digests = bytearray()
        self._states = bytearray()

    def load(self, rows: Iterable[tuple[int, bytes, bytes, bool]]) -> int:
        """Take what is in the file, and return the number of its last row, or 0.

        Args:
            rows: Number, name, digest, and whether it is a failure, of each row by its number.
        """
        row = 0
        for row, name, digest, is_failure in rows:
            gap = row - 1 - len(self._states)
            self._digests += bytes(gap * DIGEST_BYTES) + digest
            self._states += bytes(gap) + (b"\x01" if is_failure else b"\x00")
            shard, short = self._place(name)
            shard += short + row.to_bytes(_ROW_BYTES, "little")
        return row

    def row_of(self, name: bytes) -> int:
        """Return the row of a name; 0 if it was added; -1 if it is not known."""
        shard, short = self._place(name)
        start = shard.find(short)
        while start % _ENTRY_BYTES:
            # Across two entries, or not at all.
            if start < 0:
                return -1
            start = shard.find(short, start + 1)
        return int.from_bytes(shard[start + _NAME_BYTES : start + _ENTRY_BYTES], "little")

    def add(self, name: bytes) -> None:
        """Take note of a name that the file does not have."""
        shard, short = self._place(name)
        shard += short + bytes(_ROW_BYTES)

    def digest(self, row: int) -> bytes:
        """Return the digest of the request whose result is in a row."""
        return bytes(self._digests[(row - 1) * DIGEST_BYTES : row * DIGEST_BYTES])

    def is_failure(self, row: int) -> bool:
        """Return whether there is a failure in a row."""
        return bool(self._states[row - 1] & _FAILED)

    def see(self, row: int) -> bool:
        """Take note that a row was asked for; return whether it had been before."""
        state = self._states[row - 1]
        self._states[row - 1] = state | _SEEN
        return bool(state & _SEEN)

    def _place(self, name: bytes) -> tuple[bytearray, bytes]:
        hashed = blake2b(name, digest_size=_NAME_BYTES + 2).digest()
        number = hashed[0] << 8 | hashed[1]
        shard = self._shards[number]
        if shard is None:
            shard = self._shards[number] = bytearray()
        return shard, hashed[2:]
