"""The connections to one origin. Each request costs the same, however many connections there are."""

from __future__ import annotations

import asyncio
import select
from collections import deque
from typing import TYPE_CHECKING, Any

from ...._speedups.http1 import TOO_LARGE, ConnectionCore, Exchange
from ....errors import ConnectionLost, ProtocolError, PynectorError, Sent, TimeoutError, TransportError
from ..decoding import too_large
from .connect import Origin

if TYPE_CHECKING:
    from .engine import NativeEngine

NEVER = float("inf")

# A connection idle for longer than this is looked at before it is used again (seconds): the server may have closed it,
# and the event loop may not have heard of it yet.
FRESH = 0.1

# A server closes a kept connection at the time it named; a request must not cross that on the way (seconds).
MARGIN = 1.0

# A body up to this size fits into a socket's buffer, so that an answer before its end is none of our concern (bytes).
SMALL = 1 << 14


class Connection(ConnectionCore, asyncio.BufferedProtocol):
    """A connection that asyncio accepts as a protocol."""

    __slots__ = ()


class Pool:
    """The connections to one origin, and the exchanges that wait for one.

    Args:
        engine: Told what became of an exchange.
        origin: Scheme, host and port.
    """

    def __init__(self, engine: NativeEngine, origin: Origin) -> None:
        self._engine = engine
        self._origin = origin
        self._loop = engine.loop
        self._limit = engine.options.max_connections
        most_idle = engine.options.max_keepalive
        self._most_idle = self._limit if most_idle is None else most_idle
        self._expiry = engine.options.keepalive_expiry
        self._idle: list[Connection] = []
        # Each waiter either has a connection made for it, and its clock runs, or it is queued, and it does not.
        self._bound: dict[Exchange, None] = {}
        self._queued: deque[Exchange] = deque()
        self._connecting = 0
        self._open: set[Connection] = set()
        self._purge_timer: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        active = len(self._open) - len(self._idle)
        return (
            f"<Pool {self._origin[1]}:{self._origin[2]}: {active} active, {len(self._idle)} idle, "
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

    # Exchanges

    def dispatch(self, exchange: Exchange, now: float) -> None:
        """Put an exchange on a connection, the one used last first; or let it wait for one."""
        idle = self._idle
        while idle:
            connection = idle.pop()
            if self._is_usable(connection, now):
                self._begin(connection, exchange)
                return
            self._close(connection)
        exchange.pool = self
        if self._has_room():
            self._connect(exchange)
        else:
            exchange.queued = now
            self._queued.append(exchange)

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

    def _is_usable(self, connection: Connection, now: float) -> bool:
        transport = connection.transport
        if connection.idle_until <= now or transport.is_closing():
            return False
        return connection.idle_until - now > self._expiry - FRESH or not _is_readable(transport)

    def _begin(self, connection: Connection, exchange: Exchange) -> None:
        exchange.pool = self
        if exchange.queued:
            self._start_clock(exchange)
        connection.start(exchange)
        if exchange.deadline < connection.alarm:
            self._arm(connection, exchange.deadline)

    def _free(self, connection: Connection, server_timeout: int) -> None:
        """Give a connection to the exchange that has waited longest, or keep it."""
        if self._bound:
            exchange = next(iter(self._bound))
            del self._bound[exchange]
            self._begin(connection, exchange)
            return
        if self._queued:
            self._begin(connection, self._queued.popleft())
            return
        life = self._expiry if server_timeout < 0 else min(self._expiry, server_timeout - MARGIN)
        if life <= 0 or len(self._idle) >= self._most_idle:
            self._close(connection)
            return
        connection.idle_until = self._loop.time() + life
        self._idle.append(connection)
        if self._purge_timer is None:
            self._purge_timer = self._loop.call_later(self._expiry, self._purge)

    # The connections' calls

    def answered(
        self,
        connection: Connection,
        exchange: Exchange,
        status: int,
        headers: list[tuple[bytes, bytes]],
        body: bytes,
        encoded: bool,
        reusable: bool,
        server_timeout: int,
    ) -> None:
        """Take an answer. The connection is free before the caller hears of it, so that his next request finds it."""
        exchange.connection = None
        version = connection.version
        if reusable and not self._is_still_writing(connection, exchange):
            self._free(connection, server_timeout)
        else:
            self._close(connection)
        self._engine.answered(exchange, status, headers, body, encoded, version)

    def failed(self, exchange: Exchange, problem: Any, phase: Any) -> None:
        """Take what is wrong with an answer; its connection is closed already."""
        exchange.connection = None
        error: PynectorError
        if problem is TOO_LARGE:
            error = too_large(exchange.limit)
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
        if exchange is not None:
            exchange.connection = None
            if connection.used and exchange.repeatable and not heard:
                # The server closed it while the request was on its way, which is nobody's fault; but only once, and
                # not on another kept connection, which may be as dead.
                exchange.repeatable = False
                self._connect(exchange)
                return
            sent: Sent = "partial" if phase == "write" else "full"
            said = str(error) if error is not None else "the server closed it"
            problem = ConnectionLost(f"the connection broke: {said}", phase=phase, sent=sent)
            problem.__cause__ = error
            self._engine.failed(exchange, problem)
        self._serve_waiters()

    # Connections

    def _connect(self, exchange: Exchange) -> None:
        """Make a connection for an exchange; another gets it if this one is served before."""
        self._bound[exchange] = None
        self._connecting += 1
        self._engine.spawn(self._open_for(exchange))

    async def _open_for(self, exchange: Exchange) -> None:
        remaining = None
        if exchange.deadline != NEVER:
            remaining = max(0.0, exchange.deadline - self._loop.time())
        engine = self._engine
        problem: PynectorError
        try:
            connection = await asyncio.wait_for(
                engine.connector.connect(self._origin, self._make_connection), remaining
            )
        except asyncio.TimeoutError:
            problem = TimeoutError("not connected in time", phase="connect", sent="none")
        except PynectorError as error:
            problem = error
        else:
            if connection.transport is not None:
                self._open.add(connection)
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
            self._connect(exchange)

    def _has_room(self) -> bool:
        return len(self._open) + self._connecting < self._limit

    def _start_clock(self, exchange: Exchange) -> None:
        exchange.deadline += self._loop.time() - exchange.queued
        exchange.queued = 0.0

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
            first = min(connection.idle_until for connection in self._idle)
            self._purge_timer = self._loop.call_at(first + 0.001, self._purge)
        elif self.is_empty:
            self._engine.forget(self._origin)

    def _is_still_writing(self, connection: Connection, exchange: Exchange) -> bool:
        return len(exchange.payload) > SMALL and bool(connection.transport.get_write_buffer_size())

    # Deadlines: one timer a connection, set anew only when it goes off or a deadline is earlier

    def _arm(self, connection: Connection, deadline: float) -> None:
        if connection.timer is not None:
            connection.timer.cancel()
        connection.alarm = deadline
        connection.timer = self._loop.call_at(deadline, self._on_alarm, connection)

    def _on_alarm(self, connection: Connection) -> None:
        connection.timer = None
        connection.alarm = NEVER
        exchange = connection.exchange
        if exchange is None or exchange.deadline == NEVER:
            return
        # A timer may go off by its own resolution too soon.
        if self._loop.time() < exchange.deadline - 0.001:
            self._arm(connection, exchange.deadline)
            return
        phase: Any = connection.phase()
        connection.exchange = None
        exchange.connection = None
        connection.transport.abort()
        sent: Sent = "partial" if phase == "write" else "full"
        self._engine.failed(exchange, TimeoutError("no whole answer in time", phase=phase, sent=sent))


def _is_readable(transport: Any) -> bool:
    """Say whether there is something to read on an idle connection: its end, or what nobody asked for."""
    poller = select.poll()
    poller.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
    return bool(poller.poll(0))
