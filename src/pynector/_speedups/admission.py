"""The way of a dispatcher's calls through the limits that hold for them."""

from collections.abc import Callable
from typing import Any

from .call import Call
from .limits import Limits, Origin
from .scheduler import Scheduler

# What becomes of a call that asks whether it may start.
# So may one that an open circuit refuses: it is told so at once, and costs nothing of a rate.
MAY_START = 0
# It holds up all others of its dispatcher, until it has its turn with a rate.
IS_HELD = 1
# It waits for a place at its origin, which it will be given.
IS_ASIDE = 2
# Its origin is to be left alone until its `again_at`.
IS_PAUSED = 3


class Admission:
    """Says whether calls may start, and gives back what they had.

    Whoever starts them, the `starter`, is asked by `has_room` whether he can, given a place by `take_place`, and woken
    by `try_again`. This does not keep him, as he keeps this.

    Args:
        scheduler: Keeps what is held, and wakes what has no time left.
        limits: What holds, the call's own before the client's.
    """

    __slots__ = ("_limits", "_scheduler")

    def __init__(self, scheduler: Scheduler, limits: list[Limits]) -> None:
        self._scheduler = scheduler
        self._limits = limits

    def ask(self, starter: Any, call: Call, now: float) -> int:
        """Say whether a call may start, and have it wait if not."""
        while call.passed < len(self._limits):
            limits: Limits = self._limits[call.passed]
            if limits.by_origin and call.origin is not None:
                origin = limits.origin(call.origin, now)
                if origin.paused_until > now:
                    return self._paused(starter, call, origin)
                if origin.is_full():
                    limits.origin_waits += 1
                    self._set_aside(starter, call, origin)
                    return IS_ASIDE
                origin.in_flight += 1
                call.places.append(origin)
            call.passed += 1
        for place in call.places:
            at: Origin = place
            if at.paused_until > now:
                return self._paused(starter, call, at)
            if at.breaker is not None and at.breaker.refuses(now):
                self.leave_lines(starter)
                return MAY_START
        first = now
        for every in self._limits:
            limits = every
            if first > now:
                # It may have been the first there before the cost of another was corrected here.
                limits.leave_line(starter)
            elif limits.buckets:
                first = limits.ready_at(starter, now)
        if first > now:
            call.is_lined_up = True
            self._scheduler.hold(call, first)
            return IS_HELD
        position = 0
        for every in self._limits:
            limits = every
            if limits.buckets:
                limits.take(starter, call.costs[position], now)
            position += 1
        return MAY_START

    def let_through(self, call: Call, now: float, refused: Callable[..., Any]) -> Any:
        """Return what to tell the breakers of a call's origin in the end, or None: one of them is open.

        Then the call has the error that `refused` gives, of the call, the origin and the time.
        """
        generations: Any = ()
        for place in call.places:
            at: Origin = place
            if at.breaker is None:
                continue
            generation = at.breaker.allows(now)
            if not generation:
                for breaker, earlier in generations:
                    breaker.release(earlier)
                call.error = refused(call, at, now)
                return None
            generations = (*generations, (at.breaker, generation))
        return generations

    def _paused(self, starter: Any, call: Call, origin: Origin) -> int:
        call.again_at = origin.paused_until
        self.give_back(starter, call)
        self.leave_lines(starter)
        return IS_PAUSED

    def _set_aside(self, starter: Any, call: Call, origin: Origin) -> None:
        call.where = origin
        origin.wait(starter, call)

    def leave(self, starter: Any, places: list[Origin]) -> None:
        """Give places at origins to those who wait for them."""
        for place in places:
            at: Origin = place
            next_one = at.leave()
            if next_one is not None:
                its_starter, call = next_one
                its_starter.take_place(call, at)
                if its_starter is not starter:
                    its_starter.try_again()

    def give_back(self, starter: Any, call: Call) -> None:
        """Give back the places of a call that does not start, and wait for none."""
        if call.where is not None:
            where: Origin = call.where
            where.forget(starter, call)
            call.where = None
        call.passed = 0
        if call.places:
            places = call.places
            call.places = []
            self.leave(starter, places)

    def leave_lines(self, starter: Any) -> None:
        """Wait for no rate any more."""
        for every in self._limits:
            limits: Limits = every
            limits.leave_line(starter)
