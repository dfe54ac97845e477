"""How much there was of something in the last seconds, in constant memory."""

PARTS = 10


class Recent:
    """Counts in parts of a window, each a tenth of it; so the window is known to within a part.

    Args:
        window: Its seconds, above 0; infinite to forget nothing.
    """

    __slots__ = ("_counts", "_end", "_newest", "_sum", "_width")

    def __init__(self, window: float) -> None:
        if not window > 0:
            raise ValueError(f"window {window} must be above 0")
        self._width = window / PARTS
        # One part more than a window has, for the newest one is seldom full.
        self._counts = [0] * (PARTS + 1)
        self._newest = 0
        self._end = 0.0
        self._sum = 0

    def add(self, now: float) -> None:
        """Count one at `now`, which does not go backward."""
        self._advance(now)
        self._counts[self._newest] += 1
        self._sum += 1

    def inside(self, now: float) -> int:
        """Return how many there were in the window or, at its start, up to a part less: never one from before it."""
        self._advance(now)
        oldest = self._newest + 1 if self._newest < PARTS else 0
        return self._sum - self._counts[oldest]

    def covering(self, now: float) -> int:
        """Return how many there were in the window or, before its start, up to a part more: all of it for certain."""
        self._advance(now)
        return self._sum

    def clear(self) -> None:
        """Forget all."""
        for part in range(PARTS + 1):
            self._counts[part] = 0
        self._sum = 0

    def _advance(self, now: float) -> None:
        steps = 0
        while self._end <= now and steps <= PARTS:
            self._newest = self._newest + 1 if self._newest < PARTS else 0
            self._sum -= self._counts[self._newest]
            self._counts[self._newest] = 0
            self._end += self._width
            steps += 1
        if self._end <= now:
            self._end = now + self._width
