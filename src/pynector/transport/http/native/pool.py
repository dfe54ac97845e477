"""The connections to one origin. Each request costs the same, however many connections there are."""

from __future__ import annotations

import asyncio
import errno
import math
import ssl
import sys
from typing import TYPE_CHECKING, Any

from ....errors import ConnectionLost, Phase, ProtocolError, PynectorError, Sent, TimeoutError, TransportError, text_of
from ...contract import OriginCounts
from ...net.connect import Origin, Progress
from ...net.names import no_connection
from ...net.tls import is_refusal
from ..decoding import too_large
from .exchange import Exchange
from .http1 import TOO_LARGE, Connection
from .pool_core import PoolCore, is_readable

if TYPE_CHECKING:
    from .engine import NativeEngine

ANY = sys.maxsize

# Those that wait are not looked through more often than this (seconds).
RESOLUTION = 0.005


class AsyncioConnection(Connection, asyncio.BufferedProtocol):
    """A connection that asyncio accepts as a protocol."""

    __slots__ = ()


class Attempt(Progress):
    """A connection on its way.

    Args:
        deadline: When it ends if nobody waits for it then, on the event loop's clock in seconds.

    Attributes:
        deadline: See above.
        task: Makes the connection.
    """

    __slots__ = ("deadline", "task")

    def __init__(self, deadline: float) -> None:
        super().__init__()
        self.deadline = deadline
        self.task: asyncio.Task[None] | None = None


