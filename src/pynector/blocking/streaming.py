"""What comes while a block goes on: responses, results of batches, events, messages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Generic, TypeVar

from ..answer import Answer
from ..dispatch.item import Item
from ..dispatch.stream import BatchStream as AsyncBatchStream
from ..eventstream import EventStream as AsyncEventStream
from ..transport.http.events import ServerSentEvent
from ..transport.http.headers import Headers
from ..transport.http.response import Response
from ..transport.http.streaming import StreamedResponse as AsyncStreamedResponse
from .held import Held, Pieces

T = TypeVar("T")


class StreamedResponse:
    """The answer to a request, with a body that is read while it comes; see `pynector.StreamedResponse`.

    The body can be read once, by one of the iterators or by `read`.
    """

    def __init__(self, response: AsyncStreamedResponse, held: Held[Any]) -> None:
        self._response = response
        self._held = held

    def __repr__(self) -> str:
        return repr(self._response)

    @property
    def status_code(self) -> int:
        """The status, 100 to 999."""
        return self._response.status_code

    @property
    def reason_phrase(self) -> str:
        """The status in words, or "" for an unknown one."""
        return self._response.reason_phrase

    @property
    def ok(self) -> bool:
        """Whether the status is below 400."""
        return self._response.ok

    @property
    def headers(self) -> Headers:
        """The header fields, a mapping without regard to case."""
        return self._response.headers

    @property
    def history(self) -> tuple[Response, ...]:
        """The redirects that were followed to it, first to last, without their bodies."""
        return self._response.history

    @property
    def links(self) -> dict[str, dict[str, str]]:
        """What its Link fields say; see `Response`."""
        return self._response.links

    @property
    def http_version(self) -> str:
        """ "HTTP/1.0", "HTTP/1.1" or "HTTP/2"."""
        return self._response.http_version

    @property
    def url(self) -> str:
        """The URL that answered, after redirects, without the user."""
        return self._response.url

    def iter_raw(self) -> Iterator[bytes]:
        """Give the body as it comes, not decoded."""
        return Pieces(self._held, self._response.iter_raw())

    def iter_bytes(self, chunk_size: int | None = None) -> Iterator[bytes]:
        """Give the body, decoded, in pieces of `chunk_size` bytes, 1 or more; None: as they come."""
        return Pieces(self._held, self._response.iter_bytes(chunk_size))

    def iter_text(self) -> Iterator[str]:
        """Give the body as text."""
        return Pieces(self._held, self._response.iter_text())

    def iter_lines(self) -> Iterator[str]:
        """Give the lines of the body's text, without their ends."""
        return Pieces(self._held, self._response.iter_lines())

    def iter_events(self) -> Iterator[ServerSentEvent]:
        """Give the server-sent events of the body."""
        return Pieces(self._held, self._response.iter_events())

    def read(self) -> bytes:
        """Read the whole body, and give it decoded. It may be called again."""
        return self._held.thread.run(self._response.read)

    def raise_for_status(self) -> None:
        """Raise HTTPStatusError with the start of the body, 64 KiB at the most, if the status is 400 or above."""
        self._held.thread.run(self._response.raise_for_status)


class Items(Iterator[T], Generic[T]):
    """What comes of something that is entered, one by one; any number of threads may take from it."""

    def __init__(self, source: Any, held: Held[Any]) -> None:
        self._source = source
        self._held = held
        self._pieces: Pieces[T] = Pieces(held, source)

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        return next(self._pieces)


class BatchStream(Items[Item[Answer]], Generic[Answer]):
    """The results of a batch: an iterator of `BatchItem`; see `pynector.BatchStream`.

    Up to 256 of them are taken before they are asked for.
    """

    _source: AsyncBatchStream[Answer]

    def drain(self) -> None:
        """Start nothing new; see `pynector.BatchStream`."""

        async def drain() -> None:
            self._source.drain()

        self._held.thread.run(drain)


class EventStream(Items[ServerSentEvent]):
    """The events of a server; see `pynector.Pynector.events`."""

    _source: AsyncEventStream

    # The one whose events are taken before they are asked for knows of later ones.
    _last_event_id = ""

    def __next__(self) -> ServerSentEvent:
        event = super().__next__()
        self._last_event_id = event.id
        return event

    @property
    def last_event_id(self) -> str:
        """The id of the last event that was given out; "" for none."""
        return self._last_event_id


class Subscription(Items[Any]):
    """The messages that answer nobody; see `pynector.Subscription`."""
