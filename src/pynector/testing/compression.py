"""Bodies of `/compressed`, well formed and otherwise."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from functools import lru_cache

CODINGS = {
    "gzip": "gzip",
    "x-gzip": "x-gzip",
    "deflate": "deflate",
    "raw-deflate": "deflate",
    "gzip-members": "gzip",
    "stacked": "deflate, gzip",
    "truncated": "gzip",
}
"""The Content-Encoding that goes with each coding which `/compressed` knows."""

MAX_SIZE = 1 << 30
"""The largest text in bytes: to compress it takes the server some seconds."""

_GZIP, _ZLIB, _RAW = 31, 15, -15  # values of wbits
_ZEROS = b"0" * 65536


@lru_cache(maxsize=32)
def compressed_body(coding: str, size: int | None) -> bytes:
    """Return a compressed JSON object with the members `coding` and `text`.

    Args:
        coding: A key of `CODINGS`.
        size: Length of the text, which then consists of zeros; None is for the usual text.
    """
    first, *rest = _plain(coding, b"pynector " * 200) if size is None else _zeros(coding, size)
    pieces = [first, *rest]
    if coding in ("deflate", "raw-deflate"):
        return _compress(pieces, _ZLIB if coding == "deflate" else _RAW)
    if coding == "gzip-members":
        return _compress([first], _GZIP) + _compress(rest, _GZIP)
    if coding == "stacked":
        return _compress([_compress(pieces, _ZLIB)], _GZIP)
    body = _compress(pieces, _GZIP)
    return body[: len(body) // 2] if coding == "truncated" else body


def _plain(coding: str, *text: bytes) -> Iterator[bytes]:
    yield b'{"coding": "%b", "text": "' % coding.encode()
    yield from text
    yield b'"}'


def _zeros(coding: str, size: int) -> Iterator[bytes]:
    # The pieces are one object many times over: a bomb must not explode in the server.
    whole, rest = divmod(size, len(_ZEROS))
    return _plain(coding, *[_ZEROS] * whole, _ZEROS[:rest])


def _compress(pieces: Iterable[bytes], wbits: int) -> bytes:
    compressor = zlib.compressobj(wbits=wbits)
    return b"".join([compressor.compress(piece) for piece in pieces]) + compressor.flush()