class Pool(PoolCore):
    """The connections to one origin: made, lost, purged and closed.

    Args:
        engine: Told what became of an exchange.
        origin: Scheme, host and port.
    """

    __slots__ = ("_watcher", "origin")

    def __init__(self, engine: NativeEngine, origin: Origin) -> None:
        options = engine.options
        super().__init__(
            engine,
            engine.loop,
            engine.room,
            ANY if options.max_connections_per_origin is None else options.max_connections_per_origin,
            ANY if options.max_keepalive is None else options.max_keepalive,
            options.keepalive_expiry,
        )
        self.origin = origin
        self._watcher: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        active = len(self._open) - len(self._idle)
        return (
            f"<Pool {self.origin[1]}:{self.origin[2]}: {active} active, {len(self._idle)} idle, "
            f"{len(self._attempts)} connecting, {len(self._waiting)} waiting>"
        )

    @property
    def is_empty(self) -> bool:
        """Whether nothing is open, on its way, or waiting."""
        return not (self._open or self._attempts or self._waiting)

    @property
    def in_use(self) -> int:
        """How many connections carry an exchange or are being made."""
        return len(self._open) - len(self._idle) + len(self._attempts)

    def counts(self) -> OriginCounts:
        """Count connections and requests; any thread may ask."""
        idle = len(self._idle)
        active = len(self._open) - idle
        return OriginCounts(*self.origin, active, idle, active, len(self._waiting))

    def phase_of_waiting(self) -> Phase:
        """Say what is under way for an exchange that has no connection yet."""
        return self._attempts[0].phase if self._attempts else "queue"

    # Exchanges

    def give_up(self, exchange: Exchange) -> None:
        """End an exchange whose caller does not want its answer any more."""
        connection = exchange.connection
        if connection is None:
            self._waiting.pop(exchange, None)
            self._end_attempts()
            self._forget_if_empty()
        else:
            connection.exchange = None
            exchange.connection = None
            connection.transport.abort()

    def close(self) -> None:
        """Close every connection; every exchange fails."""
        self._stop_timers()
        phase = self.phase_of_waiting()
        ended: list[tuple[Exchange, Phase, Sent]] = [(exchange, phase, "none") for exchange in self._waiting]
        self._waiting.clear()
        self._end_attempts()
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

    def _stop_timers(self) -> None:
        for timer in (self._purge_timer, self._watcher):
            if timer is not None:
                timer.cancel()
        self._purge_timer = self._watcher = None

    def retire(self, context: ssl.SSLContext) -> None:
        """Use no connection again that was made with another TLS context; what is on one ends there."""
        for connection in self._open:
            connection.retired = connection.transport.get_extra_info("sslcontext") is not context
        retired = [connection for connection in self._idle if connection.retired]
        self._idle[:] = [connection for connection in self._idle if not connection.retired]
        for connection in retired:
            self._close(connection)

    # Those that wait: one timer for all, set anew when it goes off or a deadline is earlier

    def watch(self, when: float) -> None:
        """See PoolCore."""
        if self._watcher is not None:
            self._watcher.cancel()
        self._due = when
        self._watcher = None if when == math.inf else self._engine.call_at(when, self._on_due)

    def _on_due(self) -> None:
        # A timer may go off by its own resolution too soon.
        now = self._loop.time() + 0.001
        phases: list[Phase] = [attempt.phase for attempt in self._attempts]
        late = [(rank, exchange) for rank, exchange in enumerate(self._waiting) if exchange.deadline <= now]
        for _, exchange in late:
            del self._waiting[exchange]
        self._end_attempts(math.inf if late else now)
        last = max((exchange.deadline for exchange in self._waiting), default=math.inf)
        for attempt in self._attempts:
            if attempt.deadline <= now:
                attempt.deadline = last
        deadlines = [waiter.deadline for waiter in (*self._waiting, *self._attempts)]
        # However the deadlines lie, to look through many is not done all the time.
        self.watch(max(min(deadlines, default=math.inf), now + RESOLUTION))
        for rank, exchange in late:
            phase = phases[rank] if rank < len(phases) else "queue"
            seconds = exchange.deadline - exchange.started
            self._engine.failed(exchange, TimeoutError(phase=phase, sent="none", seconds=seconds))
        self._forget_if_empty()

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

    def not_begun(self, connection: Connection, exchange: Exchange, error: Exception) -> None:
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
            self._room.leave()
            self._engine.tell("close", *self.origin[1:])
        if connection in self._idle:
            self._idle.remove(connection)
        if connection.timer is not None:
            connection.timer.cancel()
            connection.timer = None
        connection.release()
        connection.loss = error
        if exchange is not None:
            exchange.connection = None
            sent: Sent = "partial" if phase == "write" else "full"
            said = str(error) if error is not None else "the server closed it"
            problem = ConnectionLost(f"the connection broke: {said}", phase=phase, sent=sent)
            problem.__cause__ = error
            problem.transient = not is_refusal(error)
            if connection.used and exchange.repeatable and not heard:
                # The server closed it while the request was on its way, which is nobody's fault; but only once, and
                # not on another kept connection, which may be as dead.
                exchange.repeatable = False
                self._engine.send_again(exchange, problem)
            else:
                self._engine.failed(exchange, problem)
        self.connect()

    def part_with(self, connection: Connection) -> None:
        """See PoolCore."""
        if connection.transport.get_write_buffer_size():
            # The rest of its request would hold it open for as long as the server does not read.
            connection.transport.abort()
        else:
            connection.transport.close()

    def look_closer(self, connection: Connection, server_timeout: int) -> None:
        """See PoolCore. Without TLS it is at its end, or has what nobody asked for."""
        if self.origin[0] == "https":
            # What there is may be no more than a session ticket.
            self._engine.spawn(self._read_then_give(connection, server_timeout))
        else:
            connection.transport.close()

    async def _read_then_give(self, connection: Connection, server_timeout: int) -> None:
        await _let_the_loop_read()
        if connection.transport is None or connection.transport.is_closing():
            return
        if is_readable(connection.descriptor):
            connection.transport.abort()
        elif self._waiting:
            self._give(connection)
        else:
            self._free(connection, server_timeout)

    def send_again(self, exchange: Exchange) -> None:
        """Give an exchange another connection, before all others."""
        self.wait(exchange)
        self._waiting.move_to_end(exchange, False)

    # Connections

    def connect(self) -> None:
        """See PoolCore."""
        while not self._engine.closed and self.lacks() and self._room.enter(self, not (self._open or self._attempts)):
            attempt = Attempt(next(reversed(self._waiting)).deadline)
            self._attempts.append(attempt)
            if attempt.deadline < self._due:
                self.watch(attempt.deadline)
            attempt.task = self._engine.spawn(self._try_to_connect(attempt))
        self._forget_if_empty()

    def _end_attempts(self, before: float = math.inf) -> None:
        """End the attempts that nobody waits for, those with a deadline up to a time."""
        for attempt in reversed(self._attempts[len(self._waiting) :]):
            if attempt.deadline <= before and attempt.task is not None:
                # At once: a task that has not begun is not told of its end.
                self._attempts.remove(attempt)
                attempt.task.cancel()
                self._room.leave()

    async def _try_to_connect(self, attempt: Attempt) -> None:
        try:
            connection = await self._connected(attempt)
        except BaseException as error:
            if attempt in self._attempts:
                self._attempts.remove(attempt)
                self._room.leave()
                self._on_refused(error)
            if not isinstance(error, Exception):
                raise
            return
        if attempt in self._attempts:
            self._attempts.remove(attempt)
        else:
            self._room.taken += 1
        self._open.add(connection)
        self._engine.tell("open", *self.origin[1:])
        if self._waiting:
            self._give(connection)
        else:
            self._free(connection, -1)

    def _on_refused(self, error: BaseException) -> None:
        """End the exchange that has waited longest with the error of an attempt."""
        if self._open and _is_out_of_files(error):
            # The connections that there are carry what waits.
            return
        if self._waiting:
            exchange, _ = self._waiting.popitem(False)
            problem = error if isinstance(error, PynectorError) else no_connection(error)
            if problem is not error:
                problem.__cause__ = error
            self._engine.failed(exchange, problem)
        self.connect()

    async def _connected(self, attempt: Attempt) -> Connection:
        connection: Connection = await self._engine.connector.connect(self.origin, self._make_connection, attempt)
        try:
            await self._look_at_new(connection)
            if connection.transport is None:
                raise _lost_at_once(connection.loss)
            if self.origin[0] == "https":
                self._engine.renewal.admit(connection)
        except BaseException:
            if connection.transport is not None:
                connection.transport.abort()
            raise
        return connection

    async def _look_at_new(self, connection: Connection) -> None:
        """Find out whether the server has ended a new connection: what cannot be repeated would be lost on it."""
        if self.origin[0] == "https":
            await _let_the_loop_read()
        elif connection.transport is not None and is_readable(connection.descriptor):
            connection.transport.abort()
            await _let_the_loop_read()

    def _make_connection(self) -> Connection:
        return AsyncioConnection(self._engine.make_parser, self._engine.scratch, self)

    def _forget_if_empty(self) -> None:
        if not self._waiting:
            self._room.forget(self)
        if self.is_empty:
            self._stop_timers()
            self._due = math.inf
            self._engine.forget(self)

    def evict(self) -> None:
        """Close the connection that has been idle longest."""
        self._idle.pop(0).transport.abort()

    def idle_since(self) -> float:
        """Return how long its oldest idle connection may be kept, on the event loop's clock; math.inf for none."""
        return self._idle[0].idle_until if self._idle else math.inf

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
            self._purge_timer = self._engine.call_at(first + 0.001, self._purge)


def _lost_at_once(error: Exception | None) -> ConnectionLost:
    said = "the server closed the connection at once" if error is None else f"the connection broke: {text_of(error)}"
    problem = ConnectionLost(said, phase="write", sent="none")
    problem.transient = not is_refusal(error)
    problem.__cause__ = error
    return problem


async def _let_the_loop_read() -> None:
    """Wait until the loop has polled its sockets and taken what they had: that is over after its second turn."""
    for _ in range(2):
        await asyncio.sleep(0)


def _is_out_of_files(error: BaseException) -> bool:
    cause = error if isinstance(error, OSError) and error.errno is not None else error.__cause__
    return isinstance(cause, OSError) and cause.errno in (errno.EMFILE, errno.ENFILE)
