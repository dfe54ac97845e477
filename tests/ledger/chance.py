"""What plans are made with."""

from __future__ import annotations

from dataclasses import MISSING, fields
from random import Random
from typing import Any


def drawn(chance: Random, weights: dict[Any, int]) -> Any:
    """Return one of the keys, by weight."""
    return chance.choices(list(weights), list(weights.values()))[0]


def text_of(key: int, size: int) -> str:
    """Return a text of `size` characters that belongs to one key; its lines end as those of a head do."""
    word = f"{key}\r\n"
    return (word * (size // len(word) + 1))[:size]


def stamped(stamp: str, key: int, size: int) -> str:
    """Return a text that begins with a stamp, and has `size` characters if that does not cut it."""
    return f"{stamp}\n{text_of(key, max(0, size - len(stamp) - 1))}"


class Terse:
    """A dataclass whose representation has only what is not the default."""

    def __repr__(self) -> str:
        told = [
            f"{field.name}={getattr(self, field.name)!r}"
            for field in fields(self)  # type: ignore[arg-type]
            if field.default is MISSING or getattr(self, field.name) != field.default
        ]
        return f"{type(self).__name__}({', '.join(told)})"
