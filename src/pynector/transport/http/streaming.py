"""A response whose body is read while it comes."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import suppress
from typing import Any, Generic, Protocol, TypeVar

from ..._speedups.accumulator import Accumulator
from ...config import at_least
from ...errors import DecodingError, TimeoutError, TransportError
from ...threads import in_thread
from .decoding import Decoder, decoders_of, too_large
from .events import EventParser, ServerSentEvent
from .headers import Headers
from .links import links_of
from .methods import IDEMPOTENT
from .pieces import RawPieces, ReadOnce
from .request import PreparedRequest
from .response import Response, reason_phrase, status_error
from .steps import Pieces
from .text import TextDecoder, charset_of

# How much of the body of an error's response is kept for HTTPStatusError (bytes).
MOST_OF_AN_ERROR = 1 << 16

# To join so much of a body takes the time of many turns of an event loop (bytes).
MUCH = 1 << 23


class RawStream(Protocol):
    """A response as an engine opens it: its head has come, its body is on its way.

    Attributes:
        status: The status code.
        encoded: Whether its body has a content coding.
    """

    status: int
    encoded: bool

    @property
    def headers(self) -> Headers:
        """Its header fields."""

    def taken(self) -> bytes | None:
        """Give what `receive` would give at once; None if it may have to wait."""

    @property
    def http_version(self) -> str:
        """ "HTTP/1.1" or the like."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """What holds for the answer, by the name of the request's setting."""

    @property
    def request(self) -> PreparedRequest:
        """What it answers, after redirects."""

    @property
    def history(self) -> tuple[Response, ...]:
        """The redirects before it."""

    async def receive(self) -> bytes:
        """Give the next piece of the body as it comes, b"" at its end.

        Raises:
            TransportError: If the body is not whole.
            TimeoutError: If the request's time is over.
        """

    def aclose(self) -> Coroutine[Any, Any, None]:
        """End the exchange; a connection with a body not read to its end is closed."""


class StreamedResponse(ReadOnce):
    """The answer to a request, with a body that is read while it comes; see `Pynector.stream`.

    The body can be read once, by one of the iterators or by `read`.

    Attributes:
        status_code: The status, 100 to 999.
    """

    _raw: RawStream

    # What most of them never need is made when it is asked for.
    _headers: Headers | None = None
    _decoders: list[Decoder] | None = None
    _decoded: Pieces | None = None
    _decoded_size = 0
    _content: bytes | None = None

    def __repr__(self) -> str:
        return f"<StreamedResponse {self.status_code} {self.reason_phrase}".rstrip() + ">"

    @property
    def headers(self) -> Headers:
        """The header fields, a mapping without regard to case."""
        if self._headers is None:
            self._headers = self._raw.headers
        return self._headers

    @property
    def http_version(self) -> str:
        """ "HTTP/1.0", "HTTP/1.1" or "HTTP/2"."""
        return self._raw.http_version

    @property
    def url(self) -> str:
        """The URL that answered, after redirects, without the user."""
        return str(self._raw.request.url)

    @property
    def history(self) -> tuple[Response, ...]:
        """The redirects that were followed to it, first to last, without their bodies."""
        return self._raw.history

    @property
    def reason_phrase(self) -> str:
        """The status in words, or "" for an unknown one."""
        return reason_phrase(self.status_code)

    @property
    def request_name(self) -> str:
        """The request, as errors name it: its method and its URL without query and credentials."""
        return self._raw.request.label

    @property
    def is_repeatable(self) -> bool:
        """Whether its request may be sent again: it is idempotent, and its body can be read again."""
        request = self._raw.request
        return request.method in IDEMPOTENT and not request.is_one_shot

    @property
    def ok(self) -> bool:
        """Whether the status is below 400."""
        return self.status_code < 400

    @property
    def links(self) -> dict[str, dict[str, str]]:
        """What its Link fields say (RFC 8288), by relation type: the absolute "url", and parameters by name."""
        return links_of(self.headers, self.url)

    def iter_raw(self) -> AsyncIterator[bytes]:
        """Give the body as it comes, not decoded, in pieces of any size.

        Raises:
            TransportError: If the body is not whole.
            TimeoutError: If the request's time is over.
            ResponseTooLarge: If it becomes longer than `max_response_bytes`.
            PynectorError: If the body was read before.
        """
        self._begin()
        return RawPieces(self)

    def iter_bytes(self, chunk_size: int | None = None) -> AsyncIterator[bytes]:
        """Give the body, decoded.

        Args:
            chunk_size: How many bytes each piece has, 1 or more, but for the last one; None: as they come.

        Raises:
            ConfigurationError: If chunk_size is not valid.
            DecodingError: If the body is not what its coding says.
            PynectorError: What `iter_raw` raises.
        """
        if chunk_size is None:
            self._begin()
            return _Pieces(self._next_decoded) if self._raw.encoded else RawPieces(self)
        size = at_least(1)(chunk_size, "chunk_size")
        self._begin()
        rest = bytearray()

        async def next_of_size() -> bytes:
            while len(rest) < size and (piece := await self._next_decoded()):
                rest.extend(piece)
            piece = bytes(rest[:size])
            del rest[:size]
            return piece

        return _Pieces(next_of_size)

    def iter_text(self) -> AsyncIterator[str]:
        """Give the body as text, by the Content-Type's charset, else UTF-8; what is not valid becomes U+FFFD."""
        self._begin()
        return _Pieces(self._text_reader())

    def iter_lines(self) -> AsyncIterator[str]:
        r"""Give the lines of the body's text, without their ends: "\n", "\r\n" or "\r"."""
        self._begin()
        return _Lines(self._text_reader())

    def iter_events(self) -> AsyncIterator[ServerSentEvent]:
        """Give the server-sent events of the body, whatever its Content-Type; see `ServerSentEvent`."""
        self._begin()
        return _Events(self._next_decoded)

    async def read(self) -> bytes:
        """Read the whole body, and give it decoded. It may be called again."""
        if self._content is None:
            content = Accumulator()
            async for piece in self.iter_bytes():
                content.append(piece)
            self._content = await _joined(content)
        return self._content

    async def raise_for_status(self) -> None:
        """Raise HTTPStatusError with the start of the body, 64 KiB at the most, if the status is 400 or above."""
        if self.status_code < 400:
            return
        self._begin()
        start = Accumulator()
        # Whatever is wrong with the body, the status is what the caller must hear of.
        with suppress(TransportError, TimeoutError):
            async for piece in RawPieces(self):
                start.append(piece)
                if start.size >= MOST_OF_AN_ERROR:
                    break
        content = self._decoded_start(start.finish())[:MOST_OF_AN_ERROR]
        response = Response(self.status_code, self.headers, content, self.url, self.http_version, history=self.history)
        raise status_error(response, self._raw.request.label)

    def _coding(self) -> list[Decoder]:
        """Return what undoes the body's codings, made when it is first needed."""
        if self._decoders is None:
            coding = self.headers.first_look("content-encoding") if self._raw.encoded else None
            self._decoders = decoders_of(coding) if coding and self._raw.request.method != "HEAD" else []
        return self._decoders

    def _decoded_start(self, start: bytes) -> bytes:
        """Decode the start of an error's body; the status matters more than a coding that is not what it says."""
        decoded, size = [], 0
        try:
            for piece in _through(self._coding(), start):
                decoded.append(piece)
                size += len(piece)
                if size >= MOST_OF_AN_ERROR:
                    break
        except DecodingError:
            return start
        return b"".join(decoded)

    async def _next_decoded(self) -> bytes:
        self._check()
        try:
            while True:
                if self._decoded is not None and (piece := await self._decoded.next()):
                    self._decoded_size = size = self._decoded_size + len(piece)
                    if self._limit is not None and size > self._limit:
                        raise too_large(self._limit, self._raw.request.label)
                    return piece
                raw = await anext(RawPieces(self), b"")
                if not raw:
                    if self._raw_size:
                        for decoder in self._coding():
                            decoder.finish()
                    return b""
                self._decoded = Pieces(_through(self._coding(), raw))
        except DecodingError as error:
            error.request = self._raw.request.label
            raise

    def _text_reader(self) -> Callable[[], Awaitable[str]]:
        decoder = TextDecoder(charset_of(self.headers))

        async def next_text() -> str:
            while True:
                piece = await self._next_decoded()
                text = decoder.decode(piece, not piece)
                if text or not piece:
                    return text

        return next_text


