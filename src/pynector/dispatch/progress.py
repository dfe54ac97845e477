"""How far a batch has come: the numbers, and who is told of them while it goes on.

Nothing here is called for a request: the batch's own counts are read now and then.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sized
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import anyio

from ..eventloop import is_end
from ..unraisable import unraisable

# The seconds between two times that a batch is told of.
INTERVAL = 0.25

# The rate is that of the last so many seconds, or of as many more as it takes for FEW results: where they come slowly,
# it would jump with each.
WINDOW = 10.0
FEW = 20


class Counts(NamedTuple):
    """What a batch counts anyway; its fields are those of BatchProgress, but for the last.

    Attributes:
        found: How many of those done an earlier run had done.
    """

    done: int
    failed: int
    retried: int
    in_flight: int
    waiting: int
    total: int | None
    found: int = 0

    @property
    def own(self) -> int:
        """How many this run has done, which alone says how fast the rest goes."""
        return self.done - self.found


@dataclass(frozen=True, slots=True)
class BatchProgress:
    """How far a batch has come.

    Attributes:
        done: Entries that have ended, by an answer or an error.
        failed: How many of them ended in an error.
        retried: Attempts beyond the first of an entry.
        in_flight: Requests that are in flight; two of an entry that has a hedge.
        waiting: Entries that have begun and wait: for a rate, for their origin, or to be sent again.
        total: How many entries there are; None where nobody knows.
        elapsed: Seconds since the batch began.
        rate: Results per second in the last ten seconds or so; the last time that a batch is told of, in all of it.
        eta: Seconds until all are done if it goes on at this rate; None where that cannot be said, 0 where it is over.
    """

    done: int
    failed: int
    retried: int
    in_flight: int
    waiting: int
    total: int | None
    elapsed: float
    rate: float
    eta: float | None

    @property
    def fraction(self) -> float | None:
        """The share that is done, 0 to 1; None where the total is not known."""
        if self.total is None:
            return None
        return min(1.0, self.done / self.total) if self.total else 1.0


OnProgress = Callable[[BatchProgress], object]


class Listener(Protocol):
    """Who is told of a batch. It may raise: then it is told nothing more."""

    def show(self, progress: BatchProgress, /) -> object:
        """Take how far it has come."""

    def end(self, progress: BatchProgress, /) -> object:
        """Take how far it came. This is the last call, and perhaps the only one."""


class Speed:
    """How fast something goes lately.

    Args:
        now: When it began, in seconds.
        done: How much was done then.
    """

    def __init__(self, now: float, done: int) -> None:
        self._samples = deque([(now, done)])

    def per_second(self, now: float, done: int) -> float:
        """Return how fast it goes, now that so much is done."""
        samples = self._samples
        # A pause is its beginning and its end, however long it is.
        if len(samples) > 1 and samples[-1][1] == samples[-2][1] == done:
            samples.pop()
        samples.append((now, done))
        while samples[1][0] <= now - WINDOW and done - samples[1][1] >= FEW:
            samples.popleft()
        since, before = samples[0]
        return _per_second(done - before, now - since)


class Reporter:
    """Tells of a batch, at most once in an interval, and once at its end.

    What a listener raises is given to `sys.unraisablehook`, and the listener is told nothing more; the batch goes on.

    Args:
        counts: Returns what the batch counts.
        clock: The event loop's clock, in seconds.
        listeners: Who is told, in the event loop's thread.
        interval: The seconds between two times, more than 0.
    """

    def __init__(
        self,
        counts: Callable[[], Counts],
        clock: Callable[[], float],
        listeners: Iterable[Listener],
        interval: float = INTERVAL,
    ) -> None:
        self._counts = counts
        self._clock = clock
        self._listeners = list(listeners)
        self._interval = interval
        self._began = clock()
        self._at_first = counts().own
        self._speed = Speed(self._began, self._at_first)

    async def run(self) -> None:
        """Tell of the batch until this is cancelled, or nobody is left to be told."""
        while self._listeners:
            self.tell()
            await anyio.sleep(self._interval)

    def tell(self) -> None:
        """Tell how far it is now."""
        if not self._listeners:
            return
        now, counts = self._clock(), self._counts()
        rate = self._speed.per_second(now, counts.own)
        progress = BatchProgress(*counts[:6], elapsed=now - self._began, rate=rate, eta=_eta(counts, rate))
        for listener in tuple(self._listeners):
            self._call(listener, listener.show, progress)

    def finish(self) -> None:
        """Tell how far it came, however it ended. After that nobody is told anything more."""
        now, counts = self._clock(), self._counts()
        elapsed = now - self._began
        rate = _per_second(counts.own - self._at_first, elapsed)
        progress = BatchProgress(*counts[:6], elapsed=elapsed, rate=rate, eta=0.0)
        while self._listeners:
            listener = self._listeners.pop(0)
            self._call(listener, listener.end, progress)

    def _call(self, listener: Listener, call: OnProgress, progress: BatchProgress) -> None:
        try:
            call(progress)
        except BaseException as error:
            if is_end(error):
                raise
            if listener in self._listeners:
                self._listeners.remove(listener)
            unraisable(error)


def total_of(requests: Any) -> int | None:
    """Return how many entries there are in what a batch is given, or None where only reading them would tell."""
    try:
        return len(requests) if isinstance(requests, Sized) else None
    except Exception:
        return None


def _eta(counts: Counts, rate: float) -> float | None:
    if counts.total is None:
        return None
    left = max(0, counts.total - counts.done)
    if not left:
        return 0.0
    return left / rate if rate else None


def _per_second(count: int, seconds: float) -> float:
    return count / seconds if seconds > 0 else 0.0
