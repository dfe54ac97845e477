"""How many connections a client may have, and which pools wait for one."""

from collections.abc import Callable
from typing import Any, NamedTuple


class Limits(NamedTuple):
    """What each pool may have.

    Attributes:
        connections: The most connections, 1 or more.
        idle: The most idle connections, 0 or more.
        expiry: Seconds a connection may be idle.
    """

    connections: int
    idle: int
    expiry: float


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
