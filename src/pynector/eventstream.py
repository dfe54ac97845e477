"""Server-sent events from a server that is asked again when its answer ends."""

from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Any

import anyio

from .config import flag, optional, positive_seconds
from .errors import ConfigurationError, ProtocolError, PynectorError, TimeoutError, TransportError
from .opening import ToEnter

if TYPE_CHECKING:
    from .transport.http.events import EventParser, ServerSentEvent

# How long a server is left alone before it is asked again, unless it says so itself, and at most (seconds).
USUAL_WAIT = 3.0
MOST_WAIT = 60.0

Stream = Callable[..., AbstractAsyncContextManager[Any]]


class EventStream(ToEnter):
    """Iterates over the events of a server; see `Pynector.events`.

    Args:
        stream: The client's.
        data, options: What it is called with.
        timeout: Seconds the server may take to begin its answer.
        reconnect: Whether it is asked again.
        idle_timeout: Seconds without a byte after which the connection is lost; None: any.
        last_event_id: The id of the last event that is known.
    """

    call = "client.events"

    def __init__(
        self,
        stream: Stream,
        data: Any,
        options: dict[str, Any],
        timeout: float,
        reconnect: bool,
        idle_timeout: float | None,
        last_event_id: str,
    ) -> None:
        self._stream = stream
        self._data = data
        self._options = options
        self._timeout = timeout
        self._reconnects = flag(reconnect, "reconnect")
        self._idle_timeout = optional(positive_seconds)(idle_timeout, "idle_timeout")
        if not isinstance(last_event_id, str) or any(character in last_event_id for character in "\0\r\n"):
            raise ConfigurationError("last_event_id must be the id of an event, str without line ends")
        self._last_id = last_event_id
        self._wait = USUAL_WAIT
        self._failures = 0
        self._manager: AbstractAsyncContextManager[Any] | None = None
        self._pieces: Any = None
        self._parser: EventParser | None = None
        self._events: deque[ServerSentEvent] = deque()
        self._is_over = False

    @property
    def last_event_id(self) -> str:
        """The id of the last event that has come, to go on from in another run; "" for none."""
        return self._last_id

    async def __aenter__(self) -> EventStream:
        if self._parser is not None:
            raise PynectorError("what client.events(...) returns can be entered once")
        await self._open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_over = True
        await self._close(kind, error, trace)

    def __aiter__(self) -> EventStream:  # type: ignore[override]
        if self._parser is None:
            raise self._misused()
        return self

    async def __anext__(self) -> ServerSentEvent:
        while not self._events:
            if self._is_over:
                raise StopAsyncIteration
            await self._read()
        event = self._events.popleft()
        self._last_id = event.id
        return event

    # Inside

    async def _read(self) -> None:
        """Take what comes next; where it is the end, ask again."""
        from .transport.http.retry_after import asked_by

        assert self._parser is not None
        asked_for = 0.0
        try:
            if self._manager is None:
                await self._open()
                return
            piece = await self._next_piece()
            if piece:
                self._events.extend(self._parser.feed(piece))
                self._failures = 0
                return
            await self._close()
        except (TransportError, TimeoutError) as error:
            await self._close(type(error), error, error.__traceback__)
            if not self._may_ask_again(error):
                self._is_over = True
                raise
            asked_for = asked_by(error, MOST_WAIT)
        if not self._reconnects:
            self._is_over = True
            return
        if self._parser.retry is not None:
            self._wait = self._parser.retry / 1000
        await anyio.sleep(max(self._next_wait(), asked_for))

    def _may_ask_again(self, error: TransportError | TimeoutError) -> bool:
        return self._reconnects and (isinstance(error, TimeoutError) or error.transient)

    def _next_wait(self) -> float:
        """Return how long to wait: what the server wants, and at random up to twice as much at each failure more."""
        most = max(self._wait, min(MOST_WAIT, self._wait * 2.0 ** min(self._failures, 30)))
        self._failures += 1
        return random.uniform(self._wait, most)

    async def _next_piece(self) -> bytes:
        piece: bytes = b""
        if self._idle_timeout is None:
            return await anext(self._pieces, b"")
        with anyio.move_on_after(self._idle_timeout) as scope:
            piece = await anext(self._pieces, b"")
        if scope.cancelled_caught:
            raise TimeoutError(f"no event within {self._idle_timeout:g} s", phase="body", sent="full")
        return piece

    async def _open(self) -> None:
        from .transport.http.events import EventParser

        if self._parser is not None:
            # It may have come without an event.
            self._last_id = self._parser.last_id
        self._parser = EventParser(self._last_id)
        manager = self._stream(self._data, math.inf, **self._options_now())
        with anyio.move_on_after(self._timeout) as scope:
            response = await manager.__aenter__()
        if scope.cancelled_caught:
            raise TimeoutError(phase="headers", seconds=self._timeout)
        self._manager = manager
        try:
            self._begin(response)
        except BaseException as error:
            await self._close(type(error), error, error.__traceback__)
            raise

    def _begin(self, response: Any) -> None:
        if response.status_code == 204:
            self._is_over = True
            return
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "text/event-stream":
            said = f"the answer is no stream of events: its Content-Type is {kind or 'not given'!r}"
            raise ProtocolError(said, phase="body", sent="full", request=response.request_name)
        self._reconnects = self._reconnects and response.is_repeatable
        self._pieces = aiter(response.iter_bytes())

    def _options_now(self) -> dict[str, Any]:
        from .transport.http.headers import header_pairs, merged_headers

        usual = [("Accept", "text/event-stream"), ("Cache-Control", "no-store")]
        known = [("Last-Event-ID", self._last_id)] if self._last_id else []
        own = header_pairs(self._options.get("headers"), "headers")
        return {**self._options, "headers": merged_headers(usual, own, known)}

    async def _close(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        manager, self._manager = self._manager, None
        if manager is not None:
            await manager.__aexit__(kind, error, trace)
