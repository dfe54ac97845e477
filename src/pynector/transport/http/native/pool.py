"""Which connection to an origin carries which request. Each costs the same, however many connections there are."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from ....errors import client_closed
from ...contract import OriginCounts
from ...net.connect import Origin
from .exchange import Exchange
from .failures import connection_lost, is_out_of_files, late, not_connected, not_written, sent_in, wrong_answer
from .http1 import Connection
from .opening import Attempt, Opener
from .readable import is_readable
from .room import Limits, Room
from .tasks import Tasks

NEVER = float("inf")

# A connection idle for longer than this is looked at before it is used again (seconds): the server may have closed it,
# and the event loop may not have heard of it yet.
FRESH = 0.1

# A server closes a kept connection at the time it named; a request must not cross that on the way (seconds).
MARGIN = 1.0

# A pool that has no connection, and waits because others have them all, waits no longer than this for one of a pool
# that would go on to use it (seconds).
YIELD = 0.1

# A body up to this size fits into a socket's buffer, so that an answer before its end is none of our concern (bytes).
SMALL = 1 << 14

# A timer may go off by its own resolution too soon (seconds).
EARLY = 0.001

# Those that wait are not looked through more often than this (seconds).
RESOLUTION = 0.005


class Pool:
    """The connections to one `origin`, and the exchanges that wait for one.

    Args:
        origin: Scheme, host and port.
        opener: Makes connections.
        tasks: Gives the time, and sets timers.
        room: The client's.
        limits: What each pool may have.
        forget: Called when nothing is open, on its way, or waiting.
    """

    __slots__ = (
        "_attempts",
        "_call_at",
        "_due",
        "_expiry",
        "_forget",
        "_idle",
        "_limit",
        "_most_idle",
        "_open",
        "_opener",
        "_purge_timer",
        "_room",
        "_waiting",
        "_watcher",
        "now",
        "origin",
    )

    def __init__(
        self, origin: Origin, opener: Opener, tasks: Tasks, room: Room, limits: Limits, forget: Callable[[Any], None]
    ) -> None:
        self.origin = origin
        self._opener = opener
        self.now = tasks.now
        self._call_at = tasks.call_at
        self._room = room
        self._limit, self._most_idle, self._expiry = limits
        self._forget = forget
        self._idle: list[Connection] = []
        self._open: set[Connection] = set()
        # The connections being made. Each serves whoever then waits longest, not whom it was begun for.
        self._attempts: list[Attempt] = []
        self._waiting: OrderedDict[Exchange, None] = OrderedDict()
        # When those that wait are looked through for one whose time is over.
        self._due = NEVER
        self._watcher: Any = None
        self._purge_timer: Any = None

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

    def progress(self, exchange: Exchange) -> tuple[Any, Any]:
        """Say what is under way for an exchange that has no connection yet, and how much of it has left."""
        return self._attempts[0].phase if self._attempts else "queue", exchange.sent

    def dispatch(self, exchange: Exchange, now: float) -> None:
        """Put an exchange on a connection, the one used last first; or let it wait for one."""
        exchange.pool = self
        while self._idle:
            connection = self._idle.pop()
            if self._is_usable(connection, exchange.repeatable, now):
                self._begin(connection, exchange)
                return
            connection.transport.close()
        self._wait(exchange)

    def send_again(self, exchange: Exchange) -> None:
        """Give an exchange another connection, before all others."""
        self._wait(exchange)
        self._waiting.move_to_end(exchange, False)

    def give_up(self, exchange: Exchange) -> None:
        """End an exchange whose caller does not want its answer any more."""
        connection = exchange.connection
        if connection is None:
            self._waiting.pop(exchange, None)
            self._end_attempts(NEVER)
            self._forget_if_empty()
        else:
            connection.exchange = None
            exchange.connection = None
            connection.transport.abort()

    def close(self) -> None:
        """Close every connection; every exchange fails."""
        self._stop_timers()
        ended = [(exchange, client_closed(*self.progress(exchange))) for exchange in self._waiting]
        self._waiting.clear()
        self._end_attempts(NEVER)
        for connection in self._open:
            exchange = connection.exchange
            if exchange is not None:
                ended.append((exchange, client_closed(*exchange.progress())))
                connection.exchange = None
                exchange.connection = None
            connection.transport.abort()
        for exchange, error in ended:
            exchange.owner.failed(exchange, error)

    def _wait(self, exchange: Exchange) -> None:
        """Let an exchange wait for a connection, and see to it that one is made if there may be one more."""
        self._waiting[exchange] = None
        if exchange.deadline < self._due:
            self._watch(exchange.deadline)
        if self._lacks():
            self.connect()

    def _begin(self, connection: Connection, exchange: Exchange) -> None:
        try:
            if exchange.observer is not None:
                exchange.observer.connected(connection.transport.get_extra_info("peername"))
            connection.start(exchange)
        except Exception as error:
            connection.exchange = None
            exchange.connection = None
            if connection.transport is not None:
                connection.transport.abort()
            exchange.owner.failed(exchange, not_written(error))
            return
        if exchange.deadline < connection.due:
            self._arm(connection, exchange.deadline)

    # The connections' calls

    def answered(self, connection: Any, exchange: Exchange, head: bytes, body: bytes) -> None:
        """Take an answer. The connection is free before the caller hears of it, so that his next request finds it."""
        now = self.now()
        exchange.connection = None
        freed: Connection = connection
        # What it says of this answer, before the next request can be on it.
        status, encoded, version = freed.fields.status, freed.fields.encoded, freed.version
        is_long = len(exchange.payload) > SMALL or len(exchange.body) > 0
        if freed.reusable and not (is_long and freed.transport.get_write_buffer_size() > 0):
            self._free(freed, freed.fields.timeout, now)
        elif freed.transport is not None:
            if freed.transport.get_write_buffer_size():
                # The rest of its request would hold it open for as long as the server does not read.
                freed.transport.abort()
            else:
                freed.transport.close()
        exchange.answered(status, head, body, encoded, version, now)

    def failed(self, exchange: Exchange, problem: Any, phase: Any) -> None:
        """Take what is wrong with an answer; its connection is closed already."""
        exchange.connection = None
        exchange.owner.failed(exchange, wrong_answer(exchange, problem, phase))

    def lost(self, connection: Connection, exchange: Exchange | None, error: Any, phase: Any, heard: bool) -> None:
        """Take note that a connection is gone, and that its exchange, if any, has no answer."""
        if connection in self._idle:
            self._idle.remove(connection)
        if connection.timer is not None:
            connection.timer.cancel()
            connection.timer = None
        connection.release()
        connection.loss = error
        if connection in self._open:
            self._open.discard(connection)
            # Nothing of it may be found here any more: whom its place goes to may look for an idle one to close.
            self._room.leave()
            self._opener.tell("close", *self.origin[1:])
        if exchange is not None:
            exchange.connection = None
            problem = connection_lost(error, phase)
            if connection.used and exchange.repeatable and not heard:
                # The server closed it while the request was on its way, which is nobody's fault; but only once, and
                # not on another kept connection, which may be as dead.
                exchange.repeatable = False
                exchange.owner.send_again(exchange, problem)
            else:
                exchange.owner.failed(exchange, problem)
        self.connect()

    # Idle connections

    def _is_usable(self, connection: Connection, repeatable: bool, now: float) -> bool:
        if connection.idle_until <= now or connection.transport.is_closing():
            return False
        # What may not be sent again is worth a look each time.
        if repeatable and connection.idle_until - now > self._expiry - FRESH:
            return True
        return not is_readable(connection.descriptor)

    def _free(self, connection: Connection, server_timeout: int, now: float) -> None:
        """Give a connection to the exchange that has waited longest, or keep it."""
        if connection.retired:
            connection.transport.close()
            return
        room = self._room
        if room.starved and (not self._waiting or now - room.since >= YIELD):
            connection.transport.abort()
            return
        if self._waiting:
            exchange: Exchange = next(iter(self._waiting))
            # Its end may have come with the last answer: what may not be sent again would be lost.
            if exchange.repeatable or not is_readable(connection.descriptor):
                self._give(connection)
            elif self.origin[0] == "https":
                # What there is may be no more than a session ticket.
                self._opener.look_closer(self, connection, server_timeout)
            else:
                connection.transport.close()
            return
        life = self._expiry
        if server_timeout >= 0 and server_timeout - MARGIN < life:
            life = server_timeout - MARGIN
        if life <= 0 or len(self._idle) >= self._most_idle:
            connection.transport.close()
            return
        connection.idle_until = now + life
        self._idle.append(connection)
        if self._purge_timer is None:
            self._plan_purge()

    def _give(self, connection: Connection) -> None:
        """Give a connection to the exchange that has waited longest."""
        self._begin(connection, self._waiting.popitem(False)[0])

    def looked_at(self, connection: Connection, server_timeout: int) -> None:
        """Take a connection back, of which the event loop has read what there was."""
        if connection.transport is None or connection.transport.is_closing():
            return
        if is_readable(connection.descriptor):
            connection.transport.abort()
        elif self._waiting:
            self._give(connection)
        else:
            self._free(connection, server_timeout, self.now())

    def evict(self) -> None:
        """Close the connection that has been idle longest."""
        self._idle.pop(0).transport.abort()

    def idle_since(self) -> float:
        """Return how long its oldest idle connection may be kept, on the event loop's clock; infinite for none."""
        return self._idle[0].idle_until if self._idle else NEVER

    def retire(self, context: Any) -> None:
        """Use no connection again that was made with another TLS context; what is on one ends there."""
        for connection in self._open:
            connection.retired = connection.transport.get_extra_info("sslcontext") is not context
        self._close_idle([connection for connection in self._idle if connection.retired])

    def _close_idle(self, connections: list[Connection]) -> None:
        for connection in connections:
            self._idle.remove(connection)
            if connection.transport is not None:
                connection.transport.close()

    def _plan_purge(self) -> None:
        if self._idle:
            first = min([connection.idle_until for connection in self._idle])
            self._purge_timer = self._call_at(first + EARLY, self._purge)

    def _purge(self) -> None:
        """Close what has been idle for too long; the oldest lie at the bottom."""
        self._purge_timer = None
        now = self.now()
        self._close_idle([connection for connection in self._idle if connection.idle_until <= now])
        self._plan_purge()

    # Deadlines of what is on a connection: one timer each, set anew only when it goes off or a deadline is earlier

    def _arm(self, connection: Connection, deadline: float) -> None:
        if connection.timer is not None:
            connection.timer.cancel()
        connection.due = deadline
        connection.timer = self._call_at(deadline, self._on_timer, connection)

    def _on_timer(self, connection: Connection) -> None:
        """End the exchange on a connection if its time is over."""
        connection.timer = None
        connection.due = NEVER
        exchange = connection.exchange
        if exchange is None or exchange.deadline == NEVER:
            return
        if self.now() < exchange.deadline - EARLY:
            self._arm(connection, exchange.deadline)
            return
        phase = connection.phase()
        connection.exchange = None
        exchange.connection = None
        connection.transport.abort()
        exchange.owner.failed(exchange, late(exchange, phase, sent_in(phase)))

    # Deadlines of what waits: one timer for all, set anew when it goes off or a deadline is earlier

    def _watch(self, when: float) -> None:
        if self._watcher is not None:
            self._watcher.cancel()
        self._due = when
        self._watcher = None if when == NEVER else self._call_at(when, self._on_due)

    def _on_due(self) -> None:
        now = self.now() + EARLY
        phases = [attempt.phase for attempt in self._attempts]
        overdue = [(rank, exchange) for rank, exchange in enumerate(self._waiting) if exchange.deadline <= now]
        for _, exchange in overdue:
            del self._waiting[exchange]
        self._end_attempts(NEVER if overdue else now)
        last = max([exchange.deadline for exchange in self._waiting], default=NEVER)
        for attempt in self._attempts:
            if attempt.deadline <= now:
                attempt.deadline = last
        deadlines = [exchange.deadline for exchange in self._waiting] + [attempt.deadline for attempt in self._attempts]
        # However the deadlines lie, to look through many is not done all the time.
        self._watch(max(min(deadlines, default=NEVER), now + RESOLUTION))
        for rank, exchange in overdue:
            phase = phases[rank] if rank < len(phases) else "queue"
            exchange.owner.failed(exchange, late(exchange, phase, "none"))
        self._forget_if_empty()

    # New connections

    def connect(self) -> None:
        """Begin to make the connections that are lacking, as far as there is room."""
        while not self._opener.closed and self._lacks() and self._room.enter(self, not (self._open or self._attempts)):
            attempt = self._opener.begin(self, next(reversed(self._waiting)).deadline)
            self._attempts.append(attempt)
            if attempt.deadline < self._due:
                self._watch(attempt.deadline)
        self._forget_if_empty()

    def opened(self, attempt: Attempt, connection: Connection) -> None:
        """Take a connection that was made."""
        if attempt in self._attempts:
            self._attempts.remove(attempt)
        else:
            self._room.taken += 1
        self._open.add(connection)
        self._opener.tell("open", *self.origin[1:])
        if self._waiting:
            self._give(connection)
        else:
            self._free(connection, -1, self.now())

    def refused(self, attempt: Attempt, error: BaseException) -> None:
        """End the exchange that has waited longest with the error of an attempt, unless that was ended."""
        if attempt not in self._attempts:
            return
        self._attempts.remove(attempt)
        self._room.leave()
        if self._open and is_out_of_files(error):
            # The connections that there are carry what waits.
            return
        if self._waiting:
            exchange = self._waiting.popitem(False)[0]
            exchange.owner.failed(exchange, not_connected(error))
        self.connect()

    def _lacks(self) -> bool:
        """Say whether there should be one more connection."""
        attempts = len(self._attempts)
        return attempts < len(self._waiting) and len(self._open) + attempts < self._limit

    def _end_attempts(self, before: float) -> None:
        """End the attempts that nobody waits for, those with a deadline up to a time."""
        for attempt in reversed(self._attempts[len(self._waiting) :]):
            if attempt.deadline <= before and attempt.task is not None:
                # At once: a task that has not begun is not told of its end.
                self._attempts.remove(attempt)
                attempt.task.cancel()
                self._room.leave()

    def _forget_if_empty(self) -> None:
        if not self._waiting:
            self._room.forget(self)
        if self.is_empty:
            self._stop_timers()
            self._due = NEVER
            self._forget(self)

    def _stop_timers(self) -> None:
        for timer in (self._purge_timer, self._watcher):
            if timer is not None:
                timer.cancel()
        self._purge_timer = self._watcher = None
