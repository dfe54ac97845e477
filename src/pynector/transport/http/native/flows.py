"""Auth flows over the native engine: what one wants to be sent are exchanges of their own."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from math import inf
from typing import Any

import anyio

from ...._speedups.accumulator import NO_LIMIT, Accumulator
from ....errors import Phase, PynectorError, cancelled_itself, client_closed, most_sent
from ....eventloop import cancellation_is_asked_for
from ..answers import raw_limit
from ..decoding import too_large
from ..flows import PATIENCE, WORTH_READING, through_flow
from ..request import PreparedRequest
from .exchange import Exchange
from .failures import late
from .streaming import IncomingStream
from .tasks import Tasks

Send = Callable[[Exchange, PreparedRequest, float], None]


def run_flow(tasks: Tasks, exchange: Exchange, request: PreparedRequest, send: Send) -> None:
    """Have an exchange be answered by what its request's auth flow sends.

    Args:
        tasks: Where it runs.
        exchange: The request.
        request: The same, as it is sent now.
        send: Sends a request on an exchange at a time.
    """
    # The flow is the caller's own code, also after a redirect.
    exchange.context = exchange.context or copy_context()
    exchange.pool = run = FlowRun(tasks, request, send)
    exchange.context.run(tasks.begin, run.run(exchange))


class FlowRun:
    """An auth flow on its way; it stands where its exchange's pool and connection do otherwise.

    It does not have the exchange, or they would keep each other.

    Args:
        tasks, request, send: See `run_flow`.
    """

    def __init__(self, tasks: Tasks, request: PreparedRequest, send: Send) -> None:
        self._tasks = tasks
        self._send = send
        self._request = request
        self._scope: anyio.CancelScope | None = None
        self._stream: IncomingStream | None = None
        self._flows_on: anyio.Event | None = None
        self._cut_off_at: tuple[Any, Any] | None = None

    # The pool's part

    def give_up(self, exchange: Exchange) -> None:
        """End it; its caller does not want the answer any more."""
        self._leave()
        if self._scope is not None:
            self._scope.cancel()

    def progress(self, exchange: Exchange) -> tuple[Any, Any]:
        """Say what is under way, and how much of the request has left."""
        if self._cut_off_at is not None:
            return self._cut_off_at
        if self._stream is None:
            return "queue", exchange.sent
        one = self._stream.exchange
        if self._stream.is_open or one.completion is None:
            return "body", exchange.sent
        phase, sent = one.progress()
        return phase, most_sent(exchange.sent, sent)

    # The connection's part

    def pause_reading(self) -> None:
        """Give the reader no more of the body."""
        self._flows_on = anyio.Event()

    def resume_reading(self) -> None:
        """Go on."""
        flows_on, self._flows_on = self._flows_on, None
        if flows_on is not None:
            flows_on.set()

    def phase(self) -> Phase:
        """Say what is under way."""
        return "body"

    # Inside

    async def run(self, exchange: Exchange) -> None:
        """Run the flow, and give its exchange the last answer."""
        if exchange.completion is None:
            # It was given up before this began.
            return
        try:
            with anyio.CancelScope() as self._scope:
                # The timer may outlive the request, and must not keep the caller's context.
                self._tasks.call(partial(setattr, self._scope, "deadline", exchange.deadline))
                await self._run(exchange)
        finally:
            self._leave()
            # Whoever cancelled this, its caller waits, unless he has given it up.
            if exchange.completion is not None and exchange.pool is self:
                exchange.owner.failed(exchange, self._cut_off(exchange))

    async def _run(self, exchange: Exchange) -> None:
        try:
            try:
                answer = await through_flow(
                    self._request, lambda request: self._sent(exchange, request), lambda: self.progress(exchange)
                )
            except BaseException:
                self._cut_off_at = self.progress(exchange)
                raise
            if exchange.sink is None:
                await self._whole(exchange, answer)
            else:
                await self._piece_by_piece(exchange, answer, exchange.sink)
        except Exception as error:
            if isinstance(error, PynectorError):
                # The request that failed may be one of the flow's own.
                error.request = None
            exchange.connection = None
            exchange.owner.failed(exchange, error)

    async def _sent(self, exchange: Exchange, request: PreparedRequest) -> _Answer:
        """Send a request of the flow, and return its answer when the head has come."""
        # What is late is all of it: one timer says so, and knows how far it had come.
        one = Exchange(exchange.owner, None, None, inf, None, 0, exchange.started)
        one.body_only = False
        # Where it leads is for the flow to say, or else for the exchange.
        one.settings = {**exchange.settings, "follow_redirects": False}
        if exchange.observer is not None:
            one.observer = _Told(exchange.observer)
        stream = self._stream = IncomingStream(exchange.owner, self._tasks, one)
        self._send(one, request, self._tasks.now())
        while not stream.arrived():
            await stream.news()
        exchange.sent = "full"
        return _Answer(stream)

    async def _whole(self, exchange: Exchange, answer: _Answer) -> None:
        """Give the exchange the answer when its body has come."""
        stream = answer.stream
        while await answer.receive_kept():
            pass
        if exchange.observer is not None:
            exchange.observer.head(stream.status, stream.http_version)
            exchange.observer.done()
        exchange.owner.settle(exchange, stream.status, stream.start, answer.kept.finish(), stream.version)

    async def _piece_by_piece(self, exchange: Exchange, answer: _Answer, sink: Any) -> None:
        """Give the exchange the answer while it comes."""
        stream = answer.stream
        exchange.connection = self
        sink.begin(stream.status, stream.start, stream.version, stream.encoded)
        if sink.is_open:
            sink.feed(answer.kept.finish())
            while piece := await stream.receive():
                sink.feed(piece)
                if self._flows_on is not None:
                    await self._flows_on.wait()
            sink.end()
        else:
            await answer.drop()
        exchange.connection = None
        sink.conclude()

    def _leave(self) -> None:
        if self._stream is not None:
            self._stream.leave()

    def _cut_off(self, exchange: Exchange) -> Exception:
        """Return the error of a request whose task was cancelled."""
        phase, sent = self.progress(exchange)
        if self._scope is not None and self._scope.cancel_called:
            return late(exchange, phase, sent)
        return client_closed(phase, sent) if cancellation_is_asked_for() else cancelled_itself(phase, sent)


class _Answer:
    """See FlowAnswer.

    Args:
        stream: The answer as it comes.

    Attributes:
        stream: See above.
        kept: What the flow has read of the body: it is the caller's, too.
    """

    def __init__(self, stream: IncomingStream) -> None:
        self.stream = stream
        limit = raw_limit(stream.settings)
        self.kept = Accumulator(NO_LIMIT if limit is None else limit)
        self.status = stream.status
        self.headers = stream.headers
        self.http_version = stream.http_version

    async def receive_kept(self) -> bytes:
        piece = await self.stream.receive()
        if not self.kept.append(piece):
            raise too_large(self.stream.settings["max_response_bytes"])
        return piece

    async def drop(self) -> None:
        size = 0
        with suppress(PynectorError), anyio.move_on_after(PATIENCE):
            while size <= WORTH_READING and (piece := await self.stream.receive()):
                size += len(piece)
        self.stream.leave()

    async def aclose(self) -> None:
        self.stream.leave()


class _Told:
    """Tells the observer of a request of what an auth flow sends for it: all of it is one attempt, if nothing is lost.

    What the observer adds is on the request that the flow was given, and so on what that sends.

    Args:
        observer: The request's.
    """

    def __init__(self, observer: Any) -> None:
        self._observer = observer
        self._is_again = False

    def attempt(self, *request: Any) -> list[tuple[str, str]]:
        if self._is_again:
            self._observer.attempt(*request)
        return []

    def connected(self, peer: Any) -> None:
        self._observer.connected(peer)

    def failed(self, error: BaseException) -> None:
        self._is_again = True
        self._observer.failed(error)

    def head(self, status: int, http_version: str) -> None:
        """It may not be the last."""

    def done(self) -> None:
        """Nor may this."""
