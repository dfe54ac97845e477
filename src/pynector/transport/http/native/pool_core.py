"""Which connection to an origin carries which exchange. A request costs the same, however many connections there are.

What happens seldom, such as making and losing connections, is the subclass's.
"""

import select
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from .exchange import Exchange
from .http1 import Connection

COMPILED = not __file__.endswith(".py")

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


class Room:
    """How many connections a client may have, over all origins, and which pools wait for one.

    Args:
        most: The most connections, 1 or more.
        clock: The event loop's clock.
        evict: Closes an idle connection of another pool than the one it is called with, if there is any.

    Attributes:
        most: See above.
        taken: How many connections are open or being made.
        starved: The pools that wait and have no connection, in the order of their coming.
        since: Since when the first of these waits, on the event loop's clock in seconds.
    """

    __slots__ = ("_clock", "_evict", "_waiting", "most", "since", "starved", "taken")

    def __init__(self, most: int, clock: Callable[[], float], evict: Callable[[Any], object]) -> None:
        self.most = most
        self.taken = 0
        self.starved: dict[Any, None] = {}
        self.since = 0.0
        self._waiting: dict[Any, None] = {}
        self._clock = clock
        self._evict = evict

    def enter(self, pool: Any, has_none: bool) -> bool:
        """Take the place of one more connection of a pool, or note that the pool waits for one."""
        if self.taken < self.most:
            self.taken += 1
            self.forget(pool)
            return True
        if not has_none:
            self._waiting[pool] = None
        elif pool not in self.starved:
            if not self.starved:
                self.since = self._clock()
            self.starved[pool] = None
        self._evict(pool)
        return False

    def leave(self) -> None:
        """Give a place back: to a pool that waits, first one that has no connection at all."""
        self.taken -= 1
        self.serve()

    def serve(self) -> None:
        """Have the pools that wait connect, as far as there are places."""
        while self.taken < self.most and (self.starved or self._waiting):
            pool = next(iter(self.starved or self._waiting))
            self.forget(pool)
            pool.connect()

    def forget(self, pool: Any) -> None:
        """Take note that a pool waits no longer."""
        self._waiting.pop(pool, None)
        if pool in self.starved:
            del self.starved[pool]
            self.since = self._clock()