Piece = TypeVar("Piece", bytes, str)


class _Pieces(Generic[Piece]):
    """An iterator over what a function gives, up to an empty piece.

    No async generator: one that is left in the middle has to be closed by whoever left it.
    """

    def __init__(self, next_piece: Callable[[], Awaitable[Piece]]) -> None:
        self._next_piece: Callable[[], Awaitable[Piece]] = next_piece

    def __aiter__(self) -> _Pieces[Piece]:
        return self

    async def __anext__(self) -> Piece:
        piece = await self._next_piece()
        if not piece:
            raise StopAsyncIteration
        return piece


class _Lines:
    """An iterator over the lines of text that a function gives in pieces, up to an empty one."""

    def __init__(self, next_text: Callable[[], Awaitable[str]]) -> None:
        self._next_text = next_text
        self._lines: deque[str] = deque()
        # The pieces of the line that has not ended yet.
        self._begun: list[str] = []
        self._held = ""
        self._ended = False

    def __aiter__(self) -> _Lines:
        return self

    async def __anext__(self) -> str:
        while not self._lines and not self._ended:
            text = await self._next_text()
            self._ended = not text
            text = self._held + text
            # A "\r" at the end may be half of an end.
            self._held = "\r" if text.endswith("\r") and not self._ended else ""
            first, *others = text[: len(text) - len(self._held)].replace("\r\n", "\n").replace("\r", "\n").split("\n")
            self._begun.append(first)
            if others:
                self._lines.append("".join(self._begun))
                *whole, last = others
                self._lines.extend(whole)
                self._begun = [last]
            if self._ended and any(self._begun):
                self._lines.append("".join(self._begun))
        if not self._lines:
            raise StopAsyncIteration
        return self._lines.popleft()


class _Events:
    """An iterator over the server-sent events in what a function gives in pieces, up to an empty one."""

    def __init__(self, next_piece: Callable[[], Awaitable[bytes]]) -> None:
        self._next_piece = next_piece
        self._parser = EventParser()
        self._events: deque[ServerSentEvent] = deque()

    def __aiter__(self) -> _Events:
        return self

    async def __anext__(self) -> ServerSentEvent:
        while not self._events:
            piece = await self._next_piece()
            if not piece:
                raise StopAsyncIteration
            self._events.extend(self._parser.feed(piece))
        return self._events.popleft()


async def _joined(content: Accumulator) -> bytes:
    """Return a body as one piece; where it is so long that this takes long, another thread makes it."""
    if content.size < MUCH:
        return content.finish()
    return await in_thread(content.finish)


def _through(decoders: list[Decoder], piece: bytes) -> Iterator[bytes]:
    """Give what a piece comes to after all decoders, after each step: that may be nothing."""
    if not decoders or not piece:
        yield piece
        return
    for decoded in decoders[0].feed(piece):
        yield from _through(decoders[1:], decoded)
