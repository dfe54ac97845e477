"""Starts the entries of a batch on a transport that calls back."""

from collections.abc import Callable
from typing import Any

from .collector import Collector
from .scheduler import Scheduler

# How many entries may start in a row before the event loop gets its turn.
BURST = 256


class Pump:
    """Starts what may start, whenever it is run; the collector runs it again at each completion.

    Args:
        scheduler: Says what starts next.
        collector: Gets the answers.
        submit: The transport's `submit`.
        clock: The event loop's clock.
        requests: The entries, (data, options).
        options: Options for all entries.
        timeout: Seconds an entry may take that says nothing else.
        entry: Gives data, options and timeout of an entry that has options of its own, or raises what is wrong with it.
        notify: Called when the batch may be over, or when a burst has ended and it must be run again.
    """

    __slots__ = (
        "_clock",
        "_collector",
        "_entry",
        "_notify",
        "_options",
        "_requests",
        "_scheduler",
        "_submit",
        "_timeout",
    )

    def __init__(
        self,
        scheduler: Scheduler,
        collector: Collector,
        submit: Callable[..., Any],
        clock: Callable[[], float],
        requests: Any,
        options: Any,
        timeout: float,
        entry: Callable[[int], tuple[Any, Any, float]],
        notify: Callable[[], None],
    ) -> None:
        self._scheduler = scheduler
        self._collector = collector
        self._submit = submit
        self._clock = clock
        self._requests = requests
        self._options = options
        self._timeout = timeout
        self._entry = entry
        self._notify = notify

    def run(self) -> None:
        """Start entries until the window is full, all have started, or a burst of them has."""
        # A completion inside `submit` finds the collector busy and does not come back here: the loop goes on by
        # itself, so no number of immediate completions can deepen the stack.
        self._collector.busy = True
        now = self._clock()
        count = 0
        try:
            while count < BURST:
                index = self._scheduler.next(now)
                if index < 0:
                    break
                self._start(index, now)
                count += 1
        finally:
            self._collector.busy = False
        if count == BURST or self._scheduler.stopped or self._scheduler.in_flight == 0:
            self._notify()

    def _start(self, index: int, now: float) -> None:
        data, options = self._requests[index]
        timeout = self._timeout
        try:
            if options:
                data, options, timeout = self._entry(index)
            else:
                options = self._options
            handle = self._submit(data, options, now + timeout, self._collector, index)
        except BaseException as error:
            # `submit` must not raise; if it does, or an object of the caller's, the batch must go on all the same.
            self._collector.fail(index, error)
            if isinstance(error, (KeyboardInterrupt, SystemExit)):
                raise
            return
        if handle is not None:
            self._collector.attach(index, handle)


def first_malformed(entries: list[Any]) -> int:
    """Give the index of the first entry that is not a tuple (data, options) with a dict of options, or -1."""
    for index, entry in enumerate(entries):
        if not isinstance(entry, tuple) or len(entry) != 2 or not isinstance(entry[1], dict):
            return index
    return -1


def timeouts_of(entries: list[Any]) -> list[tuple[int, Any]]:
    """Return the index and the timeout of each entry that has one of its own."""
    return [(index, own["timeout"]) for index, (_, own) in enumerate(entries) if "timeout" in own]
