"""What some calls share: how fast their requests may start, and how many may be at an origin. It is told the time."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

NEVER = float("inf")

# Whoever waits for a rate is woken a little late, again and again; so much is made up for, to keep the rate in the long
# run (seconds). So much is also the most by which the share of any other window is passed.
LAG = 0.25

# How much faster than the rate that may go, and how much of it may start at once (seconds), as clocks are coarse.
CATCH_UP = 1.15
GRAIN = 0.01

# Whoever waits for more to be lent is woken when it is; in so many seconds he looks whether his own time is over.
LOOK = 0.1

# So many origins may be remembered although nothing is under way there.
LEAST_KNOWN = 4096


class Bucket:
    """One rate, by the generic cell rate algorithm (ITU-T I.371).

    Args:
        interval: Seconds between two requests of cost 1.
        burst: How many may start at once after a pause, 1 or more.
        cost: What a request costs, or a function of its data and options that says it.
        settle: A function of an answer that says what it has really cost, or None.

    Attributes:
        cost, settle: See above.
        lent: How much may start before more is lent, where the rate is shared with others beyond this process; NEVER:
            it is not.
    """

    __slots__ = ("_due", "_grain", "_interval", "_peak", "_tolerance", "_waited", "cost", "lent", "settle")

    def __init__(self, interval: float, burst: float, cost: Any = 1.0, settle: Any = None) -> None:
        self.cost = cost
        self.settle = settle
        self.lent = NEVER
        self._interval = interval
        self._tolerance = (burst - 1) * interval
        self._grain = max(GRAIN, self._tolerance)
        # When the next is due, if none came before its time; and the same at the pace at which delays are made up for.
        self._due = -NEVER
        self._peak = -NEVER
        self._waited = False

    def when(self, now: float) -> float:
        """Return the earliest time at which a request may start; not after `now`: at once."""
        first = max(self._due - self._tolerance, self._peak - self._grain)
        if self.lent <= 0:
            first = max(first, now + LOOK)
        if first > now:
            self._waited = True
        return first

    def take(self, cost: float, now: float) -> None:
        """Take note that a request starts."""
        late = now - self._due
        if late > 0 and not (self._waited and late <= LAG):
            self._waited = False
            self._due = now
        self.lent -= cost
        self._due += cost * self._interval
        self._peak = max(self._peak, now) + cost * self._interval / CATCH_UP

    def correct(self, difference: float) -> None:
        """Take note that a request has cost so much more than was taken, or less."""
        self.lent -= difference
        self._due += difference * self._interval
        self._peak += difference * self._interval / CATCH_UP


class Origin:
    """Where requests go, and how many are there.

    Args:
        most: The most at a time; 0 for any number, less for none.
        breaker: Says whether it is to be left alone, or None.
        learns: Whether answers may have it paused.

    Attributes:
        breaker: See above.
        in_flight: How many are there.
        paused_until: When the next may start.
        queue: Those that wait for one to leave, the first one first, by whoever starts them: each has its turn.
    """

    __slots__ = ("_learns", "breaker", "in_flight", "most", "paused_until", "queue")

    def __init__(self, most: int, breaker: Any, learns: bool) -> None:
        self.most = most
        self.breaker = breaker
        self._learns = learns
        self.in_flight = 0
        self.paused_until = -NEVER
        self.queue: Any = OrderedDict()

    def is_full(self) -> bool:
        """Return whether as many are there as may be."""
        return self.most != 0 and self.in_flight >= self.most

    def pause(self, until: float) -> bool:
        """Have none start before a time; return whether that is later than it was. A pause is never made shorter."""
        if not self._learns or until <= self.paused_until:
            return False
        self.paused_until = until
        return True

    def wait(self, starter: Any, request: Any) -> None:
        """Have a request wait for one to leave."""
        mine = self.queue.get(starter)
        if mine is None:
            mine = self.queue[starter] = OrderedDict()
        mine[request] = None

    def forget(self, starter: Any, request: Any) -> None:
        """Have a request wait no more."""
        mine = self.queue[starter]
        del mine[request]
        if not mine:
            del self.queue[starter]

    def leave(self) -> Any:
        """Take note that one has left; return (whoever starts it, a request) that has its place now, or None."""
        queue = self.queue
        if not queue or (self.most != 0 and self.in_flight > self.most):
            self.in_flight -= 1
            return None
        # Who cannot make use of a place lets others go first, if there are any.
        starter = next(filter(_has_room, queue), None) if len(queue) > 1 else None
        if starter is None:
            starter = next(iter(queue))
        mine = queue[starter]
        request, _ = mine.popitem(last=False)
        if mine:
            queue.move_to_end(starter)
        else:
            del queue[starter]
        return starter, request

    def is_idle(self, now: float) -> bool:
        """Return whether nothing of it need be remembered."""
        if self.in_flight > 0 or self.queue or self.paused_until > now:
            return False
        # One that nobody asks stays open; so would all those servers that are gone.
        return self.breaker is None or not self.breaker.opens_again(now) > 0


def _has_room(starter: Any) -> bool:
    room: bool = starter.has_room()
    return room


# Stands for an origin that is not known yet.
NOWHERE = Origin(0, None, False)


class Limits:
    """The limits of some calls.

    Args:
        buckets: Rates; a request starts when all of them let it.
        per_origin: The most requests at an origin at a time; 0 for any number.
        breaker: Makes what says whether an origin is to be left alone, or None.
        learns: Whether answers may have an origin paused.

    Attributes:
        buckets: See above.
        by_origin: Whether anything is said of origins.
        waits: How often requests have waited for a rate.
        origin_waits: How often they have waited for a place at an origin.
    """

    __slots__ = (
        "_breaker",
        "_learns",
        "_line",
        "_most_known",
        "_origins",
        "_per_origin",
        "buckets",
        "by_origin",
        "origin_waits",
        "waits",
    )

    def __init__(self, buckets: list[Bucket], per_origin: int, breaker: Callable[[], Any] | None, learns: bool) -> None:
        self.buckets = buckets
        self.by_origin = learns or per_origin > 0 or breaker is not None
        self.waits = 0
        self.origin_waits = 0
        self._per_origin = per_origin
        self._breaker = breaker
        self._learns = learns
        self._origins: dict[Any, Origin] = {}
        # When there are more, those are forgotten that are idle. All are looked at then, so that is seldom.
        self._most_known = LEAST_KNOWN
        # Whoever has a request that waits for a rate: each has its turn.
        self._line: Any = OrderedDict()

    def origin(self, key: Any, now: float) -> Origin:
        """Return what is known of an origin."""
        known: Origin = self._origins.get(key, NOWHERE)
        if known is NOWHERE:
            if len(self._origins) >= self._most_known:
                # In its place, not by another dict: any thread may be at it.
                for idle in [other for other, origin in self._origins.items() if origin.is_idle(now)]:
                    del self._origins[idle]
                self._most_known = 2 * len(self._origins) + LEAST_KNOWN
            known = Origin(self._per_origin, None if self._breaker is None else self._breaker(), self._learns)
            self._origins[key] = known
        return known

    def origins(self) -> dict[Any, Origin]:
        """Return what is known of origins, by their keys."""
        return dict(self._origins)

    def lend(self, amounts: list[float], per_origin: int) -> None:
        """Take note that this has a share of what is kept beyond this process, which is lent to it bit by bit.

        Args:
            amounts: How much more may start, for each rate.
            per_origin: The most requests at an origin at a time from now on; 0 for any number, less for none.
        """
        for position in range(len(amounts)):
            one: Bucket = self.buckets[position]
            one.lent = amounts[position] + (0.0 if one.lent == NEVER else one.lent)
        if per_origin != self._per_origin:
            self._per_origin = per_origin
            for known in list(self._origins.values()):
                self._resize(known, per_origin)
        self.eased()

    def busiest(self) -> int:
        """Return how many requests there are at the origin that has most of them."""
        return max([origin.in_flight for origin in self._origins.values()], default=0)

    def _resize(self, origin: Origin, most: int) -> None:
        """Have an origin take more, and start those that wait there, or fewer."""
        origin.most = most
        while origin.queue and not origin.is_full():
            origin.in_flight += 1
            starter, call = origin.leave()
            starter.take_place(call, origin)
            starter.try_again()

    def ready_at(self, starter: Any, now: float) -> float:
        """Return when the next request of `starter` may start; not after `now`: at once. NEVER: it will be woken."""
        if not self.buckets:
            return now
        line = self._line
        if line and next(iter(line)) is not starter:
            if starter not in line:
                self._join(starter)
            return NEVER
        first = -NEVER
        for bucket in self.buckets:
            one: Bucket = bucket
            first = max(first, one.when(now))
        if first > now and not line:
            self._join(starter)
        return first

    def take(self, starter: Any, costs: list[float], now: float) -> None:
        """Take note that a request of `starter` starts, with a cost for each rate."""
        for position in range(len(costs)):
            one: Bucket = self.buckets[position]
            one.take(costs[position], now)
        if self._line:
            self.leave_line(starter)

    def eased(self) -> None:
        """Take note that a request has cost less than was taken: who waits may have to do so for less long."""
        if self._line:
            next(iter(self._line)).try_again()

    def leave_line(self, starter: Any) -> None:
        """Take note that `starter` waits for no rate any more."""
        line = self._line
        if starter in line:
            was_first = next(iter(line)) is starter
            del line[starter]
            if was_first and line:
                next(iter(line)).try_again()

    def _join(self, starter: Any) -> None:
        self._line[starter] = None
        self.waits += 1
