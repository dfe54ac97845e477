"""The ledger: what of each request arrived, how often, what was executed, and what was answered."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Arrival:
    """One time that a request, or a hop of it, came over the wire.

    Attributes:
        key: The request's.
        hop: How many redirects lie before it.
        attempt: How often this hop had come before.
        method: Its method, or the kind of message.
        connection: The number of the connection it came on.
        act: What the plan has for it.
        head: How much of its head, or of the message, came: "part" or "whole".
        body: The bytes of its body that came.
        is_whole: Whether all of it came.
        executed: Whether it was executed.
        answered: How much of the answer was written: "", "part" or "whole".
        time: When it came, in seconds on the clock that `time.monotonic` reads.
    """

    key: int
    hop: int
    attempt: int
    method: str
    connection: int
    act: Any
    head: str = "part"
    body: bytearray = field(default_factory=bytearray, repr=False)
    is_whole: bool = False
    executed: bool = False
    answered: str = ""
    time: float = field(default_factory=time.monotonic)

    def __str__(self) -> str:
        came = "all" if self.is_whole else f"{self.head} head, {len(self.body)} bytes of the body"
        done = "executed" if self.executed else "not executed"
        answered = f"answered {self.answered}" if self.answered else "not answered"
        return (
            f"hop {self.hop} attempt {self.attempt} {self.method} on connection {self.connection}: "
            f"{came}; {done}; {answered}; at {self.time:.3f} s; {self.act}"
        )


@dataclass
class Row:
    """What the ledger knows of one request.

    Attributes:
        arrivals: Each time it came, in order.
    """

    arrivals: list[Arrival] = field(default_factory=list)

    def of_hop(self, hop: int) -> list[Arrival]:
        """Return the arrivals of one hop."""
        return [arrival for arrival in self.arrivals if arrival.hop == hop]

    def hops(self) -> Iterator[list[Arrival]]:
        """Return the arrivals by hop."""
        for hop in sorted({arrival.hop for arrival in self.arrivals}):
            yield self.of_hop(hop)

    def __str__(self) -> str:
        return "\n".join(f"  {arrival}" for arrival in self.arrivals) or "  (nothing arrived)"


class Ledger:
    """The rows of all requests that are not settled yet, and what no request may do. The server's thread writes it.

    Attributes:
        complaints: What came that no client may send, in words.
    """

    def __init__(self) -> None:
        self._rows: dict[int, Row] = {}
        self._settled = -1
        self.complaints: list[str] = []

    def row(self, key: int) -> Row:
        """Return the row of a request; an empty one if nothing of it came."""
        return self._rows.get(key) or Row()

    def attempts(self, key: int, hop: int) -> int:
        """Return how often a hop of a request has come."""
        return len(self.row(key).of_hop(hop))

    def on(self, connections: Collection[int]) -> str:
        """Return what came on connections, a line each, of what is not settled."""
        arrivals = (arrival for row in list(self._rows.values()) for arrival in row.arrivals)
        return "\n".join(f"  {arrival.key}: {arrival}" for arrival in arrivals if arrival.connection in connections)

    def enter(self, arrival: Arrival) -> Arrival:
        """Take note that a request comes."""
        if arrival.key <= self._settled:
            self.complain(f"it comes after its end: {arrival}", arrival.key)
        self._rows.setdefault(arrival.key, Row()).arrivals.append(arrival)
        return arrival

    def complain(self, said: str, key: int | None = None) -> None:
        """Take note of what no client may send."""
        self.complaints.append(said if key is None else f"request {key}: {said}\n{self.row(key)}")

    def settle(self, last: int) -> None:
        """Forget the rows up to a key: each of these requests has ended, so nothing more of it may come."""
        self._settled = last
        for key in [key for key in self._rows if key <= last]:
            del self._rows[key]
