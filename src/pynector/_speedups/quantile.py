"""A quantile of the last values, such as the time within which 95 of 100 answers come."""

NEVER = float("inf")

# Of fewer values than these a high quantile says nothing.
LEAST = 20


class Quantile:
    """Keeps the last values, and sorts them again when an eighth of them is new.

    Args:
        q: The share of values that are not above it, more than 0 and at most 1.
        keep: How many of the last values count, 20 or more.
    """

    __slots__ = ("_at", "_found", "_fresh", "_keep", "_q", "_values")

    def __init__(self, q: float, keep: int = 512) -> None:
        if not 0 < q <= 1:
            raise ValueError(f"q {q} must be above 0 and at most 1")
        if keep < LEAST:
            raise ValueError(f"keep {keep} must be at least {LEAST}")
        self._q = q
        self._keep = keep
        self._values: list[float] = []
        # Where the next value goes, once all places are taken.
        self._at = 0
        # How many values have come since the last time they were sorted.
        self._fresh = 0
        self._found = NEVER

    def add(self, value: float) -> None:
        """Take a value in, in the place of the oldest one."""
        if len(self._values) < self._keep:
            self._values.append(value)
        else:
            self._values[self._at] = value
            self._at = self._at + 1 if self._at + 1 < self._keep else 0
        self._fresh += 1

    def value(self) -> float:
        """Return the smallest value that a share `q` or more of the values do not exceed; NEVER until there are 20."""
        count = len(self._values)
        if count >= LEAST and self._fresh * 8 >= count:
            rank = int(self._q * count)
            if rank / count < self._q:
                rank += 1
            self._found = sorted(self._values)[rank - 1]
            self._fresh = 0
        return self._found
