"""A body that is read once, in the pieces that it comes in."""

from __future__ import annotations

from typing import Any

from ...errors import PynectorError
from .decoding import too_large


class ReadOnce:
    """An answer whose body is on its way, and read once.

    Args:
        raw: See RawStream.

    Attributes:
        status_code: The status, 100 to 999.
    """

    __slots__ = ("_is_closed", "_is_read", "_limit", "_raw", "_raw_size", "status_code")

    def __init__(self, raw: Any) -> None:
        self.status_code: int = raw.status
        self._raw = raw
        self._raw_size = 0
        self._limit: int | None = raw.settings["max_response_bytes"]
        self._is_read = False
        self._is_closed = False

    def close(self) -> None:
        """Take note that the exchange has ended: nothing more can be read."""
        self._is_closed = True

    def _check(self) -> None:
        if self._is_closed:
            raise self._closed()

    def _begin(self) -> None:
        self._check()
        if self._is_read:
            raise PynectorError("the body of a streamed response can be read once", request=self._raw.request.label)
        self._is_read = True

    def _closed(self) -> PynectorError:
        said = "the stream is closed: its body is read inside of `async with client.stream(...)`"
        return PynectorError(said, request=self._raw.request.label)


class RawPieces:
    """An iterator over a body as it comes; any number of them go over it together."""

    __slots__ = ("_answer",)

    def __init__(self, answer: ReadOnce) -> None:
        self._answer = answer

    def __aiter__(self) -> RawPieces:
        return self

    async def __anext__(self) -> bytes:
        answer = self._answer
        if answer._is_closed:
            raise answer._closed()
        piece: bytes | None = answer._raw.taken()
        if piece is None:
            piece = await answer._raw.receive()
        if not piece:
            raise StopAsyncIteration
        answer._raw_size += len(piece)
        if answer._limit is not None and answer._raw_size > answer._limit:
            raise too_large(answer._limit, answer._raw.request.label)
        return piece
