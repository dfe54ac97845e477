"""Collects the chunks of one answer and joins them once."""

NO_LIMIT = -1

# A tiny chunk costs more than it holds. So a row of this many that together hold less than ENOUGH (bytes) becomes one.
ROW = 256
ENOUGH = 1 << 16


class Accumulator:
    """The chunks of one answer.

    Args:
        limit: The most bytes it takes, 0 or more, or NO_LIMIT.
    """

    __slots__ = ("_chunks", "_joined", "_limit", "_row", "size")

    def __init__(self, limit: int = NO_LIMIT) -> None:
        self._chunks: list[bytes] = []
        self._limit = limit
        self._row = self._joined = 0
        self.size = 0

    def append(self, chunk: object) -> bool:
        """Add a chunk, any bytes-like object.

        Returns:
            Whether it fits; a chunk beyond the limit is not kept.

        Raises:
            TypeError: If it is not bytes-like.
        """
        # A buffer is copied: its owner may write to it again. bytes(5) would be five zeros.
        piece = chunk if type(chunk) is bytes else bytes(memoryview(chunk))  # type: ignore[arg-type]
        length = len(piece)
        size = self.size + length
        if self._limit >= 0 and size > self._limit:
            return False
        self.size = size
        if length:
            self._chunks.append(piece)
            self._row += 1
            if self._row == ROW:
                self._end_row()
        return True

    def _end_row(self) -> None:
        if self.size - self._joined < ENOUGH:
            chunks = self._chunks
            row = b"".join(chunks[-ROW:])
            del chunks[-ROW:]
            chunks.append(row)
        self._joined = self.size
        self._row = 0

    def finish(self) -> bytes:
        """Return all chunks as one `bytes` and start afresh."""
        chunks = self._chunks
        self._chunks = []
        self._row = self._joined = 0
        self.size = 0
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)
