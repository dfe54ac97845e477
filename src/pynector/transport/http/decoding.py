"""Content codings (RFC 9110 section 8.4.1): a body is decoded whole or refused, never cut short in silence."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Protocol

from ..._speedups.accumulator import NO_LIMIT, Accumulator
from ...errors import DecodingError, ResponseTooLarge

try:
    # The same in half the time.
    from isal import isal_zlib as zlib
except ImportError:
    import zlib  # type: ignore[no-redef]

# What one step of a decoder may give at the most; a bomb is noticed this soon (bytes).
STEP = 1 << 18

# What a decoder without a bound on its output is fed at a time (bytes): a bomb gains less than a million-fold.
SIP = 64

# What a decoder with a bound on its output is fed at a time (bytes): what it has not taken is copied at each step.
SWALLOW = 1 << 15

# The most bytes of a Zstandard frame's header (RFC 8878 section 3.1.1).
LONGEST_HEAD = 18

# The most codings of one body: each costs as much as the body is long, and senders apply one or two.
MOST_CODINGS = 5

_GZIP = 16 + zlib.MAX_WBITS

# What a gzip body has at the least: its member's head and trailer (RFC 1952 section 2.2; bytes).
SHORTEST_GZIP = 18


class Decoder(Protocol):
    """Undoes one coding, piece by piece."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Give what the next bytes of the coded body come to, in pieces of at most about STEP bytes."""

    def finish(self) -> None:
        """Take the end of the coded body.

        Raises:
            DecodingError: If it is not where the coding ends.
        """


class _Inflater:
    """gzip and deflate: one member after another.

    Args:
        bits: The window bits of zlib, by the member's first two bytes.
    """

    def __init__(self, bits: Callable[[bytes], int]) -> None:
        self._bits = bits
        self._start = b""
        self._member: Any = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        for start in range(0, len(data), SWALLOW):
            yield from self._feed(data[start : start + SWALLOW])

    def _feed(self, rest: bytes) -> Iterator[bytes]:
        while rest:
            if self._member is None:
                self._start += rest
                if len(self._start) < 2:
                    return
                rest, self._start = self._start, b""
                self._member = zlib.decompressobj(self._bits(rest))
            piece = b""
            while rest or len(piece) == STEP:
                piece = self._member.decompress(rest, STEP)
                yield piece
                rest = self._member.unconsumed_tail
                if self._member.eof:
                    rest, self._member = self._member.unused_data, None
                    break

    def finish(self) -> None:
        if self._start and self._member is None:
            # Too short to have been looked at.
            zlib.decompressobj(self._bits(self._start)).decompress(self._start)
        if self._start or self._member is not None:
            raise _cut_short()


class _Brotli:
    def __init__(self, module: Any) -> None:
        self._decoder = module.Decompressor()
        # Before brotli 1.2 there is no bound: sixty bytes may give as many megabytes.
        self._is_bounded = hasattr(self._decoder, "can_accept_more_data")
        self._fed = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        self._fed = True
        if not self._is_bounded:
            for start in range(0, len(data), SIP):
                yield self._decoder.process(data[start : start + SIP])
            return
        for start in range(0, len(data), SWALLOW):
            piece = self._decoder.process(data[start : start + SWALLOW], output_buffer_limit=STEP)
            yield piece
            while piece:
                piece = self._decoder.process(b"", output_buffer_limit=STEP)
                yield piece

    def finish(self) -> None:
        if self._fed and not self._decoder.is_finished():
            raise _cut_short()


class _Zstandard:
    def __init__(self, module: Any) -> None:
        self._module = module
        self._frame: Any = None
        # The first bytes of the frame, its length as a whole among them, and how much it has given.
        self._head = b""
        self._given = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        place, rest = 0, data[:SIP]
        while rest:
            if self._frame is None:
                self._frame = self._module.ZstdDecompressor().decompressobj()
                self._head, self._given = b"", 0
            self._head += rest[: LONGEST_HEAD - len(self._head)]
            piece = self._frame.decompress(rest)
            self._given += len(piece)
            yield piece
            unused = b""
            if self._frame.eof:
                # The library does not look where an empty block is the last one.
                if self._module.frame_content_size(self._head) not in (-1, self._given):
                    raise _cut_short()
                unused = self._frame.unused_data
                self._frame = None
            place += len(rest) - len(unused)
            rest = data[place : place + SIP]

    def finish(self) -> None:
        if self._frame is not None:
            raise _cut_short()


def _gzip_bits(start: bytes) -> int:
    return _GZIP


def _deflate_bits(start: bytes) -> int:
    # RFC 9110 section 8.4.1.2: some senders leave the zlib wrapper out. Its first byte says 8 and a check sum.
    wrapped = len(start) >= 2 and start[0] & 0x0F == 8 and (start[0] << 8 | start[1]) % 31 == 0
    return zlib.MAX_WBITS if wrapped else -zlib.MAX_WBITS


