"""The exchanges that wait for a connection to an origin, and the connections that are being made for them."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from . import timing
from .exchange import Exchange
from .failures import late
from .room import Room

# Anew, so that they are C's own numbers here.
NEVER, EARLY, RESOLUTION = timing.NEVER, timing.EARLY, timing.RESOLUTION


class WaitingList:
    """Who waits, and for what.

    Args:
        now: Gives the time, on the event loop's clock in seconds.
        call_at: Sets timers on that clock.
        room: Where a connection that is not made any more gives its place back.
        expected: How many exchanges a new connection is expected to carry.
        relieved: Called when some have gone.

    Attributes:
        exchanges: Those that wait, in their order.
        attempts: The connections being made. Each serves whoever then waits longest, not whom it was begun for.
        expected: See above.
    """

    __slots__ = ("_call_at", "_due", "_now", "_relieved", "_room", "_timer", "attempts", "exchanges", "expected")

    def __init__(
        self,
        now: Callable[[], float],
        call_at: Callable[..., Any],
        room: Room,
        expected: int,
        relieved: Callable[[], None],
    ) -> None:
        self._now = now
        self._call_at = call_at
        self._room = room
        self._relieved = relieved
        self.expected = expected
        self.exchanges: OrderedDict[Exchange, None] = OrderedDict()
        self.attempts: list[Any] = []
        # When these are looked through for one whose time is over.
        self._due = NEVER
        self._timer: Any = None

    def add(self, exchange: Exchange) -> None:
        """Put an exchange behind all others."""
        self.exchanges[exchange] = None
        self.watch(exchange.deadline)

    def add_first(self, exchange: Exchange) -> None:
        """Put an exchange before all others."""
        self.add(exchange)
        self.exchanges.move_to_end(exchange, False)

    def pop(self) -> Exchange:
        """Return the exchange that has waited longest; it waits no more."""
        return self.exchanges.popitem(False)[0]

    def pop_for_one(self, unsettled: int) -> list[Exchange]:
        """Return those that waited for one more connection than there will be, who have waited longest.

        Args:
            unsettled: How many connections may carry more exchanges as soon as their servers have said so.
        """
        expected = max(self.expected, 1)
        without = len(self.exchanges) - (len(self.attempts) + unsettled) * expected
        return [self.pop() for _ in range(min(max(without, 1), expected, len(self.exchanges)))]

    def phase_of(self, rank: int) -> Any:
        """Say what is under way for the exchange that so many have waited longer than."""
        place = rank // max(self.expected, 1)
        return self.attempts[place].phase if place < len(self.attempts) else "queue"

    def progress(self, exchange: Exchange) -> tuple[Any, Any]:
        """Say what is under way for an exchange that has no connection yet, and how much of it has left."""
        is_last = next(reversed(self.exchanges), None) is exchange
        return self.phase_of(len(self.exchanges) - 1 if is_last else 0), exchange.sent

    def lacks(self, opened: int, unsettled: int, limit: int) -> bool:
        """Say whether there should be one more connection.

        Args:
            opened: How many are open.
            unsettled: How many of these may carry more exchanges as soon as their servers have said so.
            limit: The most connections.
        """
        attempts = len(self.attempts)
        if opened + attempts >= limit:
            return False
        if self.expected == 0:
            # A server that wants no requests now will not want them on another connection.
            return len(self.exchanges) > 0 and opened == 0 and attempts == 0
        return (attempts + unsettled) * self.expected < len(self.exchanges)

    def watch(self, when: float) -> None:
        """Look through those that wait at a time at the latest."""
        if when < self._due:
            self._set(when)

    def stop(self) -> None:
        """Set no more timers until another exchange is put here."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._due = NEVER

    def end_attempts(self, before: float = NEVER) -> None:
        """End the attempts that nobody waits for, those with a deadline up to a time."""
        for attempt in reversed(self.attempts[len(self.exchanges) :]):
            if attempt.deadline <= before and attempt.task is not None:
                # At once: a task that has not begun is not told of its end.
                self.attempts.remove(attempt)
                attempt.task.cancel()
                self._room.leave()

    def _set(self, when: float) -> None:
        self.stop()
        self._due = when
        if when < NEVER:
            self._timer = self._call_at(when, self._on_due)

    def _on_due(self) -> None:
        """Fail those whose time is over."""
        now = self._now() + EARLY
        due = [(self.phase_of(rank), each) for rank, each in enumerate(self.exchanges) if each.deadline <= now]
        overdue = [(phase, exchange) for phase, exchange in due if not exchange.goes_on(phase, now)]
        for _, exchange in overdue:
            del self.exchanges[exchange]
        self.end_attempts(NEVER if overdue else now)
        last = max([exchange.deadline for exchange in self.exchanges], default=NEVER)
        for attempt in self.attempts:
            if attempt.deadline <= now:
                attempt.deadline = last
        deadlines = [waits.deadline for waits in (*self.exchanges, *self.attempts)]
        # However the deadlines lie, to look through many is not done all the time.
        self._set(max(min(deadlines, default=NEVER), now + RESOLUTION))
        for phase, exchange in overdue:
            exchange.owner.failed(exchange, late(exchange, phase, "none"))
        self._relieved()
