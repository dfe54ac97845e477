"""One entry that may have to wait for more than a slot, and may be sent more than once."""

from typing import Any

from .frozen import NotPlain
from .limits import Origin

NEVER = float("inf")


class Call:
    """One entry, over all its attempts.

    Attributes:
        index: The entry's number.
        entry: The entry.
        data, options: What is sent each time, and with which options.
        timeout: Seconds it may take, from the start of its first attempt.
        deadline: When it must have ended; NEVER before its first attempt.
        began: When its first attempt started.
        attempts: How many there were.
        live: How many are in flight, two at the most.
        slot: The slot of the one, or of the first of them; None for none.
        beside: The slot of the other, or None.
        policy: Says whether and when it is sent again, or None.
        attempt_timeout: Seconds that one attempt may take.
        budget: Bounds how often that is for all, or None.
        sent: How much of it has left in attempts that failed.
        error: What the last of these failed with, or None.
        origin: Where it goes, as it is known by `Limits`, or None.
        costs: What an attempt costs, for each rate of each Limits.
        where: The Origin it waits at, or None.
        again_at: When it is sent again, or may be; NEVER if it waits for nothing of that kind.
        allowed: The seconds that what it has failed with last had.
        is_one_shot: Whether it can be sent only once.
        has_key: Whether the server knows its attempts by a key.
        hedge: Says after how long it may be sent a second time beside the first; None: never.
        hedge_at: When it may be sent a second time beside the first; NEVER for not.
        is_lined_up: Whether it is to start when its turn comes.
        is_timed: Whether it is looked at when its time is over.
        is_over: Whether it has ended.
        final: Makes of an answer, or of an error, what the caller gets; None: nothing has to be made.
    """

    __slots__ = (
        "again_at",
        "allowed",
        "attempt_timeout",
        "attempts",
        "began",
        "beside",
        "budget",
        "costs",
        "data",
        "deadline",
        "entry",
        "error",
        "final",
        "has_key",
        "hedge",
        "hedge_at",
        "index",
        "is_lined_up",
        "is_one_shot",
        "is_over",
        "is_timed",
        "live",
        "options",
        "origin",
        "passed",
        "places",
        "policy",
        "sent",
        "slot",
        "timeout",
        "where",
    )

    def __init__(self, index: int, entry: Any) -> None:
        self.index = index
        self.entry = entry
        self.data: Any = None
        self.options: Any = None
        self.timeout = NEVER
        self.deadline = NEVER
        self.began = 0.0
        self.attempts = 0
        self.live = 0
        self.slot: Any = None
        self.beside: Any = None
        self.policy: Any = None
        self.attempt_timeout = NEVER
        self.budget: Any = None
        self.sent: Any = "none"
        self.error: Any = None
        self.origin: Any = None
        self.costs: Any = None
        self.where: Any = None
        self.again_at = NEVER
        self.allowed = NEVER
        self.is_one_shot = False
        self.has_key = False
        self.hedge: Any = None
        self.hedge_at = NEVER
        self.is_lined_up = False
        self.is_over = False
        self.is_timed = False
        self.final: Any = None
        # How many Limits have let the next attempt pass, and its places at origins.
        self.passed = 0
        self.places: list[Origin] = []

    def begin(self, slot: Any, now: float) -> float:
        """Take note that an attempt starts in a slot, and return when it must have ended."""
        if self.live > 0:
            self.beside = slot
        else:
            self.slot = slot
        self.places = []
        self.passed = 0
        self.live += 1
        self.attempts += 1
        if self.attempts == 1:
            self.began = now
            if self.deadline == NEVER:
                self.deadline = now + self.timeout
            if self.budget is not None:
                self.budget.began(now)
        return min(self.deadline, now + self.attempt_timeout)

    def leave(self, slot: Any) -> None:
        """Take note that the attempt in a slot has ended."""
        self.live -= 1
        if self.slot is slot:
            self.slot = self.beside
        self.beside = None

    def is_new(self) -> bool:
        """Return whether it waits to be sent for the first time."""
        return self.attempts == 0 and (self.is_lined_up or self.where is not None or self.again_at < NEVER)


class Usual:
    """What holds for entries that say nothing of their own.

    Args:
        policy, attempt_timeout, budget, final, costs: See Call.
        copied: Copies what they send, which is to be the same each time, or raises NotPlain; None: that is sent once.
        anew: Names in what is sent that make it another each time, for all that.
        origin_of: Returns where data and options go, or None: nobody has to know.
    """

    __slots__ = (
        "_anew",
        "_attempt_timeout",
        "_budget",
        "_copied",
        "_costs",
        "_final",
        "_origin_of",
        "_policy",
    )

    def __init__(
        self,
        policy: Any,
        attempt_timeout: float,
        budget: Any,
        final: Any,
        costs: Any,
        copied: Any,
        anew: frozenset[str],
        origin_of: Any,
    ) -> None:
        self._policy = policy
        self._attempt_timeout = attempt_timeout
        self._budget = budget
        self._final = final
        self._costs = costs
        self._copied = copied
        self._anew = anew
        self._origin_of = origin_of

    def prepare(self, call: Call) -> bool:
        """Fix what a call sends, and return whether that is done: it may need a closer look."""
        if self._copied is not None:
            if type(call.data) is dict and not self._anew.isdisjoint(call.data):
                return False
            try:
                call.data = self._copied(call.data)
            except NotPlain:
                return False
        call.policy = self._policy
        call.attempt_timeout = self._attempt_timeout
        call.budget = self._budget
        call.final = self._final
        call.costs = self._costs
        if self._origin_of is not None:
            call.origin = self._origin_of(call.data, call.options)
        return True
