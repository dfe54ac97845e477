"""The connections to one origin. Each request costs the same, however many connections there are."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Any

from ...._speedups.exchange import Exchange
from ...._speedups.http1 import TOO_LARGE, ConnectionCore
from ...._speedups.pool import PoolCore, is_readable
from ....errors import (
    ConnectionLost,
    Phase,
    ProtocolError,
    PynectorError,
    Sent,
    TimeoutError,
    TransportError,
    text_of,
)
from ...connect import Origin, no_connection
from ...protocol import OriginCounts
from ..decoding import too_large

if TYPE_CHECKING:
    from .engine import NativeEngine


class Connection(ConnectionCore, asyncio.BufferedProtocol):
    """A connection that asyncio accepts as a protocol."""

    __slots__ = ()


class Attempt:
    """A connection on its way.

    Args:
        exchange: What it is made for.

    Attributes:
        exchange: See above; None once that has ended or got another connection.
        phase: What is under way, "connect" or "tls".
        task: Makes the connection.
        timer: Goes off at the deadline of the exchange it was begun for.
    """

    __slots__ = ("exchange", "phase", "task", "timer")

    def __init__(self, exchange: Exchange) -> None:
        self.exchange: Exchange | None = exchange
        self.phase: Phase = "connect"
        self.task: asyncio.Task[None] | None = None
        self.timer: asyncio.TimerHandle | None = None


class Pool(PoolCore):
    """The connections to one origin: made, lost, purged and closed.

    Args:
        engine: Told what became of an exchange.
        origin: Scheme, host and port.
    """

    __slots__ = ("origin",)

    def __init__(self, engine: NativeEngine, origin: Origin) -> None:
        options = engine.options
        most_idle = options.max_connections if options.max_keepalive is None else options.max_keepalive
        super().__init__(engine, engine.loop, options.max_connections, most_idle, options.keepalive_expiry)
        self.origin = origin

    def __repr__(self) -> str:
        active = len(self._open) - len(self._idle)
        return (
            f"<Pool {self.origin[1]}:{self.origin[2]}: {active} active, {len(self._idle)} idle, "
            f"{self._connecting} connecting, {len(self._bound) + len(self._queued)} waiting>"
        )

    @property
    def is_empty(self) -> bool:
        """Whether nothing is open, on its way, or waiting."""
        return not (self._open or self._connecting or self._bound or self._queued)

    @property
    def in_use(self) -> int:
        """How many connections carry an exchange or are being made."""
        return len(self._open) - len(self._idle) + self._connecting

    def counts(self) -> OriginCounts:
        """Count connections and requests; any thread may ask."""
        idle = len(self._idle)
        active = len(self._open) - idle
        return OriginCounts(*self.origin, active, idle, active, len(self._bound) + len(self._queued))

    # Exchanges

    def give_up(self, exchange: Exchange) -> None:
        """End an exchange whose caller does not want its answer any more."""
        connection = exchange.connection
        if exchange in self._bound:
            self._relieve(self._bound.pop(exchange))
        elif connection is None:
            self._queued.remove(exchange)
            self._forget_if_empty()
        else:
            connection.exchange = None
            exchange.connection = None
            connection.transport.abort()

    def close(self) -> None:
        """Close every connection; every exchange fails."""
        if self._purge_timer is not None:
            self._purge_timer.cancel()
            self._purge_timer = None
        waiting = [*self._bound, *self._queued]
        ended: list[tuple[Exchange, Phase, Sent]] = [(each, "connect", "none") for each in waiting]
        for attempt in self._bound.values():
            attempt.exchange = None
        self._bound.clear()
        self._queued.clear()
        for connection in self._open:
            exchange = connection.exchange
            if exchange is not None:
                phase = connection.phase()
                ended.append((exchange, phase, "partial" if phase == "write" else "full"))
                connection.exchange = None
                exchange.connection = None
            connection.transport.abort()
        for exchange, phase, sent in ended:
            said = "the client was closed before the answer came"
            self._engine.failed(exchange, TransportError(said, phase=phase, sent=sent))

    # The connections' calls

    def failed(self, exchange: Exchange, problem: Any, phase: Any) -> None:
        """Take what is wrong with an answer; its connection is closed already."""
        exchange.connection = None
        error: PynectorError
        if problem is TOO_LARGE:
            error = too_large(exchange.settings["max_response_bytes"])
        else:
            error = ProtocolError(f"the server broke the protocol: {problem}", phase=phase, sent="full")
        self._engine.failed(exchange, error)

    def not_begun(self, connection: ConnectionCore, exchange: Exchange, error: Exception) -> None:
        """See PoolCore."""
        connection.exchange = None
        exchange.connection = None
        if connection.transport is not None:
            connection.transport.abort()
        problem = TransportError(f"the request could not be written: {text_of(error)}", phase="write", sent="partial")
        problem.__cause__ = error
        self._engine.failed(exchange, problem)

    def lost(self, connection: Connection, exchange: Exchange | None, error: Any, phase: Any, heard: bool) -> None:
        """Take note that a connection is gone, and that its exchange, if any, has no answer."""
        if connection in self._open:
            self._open.discard(connection)
            self._engine.tell("close", *self.origin[1:])
        if connection in self._idle:
            self._idle.remove(connection)
        if connection.timer is not None:
            connection.timer.cancel()
            connection.timer = None
        connection.release()
        if exchange is not None:
            exchange.connection = None
            sent: Sent = "partial" if phase == "write" else "full"
            said = str(error) if error is not None else "the server closed it"
            problem = ConnectionLost(f"the connection broke: {said}", phase=phase, sent=sent)
            problem.__cause__ = error
            if connection.used and exchange.repeatable and not heard:
                # The server closed it while the request was on its way, which is nobody's fault; but only once, and
                # not on another kept connection, which may be as dead.
                exchange.repeatable = False
                self._engine.send_again(exchange, problem)
                return
            self._engine.failed(exchange, problem)
        self._serve_waiters()

    def part_with(self, connection: ConnectionCore) -> None:
        """See PoolCore."""
        if connection.transport.get_write_buffer_size():
            # The rest of its request would hold it open for as long as the server does not read.
            connection.transport.abort()
        else:
            connection.transport.close()

    def look_closer(self, connection: ConnectionCore, server_timeout: int) -> None:
        """See PoolCore. Without TLS it is at its end, or has what nobody asked for."""
        if self.origin[0] == "https":
            # What there is may be no more than a session ticket.
            self._engine.spawn(self._read_then_give(connection, server_timeout))
        else:
            connection.transport.close()

    async def _read_then_give(self, connection: ConnectionCore, server_timeout: int) -> None:
        await _let_the_loop_read()
        if connection.transport is None or connection.transport.is_closing():
            return
        if is_readable(connection.descriptor):
            connection.transport.abort()
        elif self._bound or self._queued:
            self._give(connection)
        else:
            self._free(connection, server_timeout)

    # Connections

    def connect(self, exchange: Exchange) -> None:
        """Make a connection for an exchange; another gets it if this one is served before."""
        self._connecting += 1
        attempt = Attempt(exchange)
        self._bind(exchange, attempt)
        attempt.task = self._engine.spawn(self._try_to_connect(attempt))

    def _bind(self, exchange: Exchange, attempt: Attempt) -> None:
        attempt.exchange = exchange
        self._bound[exchange] = attempt
        if attempt.timer is not None:
            attempt.timer.cancel()
            attempt.timer = None
        if exchange.deadline != math.inf:
            attempt.timer = self._loop.call_at(exchange.deadline, self._on_late, attempt)

    def _relieve(self, attempt: Attempt) -> None:
        """Give an attempt that nobody waits for any more to somebody who does, or end it."""
        attempt.exchange = None
        if self._queued:
            exchange = self._queued.popleft()
            self._start_clock(exchange)
            self._bind(exchange, attempt)
        elif attempt.task is not None:
            # At once: a task that has not begun is not told of its end.
            task = attempt.task
            self._on_attempt_ended(attempt)
            task.cancel()
            self._forget_if_empty()

    def _on_late(self, attempt: Attempt) -> None:
        attempt.timer = None
        exchange = attempt.exchange
        if exchange is not None:
            del self._bound[exchange]
        phase = attempt.phase
        self._relieve(attempt)
        if exchange is not None:
            self._engine.failed(exchange, TimeoutError("not connected in time", phase=phase, sent="none"))

    async def _try_to_connect(self, attempt: Attempt) -> None:
        try:
            connection = await self._connected(attempt)
        except BaseException as error:
            self._on_attempt_ended(attempt)
            self._refuse(attempt, error)
            self._serve_waiters()
            if not isinstance(error, Exception):
                raise
        else:
            self._on_attempt_ended(attempt)
            self._open.add(connection)
            self._engine.tell("open", *self.origin[1:])
            self._hand_over(connection, attempt)

    async def _connected(self, attempt: Attempt) -> Connection:
        connection: Connection = await self._engine.connector.connect(self.origin, self._make_connection)
        try:
            if attempt.exchange is not None and not attempt.exchange.repeatable:
                await self._look_at_new(connection)
            if connection.transport is None:
                raise ConnectionLost("the server closed the connection at once", phase="write", sent="none")
        except BaseException:
            if connection.transport is not None:
                connection.transport.abort()
            raise
        return connection

    async def _look_at_new(self, connection: Connection) -> None:
        """Find out whether the server has ended a new connection before it takes what cannot be repeated."""
        if self.origin[0] == "https":
            await _let_the_loop_read()
        elif connection.transport is not None and is_readable(connection.descriptor):
            connection.transport.abort()
            await _let_the_loop_read()

    def _on_attempt_ended(self, attempt: Attempt) -> None:
        if attempt.task is not None:
            attempt.task = None
            self._connecting -= 1
        if attempt.timer is not None:
            attempt.timer.cancel()
            attempt.timer = None

    def _refuse(self, attempt: Attempt, error: BaseException) -> None:
        exchange, attempt.exchange = attempt.exchange, None
        if exchange is None:
            return
        del self._bound[exchange]
        problem = error if isinstance(error, PynectorError) else no_connection(error)
        if problem is not error:
            problem.__cause__ = error
        self._engine.failed(exchange, problem)

    def _hand_over(self, connection: Connection, attempt: Attempt) -> None:
        """Give a new connection to the exchange it was made for, if that one still waits."""
        exchange = attempt.exchange
        if exchange is not None:
            del self._bound[exchange]
            self._begin(connection, exchange)
        else:
            self._free(connection, -1)

    def _make_connection(self) -> Connection:
        return Connection(self._engine.make_parser, self._engine.scratch, self)

    def _serve_waiters(self) -> None:
        """See to it that enough connections are on their way for those that wait."""
        while self._queued and self._has_room():
            exchange = self._queued.popleft()
            self._start_clock(exchange)
            self.connect(exchange)
        self._forget_if_empty()

    def _forget_if_empty(self) -> None:
        if self.is_empty:
            if self._purge_timer is not None:
                self._purge_timer.cancel()
                self._purge_timer = None
            self._engine.forget(self)

    def _has_room(self) -> bool:
        return len(self._open) + self._connecting < self._limit

    def _close(self, connection: Connection) -> None:
        if connection.transport is not None:
            connection.transport.close()

    def _purge(self) -> None:
        """Close what has been idle for too long; the oldest lie at the bottom."""
        self._purge_timer = None
        now = self._loop.time()
        for connection in [c for c in self._idle if c.idle_until <= now]:
            self._idle.remove(connection)
            self._close(connection)
        if self._idle:
            self.plan_purge()

    def plan_purge(self) -> None:
        """See PoolCore."""
        if self._idle:
            first = min(connection.idle_until for connection in self._idle)
            self._purge_timer = self._loop.call_at(first + 0.001, self._purge)


async def _let_the_loop_read() -> None:
    """Wait until the loop has polled its sockets and taken what they had: that is over after its second turn."""
    for _ in range(2):
        await asyncio.sleep(0)
