"""Content codings (RFC 9110 section 8.4.1): a body is decoded whole or refused, never cut short in silence."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import Any, Protocol

from ..._speedups.accumulator import NO_LIMIT, Accumulator
from ...errors import DecodingError, ResponseTooLarge

# What one step of a decoder may give at the most; a bomb is noticed this soon (bytes).
STEP = 1 << 18

# What a decoder without a bound on its output is fed at a time (bytes): a bomb gains less than a million-fold.
SIP = 64

_GZIP = 16 + zlib.MAX_WBITS


class _Inflater(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    @property
    def unconsumed_tail(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


Decoder = Callable[[bytes, Accumulator], bool]
"""Decodes a whole body into an accumulator; gives False if the accumulator would take no more."""


def _inflate(make: Callable[[], _Inflater], body: bytes, into: Accumulator) -> bool:
    """Inflate one member after another until the input ends."""
    rest = body
    while rest:
        member = make()
        while not member.eof:
            piece = member.decompress(rest, STEP)
            if not into.append(piece):
                return False
            rest = member.unconsumed_tail
            if not member.eof and not rest and not piece:
                raise DecodingError("the compressed body ends too soon", phase="body", sent="full")
        rest = member.unused_data
    return True


def _gzip(body: bytes, into: Accumulator) -> bool:
    return _inflate(lambda: zlib.decompressobj(_GZIP), body, into)


def _deflate(body: bytes, into: Accumulator) -> bool:
    # RFC 9110 section 8.4.1.2: some senders leave the zlib wrapper out. Its first byte says 8 and a check sum.
    wrapped = len(body) >= 2 and body[0] & 0x0F == 8 and (body[0] << 8 | body[1]) % 31 == 0
    bits = zlib.MAX_WBITS if wrapped else -zlib.MAX_WBITS
    return _inflate(lambda: zlib.decompressobj(bits), body, into)


def _brotli(module: Any, body: bytes, into: Accumulator) -> bool:
    decoder = module.Decompressor()
    for start in range(0, len(body), SIP):
        if not into.append(decoder.process(body[start : start + SIP])):
            return False
    if not decoder.is_finished():
        raise DecodingError("the compressed body ends too soon", phase="body", sent="full")
    return True


def _zstd(module: Any, body: bytes, into: Accumulator) -> bool:
    rest = body
    while rest:
        frame = module.ZstdDecompressor().decompressobj()
        for start in range(0, len(rest), SIP):
            if not into.append(frame.decompress(rest[start : start + SIP])):
                return False
            if frame.eof:
                break
        if not frame.eof:
            raise DecodingError("the compressed body ends too soon", phase="body", sent="full")
        rest = frame.unused_data + rest[start + SIP :]
    return True


def _optional_decoders() -> dict[str, Decoder]:
    decoders: dict[str, Decoder] = {}
    if find_spec("brotli"):
        import brotli

        decoders["br"] = partial(_brotli, brotli)
    if find_spec("zstandard"):
        import zstandard

        decoders["zstd"] = partial(_zstd, zstandard)
    return decoders


DECODERS: dict[str, Decoder] = {
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": _deflate,
    **_optional_decoders(),
}

ACCEPT_ENCODING = ", ".join(name for name in DECODERS if name != "x-gzip")
"""The Accept-Encoding that says what can be decoded here."""


def decode(body: bytes, content_encoding: str | None, limit: int | None) -> bytes:
    """Undo a body's codings, the last one applied first.

    Args:
        body: The body as it came.
        content_encoding: The Content-Encoding header, or None.
        limit: The most bytes the decoded body may have, or None.

    Raises:
        DecodingError: If the body is not what its coding says, or ends too soon.
        ResponseTooLarge: If it becomes longer than the limit.
    """
    if limit is not None and len(body) > limit and not content_encoding:
        raise too_large(limit)
    if not content_encoding or not body:
        return body
    codings = [coding.strip().lower() for coding in content_encoding.split(",")]
    codings = [coding for coding in reversed(codings) if coding not in ("identity", "")]
    for done, name in enumerate(codings, 1):
        decoder = DECODERS.get(name)
        if decoder is None:
            raise DecodingError(f"the body has a coding that is not known here: {name!r}", phase="body", sent="full")
        # What is still coded may be a little longer than what it becomes.
        most = limit if done == len(codings) else with_room(limit)
        into = Accumulator(NO_LIMIT if most is None else most)
        try:
            fits = decoder(body, into)
        except DecodingError:
            raise
        except Exception as error:
            raise DecodingError(f"the body is not valid {name}: {error}", phase="body", sent="full") from error
        if not fits:
            raise too_large(limit or 0)
        body = into.finish()
    if limit is not None and len(body) > limit:
        raise too_large(limit)
    return body


def with_room(limit: int | None) -> int | None:
    """Give the most bytes of a body not decoded yet: a coding may add a little to what it cannot compress."""
    return None if limit is None else limit + limit // 100 + 1024


def too_large(limit: int, request: str | None = None) -> ResponseTooLarge:
    """Give the error of an answer longer than `limit` bytes."""
    said = f"the answer is longer than max_response_bytes={limit}"
    return ResponseTooLarge(said, request=request, phase="body", sent="full")
