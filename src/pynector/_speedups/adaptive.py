"""A window that finds out by itself how many requests in flight a server takes.

The algorithm is FAST TCP's (Wei, Jin, Low, Hegde: IEEE/ACM Transactions on Networking 14(6), 2006), which wants what
TCP Vegas does (Brakmo, Peterson: IEEE Journal on Selected Areas in Communications 13(8), 1995) and is there sooner.
With `base`, the time of an answer where no queue is, and `mean`, that of the answers now, the window becomes

    window * base / mean + queue

where `queue` is what may wait at the server. Answers differ among themselves as packets do not, and so three things are
otherwise: a mean of many answers stands for the smallest time of all, as one quick answer says nothing of the others;
what may be chance, by the standard error of the means, is taken for no queue; and `base` is measured anew from time to
time with less in flight, as BBR does (Cardwell and others: ACM Queue 14(5), 2016), until less in flight is no quicker.
"""

from math import sqrt

# A round of answers ends when there are so many and as many as the window, and the standard error of their mean is so
# small a share of it; or when there are so many for each of the window.
FEWEST = 10
ERROR = 0.02
WINDOWS = 8

# A mean that is longer by less than this share is no sign of a queue, however sure it is.
TOLERANCE = 0.04
# What may wait at the server: the root of the window by this, so that two clients of it come to have equal shares.
QUEUE = 0.2
# The share of the window above which it is made use of.
USED = 0.8
# The share by which the window grows in a round, at the most, once it has been too large.
GROWTH = 0.5

# How many rounds the base holds before it is measured, with the window times this. It is the same up to such a share;
# else there is no queue if answers become quicker by less than this share of what is less in flight.
ROUNDS = 20
DRAIN = 0.8
SAME = 0.12
NO_QUEUE = 0.3

# What the window is multiplied by on a drop, as by CUBIC (RFC 9438 section 4.6).
BACKOFF = 0.7
# One drop in fifty is no sign of congestion, as BBR has it since its version 2; as many as this are saved up. Without
# it, a server that fails one request in a hundred would have an eighth of what it can take.
FORGIVEN = 0.02
CREDIT = 3.0

DOUBLING = 0
FOLLOWING = 1
DRAINED = 2

FOREVER_AGO = float("-inf")


class Samples:
    """How long the answers of one round took.

    Attributes:
        mean: Seconds; of the last round that was over.
        noise: By which share of it the true mean may differ: two standard errors.
        spread: The variance over the square of the mean.
    """

    __slots__ = ("_count", "_squares", "_sum", "mean", "noise", "spread")

    def __init__(self) -> None:
        self.mean = 0.0
        self.noise = 0.0
        self.spread = 0.0
        self.clear()

    def clear(self) -> None:
        """Begin a round."""
        self._count = 0
        self._sum = 0.0
        self._squares = 0.0

    def add(self, elapsed: float) -> None:
        """Take a time in."""
        self._count += 1
        self._sum += elapsed
        self._squares += elapsed * elapsed

    def enough(self, limit: int, hold: bool) -> bool:
        """Return whether the round of a window is over, with its figures set; if `hold`, only where it is long."""
        count = self._count
        if count < FEWEST or count < limit or self._sum <= 0.0:
            return False
        mean = self._sum / count
        spread = max(self._squares / count / (mean * mean) - 1.0, 0.0)
        if count < WINDOWS * limit and (hold or count < spread / (ERROR * ERROR)):
            return False
        self.mean = mean
        self.noise = 2.0 * sqrt(spread / count)
        self.spread = spread
        return True


