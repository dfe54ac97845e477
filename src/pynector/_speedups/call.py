"""One entry that may have to wait for more than a slot, and may be sent more than once."""

from typing import Any

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
        live: How many are in flight.
        policy: Says whether and when it is sent again, or None.
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
        is_over: Whether it has ended.
        final: Makes of an answer, or of an error, what the caller gets; None: nothing has to be made.
    """

    __slots__ = (
        "again_at",
        "allowed",
        "attempts",
        "began",
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
        "live",
        "options",
        "origin",
        "passed",
        "places",
        "policy",
        "sent",
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
        self.policy: Any = None
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
        self.final: Any = None
        # How many Limits have let the next attempt pass, and its places at origins.
        self.passed = 0
        self.places: list[Origin] = []

    def waits_for(self, origin: Origin) -> bool:
        """Return whether it waits for a place at an origin."""
        return not self.is_over and self.where is origin
