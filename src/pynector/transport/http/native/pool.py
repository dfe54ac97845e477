"""Which connection to an origin carries which request.

Each costs the same, however many connections there are; of those that carry several each is looked at.
"""

from collections.abc import Callable
from typing import Any

from ....errors import HTTP2Error, client_closed
from ...contract import OriginCounts
from ..proxied import Route
from . import timing
from .exchange import Exchange, sent_in
from .failures import connection_lost, is_out_of_files, late, not_connected, not_written, wants_http1, wrong_answer
from .idle import IdleConnections
from .opening import Attempt, Opener
from .pooled import ExhaustedError, PooledConnection, unsent
from .readable import is_readable
from .room import Limits, Room
from .shared import SharedConnections
from .tasks import Tasks
from .waiting import WaitingList

# Anew, so that they are C's own numbers here.
NEVER, EARLY, RESOLUTION = timing.NEVER, timing.EARLY, timing.RESOLUTION

# A pool that has no connection, and waits because others have them all, waits no longer than this for one of a pool
# that would go on to use it (seconds).
YIELD = 0.1

# A body up to this size fits into a socket's buffer, so that an answer before its end is none of our concern (bytes).
SMALL = 1 << 14

# What a server has not looked at is sent again so often.
MOST_REFUSALS = 3


