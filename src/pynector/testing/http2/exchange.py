"""One stream of HTTP/2: a request, and what is being answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from ..request import Request
from ..response import Response
from . import frames
from .wire import Wire

Fields = list[tuple[bytes, bytes]]
Steps = Iterator[float | None]


@dataclass(frozen=True)
class Act:
    """An answer that takes more than a response: what only HTTP/2 can do, or do wrong.

    Attributes:
        play: Does it, at once or in steps. Between two of them it waits for the seconds that were yielded, or until
            the request has come to its end where that is None.
        delay: Seconds to wait before.
    """

    play: Callable[[Exchange], Steps | None]
    delay: float = 0.0

    def steps(self, exchange: Exchange) -> Steps:
        """Do it for a stream."""
        if self.delay:
            yield self.delay
        more = self.play(exchange)
        if more is not None:
            yield from more


class Exchange:
    """A stream from its request to its end.

    Attributes:
        wire: The way out of the connection.
        stream: The number of the stream.
        request: What is asked for.
        body: What has come of the request's body, in pieces.
        complete: Whether the request has come to its end.
        answered: Whether it is known what the answer is.
        held: Whether the client gets no new window for the body that it sends.
        unread: Bytes of the body for which the client has got no new window.
        in_flight: Whether it is counted as a request without an answer.
        parts: What is left of a body in pieces, None where nothing is.
        interval: Seconds between two of the pieces.
        cut: Whether the connection ends when the pieces are sent.
        steps: What is left of an act.
        waiting: Whether the act goes on when the request is complete.
        timer: What happens later.
    """

    __slots__ = (
        "answered",
        "body",
        "complete",
        "cut",
        "held",
        "in_flight",
        "interval",
        "parts",
        "request",
        "steps",
        "stream",
        "timer",
        "unread",
        "waiting",
        "wire",
    )

    def __init__(self, wire: Wire, stream: int, request: Request) -> None:
        self.wire = wire
        self.stream = stream
        self.request = request
        self.body: list[bytes] = []
        self.answered = self.complete = self.held = self.in_flight = self.cut = self.waiting = False
        self.unread = 0
        self.parts: Iterator[bytes] | None = None
        self.interval = 0.0
        self.steps: Steps | None = None
        self.timer: asyncio.TimerHandle | None = None

    # Receiving...

    def receive(self, data: bytes) -> None:
        """Take a piece of the body, and keep it if anyone may ask for it."""
        if self.steps is not None or not self.answered:
            self.body.append(data)
        self.unread += len(data)
        if not self.held:
            self.read_on()

    def read_on(self) -> None:
        """Give the client as much window as it has used."""
        self.held = False
        if self.unread:
            self.wire.h2.acknowledge_received_data(self.unread, self.stream)
            self.unread = 0

    # Answering...

    def send_head(self, status: int, fields: Iterable[tuple[str, str]] = (), *, end: bool = False) -> None:
        """Send the head of a response."""
        self.wire.h2.send_response(self.stream, encode_fields(status, fields), end_stream=end)

    def send_data(self, data: bytes, *, end: bool = False) -> None:
        """Send a piece of the body when the client's window lets it through."""
        self.wire.h2.send_data(self.stream, data, end_stream=end)

    def send(self, response: Response) -> None:
        """Send a response as a whole."""
        if self.request.method == "HEAD" or response.bodiless:
            self.send_head(response.status, response.fields(), end=True)
        else:
            self.send_head(response.status, response.fields())
            self.send_data(response.body, end=True)
        if response.trailing:
            self.wire.raw(response.trailing)

    def reset(self, code: int) -> None:
        """End the stream by RST_STREAM, after what has been sent on it already may go out."""
        self.wire.flush()
        self.wire.h2.reset_stream(self.stream, code)

    # Raw frames, of which the state of the connection knows nothing...

    def raw_head(self, fields: Iterable[tuple[bytes, bytes]], *, end: bool = False) -> None:
        """Send a block of fields as they are."""
        flags = frames.END_STREAM if end else 0
        self.wire.raw(frames.headers(self.stream, frames.block(fields), flags))

    def raw_data(self, data: bytes, *, end: bool = False) -> None:
        """Send a DATA frame, whatever the client's windows say."""
        self.wire.raw(frames.frame(frames.DATA, frames.END_STREAM if end else 0, self.stream, data))

    def forget(self) -> None:
        """Let the state of the connection know that the stream has ended, without a word to the client."""
        self.wire.flush()
        self.wire.h2.reset_stream(self.stream, 0)
        self.wire.h2.data_to_send()

    def stop(self) -> None:
        """Let nothing more happen: the stream is gone."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
        self.parts = self.steps = None


def encode_fields(status: int, fields: Iterable[tuple[str, str]]) -> Fields:
    """Return the head of a response as HTTP/2 has it: names in lower case, after the status."""
    return [
        (b":status", b"%d" % status),
        *((name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in fields),
    ]
