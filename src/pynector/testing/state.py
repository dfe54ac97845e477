"""What the server remembers between requests: its counts and the attempts of `/flaky`."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass


@dataclass(frozen=True)
class ServerStats:
    """The counts of a server at one moment.

    Attributes:
        requests: Complete requests received, `/stats` and `/reset` not included.
        in_flight: Requests received and not answered yet. A request whose client has
            disconnected is no longer in flight.
        max_in_flight: The largest value that `in_flight` has had.
        connections: Connections accepted.
        open_connections: Connections open at present.
        http2_connections: Those of the connections accepted that speak HTTP/2.
        open_streams: Streams of HTTP/2 that are open at present, whatever came on them.
        resets: Streams of HTTP/2 that clients have reset.
    """

    requests: int
    in_flight: int
    max_in_flight: int
    connections: int
    open_connections: int
    http2_connections: int = 0
    open_streams: int = 0
    resets: int = 0


class ServerState:
    """The mutable counts behind `ServerStats`, shared by all connections of one server."""

    __slots__ = (
        "_accepted",
        "attempts",
        "connections",
        "http2_connections",
        "in_flight",
        "max_in_flight",
        "open_connections",
        "open_streams",
        "requests",
        "resets",
    )

    def __init__(self) -> None:
        self.requests = 0
        self.in_flight = 0
        self.max_in_flight = 0
        self.connections = 0
        self.open_connections = 0
        self.http2_connections = 0
        self.open_streams = 0
        self.resets = 0
        self.attempts: Counter[str] = Counter()
        self._accepted = 0

    def connection_opened(self) -> int:
        """Count an accepted connection and return its number, which no reset repeats."""
        self.connections += 1
        self.open_connections += 1
        self._accepted += 1
        return self._accepted

    def connection_closed(self) -> None:
        """Count the end of a connection."""
        self.open_connections -= 1

    def request_started(self) -> None:
        """Count a complete request."""
        self.requests += 1
        self.in_flight += 1
        if self.in_flight > self.max_in_flight:
            self.max_in_flight = self.in_flight

    def request_ended(self) -> None:
        """Count the answer to a request, or the loss of the client who sent it."""
        self.in_flight -= 1

    def answered_at_once(self) -> None:
        """Do what `request_started` and `request_ended` do together, for the fast path."""
        self.requests += 1
        if self.in_flight >= self.max_in_flight:
            self.max_in_flight = self.in_flight + 1

    def reset(self) -> None:
        """Start counting anew; what is in flight or open stays counted as such."""
        self.requests = 0
        self.connections = self.http2_connections = self.resets = 0
        self.max_in_flight = self.in_flight
        self.attempts.clear()

    def snapshot(self) -> ServerStats:
        """Return the counts of this moment."""
        return ServerStats(
            requests=self.requests,
            in_flight=self.in_flight,
            max_in_flight=self.max_in_flight,
            connections=self.connections,
            open_connections=self.open_connections,
            http2_connections=self.http2_connections,
            open_streams=self.open_streams,
            resets=self.resets,
        )