class Pool:
    """The connections to one `origin`, and the exchanges that wait for one.

    Args:
        route: How it is reached.
        opener: Makes connections.
        tasks: Gives the time, and sets timers.
        room: The client's.
        limits: What each pool may have.
        forget: Called when nothing is open, on its way, or waiting.
    """

    __slots__ = (
        "_call_at",
        "_forget",
        "_idle",
        "_limit",
        "_open",
        "_opener",
        "_room",
        "_shared",
        "_unsettled",
        "_waiting",
        "_yielded",
        "now",
        "origin",
        "route",
    )

    def __init__(
        self, route: Route, opener: Opener, tasks: Tasks, room: Room, limits: Limits, forget: Callable[[Any], None]
    ) -> None:
        self.route = route
        self.origin = route.origin
        self._opener = opener
        self.now = tasks.now
        self._call_at = tasks.call_at
        self._room = room
        self._limit = limits.connections
        self._forget = forget
        self._idle = IdleConnections(tasks.now, tasks.call_at, limits.idle, limits.expiry, self._look_closer)
        self._open: set[PooledConnection] = set()
        self._shared = SharedConnections()
        # Those of them of which is soon known how many exchanges they take.
        self._unsettled: set[PooledConnection] = set()
        # When a connection was last retired, so that another pool may have its place.
        self._yielded = 0.0
        expected = opener.expected(route)
        self._waiting = WaitingList(tasks.now, tasks.call_at, room, expected, self._forget_if_empty)

    def __repr__(self) -> str:
        counts = self.counts()
        return (
            f"<Pool {self.origin[1]}:{self.origin[2]}: {counts.active} active, {counts.idle} idle, "
            f"{len(self._waiting.attempts)} connecting, {counts.queued} waiting>"
        )

    @property
    def is_empty(self) -> bool:
        """Whether nothing is open, on its way, or waiting."""
        return not (self._open or self._waiting.attempts or self._waiting.exchanges)

    def counts(self) -> OriginCounts:
        """Count connections and requests; any thread may ask."""
        idle = len(self._idle.connections)
        active = len(self._open) - idle
        requests = active + self._shared.above_one()
        return OriginCounts(*self.origin, active, idle, requests, len(self._waiting.exchanges))

    def progress(self, exchange: Exchange) -> tuple[Any, Any]:
        """Say what is under way for an exchange that has no connection yet, and how much of it has left."""
        return self._waiting.progress(exchange)

    def dispatch(self, exchange: Exchange, now: float) -> None:
        """Put an exchange on a connection, the idle one used last first; or let it wait for one."""
        exchange.pool = self
        connection = self._with_room(exchange, now)
        if connection is not None:
            self._begin(connection, exchange)
            return
        self._waiting.add(exchange)
        if self._lacks():
            self.connect()

    def send_again(self, exchange: Exchange) -> None:
        """Give an exchange a connection once more, before all others."""
        exchange.connection = None
        connection = None if exchange.anew else self._with_room(exchange, self.now())
        if connection is not None:
            self._begin(connection, exchange)
            return
        self._waiting.add_first(exchange)
        self.connect()

    def give_up(self, exchange: Exchange) -> None:
        """End an exchange whose caller does not want its answer any more."""
        connection = exchange.connection
        if connection is None:
            self._waiting.exchanges.pop(exchange, None)
            self._waiting.end_attempts()
            self._forget_if_empty()
        else:
            exchange.connection = None
            connection.give_up()

    def close(self) -> None:
        """Close every connection; every exchange fails."""
        self._stop_timers()
        ended = [(exchange, client_closed(*self.progress(exchange))) for exchange in self._waiting.exchanges]
        self._waiting.exchanges.clear()
        self._waiting.end_attempts()
        for connection in self._open:
            ended += [(exchange, client_closed(*exchange.progress())) for exchange in connection.exchanges()]
            connection.abandon()
        for exchange, error in ended:
            exchange.connection = None
            exchange.owner.failed(exchange, error)

    def _with_room(self, exchange: Exchange, now: float) -> Any:
        """Return the idle connection used last, or of those that carry several the one that carries least; or None."""
        found: Any = self._idle.take(exchange.repeatable, now)
        return self._shared.least_loaded() if found is None else found

    def _begin(self, connection: PooledConnection, exchange: Exchange) -> None:
        try:
            if exchange.observer is not None:
                exchange.observer.connected(connection.transport.get_extra_info("peername"))
            connection.start(exchange)
        except Exception as error:
            self._not_begun(connection, exchange, error)
            return
        if connection.load == 1:
            self._shared.put(connection)
        if exchange.patience is not None:
            exchange.patience.begun()
        if exchange.deadline < connection.due:
            self._arm(connection, exchange.deadline)

    def _not_begun(self, connection: PooledConnection, exchange: Exchange, error: Exception) -> None:
        on_it, exchange.connection = exchange.connection, None
        if on_it is not None:
            on_it.give_up()
        elif connection.load == 0:
            connection.abandon()
        if isinstance(error, ExhaustedError):
            self.send_again(exchange)
        else:
            exchange.owner.failed(exchange, not_written(error))

    # The connections' calls

    def answered(self, connection: Any, exchange: Exchange, head: bytes, body: bytes) -> None:
        """Take an answer. The connection is free before the caller hears of it, so that his next request finds it."""
        now = self.now()
        exchange.connection = None
        freed: PooledConnection = connection
        # What it says of this answer, before the next request can be on it.
        status, encoded, version = freed.fields.status, freed.fields.encoded, freed.version
        # A server may answer what it does not read: then others would pile up before it, one by one.
        is_long = len(exchange.payload) > SMALL or len(exchange.body) > 0 or freed.is_full
        if freed.multiplexes:
            self.freed(freed)
        elif freed.reusable and not (is_long and unsent(freed.transport) > 0):
            self._free(freed, freed.fields.timeout, now)
        elif freed.transport is not None:
            freed.close()
        exchange.answered(status, head, body, encoded, version, now)

    def failed(self, exchange: Exchange, problem: Any, phase: Any) -> None:
        """Take what is wrong with an answer; its connection is closed already."""
        exchange.connection = None
        exchange.owner.failed(exchange, wrong_answer(exchange, problem, phase))

    def lost(
        self, connection: PooledConnection, exchange: Exchange | None, error: Any, phase: Any, heard: bool
    ) -> None:
        """Take note that a connection is gone, and that its exchange, if any, has no answer."""
        if not self._idle.remove(connection):
            self._shared.remove(connection)
        self._unsettled.discard(connection)
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
            self.unanswered(exchange, connection_lost(error, phase), connection.used and not heard)
        self.connect()

    def unanswered(self, exchange: Exchange, problem: Any, may_repeat: bool) -> None:
        """Take note that a connection has no answer for an exchange.

        Args:
            exchange: Which.
            problem: The error that says why.
            may_repeat: Whether that is nobody's fault, so that it is sent again where that does no harm.
        """
        exchange.connection = None
        if may_repeat and exchange.repeatable and self._opener.may_repeat(problem):
            # The server closed it while the request was on its way; but only once, and not on another kept connection,
            # which may be as dead (those of HTTP/1.1 are not where it wants that).
            exchange.repeatable = False
            exchange.anew = not wants_http1(problem)
            exchange.owner.send_again(exchange, problem)
        else:
            exchange.owner.failed(exchange, problem)

    # The calls of connections that carry several exchanges

    def freed(self, connection: PooledConnection) -> None:
        """Take note that a connection carries fewer exchanges than before, or no more than these, or may carry more."""
        if self._room.starved:
            now = self.now()
            if self._should_yield(now) and now - self._yielded >= YIELD:
                # It would carry one or another for ever. What is on it may stay long: then the next one goes, too.
                connection.retired = True
                self._yielded = now
        while self._waiting.exchanges and connection.load < connection.limit and not connection.retired:
            self._begin(connection, self._waiting.pop())
        if connection.load > 0 or (connection.limit == 0 and not connection.retired):
            return
        if self._shared.remove(connection):
            self._free(connection, -1, self.now())
        elif connection.retired:
            self._idle.close_retired()

    def resized(self, connection: PooledConnection) -> None:
        """Take note of how many exchanges a connection may carry from now on."""
        if connection not in self._open:
            return
        self._unsettled.discard(connection)
        self._waiting.expected = connection.limit
        if connection.limit == 0 and self._idle.remove(connection):
            self._shared.put(connection)
        self.freed(connection)
        self.connect()

    def retiring(self, connection: PooledConnection) -> None:
        """Take note that a server takes nothing more on a connection."""
        # How many it would take was said of this connection.
        self._waiting.expected = max(self._waiting.expected, 1)
        self.freed(connection)
        self.connect()

    def unprocessed(self, exchange: Exchange, problem: Any) -> None:
        """Send an exchange again that the server has not looked at, unless that has happened too often."""
        exchange.connection = None
        if exchange.refusals < MOST_REFUSALS and exchange.is_whole() and self._opener.may_repeat(problem):
            exchange.refusals += 1
            exchange.anew = False
            exchange.owner.send_again(exchange, problem)
        else:
            exchange.owner.failed(exchange, problem)

    # Connections that carry nothing

    def _should_yield(self, now: float) -> bool:
        """Say whether a place is to go to a pool that has no connection."""
        return not self._waiting.exchanges or now - self._room.since >= YIELD

    def _free(self, connection: PooledConnection, server_timeout: int, now: float) -> None:
        """Give a connection to the exchange that has waited longest, or keep it."""
        if connection.retired:
            connection.close()
            return
        if self._room.starved and self._should_yield(now):
            connection.transport.abort()
        elif self._waiting.exchanges:
            exchange: Exchange = next(iter(self._waiting.exchanges))
            # Its end may have come with the last answer: what may not be sent again would be lost.
            if exchange.repeatable or not is_readable(connection.descriptor):
                self._begin(connection, self._waiting.pop())
            elif self.route.is_secure or connection.multiplexes:
                # What there is may be no more than a session ticket.
                self._look_closer(connection, server_timeout)
            else:
                connection.close()
        else:
            self._idle.put(connection, server_timeout, now)

    def _look_closer(self, connection: PooledConnection, server_timeout: int = -1) -> None:
        """Have the event loop read what there is on a connection, before another is made in its place."""
        self._unsettled.add(connection)
        self._opener.look_closer(self, connection, server_timeout)

    def looked_at(self, connection: PooledConnection, server_timeout: int) -> None:
        """Take a connection back, of which the event loop has read what there was."""
        self._unsettled.discard(connection)
        is_gone = connection.transport is None or connection.transport.is_closing()
        # What it had to say may have let it carry what waited, and that may have ended.
        if is_gone or connection.load > 0 or connection in self._idle.connections:
            return
        if is_readable(connection.descriptor) and not connection.multiplexes:
            connection.transport.abort()
        else:
            self._take_in(connection, server_timeout)

    def _take_in(self, connection: PooledConnection, server_timeout: int) -> None:
        """Give a connection to those that wait, or keep it."""
        if connection.multiplexes:
            self.freed(connection)
        elif self._waiting.exchanges:
            self._begin(connection, self._waiting.pop())
            return
        if connection.load == 0 and (connection.limit > 0 or connection.retired):
            self._free(connection, server_timeout, self.now())
        elif connection.load == 0:
            self._shared.put(connection)

    def evict(self) -> None:
        """Close a connection that may carry nothing, or the one that has been idle longest."""
        if not self._shared.evict():
            self._idle.evict()

    def idle_since(self) -> float:
        """Return how long its oldest idle connection may be kept, on the event loop's clock; infinite for none."""
        return self._idle.since() if self._shared.unused() is None else 0.0

    def retire(self, context: Any) -> None:
        """Use no connection again that was made with another TLS context; what is on one ends there."""
        for connection in self._open:
            connection.retired |= connection.transport.get_extra_info("sslcontext") is not context
        self._idle.close_retired()

    # Deadlines of what is on a connection: one timer each, set anew only when it goes off or a deadline is earlier

    def _arm(self, connection: PooledConnection, deadline: float) -> None:
        if connection.timer is not None:
            connection.timer.cancel()
        connection.due = deadline
        connection.timer = self._call_at(deadline, self._on_timer, connection)

    def _on_timer(self, connection: PooledConnection) -> None:
        """End what is on a connection and has no time left."""
        connection.timer = None
        connection.due = NEVER
        now = self.now()
        ended, due = connection.overdue(now + EARLY)
        if due < NEVER:
            # However the deadlines of many lie, to look through them is not done all the time.
            self._arm(connection, max(due, now + RESOLUTION) if connection.multiplexes else due)
        for exchange, phase in ended:
            if exchange.connection is not None:
                self.give_up(exchange)
                exchange.owner.failed(exchange, late(exchange, phase, sent_in(phase)))

    # New connections

    def connect(self) -> None:
        """Begin to make the connections that are lacking, as far as there is room."""
        waiting = self._waiting
        while not self._opener.closed and self._lacks():
            if not self._room.enter(self, not (self._open or waiting.attempts)):
                break
            attempt = self._opener.begin(self, next(reversed(waiting.exchanges)).deadline)
            waiting.attempts.append(attempt)
            waiting.watch(attempt.deadline)
        self._forget_if_empty()

    def opened(self, attempt: Attempt, connection: PooledConnection) -> None:
        """Take a connection that was made."""
        if attempt in self._waiting.attempts:
            self._waiting.attempts.remove(attempt)
        else:
            self._room.taken += 1
        self._open.add(connection)
        self._opener.tell("open", *self.origin[1:])
        if not connection.settled:
            self._unsettled.add(connection)
        else:
            self._waiting.expected = connection.limit
        self._take_in(connection, -1)
        # It may carry less than was expected.
        self.connect()

    def refused(self, attempt: Attempt, error: BaseException) -> None:
        """End the exchanges that an attempt was for, those that have waited longest, with its error."""
        if attempt not in self._waiting.attempts:
            return
        self._waiting.attempts.remove(attempt)
        self._room.leave()
        if self._shared.will_take() or (self._open and is_out_of_files(error)):
            # The connections that there are carry what waits.
            return
        for exchange in self._waiting.pop_for_one(len(self._unsettled)):
            problem = not_connected(error)
            # What a server of HTTP/2 says at once is as good as what it says when it is asked.
            (self.unprocessed if isinstance(problem, HTTP2Error) else exchange.owner.failed)(exchange, problem)
        self.connect()

    def _lacks(self) -> bool:
        """Say whether there should be one more connection."""
        return self._waiting.lacks(len(self._open), len(self._unsettled), self._limit)

    def _forget_if_empty(self) -> None:
        if not self._waiting.exchanges:
            self._room.forget(self)
        if self.is_empty:
            self._stop_timers()
            self._forget(self)

    def _stop_timers(self) -> None:
        self._idle.stop()
        self._waiting.stop()
