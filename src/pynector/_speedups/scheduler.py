"""Decides what a batch does next. It knows no clock, no loop and no task: it is told the time."""

NOTHING = -1
NEVER = float("inf")

# A table of deadlines is looked through at most this often, however the deadlines lie (seconds).
RESOLUTION = 0.001


class Scheduler:
    """Which entry of a batch starts next, if any.

    Args:
        total: Number of entries, 0 or more.
        window: The most entries in flight at a time, 1 or more.
        deadline: When the whole batch ends, on the caller's clock in seconds; NEVER for no end.
        stop_on_error: Whether the first failure keeps the rest from starting.
    """

    __slots__ = (
        "_deadline",
        "_stop_on_error",
        "_window",
        "in_flight",
        "started",
        "stopped",
        "total",
    )

    def __init__(self, total: int, window: int, deadline: float = NEVER, stop_on_error: bool = False) -> None:
        if total < 0 or window < 1:
            raise ValueError(f"total {total} must be at least 0, window {window} at least 1")
        self.total = total
        self.started = 0
        self.in_flight = 0
        self.stopped = False
        self._window = window
        self._deadline = deadline
        self._stop_on_error = stop_on_error

    def next(self, now: float) -> int:
        """Give the index of the entry to start at `now`, or NOTHING: the window is full, or all have started."""
        if self.stopped or self.in_flight >= self._window or self.started >= self.total:
            return NOTHING
        if now >= self._deadline:
            self.stopped = True
            return NOTHING
        index = self.started
        self.started = index + 1
        self.in_flight += 1
        return index

    def finish(self, failed: bool) -> None:
        """Take note that a started entry has ended."""
        if self.in_flight < 1:
            raise ValueError("an entry ended that had not started")
        self.in_flight -= 1
        if failed and self._stop_on_error:
            self.stopped = True

    def finished(self) -> bool:
        """Say whether nothing is in flight and nothing will start any more."""
        return self.in_flight == 0 and (self.stopped or self.started == self.total)


class Deadlines:
    """One deadline a slot, and one alarm for all of them, set again only when it has to be.

    Args:
        slots: Number of slots, 1 or more.
    """

    __slots__ = ("_table", "alarm")

    def __init__(self, slots: int) -> None:
        self._table: list[float] = [NEVER] * slots
        self.alarm = NEVER

    def arm(self, slot: int, deadline: float) -> bool:
        """Set the deadline of a slot; NEVER clears it.

        Returns:
            Whether the alarm is now earlier, so that the caller must wait less long.
        """
        self._table[slot] = deadline
        if deadline < self.alarm:
            self.alarm = deadline
            return True
        return False

    def overdue(self, now: float) -> list[int]:
        """Give the slots whose deadline is not after `now`, clear them, and set the alarm for the rest."""
        late: list[int] = []
        first = NEVER
        for slot, deadline in enumerate(self._table):
            if deadline <= now:
                late.append(slot)
                self._table[slot] = NEVER
            elif deadline < first:
                first = deadline
        self.alarm = max(first, now + RESOLUTION)
        return late
