"""Decides what a batch does next. It knows no clock, no loop and no task: it is told the time."""

import heapq
from collections import deque
from typing import Any

NOTHING = -1
LATER = -2
NEVER = float("inf")

# A table of deadlines is looked through at most this often, however the deadlines lie (seconds).
RESOLUTION = 0.001

# So many jobs may wait for a time that have ended.
LEAST_TIMED = 64


class Scheduler:
    """Which slot takes the next job, if any. What is in flight has a slot; what waits or is done has none.

    A job is what the caller makes of an entry. It may wait for a time (`postpone`, until `due` gives it back), for its
    turn before new ones (`line_up`), or, before all others, for a rate that holds everything up (`hold`).

    Args:
        window: The most jobs in flight at a time, 1 or more.
        deadline: When the whole batch ends, on the caller's clock in seconds; NEVER for no end.
        stop_on_error: Whether the first failure keeps the rest from starting.

    Attributes:
        started: How many jobs have been begun, those that waited not counted again.
        in_flight: How many slots are taken.
        slots: How many slots there have been at a time, at the most.
        stopped: Whether nothing starts any more.
        failed: Whether that is because of a failure: what is in flight is not waited for.
        exhausted: Whether no new job comes.
        job: What waited and starts in the slot that `next` said; None if that is a new job.
        window: The most jobs in flight at a time; it may be changed.
    """

    __slots__ = (
        "_deadline",
        "_free",
        "_free_count",
        "_held",
        "_held_until",
        "_line",
        "_most_timed",
        "_number",
        "_stop_on_error",
        "_timed",
        "_waiting",
        "exhausted",
        "failed",
        "in_flight",
        "job",
        "slots",
        "started",
        "stopped",
        "window",
    )

    def __init__(self, window: int, deadline: float = NEVER, stop_on_error: bool = False) -> None:
        if window < 1:
            raise ValueError(f"window {window} must be at least 1")
        self.started = 0
        self.in_flight = 0
        self.slots = 0
        self.stopped = False
        self.failed = False
        self.exhausted = False
        self.job: Any = None
        self.window = window
        self._deadline = deadline
        self._stop_on_error = stop_on_error
        # Slots that were taken and are free again, the last one on top. A list that is emptied and filled all the time
        # would have its memory taken and given back each time.
        self._free: list[int] = []
        self._free_count = 0
        self._held: Any = None
        self._held_until = NEVER
        self._line: Any = deque()
        # How many are held or stand in that line.
        self._waiting = 0
        self._timed: list[Any] = []
        # When it has more, those are dropped that have ended: it would grow with all that ends early.
        self._most_timed = LEAST_TIMED
        # Of two jobs with the same time the first one goes first; jobs themselves cannot be compared.
        self._number = 0

    def next(self, now: float) -> int:
        """Return the slot in which to start a job at `now`, or LATER, or NOTHING.

        LATER: the job that is held must wait until `when`. NOTHING: the window is full, or none is left.
        """
        if self.stopped or self.in_flight >= self.window:
            return NOTHING
        if now >= self._deadline:
            self.stopped = True
            return NOTHING
        if self._waiting > 0:
            if self._held is None:
                self.job = self._line.popleft()
            elif now < self._held_until:
                return LATER
            else:
                self.job, self._held = self._held, None
            self._waiting -= 1
        elif self.exhausted:
            return NOTHING
        else:
            if self.job is not None:
                self.job = None
            self.started += 1
        self.in_flight += 1
        if self._free_count > 0:
            self._free_count -= 1
            return self._free[self._free_count]
        self.slots += 1
        return self.slots - 1

    def return_slot(self, slot: int, exhausted: bool) -> None:
        """Give a slot back in which no new job was started: there is none now, or, if `exhausted`, none any more."""
        self.started -= 1
        self.exhausted = exhausted
        self._release(slot)

    def finish(self, slot: int, failed: bool) -> None:
        """Take note that a job has ended."""
        self._release(slot)
        if failed:
            self.ended(failed)

    def ended(self, failed: bool) -> None:
        """Take note that a job has ended whose slot was given back before."""
        if failed and self._stop_on_error:
            self.stopped = self.failed = True

    def release(self, slot: int) -> None:
        """Take a slot back from a job that goes on without one, or has ended."""
        self._release(slot)

    def _release(self, slot: int) -> None:
        if self.in_flight < 1:
            raise ValueError("a job ended that had not started")
        self.in_flight -= 1
        if self._free_count == len(self._free):
            self._free.append(slot)
        else:
            self._free[self._free_count] = slot
        self._free_count += 1

    # What waits

    def hold(self, job: Any, until: float) -> None:
        """Have a job start before all others, and none before `until`."""
        self._held = job
        self._held_until = until
        self._waiting += 1

    def has_room(self) -> bool:
        """Return whether there is a slot for one more job than wait for one, or would be for the first that waits."""
        return not self.stopped and (self._waiting == 0 or self.in_flight + self._waiting < self.window)

    def blocked(self) -> Any:
        """Return the job that is held although nothing can start before another has ended, or None."""
        return self._held if self.stopped or self.in_flight >= self.window else None

    def drop(self, job: Any) -> bool:
        """Hold a job no more, and return whether it was held."""
        if self._held is not job:
            return False
        self._held = None
        self._waiting -= 1
        return True

    def unhold(self) -> None:
        """Let what is held start as soon as there is a slot."""
        self._held_until = -NEVER

    def line_up(self, job: Any) -> None:
        """Have a job start before new ones, when its turn comes."""
        self._line.append(job)
        self._waiting += 1

    def postpone(self, job: Any, when: float) -> None:
        """Have `due` give a job back at a time, unless it has ended by then."""
        if len(self._timed) > self._most_timed:
            self._timed = [timed for timed in self._timed if not timed[2].is_over]
            heapq.heapify(self._timed)
            self._most_timed = 2 * len(self._timed) + LEAST_TIMED
        self._number += 1
        heapq.heappush(self._timed, (when, self._number, job))

    def due(self, now: float) -> Any:
        """Return a job whose time has come, the earliest one, or None."""
        if self._timed and self._timed[0][0] <= now:
            return heapq.heappop(self._timed)[2]
        return None

    def when(self) -> float:
        """Return the time at which something may start, or is due, that cannot yet; NEVER for none."""
        first = self._held_until if self._held is not None else NEVER
        return min(first, self._timed[0][0]) if self._timed else first

    def finished(self) -> bool:
        """Return whether nothing is in flight, and neither what waits for its turn nor anything new will start."""
        if self.in_flight > 0:
            return False
        return self.stopped or (self.exhausted and self._waiting == 0)


class Deadlines:
    """One deadline a slot, and one time at which to look for all of them, set again only when it has to be.

    Attributes:
        due: When to ask what is overdue.
    """

    __slots__ = ("_table", "due")

    def __init__(self) -> None:
        self._table: list[float] = []
        self.due = NEVER

    def arm(self, slot: int, deadline: float) -> bool:
        """Set the deadline of a slot; NEVER clears it.

        Returns:
            Whether `due` is now earlier, so that the caller must wait less long.
        """
        while slot >= len(self._table):
            self._table.append(NEVER)
        self._table[slot] = deadline
        if deadline < self.due:
            self.due = deadline
            return True
        return False

    def overdue(self, now: float) -> list[int]:
        """Return the slots whose deadline is not after `now`, clear them, and set `due` for the rest."""
        late: list[int] = []
        first = NEVER
        for slot, deadline in enumerate(self._table):
            if deadline <= now:
                late.append(slot)
                self._table[slot] = NEVER
            elif deadline < first:
                first = deadline
        self.due = max(first, now + RESOLUTION)
        return late
