"""Which idle connections are kept, by a clock of the test's own."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from pynector.transport.http.native.idle import IdleConnections
from pynector.transport.http.native.pooled import PooledConnection

# How long what is beyond the most is kept; where the module is compiled, that is C's.
GRACE = 0.1


class Kept:
    """Idle connections, of which two are kept for long, and the timers that they have set."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[tuple[float, Callable[[], Any]]] = []
        self.idle = IdleConnections(lambda: self.now, self.call_at, 2, 60.0, lambda connection: None)

    def call_at(self, when: float, call: Callable[[], Any]) -> Any:
        self.timers.append((when, call))
        return self

    def put(self, *connections: PooledConnection) -> None:
        for connection in connections:
            self.idle.put(connection, -1, self.now)

    def go_to(self, now: float) -> None:
        self.now = now
        due = [timer for timer in self.timers if timer[0] <= now]
        self.timers = [timer for timer in self.timers if timer[0] > now]
        for _, call in due:
            call()


class Transport:
    """An open connection, until it is closed.

    Attributes:
        unsent: How much its peer has not read, without which it stays open.
    """

    is_open = True
    unsent = 0

    def close(self) -> None:
        self.is_open = self.unsent > 0

    def abort(self) -> None:
        self.is_open = False

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def is_closing(self) -> bool:
        return not self.is_open


def opened(count: int) -> list[PooledConnection]:
    made = [PooledConnection() for _ in range(count)]
    for connection in made:
        connection.transport = Transport()
    return made


def test_what_has_just_been_used_is_not_beyond_the_most() -> None:
    """Answers come in the same turn of the loop in which the others are looked for: what follows uses them again."""
    kept, (resting, *busy) = Kept(), opened(5)
    kept.put(resting, *busy)
    kept.go_to(GRACE / 2)
    assert [kept.idle.take(True, kept.now) for _ in busy] == busy[::-1]
    kept.put(*busy)
    kept.go_to(1.2 * GRACE)
    assert kept.idle.connections == busy
    assert not resting.transport.is_open
    # They rest now.
    kept.go_to(2 * GRACE)
    assert kept.idle.connections == busy[2:]
    assert [connection.transport.is_open for connection in busy] == [False, False, True, True]
    assert math.isclose(min(when for when, _ in kept.timers), 60, rel_tol=0.1)


def test_where_no_more_than_the_most_are_idle_nothing_is_looked_for() -> None:
    kept, made = Kept(), opened(2)
    kept.put(*made)
    # That which closes them in the end.
    assert len(kept.timers) == 1
    kept.go_to(30)
    assert kept.idle.connections == made


def test_what_a_peer_has_not_read_does_not_hold_a_connection_open() -> None:
    kept, (connection,) = Kept(), opened(1)
    connection.transport.unsent = 1
    kept.put(connection)
    kept.go_to(70)
    assert not connection.transport.is_open
