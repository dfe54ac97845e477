"""Inputs made of others at random, for where atheris is not installed."""

from __future__ import annotations

import random
from collections.abc import Sequence

LONGEST = 4096
ODD = b'\0\x01\x7f\x80\xff\r\n\t :;,=/?#%"\\'


def mutated(chance: random.Random, corpus: Sequence[bytes], tokens: Sequence[bytes]) -> bytes:
    """Give bytes that are like some of the corpus, or made of tokens."""
    if not corpus or chance.random() < 0.2:
        data = b"".join(chance.choice(tokens) for _ in range(chance.randint(1, 12)))
    else:
        data = chance.choice(corpus)
    for _ in range(chance.choice([1, 1, 2, 3, 5, 10])):
        data = _changed(chance, data, corpus, tokens)
    return data[:LONGEST]


def _changed(chance: random.Random, data: bytes, corpus: Sequence[bytes], tokens: Sequence[bytes]) -> bytes:
    start = chance.randint(0, len(data))
    end = chance.choice([start, start + 1, start + chance.randint(1, 8), chance.randint(start, len(data))])
    kind = chance.randrange(7)
    if kind == 0:
        new = bytes([chance.randrange(256)])
    elif kind == 1:
        new = bytes([chance.choice(ODD)])
    elif kind == 2:
        new = bytes([chance.randrange(16)])
    elif kind == 3:
        new = chance.choice(tokens)
    elif kind == 4:
        # It comes twice.
        new = data[start:end] * chance.choice([2, 2, 3, 9])
    elif kind == 5:
        new = b""
    else:
        other = chance.choice(corpus or tokens)
        place = chance.randint(0, len(other))
        new = other[place : place + chance.randint(1, 40)]
    return data[:start] + new + data[end if kind in (4, 5) or chance.random() < 0.5 else start :]
