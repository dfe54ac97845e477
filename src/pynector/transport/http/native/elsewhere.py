"""What the native engine leaves to another: auth flows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import anyio

from ....callbacks import Task
from ....errors import ConfigurationError, Phase, Sent, TimeoutError, TransportError, cancelled_itself, client_closed
from ....eventloop import cancellation_is_asked_for
from ...contract import OriginCounts, RequestObserver
from ..engine import Engine
from ..options import HTTPOptions
from ..request import PreparedRequest
from ..streaming import RawStream
from .exchange import Exchange
from .room import Room
from .tasks import Tasks


class Elsewhere:
    """The other engine, made when it is first needed.

    Args:
        options: The transport's options.
        tasks: Where its requests run.
        room: Says how many requests there may be in flight.
        make: Makes the other, or None if there is to be none.
    """

    def __init__(self, options: HTTPOptions, tasks: Tasks, room: Room, make: Callable[[], Engine] | None) -> None:
        self._tasks = tasks
        self._room = room
        self._make = make
        self._other: Engine | None = None

    def takes(self, request: PreparedRequest) -> bool:
        """Say whether a request is not for the native engine."""
        return request.auth is not None

    def start(self, exchange: Exchange, request: PreparedRequest) -> None:
        """Run an exchange there from now on.

        Raises:
            ConfigurationError: If there is no other engine.
        """
        other = self._engine_for(request)
        exchange.data = exchange.request = request
        work = self._run(exchange, other)
        begin = self._tasks.begin
        # After a redirect this is no more the caller's context, which its body was given.
        exchange.pool = _Delegated(begin(work) if exchange.context is None else exchange.context.run(begin, work))

    async def open(
        self,
        request: PreparedRequest,
        options: Mapping[str, Any],
        timeout: float,
        observer: RequestObserver | None,
        exchange: Exchange | None = None,
    ) -> RawStream:
        """Open a stream there; see Engine.

        Args:
            request: What to send.
            options: The caller's.
            timeout: Seconds it may take.
            observer: Told of its attempts, or None.
            exchange: What has led to it, where that is a redirect.
        """
        other = self._engine_for(request)
        if exchange is None:
            return await other.open(request, options, timeout, observer)
        try:
            return await other.open(request, _after_hops(exchange), timeout, observer)
        except (TransportError, TimeoutError) as error:
            error.after(exchange.sent)
            raise

    def origins(self) -> list[OriginCounts]:
        """See Engine."""
        return [] if self._other is None else self._other.origins()

    def make_room(self, window: int) -> None:
        """See Engine."""
        if self._other is not None:
            self._other.make_room(window)

    async def disconnect(self) -> None:
        """See Engine."""
        if self._other is not None:
            await self._other.disconnect()

    def _engine_for(self, request: PreparedRequest) -> Engine:
        if self._make is None:
            raise ConfigurationError("a custom auth flow needs http_engine='auto' or 'httpx'")
        if self._other is None:
            self._other = self._make()
            self._other.make_room(self._room.most)
        return self._other

    async def _run(self, exchange: Exchange, other: Engine) -> None:
        phase: Phase | None = None
        sent: Sent | None = None
        scope = anyio.CancelScope(deadline=exchange.deadline)
        try:
            with scope:
                try:
                    exchange.succeed(await other.exchange(exchange.data, _after_hops(exchange), exchange.observer))
                except anyio.get_cancelled_exc_class() as cancelled:
                    phase, sent = getattr(cancelled, "phase", None), getattr(cancelled, "sent", None)
                    raise
                except Exception as error:
                    exchange.owner.failed(exchange, error)
        finally:
            # Whoever cancelled this, its caller waits, unless he has given it up.
            if exchange.completion is not None:
                exchange.owner.failed(exchange, _cut_off(scope, phase, sent))


def _cut_off(scope: anyio.CancelScope, phase: Phase | None, sent: Sent | None) -> TransportError | TimeoutError:
    """Return the error of a request whose task was cancelled."""
    if scope.cancel_called:
        return TimeoutError(phase=phase, sent=sent)
    return client_closed(phase, sent) if cancellation_is_asked_for() else cancelled_itself(phase, sent)


def _after_hops(exchange: Exchange) -> Mapping[str, Any]:
    """Return the options of an exchange, with the redirects that are left of those that are allowed."""
    options: Mapping[str, Any] = exchange.options
    if not exchange.hops:
        return options
    return {**options, "max_redirects": exchange.settings["max_redirects"] - exchange.hops}


class _Delegated:
    """A request that is left to another engine; it stands where a pool does otherwise."""

    def __init__(self, task: Task) -> None:
        self._task = task

    def give_up(self, exchange: Exchange) -> None:
        """End it."""
        self._task.cancel()

    def progress(self, exchange: Exchange) -> tuple[Phase | None, Sent | None]:
        """Say how far an exchange has come: what the other engine has sent of it is not known before it ends."""
        return None, "full" if exchange.sent == "full" else None
