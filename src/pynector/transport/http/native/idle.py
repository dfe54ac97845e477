"""The connections to an origin on which nothing is, for the next request."""

from collections.abc import Callable
from typing import Any

from . import timing
from .pooled import PooledConnection
from .readable import is_readable

# Anew, so that they are C's own numbers here.
NEVER, EARLY = timing.NEVER, timing.EARLY

# A connection idle for longer than this is looked at before it is used again (seconds): the server may have closed it,
# and the event loop may not have heard of it yet.
FRESH = 0.1

# A server closes a kept connection at the time it named; a request must not cross that on the way (seconds).
MARGIN = 1.0

# What is beyond the most is kept for this long (seconds): those whose answers come together are idle until the requests
# that follow have begun.
GRACE = 0.1


class IdleConnections:
    """Keeps connections for a while.

    Args:
        now: Gives the time, on the event loop's clock in seconds.
        call_at: Sets timers on that clock.
        most: The most connections, 0 or more.
        expiry: Seconds that each may be idle.
        look_closer: Takes a connection that carries several exchanges, on which there is something to be read.

    Attributes:
        connections: These, the one that has been idle longest first.
    """

    __slots__ = ("_call_at", "_expiry", "_look_closer", "_most", "_now", "_surplus", "_timer", "connections")

    def __init__(
        self,
        now: Callable[[], float],
        call_at: Callable[..., Any],
        most: int,
        expiry: float,
        look_closer: Callable[[PooledConnection], None],
    ) -> None:
        self._now = now
        self._call_at = call_at
        self._most = most
        self._expiry = expiry
        self._look_closer = look_closer
        self._timer: Any = None
        self._surplus: Any = None
        self.connections: list[PooledConnection] = []

    def take(self, repeatable: bool, now: float) -> Any:
        """Return the connection that was used last and can be used again, or None.

        Args:
            repeatable: Whether what is to go on it may be sent again.
            now: The time.
        """
        while self.connections:
            connection = self.connections.pop()
            if connection.idle_until <= now or connection.transport.is_closing():
                connection.close()
            elif not self._has_news(connection, repeatable, now):
                return connection
            elif connection.multiplexes:
                # It may be no more than settings, or a PING.
                self._look_closer(connection)
            else:
                connection.close()
        return None

    def put(self, connection: PooledConnection, server_timeout: int, now: float) -> None:
        """Keep a connection, or close it if there are enough.

        Args:
            connection: Which.
            server_timeout: For how many seconds the server keeps it open, or -1.
            now: The time.
        """
        life = self._expiry
        if server_timeout >= 0 and server_timeout - MARGIN < life:
            life = server_timeout - MARGIN
        if life <= 0 or self._most == 0:
            connection.close()
            return
        connection.idle_since = now
        connection.idle_until = now + life
        self.connections.append(connection)
        if self._timer is None:
            self._plan()
        if self._surplus is None and len(self.connections) > self._most:
            self._plan_trim()

    def remove(self, connection: PooledConnection) -> bool:
        """Let go of a connection, and say whether it was here."""
        if connection not in self.connections:
            return False
        self.connections.remove(connection)
        return True

    def evict(self) -> None:
        """Close the connection that has been idle longest."""
        self.connections.pop(0).transport.abort()

    def since(self) -> float:
        """Return how long the oldest connection may be kept, on the event loop's clock; infinite for none."""
        return self.connections[0].idle_until if self.connections else NEVER

    def close_retired(self) -> None:
        """Close those that are not to be used again."""
        self._close([connection for connection in self.connections if connection.retired])

    def stop(self) -> None:
        """Set no more timers until another connection is put here."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._surplus is not None:
            self._surplus.cancel()
            self._surplus = None

    def _has_news(self, connection: PooledConnection, repeatable: bool, now: float) -> bool:
        """Say whether there is something to be read on a connection, such as its end."""
        # What may not be sent again is worth a look each time.
        if repeatable and now - connection.idle_since < FRESH:
            return False
        return is_readable(connection.descriptor)

    def _plan(self) -> None:
        if self.connections:
            first = min([connection.idle_until for connection in self.connections])
            self._timer = self._call_at(first + EARLY, self._purge)

    def _purge(self) -> None:
        """Close what has been idle for too long."""
        self._timer = None
        now = self._now()
        self._close([connection for connection in self.connections if connection.idle_until <= now])
        self._plan()

    def _plan_trim(self) -> None:
        self._surplus = self._call_at(self.connections[0].idle_since + GRACE + EARLY, self._trim)

    def _trim(self) -> None:
        """Close what is beyond the most and has been idle for a while, that first which has been so longest."""
        self._surplus = None
        surplus = len(self.connections) - self._most
        if surplus > 0:
            # The others may have been put here a moment ago, until the requests that follow have begun.
            old = self._now() - GRACE
            self._close([connection for connection in self.connections[:surplus] if connection.idle_since <= old])
        if len(self.connections) > self._most:
            self._plan_trim()

    def _close(self, connections: list[PooledConnection]) -> None:
        for connection in connections:
            self.connections.remove(connection)
            if connection.transport is not None:
                connection.close()
