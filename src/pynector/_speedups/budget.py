"""How many requests may be sent beyond those asked for: repeated ones and hedges, over all calls of a client."""

from .recent import Recent


class Budget:
    """Lets extra requests through as a share of the others, so that a failing server is not hammered.

    In any `window` seconds there are at most `share` extra ones for each first attempt in them, and `floor` more for
    each second of the window, which may come at once. The window is counted in tenths, on the side of fewer.

    Args:
        share: Extra requests for each first attempt, 0 or more.
        floor: Extra requests a second that are always there, 0 or more: without it, a client that asks for little
            could repeat nothing.
        window: Seconds, above 0.

    Attributes:
        refused: How many were not within the budget.
    """

    __slots__ = ("_extra", "_first", "_floor", "_share", "refused")

    def __init__(self, share: float, floor: float = 10.0, window: float = 10.0) -> None:
        if not share >= 0 or not floor >= 0:
            raise ValueError(f"share {share} and floor {floor} must be 0 or more")
        self._share = share
        self._floor = floor * window
        self._first = Recent(window)
        self._extra = Recent(window)
        self.refused = 0

    def began(self, now: float) -> None:
        """Count a first attempt."""
        self._first.add(now)

    def allows(self, now: float) -> bool:
        """Return whether one extra request is within the budget."""
        if self._extra.covering(now) + 1 > self._share * self._first.inside(now) + self._floor:
            self.refused += 1
            return False
        return True

    def take(self, now: float) -> None:
        """Count an extra request."""
        self._extra.add(now)

    def withdraw(self, now: float) -> bool:
        """Return whether one extra request is within the budget; it then counts."""
        if not self.allows(now):
            return False
        self.take(now)
        return True
