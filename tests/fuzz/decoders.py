"""Content codings: whatever the cuts, a body is decoded whole or refused, and never gives more than it may."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import Iterator
from importlib.util import find_spec

from pynector import DecodingError, ResponseTooLarge
from pynector.transport.http.decoding import Decoder, decode, decoders_of
from pynector.transport.http.steps import Steps

from .source import Source, cuts, pick

TOKENS = [
    gzip.compress(b"some text ", mtime=0),
    gzip.compress(b"", mtime=0),
    zlib.compress(b"some text "),
    b"\x1f\x8b\x08\x00",
    b"\x78\x9c",
    b"\x03\x00",
    b"\x28\xb5\x2f\xfd\x20\x03\x19\x00\x00abc",
    b"\x28\xb5\x2f\xfd\x20\xe0\x01\x00\x00",
    b"\x50\x2a\x4d\x18\x03\x00\x00\x00abc",
    b"\x0b\x01\x80abc\x03",
    b"\x06",
    b"\0" * 20,
    b"\xff",
]

CODINGS = [
    "gzip",
    "deflate",
    "br",
    "zstd",
    "gzip, gzip",
    "deflate, gzip",
    "x-gzip",
    "identity",
    "nonsense",
    "gzip," * 7,
]
LIMITS = [1000, 0, 10, 100_000]

# What may be held at a time beside the body and what it becomes (bytes).
MOST = 4_000_000


def decoded(body: bytes, coding: str | None, limit: int | None) -> bytes:
    """Give what a body comes to."""
    steps = Steps(decode(body, coding, limit))
    steps.finish()
    return steps.result()


def check(source: Source) -> None:
    """Raise if a coded body is not the same however it is cut, or becomes more than it may."""
    coding, limit = pick(source, CODINGS), pick(source, LIMITS)
    body = source.wire(TOKENS)
    whole = outcome([body], coding)
    for pieces in cuts(body):
        seen = outcome(pieces, coding)
        assert seen == whole, f"{coding} {body!r}\nis {whole!r:.300}\nbut {seen!r:.300} in {len(pieces)} pieces"
    check_decode(body, coding, limit, whole)
    check_other(body, coding, whole)


def outcome(pieces: list[bytes], coding: str) -> bytes | None:
    """Give what comes of a body that is read in pieces, or None if it is refused; an empty one is not decoded."""
    pieces = [piece for piece in pieces if piece]
    if not pieces:
        return b""
    try:
        decoders = decoders_of(coding)
        given = b"".join(piece for data in pieces for piece in through(decoders, data))
        for decoder in decoders:
            decoder.finish()
    except DecodingError:
        return None
    return given


def through(decoders: list[Decoder], data: bytes) -> Iterator[bytes]:
    """Give what a piece comes to after all decoders."""
    if not decoders:
        yield data
        return
    for piece in decoders[0].feed(data):
        yield from through(decoders[1:], piece)


def check_decode(body: bytes, coding: str, limit: int, whole: bytes | None) -> None:
    """Raise unless a whole body is decoded as its pieces are, within its limit, and without needing much."""
    tracemalloc.start()
    try:
        seen = decoded(body, coding, limit)
    except ResponseTooLarge:
        assert whole is None or len(whole) > limit or "," in coding, (coding, body, limit)
    except DecodingError:
        assert whole is None, (coding, body)
        assert body
    else:
        assert len(seen) <= limit
        assert seen == whole or not body, (coding, body)
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < MOST, (coding, body, peak)


def check_other(body: bytes, coding: str, seen: bytes | None) -> None:
    """Raise unless the module of a coding makes the same of a body."""
    if coding == "gzip" and seen is not None:
        assert gzip.decompress(body) == seen
    elif coding == "deflate" and seen:
        first = zlib.decompressobj(
            zlib.MAX_WBITS if body[0] & 0x0F == 8 and int.from_bytes(body[:2], "big") % 31 == 0 else -15
        )
        assert seen.startswith(first.decompress(body))
        assert first.eof
    elif coding == "br" and seen is not None and body and find_spec("brotli"):
        import brotli

        assert brotli.decompress(body) == seen
    elif coding == "zstd" and seen and find_spec("zstandard"):
        import zstandard

        assert zstandard.ZstdDecompressor().decompressobj(read_across_frames=True).decompress(body) == seen
