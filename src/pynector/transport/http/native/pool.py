"""The connections to one origin. Each request costs the same, however many connections there are."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Any

from ...._speedups.exchange import Exchange
from ...._speedups.http1 import TOO_LARGE, ConnectionCore
from ...._speedups.pool import PoolCore
from ....errors import ConnectionLost, ProtocolError, PynectorError, Sent, TimeoutError, TransportError
from ...connect import Origin
from ...protocol import OriginCounts
from ..decoding import too_large

if TYPE_CHECKING:
    from .engine import NativeEngine


class Connection(ConnectionCore, asyncio.BufferedProtocol):
    """A connection that asyncio accepts as a protocol."""

    __slots__ = ()


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
            del self._bound[exchange]
        elif connection is None:
            self._queued.remove(exchange)
        else:
            connection.exchange = None
            connection.transport.abort()

    def close(self) -> None:
        """Close every connection; every exchange fails."""
        if self._purge_timer is not None:
            self._purge_timer.cancel()
            self._purge_timer = None
        ended = [*self._bound, *self._queued]
        self._bound.clear()
        self._queued.clear()
        for connection in self._open:
            if connection.exchange is not None:
                ended.append(connection.exchange)
                connection.exchange = None
            connection.transport.abort()
        for exchange in ended:
            self._engine.failed(exchange, TransportError("the client was closed before the answer came"))

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

    def lost(self, connection: Connection, exchange: Exchange | None, error: Any, phase: Any, heard: bool) -> None:
        """Take note that a connection is gone, and that its exchange, if any, has no answer."""
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        if connection.timer is not None:
            connection.timer.cancel()
            connection.timer = None
        connection.release()
        self._engine.tell("close", *self.origin[1:])
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

    # Connections

    def connect(self, exchange: Exchange) -> None:
        """Make a connection for an exchange; another gets it if this one is served before."""
        self._bound[exchange] = None
        self._connecting += 1
        self._engine.spawn(self._open_for(exchange))

    async def _open_for(self, exchange: Exchange) -> None:
        remaining = None
        if exchange.deadline != math.inf:
            remaining = max(0.0, exchange.deadline - self._loop.time())
        engine = self._engine
        problem: PynectorError
        try:
            connection = await asyncio.wait_for(engine.connector.connect(self.origin, self._make_connection), remaining)
        except asyncio.TimeoutError:
            problem = TimeoutError("not connected in time", phase="connect", sent="none")
        except PynectorError as error:
            problem = error
        else:
            if connection.transport is not None:
                self._open.add(connection)
                engine.tell("open", *self.origin[1:])
                self._hand_over(connection, exchange)
                return
            problem = ConnectionLost("the server closed the connection at once", phase="write", sent="none")
        finally:
            self._connecting -= 1
        if exchange in self._bound:
            del self._bound[exchange]
            engine.failed(exchange, problem)
        self._serve_waiters()

    def _hand_over(self, connection: Connection, exchange: Exchange) -> None:
        """Give a new connection to the exchange it was made for, if that one still waits."""
        if exchange in self._bound:
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
        elif self.is_empty:
            self._engine.forget(self.origin)

    def plan_purge(self) -> None:
        """See PoolCore."""
        if self._idle:
            first = min(connection.idle_until for connection in self._idle)
            self._purge_timer = self._loop.call_at(first + 0.001, self._purge)
