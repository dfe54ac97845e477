"""Where a target's choices come from: bytes, or hypothesis."""

from __future__ import annotations

import random
import zlib
from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

from hypothesis import strategies as st

T = TypeVar("T")

# What is odd in HTTP; hypothesis knows what is odd in Unicode.
ODD = "\r\n\t\0 :;,=/?#%&+.\\\"'@[]aZ09-_é€\x7f\x85\u0130\ud800"
SOME_TEXT = st.text(st.sampled_from(ODD), max_size=10) | st.text(max_size=10)


class Source(Protocol):
    """Makes choices; the first of several is the most ordinary one."""

    def number(self, most: int) -> int:
        """Give a number from 0 to `most`, 255 at the highest."""

    def text(self) -> str:
        """Give any text."""

    def wire(self, tokens: Sequence[bytes]) -> bytes:
        """Give any bytes, perhaps with some of the tokens in them; no choice follows it."""


class Bytes:
    """Choices read from bytes; when they are used up, all that follow are the first ones.

    A number is a byte. A text goes on to the next 0xFF and is UTF-8; a byte that is not makes a lone surrogate.
    """

    def __init__(self, data: bytes) -> None:
        self._rest = data

    def number(self, most: int) -> int:
        """See Source."""
        first, self._rest = self._rest[:1], self._rest[1:]
        return first[0] % (most + 1) if first else 0

    def text(self) -> str:
        """See Source."""
        piece, _, self._rest = self._rest.partition(b"\xff")
        return piece.decode(errors="surrogateescape")

    def wire(self, tokens: Sequence[bytes]) -> bytes:
        """See Source."""
        return self._rest


class Drawn:
    """Choices that hypothesis draws."""

    def __init__(self, draw: Any) -> None:
        self._draw = draw

    def number(self, most: int) -> int:
        """See Source."""
        number: int = self._draw(st.integers(0, most))
        return number

    def text(self) -> str:
        """See Source."""
        text: str = self._draw(SOME_TEXT)
        return text

    def wire(self, tokens: Sequence[bytes]) -> bytes:
        """See Source."""
        return b"".join(self._draw(st.lists(st.sampled_from(tokens) | st.binary(max_size=8), max_size=14)))


def pick(source: Source, options: Sequence[T]) -> T:
    """Choose one of several."""
    return options[source.number(len(options) - 1)]


def flag(source: Source) -> bool:
    """Choose between False and True."""
    return source.number(1) == 1


def cuts(data: bytes) -> list[list[bytes]]:
    """Give ways to cut bytes into pieces, always the same for the same bytes.

    They are whole, and in random places, most of them early; few bytes are also cut everywhere.
    """
    chance = random.Random(zlib.crc32(data))
    places = [chance.randint(0, chance.choice([40, 400, len(data)])) for _ in range(chance.randint(1, 8))]
    ways = [[data], cut(data, places)]
    if len(data) < 600:
        ways.append([data[at : at + 1] for at in range(len(data))])
    return ways


def cut(data: bytes, places: Sequence[int]) -> list[bytes]:
    """Cut bytes at places; those beyond the end count as the end."""
    ends = sorted({min(place, len(data)) for place in places} | {len(data)})
    return [data[start:end] for start, end in zip([0, *ends], ends, strict=False)]
