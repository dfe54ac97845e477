"""Collects the chunks of one answer and joins them once."""

NO_LIMIT = -1


class Accumulator:
    """The chunks of one answer.

    Args:
        limit: The most bytes it takes, 0 or more, or NO_LIMIT.
    """

    __slots__ = ("_chunks", "_limit", "size")

    def __init__(self, limit: int = NO_LIMIT) -> None:
        self._chunks: list[bytes] = []
        self._limit = limit
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
        size = self.size + len(piece)
        if self._limit >= 0 and size > self._limit:
            return False
        self.size = size
        if piece:
            self._chunks.append(piece)
        return True

    def finish(self) -> bytes:
        """Give all chunks as one `bytes` and start afresh."""
        chunks = self._chunks
        self._chunks = []
        self.size = 0
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)
