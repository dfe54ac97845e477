"""The connections to an origin that carry several exchanges at a time: those with at least one, or with none to be."""

from typing import Any

from .pooled import PooledConnection


class SharedConnections:
    """Finds the connection for the next exchange.

    Attributes:
        connections: These.
    """

    __slots__ = ("connections",)

    def __init__(self) -> None:
        self.connections: list[PooledConnection] = []

    def least_loaded(self) -> Any:
        """Return the connection with room that carries least, or None."""
        found: Any = None
        for connection in self.connections:
            if connection.load < connection.limit and not connection.retired:
                if found is None or connection.load < found.load:
                    found = connection
        return found

    def put(self, connection: PooledConnection) -> None:
        """Take a connection that carries one now, or may carry none."""
        if connection not in self.connections:
            self.connections.append(connection)

    def remove(self, connection: PooledConnection) -> bool:
        """Let go of a connection, and say whether it was here."""
        if connection not in self.connections:
            return False
        self.connections.remove(connection)
        return True

    def evict(self) -> bool:
        """Close one that carries nothing, and say whether there was one."""
        unused = self.unused()
        if unused is None:
            return False
        self.remove(unused)
        unused.transport.abort()
        return True

    def unused(self) -> Any:
        """Return one that carries nothing, or None."""
        return next((connection for connection in self.connections if connection.load == 0), None)

    def will_take(self) -> bool:
        """Say whether one of them takes others when what is on it has ended."""
        return any(connection.limit > 0 and not connection.retired for connection in self.connections)

    def above_one(self) -> int:
        """Return how many exchanges there are beyond one for each connection; any thread may ask."""
        return sum([connection.load - 1 for connection in list(self.connections)])
