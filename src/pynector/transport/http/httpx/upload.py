"""A request's body that is read while it is sent, as httpcore asks for it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import aclosing, suppress

from ....errors import ConfigurationError
from ..sources import checked_pieces, is_one_shot
from .module import Answered
from .network import Writing


class Gone(Exception):
    """The body is wanted again, and cannot be read again."""


class Failed(Exception):
    """The iterator raised. What it raised may be httpcore's own, which httpcore would take for its own."""


class Upload:
    """The body, in pieces until an answer comes.

    Args:
        body: Gives bytes.
        length: How many bytes there must be, or None for any number.
        writing: The writing that it is part of.

    Attributes:
        failure: What the iterator raised.
        writing: See above; another one each time that it is sent.
    """

    def __init__(self, body: AsyncIterable[bytes], length: int | None, writing: Writing) -> None:
        self.failure: Exception | None = None
        self.writing = writing
        self._body = body
        self._length = length
        self._pieces: AsyncGenerator[bytes, None] | None = None

    @property
    def is_gone(self) -> bool:
        """Whether it has been read, if only in part, and cannot be read anew."""
        return self._pieces is not None and is_one_shot(self._body)

    def __aiter__(self) -> AsyncGenerator[bytes, None]:
        before, gone = self._pieces, self.is_gone
        self._pieces = self._read(before, gone)
        return self._pieces

    async def aclose(self) -> None:
        """Let go of the iterator; after an answer nobody cares what it says to that."""
        if self._pieces is not None:
            with suppress(Exception):
                await self._pieces.aclose()

    async def _read(self, before: AsyncGenerator[bytes, None] | None, gone: bool) -> AsyncGenerator[bytes, None]:
        if before is not None:
            await before.aclose()
        if gone:
            raise Gone
        try:
            async with aclosing(self._checked()) as pieces:
                async for piece in pieces:
                    yield piece
        except Answered:
            raise
        except Exception as error:
            if self.writing.answered:
                raise self.writing.early from None
            self.failure = error
            raise Failed from error

    async def _checked(self) -> AsyncGenerator[bytes, None]:
        size = 0
        async with aclosing(checked_pieces(self._body)) as pieces:
            while piece := await self._next(pieces, size):
                size += len(piece)
                if self._length is not None and size > self._length:
                    break
                yield piece
        if self._length not in (None, size):
            raise ConfigurationError(f"content has not the length that Content-Length says, {self._length} bytes")

    async def _next(self, pieces: AsyncGenerator[bytes, None], size: int) -> bytes:
        """Give the next piece after `size` bytes, b"" at the end."""
        try:
            return await self.writing.unless_answered(lambda: anext(pieces, b""))
        except Answered:
            if size == self._length:
                # It was whole, though its iterator has not said so yet: the answer came in time.
                return b""
            raise
