"""Where the entries of a stream of results come from: any iterable, also an endless or an asynchronous one.

It is read no faster than its entries are needed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
from copy import copy
from typing import Any

from ..eventloop import ENDS
from .entries import OF_ENTRIES, Request, checked_entry

# What comes out of an iterator and is no failure of it.
_ITS_OWN = (StopIteration, *ENDS)

# How many entries are read ahead, at least, where some may have to wait for their origin or to be sent again.
AHEAD_OF_OTHERS = 1000

# What a feed gives that has no entry now.
NOT_YET: object = object()


class Feed:
    """Entries that somebody gives while they are being sent: an iterator that may have none yet.

    Attributes:
        ready: Called when there are more; whoever reads them sets it.
    """

    __slots__ = ("_given", "_is_over", "ready")

    def __init__(self) -> None:
        self._given: deque[Iterator[Request]] = deque()
        self._is_over = False
        self.ready: Callable[[], object] = _nobody

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        while self._given:
            entry = next(self._given[0], None)
            if entry is not None:
                return entry
            self._given.popleft()
        if self._is_over:
            raise StopIteration
        return NOT_YET

    def add(self, entries: Iterable[Request]) -> None:
        """Give more of them; they are read as they are taken."""
        self._given.append(iter(entries))
        self.ready()

    def end(self) -> None:
        """Take note that no more are given."""
        self._is_over = True
        self.ready()

    def close(self) -> None:
        """Take note that nobody reads them any more."""
        self.ready = _nobody


class Source:
    """The entries, as a Dispatcher takes them: None where there is none now.

    Args:
        entries: Where they come from.
        ahead: How many may be read that nobody has taken the result of.
        taken: Returns how many results have been taken.
        ready: Called when there is an entry again.

    Attributes:
        error: What reading raised, or None.
        is_held: Whether it gave none because too many results have not been taken.
        ask_for_rules: Called at the first entry that has rules of its own, which is given when this has been set to
            None; None: any entry is given at once.
        given: What the asynchronous iterator has given, and nobody has taken yet.
        now: What they are read from, where that needs no waiting.
        later: The asynchronous iterator that they are read from by `reading.read`, or None.
        is_wanted: Whether another one is wanted of that.
        want: Called when another one is.
    """

    __slots__ = (
        "_ahead",
        "_is_over",
        "_is_stopped",
        "_put_off",
        "_read",
        "_ready",
        "_seen_taken",
        "_taken",
        "ask_for_rules",
        "error",
        "given",
        "is_held",
        "is_wanted",
        "later",
        "now",
        "want",
    )

    def __init__(
        self,
        entries: Iterable[Any] | AsyncIterable[Any],
        ahead: int,
        taken: Callable[[], int],
        ready: Callable[[], object],
    ) -> None:
        self._read = 0
        self._ahead = ahead
        self._taken = taken
        # How many had been when it was last asked.
        self._seen_taken = 0
        self._ready = ready
        self.ask_for_rules: Callable[[], object] | None = None
        self._put_off: Request | None = None
        self._is_stopped = False
        self.is_held = False
        self.error: BaseException | None = None
        self.later: AsyncIterator[Any] | None = None
        self.now: Iterator[Any] = iter(())
        if isinstance(entries, AsyncIterable):
            self.later = aiter(entries)
        else:
            self.now = iter(entries)
            if isinstance(entries, Feed):
                entries.ready = ready
        self.given: deque[Any] = deque()
        self._is_over = False
        self.is_wanted = False
        self.want: Callable[[], object] = _nobody

    def __iter__(self) -> Iterator[Request | None]:
        return self

    def __next__(self) -> Request | None:
        if self._is_stopped:
            raise StopIteration
        if self._put_off is not None:
            return self._what_was_put_off()
        self.is_held = self._read - self._seen_taken >= self._ahead
        if self.is_held:
            self._seen_taken = self._taken()
            self.is_held = self._read - self._seen_taken >= self._ahead
            if self.is_held:
                return None
        if self.later is None:
            entry = self._next()
            if self._is_stopped:
                # By what has just been read.
                raise StopIteration
            if entry is NOT_YET:
                return None
        elif self.given:
            entry = self.given.popleft()
        elif self._is_over:
            raise StopIteration
        else:
            if not self.is_wanted:
                self.is_wanted = True
                self.want()
            return None
        self._read += 1
        if type(entry) is tuple and len(entry) == 2 and type(entry[1]) is dict and not entry[1]:
            return entry
        data, own = checked_entry(self._read - 1, entry)
        if not own:
            return data, own
        # Its key is wanted at its end, when whoever gave it may have gone on with the dict.
        entry = data, copy(own)
        if self.ask_for_rules is None or OF_ENTRIES.isdisjoint(own):
            return entry
        self._put_off = entry
        self.ask_for_rules()
        return self._what_was_put_off()

    def _what_was_put_off(self) -> Request | None:
        if self.ask_for_rules is not None:
            return None
        entry, self._put_off = self._put_off, None
        return entry

    def read_further(self, ahead: int) -> None:
        """Let so many be read from now on that nobody has taken the result of."""
        self._ahead = ahead

    def _next(self) -> Any:
        try:
            return next(self.now)
        except _ITS_OWN:
            raise
        except BaseException as error:
            # What was in flight has its results first. A cancellation that comes out of it was meant for another task.
            self.error = error
            raise StopIteration from error

    def go_on(self, is_over: bool) -> None:
        """Take note that `given` has another one, or that the asynchronous iterator is over."""
        self._is_over = is_over
        self._ready()

    def is_at_end(self) -> bool:
        """Say whether there is nothing more, as far as that is known without waiting; if there is, an entry is lost."""
        if self._put_off is not None:
            return False
        if self.later is not None:
            return self._is_over and not self.given
        try:
            self._next()
        except StopIteration:
            return True
        return False

    def stop(self) -> None:
        """Give no entry any more."""
        self._is_stopped = True

    def leave(self) -> None:
        """Give no entry any more, and let go of the batch, which has this and every result."""
        self.stop()
        self._ready, self._taken, self.ask_for_rules = _nobody, _none, None


def ahead_of(window: int, lookahead: int | None, has_rules: bool) -> int:
    """Return how many entries that are read one by one may be under way, or have results that nobody has taken.

    Args:
        window: How many may be in flight.
        lookahead: How many beyond these, or None for as many as is usual.
        has_rules: Whether some may have to wait for more than a slot.
    """
    if lookahead is not None:
        return window + lookahead
    return window + (max(window, AHEAD_OF_OTHERS) if has_rules else window)


def _nobody() -> None:
    pass


def _none() -> int:
    return 0