def _cut_short() -> DecodingError:
    return DecodingError("the compressed body ends too soon", phase="body", sent="full")


def _optional_decoders() -> dict[str, Callable[[], Decoder]]:
    decoders: dict[str, Callable[[], Decoder]] = {}
    if find_spec("brotli"):
        import brotli

        decoders["br"] = partial(_Brotli, brotli)
    if find_spec("zstandard"):
        import zstandard

        decoders["zstd"] = partial(_Zstandard, zstandard)
    return decoders


DECODERS: dict[str, Callable[[], Decoder]] = {
    "gzip": partial(_Inflater, _gzip_bits),
    "x-gzip": partial(_Inflater, _gzip_bits),
    "deflate": partial(_Inflater, _deflate_bits),
    **_optional_decoders(),
}

ACCEPT_ENCODING = ", ".join(name for name in DECODERS if name != "x-gzip")
"""The Accept-Encoding that says what can be decoded here."""


def decode(body: bytes, content_encoding: str | None, limit: int | None) -> Generator[None, None, bytes]:
    """Undo a body's codings, the last one applied first, in steps that are short.

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
    at_once = IN_ONE_GO.get(content_encoding)
    whole = None if at_once is None else at_once(body)
    if whole is not None and (limit is None or len(whole) <= limit):
        return whole
    decoders = decoders_of(content_encoding)
    for done, decoder in enumerate(decoders, 1):
        # What is still coded may be a little longer than what it becomes.
        most = limit if done == len(decoders) else with_room(limit)
        into = Accumulator(NO_LIMIT if most is None else most)
        for piece in decoder.feed(body):
            if not into.append(piece):
                raise too_large(limit or 0)
            yield
        decoder.finish()
        body = into.finish()
    if limit is not None and len(body) > limit:
        raise too_large(limit)
    return body


def inflated(body: bytes) -> bytes | None:
    """Return what a gzip body comes to that is one member, and says that it is short; None if it is anything else."""
    size = int.from_bytes(body[-4:], "little")
    if len(body) < SHORTEST_GZIP or size > STEP:
        return None
    try:
        member = zlib.decompressobj(_GZIP)
        whole: bytes = member.decompress(body, size + 1)
    except Exception:
        return None
    return whole if member.eof and not member.unused_data else None


def _unframed(module: Any, body: bytes) -> bytes | None:
    """Return what a body in zstd comes to that is one frame, and says that it is short; None if it is anything else."""
    try:
        if not 0 < module.frame_content_size(body) <= STEP:
            return None
        whole: bytes = module.ZstdDecompressor().decompress(body, allow_extra_data=False)
    except Exception:
        return None
    return whole


IN_ONE_GO: dict[str, Callable[[bytes], bytes | None]] = {"gzip": inflated}
"""What does the same as a decoder, but only for the usual short bodies."""
if find_spec("zstandard"):
    IN_ONE_GO["zstd"] = partial(_unframed, import_module("zstandard"))


def decoders_of(content_encoding: str) -> list[Decoder]:
    """Give new decoders for a Content-Encoding, in the order in which they undo it.

    Raises:
        DecodingError: If a coding is not known; the decoders raise it for what is not valid.
    """
    names = [name.strip().lower() for name in content_encoding.split(",")]
    names = [name for name in reversed(names) if name not in ("identity", "")]
    if len(names) > MOST_CODINGS:
        raise DecodingError(f"the body has {len(names)} codings, more than {MOST_CODINGS}", phase="body", sent="full")
    for name in names:
        if name not in DECODERS:
            raise DecodingError(f"the body has a coding that is not known here: {name!r}", phase="body", sent="full")
    return [_Checked(name, DECODERS[name]()) for name in names]


class _Checked:
    """Tells what a decoder says of bytes that are not valid as a DecodingError."""

    def __init__(self, name: str, decoder: Decoder) -> None:
        self._name = name
        self._decoder = decoder

    def feed(self, data: bytes) -> Iterator[bytes]:
        with self._telling():
            yield from self._decoder.feed(data)

    def finish(self) -> None:
        with self._telling():
            self._decoder.finish()

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except DecodingError:
            raise
        except Exception as error:
            said = f"the body is not valid {self._name}: {error}"
            raise DecodingError(said, phase="body", sent="full") from error


def with_room(limit: int | None) -> int | None:
    """Give the most bytes of a body not decoded yet: a coding may add a little to what it cannot compress."""
    return None if limit is None else limit + limit // 100 + 1024


def too_large(limit: int, request: str | None = None) -> ResponseTooLarge:
    """Give the error of an answer longer than `limit` bytes."""
    said = f"the answer is longer than max_response_bytes={limit}"
    return ResponseTooLarge(said, request=request, phase="body", sent="full")
