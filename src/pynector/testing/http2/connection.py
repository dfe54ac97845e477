"""One connection of the loopback server that speaks HTTP/2, its state kept by ngh2."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from typing import Any

import ngh2

from .. import endpoints
from ..accepted import Accepted
from ..registry import Answer
from ..request import BadRequestError, Request
from ..response import NoAnswer, Response, Stream
from ..state import ServerState
from .exchange import Act, Exchange, Fields, encode_fields
from .frames import SETTINGS_IDS
from .requests import read_request
from .wire import Wire

WINDOW = 1 << 24
"""Bytes that a client may send on a connection ahead of what has been read."""

DEFAULT_SETTINGS = {"max_concurrent_streams": 128, "initial_window_size": 1 << 20}
"""The settings that a connection begins with, where no others are asked for."""

# Bytes of a body in pieces that are made ahead of the client's windows.
_AHEAD = 1 << 16

_UNLIMITED = (1 << 40, 1 << 40)
# A test may reset as many streams as it likes.
_CONFIGURATION = ngh2.Configuration(
    auto_window_update=False,
    stream_reset_rate_limit=_UNLIMITED,
    glitch_rate_limit=_UNLIMITED,
    max_continuations=64,
    max_send_header_block_length=1 << 24,
    max_inbound_header_list_size=1 << 20,
)

_FAST_PREFIX = b"/id/"
_FAST_HEADS: list[Fields] = [
    [(b":status", b"200"), (b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % size)]
    for size in range(64)
]


def first_settings(settings: Mapping[str, int]) -> dict[int, int]:
    """Return what a connection begins with: some settings by their names, and the usual ones.

    Raises:
        ValueError: A value cannot be.
    """
    first = {SETTINGS_IDS[name]: value for name, value in {**DEFAULT_SETTINGS, **settings}.items()}
    ngh2.Connection(ngh2.Role.SERVER, _CONFIGURATION).initiate_connection(first)
    return first


class Http2Connection(Accepted):
    """One connection, on which requests are answered as they are ready.

    Args:
        state: The counts shared with the other connections.
        settings: The settings to begin with, from `first_settings`.
        respond: Answers requests, in the place of the endpoints.
        is_early: Says whether a request is answered when its head has come.
    """

    def __init__(
        self,
        state: ServerState,
        settings: Mapping[int, int],
        *,
        respond: Callable[[Request, ServerState], Answer] | None = None,
        is_early: Callable[[Request], bool] = endpoints.is_early,
    ) -> None:
        super().__init__(state)
        self._settings = settings
        self._respond = respond or endpoints.respond
        self._is_early = is_early
        self._fast = respond is None
        self._loop = asyncio.get_running_loop()
        self._exchanges: dict[int, Exchange] = {}
        self._streaming: dict[int, Exchange] = {}
        self._open: set[int] = set()
        self._flushing = False
        self._ended = False

    # Connection...

    def begin(self) -> None:
        """Send the settings, when the transport is there."""
        self._h2 = ngh2.Connection(ngh2.Role.SERVER, _CONFIGURATION)
        self._wire = Wire(self._h2, self._transport)
        self._h2.initiate_connection(self._settings)
        self._h2.set_local_window_size(WINDOW)
        self._wire.flush()
        self._state.http2_connections += 1

    def connection_lost(self, exc: Exception | None) -> None:
        """End the streams that are open."""
        self._stop_all()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Send no more until the client has read."""
        self._wire.writable = False

    def resume_writing(self) -> None:
        """Go on where `pause_writing` stopped."""
        self._wire.writable = True
        self._flush_soon()

    def data_received(self, data: bytes) -> None:
        """Answer the requests that are complete, and send what may be sent by now."""
        if self._ended:
            return
        try:
            self._h2.receive_data(data)
            self._flush()
        except ngh2.NGH2Error:
            # What the client did allows no answer, not even GOAWAY.
            self._transport.close()
            self._stop_all()

    def _take_events(self) -> None:
        while events := self._h2.events():
            for event in events:
                take = _TAKE.get(type(event))
                if take is not None:
                    # A GOAWAY may have closed the stream of an event that comes later, or all of the connection.
                    with contextlib.suppress(ngh2.StreamUnavailableError, ngh2.ConnectionStateError):
                        take(self, event)

    # Sending...

    def _flush_soon(self) -> None:
        """Send what may be sent, in one write with all that happens in this turn of the loop."""
        if not self._flushing:
            self._flushing = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        if self._ended:
            return
        self._take_events()
        more = True
        while more and self._wire.writable:
            for exchange in list(self._streaming.values()):
                self._fill(exchange)
            more = self._wire.flush()
            self._take_events()
        # TLS may take its time to end the connection, and nothing more is answered on it.
        if self._transport.is_closing():
            self._stop_all()

    def _fill(self, exchange: Exchange) -> None:
        """Make pieces of a body until enough of them wait, or a pause is due."""
        stream = exchange.stream
        while exchange.parts is not None and self._h2.queued_body_size(stream) < _AHEAD:
            part = next(exchange.parts, None)
            if part is None:
                self._finish(exchange)
                return
            exchange.send_data(part)
            if exchange.interval:
                del self._streaming[stream]
                exchange.timer = self._loop.call_later(exchange.interval, self._go_on, exchange)
                return

    def _finish(self, exchange: Exchange) -> None:
        if not exchange.cut:
            exchange.send_data(b"", end=True)
        elif self._h2.queued_body_size(exchange.stream):
            return
        else:
            self._wire.close()
        self._streaming.pop(exchange.stream, None)

    def _go_on(self, exchange: Exchange) -> None:
        exchange.timer = None
        self._streaming[exchange.stream] = exchange
        self._flush_soon()

    # Events...

    def _begin_request(self, event: ngh2.RequestReceived) -> None:
        stream = event.stream_id
        self._open.add(stream)
        self._state.open_streams += 1
        if self._fast and event.end_stream and self._answered_at_once(event):
            return
        try:
            request = read_request(event.headers, self._number, stream)
        except BadRequestError as error:
            self._h2.send_response(stream, encode_fields(error.status, ()))
            self._h2.send_data(stream, str(error).encode(), end_stream=True)
            return
        exchange = self._exchanges[stream] = Exchange(self._wire, stream, request)
        exchange.complete = event.end_stream
        if event.end_stream or self._is_early(request):
            self._answer(exchange)
        elif request.headers.expect_continue:
            self._h2.send_informational_response(stream, [(b":status", b"100")])

    def _answered_at_once(self, event: ngh2.RequestReceived) -> bool:
        """Answer the request that benchmarks ask most."""
        method, target = b"", b""
        for name, value in event.headers:
            if name == b":path":
                target = value
            elif name == b":method":
                method = value
        text = target[4:]
        if method != b"GET" or not target.startswith(_FAST_PREFIX) or not text.isalnum() or len(text) >= 64:
            return False
        self._state.answered_at_once()
        self._h2.send_response(event.stream_id, _FAST_HEADS[len(text)])
        self._h2.send_data(event.stream_id, text, end_stream=True)
        return True

    def _take_data(self, event: ngh2.DataReceived) -> None:
        exchange = self._exchanges.get(event.stream_id)
        if exchange is None:
            self._h2.acknowledge_received_data(len(event.data), event.stream_id)
            return
        exchange.receive(event.data)
        if event.end_stream:
            self._complete(exchange)

    def _take_trailers(self, event: ngh2.TrailersReceived) -> None:
        exchange = self._exchanges.get(event.stream_id)
        if exchange is not None:
            self._complete(exchange)

    def _complete(self, exchange: Exchange) -> None:
        exchange.complete = True
        exchange.request.body = b"".join(exchange.body)
        if exchange.waiting:
            exchange.waiting = False
            self._step(exchange)
        elif not exchange.answered:
            self._answer(exchange)

    def _count_reset(self, event: ngh2.StreamReset) -> None:
        self._state.resets += 1

    def _close_stream(self, event: ngh2.StreamClosed) -> None:
        # One that ngh2 has refused was never told of before.
        if event.stream_id in self._open:
            self._open.remove(event.stream_id)
            self._state.open_streams -= 1
        exchange = self._exchanges.pop(event.stream_id, None)
        if exchange is not None:
            self._stop(exchange)
            exchange.read_on()

    def _stop_all(self) -> None:
        self._ended = True
        for exchange in self._exchanges.values():
            self._stop(exchange)
        self._exchanges.clear()
        self._state.open_streams -= len(self._open)
        self._open.clear()

    def _stop(self, exchange: Exchange) -> None:
        self._streaming.pop(exchange.stream, None)
        exchange.stop()
        if exchange.in_flight:
            exchange.in_flight = False
            self._state.request_ended()

    def _close(self, event: ngh2.ConnectionClosed) -> None:
        self._wire.close()

    # Answering...

    def _answer(self, exchange: Exchange) -> None:
        exchange.answered = True
        answer = self._respond(exchange.request, self._state)
        if isinstance(answer, Response) and not answer.counted:
            exchange.send(answer)
            return
        self._state.request_started()
        exchange.in_flight = True
        if isinstance(answer, Stream):
            self._send_stream(answer, exchange)
        elif isinstance(answer, Act):
            exchange.steps = answer.steps(exchange)
            self._step(exchange)
        elif answer is NoAnswer.CLOSE:
            self._wire.close()
        elif isinstance(answer, Response):
            if answer.delay:
                exchange.timer = self._loop.call_later(answer.delay, self._send_delayed, exchange, answer)
            else:
                exchange.send(answer)

    def _send_delayed(self, exchange: Exchange, response: Response) -> None:
        exchange.timer = None
        self._take_events()
        if exchange.stream in self._exchanges:
            exchange.send(response)
            self._flush_soon()

    def _send_stream(self, stream: Stream, exchange: Exchange) -> None:
        if exchange.request.method == "HEAD":
            exchange.send_head(200, stream.fields(), end=True)
            return
        exchange.send_head(200, stream.fields())
        exchange.parts, exchange.interval, exchange.cut = stream.parts, stream.interval, stream.truncated
        self._streaming[exchange.stream] = exchange

    def _step(self, exchange: Exchange) -> None:
        """Play the next step of an act."""
        exchange.timer = None
        if exchange.steps is None:
            return
        try:
            pause = next(exchange.steps, _OVER)
        except ValueError as error:
            # A parameter cannot be used, as the act or as ngh2 finds.
            exchange.send(Response(400, str(error).encode()))
            pause = _OVER
        except ngh2.NGH2Error:
            # The client has ended the stream meanwhile, or the connection is at its end.
            pause = _OVER
        if pause is None and not exchange.complete:
            exchange.waiting = True
        elif pause is not _OVER:
            exchange.timer = self._loop.call_later(pause or 0.0, self._step, exchange)
        self._flush_soon()


_OVER: Any = object()

_TAKE: Mapping[type, Callable[[Http2Connection, Any], None]] = {
    ngh2.RequestReceived: Http2Connection._begin_request,
    ngh2.DataReceived: Http2Connection._take_data,
    ngh2.TrailersReceived: Http2Connection._take_trailers,
    ngh2.StreamReset: Http2Connection._count_reset,
    ngh2.StreamClosed: Http2Connection._close_stream,
    ngh2.ConnectionClosed: Http2Connection._close,
}