class AdaptiveWindow:
    """How many requests may be in flight, learnt from how long they take and from those that the server drops.

    The window doubles with each round of answers until they take longer, and then keeps as many in flight as the server
    works on at a time, and a few more. Where it is not made use of, it stays. A drop multiplies it by 0.7, unless 50
    answers had come for it; drops of what was in flight with that one change nothing, and the next one does so again.

    Args:
        least: The smallest window, 1 or more.
        most: The largest one.
        start: The first one, brought between these.

    Attributes:
        limit: The window now.
    """

    __slots__ = (
        "_backed_off",
        "_base",
        "_base_noise",
        "_before",
        "_changed",
        "_confirmed",
        "_credit",
        "_flat",
        "_fresh",
        "_growth",
        "_hold",
        "_last",
        "_least",
        "_most",
        "_peak",
        "_phase",
        "_resumed",
        "_rounds",
        "_samples",
        "_window",
        "limit",
    )

    def __init__(self, least: int = 1, most: int = 1_000_000, start: int = 10) -> None:
        if not 1 <= least <= most:
            raise ValueError(f"least {least} must be at least 1, and most {most} at least that")
        self._least = least
        self._most = most
        self.limit = min(max(start, least), most)
        self._window = float(self.limit)
        self._phase = DOUBLING
        self._samples = Samples()
        # The most in flight in this round.
        self._peak = 0
        self._fresh = False
        self._changed = FOREVER_AGO
        self._backed_off = FOREVER_AGO
        # A fresh round is not over before slow answers can have come, if answers are as slow as in the last one.
        self._hold = 0.0
        # The time of an answer without a queue, how many rounds ago it was measured, and the time in the last round.
        self._base = self._base_noise = 0.0
        self._rounds = 0
        self._last = 0.0
        # The last window that was found to have no queue.
        self._confirmed = 0.0
        # The share by which it grows next.
        self._growth = 0.0
        # While there is less in flight: the limit before, whether that changed nothing, and the window afterward.
        self._before = 0
        self._flat = False
        self._resumed = 0.0
        # How many drops are forgiven.
        self._credit = 0.0

    def ended(self, elapsed: float, in_flight: int, dropped: bool, now: float) -> bool:
        """Take note that an attempt has ended.

        Args:
            elapsed: Its seconds.
            in_flight: How many were in flight when it ended, itself among them.
            dropped: Whether the server did not take it: 429, 503, a timeout, no connection.
            now: The time, in seconds.

        Returns:
            Whether `limit` has changed.
        """
        began = now - elapsed
        if dropped:
            return began > self._backed_off and self._drop(in_flight, now)
        self._credit = min(self._credit + FORGIVEN, CREDIT)
        # What began before tells of another window.
        if began < self._changed:
            return False
        samples = self._samples
        samples.add(elapsed)
        if in_flight > self._peak:
            self._peak = in_flight
        hold = self._fresh and now - self._changed < self._hold
        if not samples.enough(self.limit, hold):
            return False
        self._hold = samples.mean * (1.0 + 2.0 * sqrt(samples.spread))
        return self._conclude(samples.mean, samples.noise, now)

    def _conclude(self, mean: float, noise: float, now: float) -> bool:
        """End a round."""
        used = self._peak >= USED * self.limit
        self._begin_round()
        self._rounds += 1
        chance = sqrt(noise * noise + self._base_noise * self._base_noise)
        if self._phase == DRAINED:
            return self._drained(mean, noise, chance, now)
        tolerance = max(TOLERANCE, chance)
        if self._base == 0.0 or mean * (1.0 + tolerance) < self._base:
            self._base = mean
            self._base_noise = noise
        self._last = mean
        if not used:
            return False
        if self._phase == FOLLOWING and self._rounds >= ROUNDS:
            return self._drain(self._window, now)
        if self._phase == DOUBLING:
            # To end this too soon costs more than a round too much.
            tolerance *= 1.5
        share = self._base / mean
        if share * (1.0 + tolerance) >= 1.0:
            return self._grow(now)
        return self._shrink(share, tolerance, now)

    def _grow(self, now: float) -> bool:
        """Go on after a round that shows no queue."""
        self._confirmed = self._window
        if self._phase == DOUBLING:
            return self._set(self._window * 2.0, now)
        grown = self._window * (1.0 + self._growth) + QUEUE * sqrt(self._window)
        # One such round may be chance; after several, the server takes more than it did.
        self._growth = min(self._growth * 2.0 + 0.02, GROWTH)
        return self._set(grown, now)

    def _shrink(self, share: float, tolerance: float, now: float) -> bool:
        """Go on after a round that shows a queue; `share` of a mean is what an answer takes without it."""
        self._growth = 0.0
        if self._phase == DOUBLING:
            return self._drain(self._window * share, now)
        # Where all answers take longer than they did, for another reason, the window would shrink to nothing.
        if self._window <= 0.75 * self._confirmed:
            return self._drain(self._window, now)
        # One round may have met a server that stood still for a moment.
        wanted = self._window * max(share * (1.0 + tolerance), 0.5)
        return self._set(wanted + QUEUE * sqrt(self._window), now)

    def _drain(self, window: float, now: float) -> bool:
        """See how long answers take with less in flight than `window`, which is taken if they are no quicker."""
        if self._phase != DRAINED:
            self._phase = DRAINED
            self._flat = False
        self._before = self.limit
        self._resumed = window
        return self._set(min(window * DRAIN, self.limit - 1), now)

    def _drained(self, mean: float, noise: float, chance: float, now: float) -> bool:
        """Go on after a round with less in flight: with still less if there was a queue, else as before."""
        over = abs(mean - self._base) <= self._base * max(chance, SAME)
        if not over:
            # It is not what it was. A queue may just be growing, or shrinking: less in flight may change nothing twice.
            flat = self._last / mean - 1.0 < max(chance, NO_QUEUE * (self._before / self.limit - 1.0))
            over = flat and self._flat
            self._flat = flat
        self._last = mean
        if not over and self.limit > self._least:
            return self._drain(self._window, now)
        self._base = mean
        self._base_noise = noise
        self._rounds = 0
        self._phase = FOLLOWING
        self._confirmed = self._resumed
        return self._set(self._resumed, now)

    def _drop(self, in_flight: int, now: float) -> bool:
        """Go on after a drop. What was in flight stands for the window then (RFC 5681 section 3.1)."""
        if self._credit >= 1.0:
            self._credit -= 1.0
            return False
        self._backed_off = now
        self._begin_round()
        self._growth = 0.0
        # From the least it begins anew.
        self._phase = FOLLOWING if self.limit > self._least else DOUBLING
        return self._set(min(self._window, in_flight) * BACKOFF, now)

    def _begin_round(self) -> None:
        self._samples.clear()
        self._peak = 0
        self._fresh = False

    def _set(self, window: float, now: float) -> bool:
        self._window = min(max(window, self._least), self._most)
        limit = int(self._window)
        if limit == self.limit:
            return False
        self.limit = limit
        self._changed = now
        self._fresh = True
        return True