class PoolCore:
    """The idle connections to one origin, and the exchanges that wait for one.

    Args:
        engine: Told what became of an exchange.
        loop: The event loop.
        room: The client's.
        limit: The most connections to this origin, 1 or more.
        most_idle: The most idle connections, 0 or more.
        expiry: Seconds a connection may be idle.
    """

    __slots__ = (
        "_attempts",
        "_due",
        "_engine",
        "_expiry",
        "_idle",
        "_limit",
        "_loop",
        "_most_idle",
        "_now",
        "_open",
        "_purge_timer",
        "_room",
        "_waiting",
    )

    def __init__(self, engine: Any, loop: Any, room: Room, limit: int, most_idle: int, expiry: float) -> None:
        self._engine = engine
        self._loop = loop
        self._now = loop.time
        self._room = room
        self._limit = limit
        self._most_idle = most_idle
        self._expiry = expiry
        self._idle: list[Any] = []
        self._open: set[Any] = set()
        # The connections being made. Each serves whoever then waits longest, not whom it was begun for.
        self._attempts: list[Any] = []
        self._waiting: Any = OrderedDict()
        # When those that wait are looked through for one whose time is over.
        self._due = NEVER
        self._purge_timer: Any = None

    def dispatch(self, exchange: Exchange, now: float) -> None:
        """Put an exchange on a connection, the one used last first; or let it wait for one."""
        exchange.pool = self
        while self._idle:
            connection = self._idle.pop()
            if self._is_usable(connection, exchange.repeatable, now):
                self._begin(connection, exchange)
                return
            connection.transport.close()
        self.wait(exchange)

    def wait(self, exchange: Exchange) -> None:
        """Let an exchange wait for a connection, and see to it that one is made if there may be one more."""
        self._waiting[exchange] = None
        if exchange.deadline < self._due:
            self.watch(exchange.deadline)
        if self.lacks():
            self.connect()

    def lacks(self) -> bool:
        """Say whether there should be one more connection."""
        attempts = len(self._attempts)
        return attempts < len(self._waiting) and len(self._open) + attempts < self._limit

    def _is_usable(self, connection: Connection, repeatable: bool, now: float) -> bool:
        if connection.idle_until <= now or connection.transport.is_closing():
            return False
        # What may not be sent again is worth a look each time.
        if repeatable and connection.idle_until - now > self._expiry - FRESH:
            return True
        return not is_readable(connection.descriptor)

    def _begin(self, connection: Connection, exchange: Exchange) -> None:
        try:
            if exchange.observer is not None:
                exchange.observer.connected(connection.transport.get_extra_info("peername"))
            connection.start(exchange)
        except Exception as error:
            self.not_begun(connection, exchange, error)
            return
        if exchange.deadline < connection.due:
            self.arm(connection, exchange.deadline)

    def _free(self, connection: Connection, server_timeout: int) -> None:
        """Give a connection to the exchange that has waited longest, or keep it."""
        if connection.retired:
            connection.transport.close()
            return
        room = self._room
        if room.starved and (not self._waiting or self._now() - room.since >= YIELD):
            connection.transport.abort()
            return
        if self._waiting:
            exchange: Exchange = next(iter(self._waiting))
            # Its end may have come with the last answer: what may not be sent again would be lost.
            if not exchange.repeatable and is_readable(connection.descriptor):
                self.look_closer(connection, server_timeout)
            else:
                self._give(connection)
            return
        life = self._expiry
        if server_timeout >= 0 and server_timeout - MARGIN < life:
            life = server_timeout - MARGIN
        if life <= 0 or len(self._idle) >= self._most_idle:
            connection.transport.close()
            return
        connection.idle_until = self._now() + life
        self._idle.append(connection)
        if self._purge_timer is None:
            self.plan_purge()

    def _give(self, connection: Connection) -> None:
        """Give a connection to the exchange that has waited longest."""
        self._begin(connection, self._waiting.popitem(False)[0])

    def answered(
        self,
        connection: Any,
        exchange: Exchange,
        status: int,
        head: bytes,
        body: bytes,
        encoded: bool,
        reusable: bool,
        server_timeout: int,
    ) -> None:
        """Take an answer. The connection is free before the caller hears of it, so that his next request finds it."""
        exchange.connection = None
        freed: Connection = connection
        version = freed.version
        if reusable and not (len(exchange.payload) > SMALL and freed.transport.get_write_buffer_size() > 0):
            self._free(freed, server_timeout)
        elif freed.transport is not None:
            self.part_with(freed)
        exchange.answered(status, head, body, encoded, version)

    # Deadlines: one timer a connection, set anew only when it goes off or a deadline is earlier

    def arm(self, connection: Connection, deadline: float) -> None:
        """Set a connection's timer."""
        if connection.timer is not None:
            connection.timer.cancel()
        connection.due = deadline
        connection.timer = self._engine.call_at(deadline, self.on_timer, connection)

    def on_timer(self, connection: Connection) -> None:
        """End the exchange on a connection if its time is over."""
        connection.timer = None
        connection.due = NEVER
        exchange = connection.exchange
        if exchange is None or exchange.deadline == NEVER:
            return
        # A timer may go off by its own resolution too soon.
        if self._now() < exchange.deadline - 0.001:
            self.arm(connection, exchange.deadline)
            return
        phase = connection.phase()
        connection.exchange = None
        exchange.connection = None
        connection.transport.abort()
        self._engine.late(exchange, phase)

    # The subclass's

    def connect(self) -> None:
        """Begin to make the connections that are lacking, as far as there is room."""
        raise NotImplementedError

    def watch(self, when: float) -> None:
        """See to it that at that time it is seen whose time is over."""
        raise NotImplementedError

    def part_with(self, connection: Connection) -> None:
        """Close a connection that was not left as the next exchange would need it."""
        raise NotImplementedError

    def look_closer(self, connection: Connection, server_timeout: int) -> None:
        """Find out whether a connection with something to read is at its end, and close it or give it on."""
        raise NotImplementedError

    def not_begun(self, connection: Connection, exchange: Exchange, error: Exception) -> None:
        """Take note that an exchange could not be started."""
        raise NotImplementedError

    def plan_purge(self) -> None:
        """See to it that connections too old are closed."""
        raise NotImplementedError


def is_readable(descriptor: int) -> bool:
    """Say whether there is something to read on a socket: its end, or what nobody asked for."""
    if COMPILED:
        told = pynector_readable(descriptor)  # type: ignore[name-defined] # noqa: F821
        if told >= 0:
            return bool(told)
    if hasattr(select, "poll"):
        poller = select.poll()
        poller.register(descriptor, select.POLLIN)
        return len(poller.poll(0)) > 0
    return len(select.select([descriptor], [], [], 0)[0]) > 0
