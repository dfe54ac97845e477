"""The deadlines of requests that are in flight together, with one timer for all."""

import heapq
from typing import Any

from .pending import Pending

NEVER = float("inf")

# How many deadlines are kept before those of requests that have ended are looked for.
FEW = 1024


class Timeouts:
    """Calls when a request's deadline has passed.

    Args:
        clock: The event loop's clock.
        call_at: Calls a function at a time on that clock, and gives a timer that can be cancelled.
        expired: Gets each request that has not ended at its deadline.
    """

    __slots__ = ("__weakref__", "_call_at", "_clock", "_entries", "_expired", "_most", "_number", "_timer", "_when")

    def __init__(self, clock: Any, call_at: Any, expired: Any) -> None:
        self._clock = clock
        self._call_at = call_at
        self._expired = expired
        self._entries: list[Any] = []
        self._most = FEW
        # Of two with the same deadline the first one goes first; requests themselves cannot be compared.
        self._number = 0
        self._timer: Any = None
        self._when = NEVER

    def add(self, pending: Pending) -> None:
        """Take note of a request's deadline."""
        if pending.deadline == NEVER:
            return
        self._number += 1
        heapq.heappush(self._entries, (pending.deadline, self._number, pending))
        if len(self._entries) > self._most:
            self._forget_ended()
        if pending.deadline < self._when:
            self._set()

    def stop(self) -> None:
        """Call no more."""
        self._entries.clear()
        self._set()

    def _forget_ended(self) -> None:
        # Or each request would be held, message and all, until its deadline.
        self._entries = [entry for entry in self._entries if entry[2].completion is not None]
        heapq.heapify(self._entries)
        self._most = max(FEW, 2 * len(self._entries))

    def _set(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        # Those that have ended are taken out when they come to the top.
        while self._entries and self._entries[0][2].completion is None:
            heapq.heappop(self._entries)
        self._when = NEVER
        if self._entries:
            self._when = self._entries[0][0]
            self._timer = self._call_at(self._when, self.expire)

    def expire(self) -> None:
        """Call for those whose time has come, and set the timer for the next."""
        self._timer = None
        now = self._clock()
        try:
            while self._entries and self._entries[0][0] <= now:
                pending = heapq.heappop(self._entries)[2]
                if pending.completion is not None:
                    self._expired(pending)
        finally:
            # Whatever one of them raises, the others have their deadlines.
            self._set()
