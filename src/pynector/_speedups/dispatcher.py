"""Starts the entries of a batch on a transport, and takes what becomes of each, once."""

from collections.abc import Callable
from typing import Any

from . import scheduler
from .results import Results
from .scheduler import Scheduler
from .told import Told

# Anew, so that it is C's own number here.
NOTHING = scheduler.NOTHING

# How many entries may start in a row before the event loop gets its turn.
BURST = 256

# Not every longer integer is a float, too (seconds).
LONGEST = 1 << 63

# A token says the slot, and how often any was taken before: what comes for a slot twice is not taken for the next
# entry's.
SLOT_BITS = 24
SHIFT = SLOT_BITS
MASK = (1 << SHIFT) - 1


class Slot:
    """What is in flight in one place of the window.

    Attributes:
        token: What its completion is called with; -1 while it is free.
        index: The entry's number.
        entry: The entry.
        started: When it started, on the event loop's clock in seconds.
        timeout: Seconds it may take.
        handle: What the request is given up by, or None.
        call: See RuledDispatcher: what it is an attempt of; None elsewhere, and so is what follows.
        places: Its places at origins.
        generations: What it says to breakers when it has ended.
        is_hedge: Whether it went beside another attempt.
    """

    __slots__ = ("call", "entry", "generations", "handle", "index", "is_hedge", "places", "started", "timeout", "token")

    def __init__(self) -> None:
        self.token = -1
        self.index = -1
        self.entry: Any = None
        self.started = 0.0
        self.timeout = 0.0
        self.handle: Any = None
        self.call: Any = None
        self.places: Any = None
        self.generations: Any = None
        self.is_hedge = False


class Dispatcher(Told):
    """Starts what may start, whenever it is run, and at each completion. It is the completion that the transport gets.

    Args:
        scheduler: Says what starts next, and in which slot.
        source: Gives the entries, (data, options): an iterator. Where it gives None it has nothing now, and runs this
            again when it has.
        results: Takes what becomes of them.
        submit: The transport's `submit`.
        clock: The event loop's clock.
        options: Options for all entries.
        timeout: Seconds an entry may take that says nothing else.
        timeout_of: Returns the timeout of an entry whose options need a closer look, or raises what is wrong with it.
        translate: Makes a PynectorError of whatever an entry failed with, from that, its number, the entry
            and the seconds it had.
        notify: Called when the batch is over, or when a burst has ended and it must be run again.

    Attributes:
        current: What a request is to run in: nothing in particular.
        wake: Called after a completion while not `busy`, once until this is run again, to have `resume` be called when
            the event loop has read what there is; None for nobody.
        busy: True while somebody starts entries and will go on by himself.
        failures: How many entries have failed.
        retried: How many attempts were made beyond the first ones.
        first_error: The first failure in time.
        fault: What came out of this, not of an entry, or None: the batch ends with it.
        heir: Who goes on with what this has begun, or None; see `hand_over`.
    """

    __slots__ = (
        "_clock",
        "_end",
        "_is_due",
        "_notify",
        "_options",
        "_rest",
        "_results",
        "_scheduler",
        "_serial",
        "_slots",
        "_source",
        "_submit",
        "_timeout",
        "_timeout_of",
        "_translate",
        "busy",
        "current",
        "failures",
        "fault",
        "first_error",
        "heir",
        "retried",
        "wake",
    )

    def __init__(
        self,
        scheduler: Scheduler,
        source: Any,
        results: Results,
        submit: Callable[..., Any],
        clock: Callable[[], float],
        options: Any,
        timeout: float,
        timeout_of: Callable[[Any], float],
        translate: Callable[[BaseException, int, Any, float], BaseException],
        notify: Callable[[], None],
    ) -> None:
        self._scheduler = scheduler
        self._source = source
        self._results = results
        self._submit = submit
        self._clock = clock
        self._options = options
        self._timeout = timeout
        self._timeout_of = timeout_of
        self._translate = translate
        self._notify = notify
        self._slots: list[Slot] = []
        # What was made of the options of an entry: those of the next ones are often the same.
        self._rest: dict[Any, Any] = {}
        # What stands for the source's end, which is no exception so.
        self._end = object()
        self._serial = 0
        # Whether there was a completion since it was run.
        self._is_due = False
        self.current = None
        self.wake: Callable[[], object] | None = None
        self.busy = False
        self.failures = 0
        self.retried = 0
        self.first_error: Any = None
        self.fault: Any = None
        self.heir: Any = None

    # Starting

    def run(self) -> None:
        """Start entries until the window is full, there is none, or a burst of them has started."""
        # A completion inside `submit` finds this busy and does not come back here: the loop goes on by itself, so no
        # number of immediate completions can deepen the stack.
        # Only at the end, or whoever is told would come back at once, again and again, while the source has nothing.
        if not self.busy and (self._fill(self._clock()) or self._scheduler.failed or self.is_finished()):
            self._notify()

    def proceed(self) -> None:
        """Run this where nobody can take what is raised: whoever runs the batch gets it, as the `fault`."""
        try:
            self.run()
        except BaseException as error:
            self.fault = error
            self._notify()

    def resume(self) -> None:
        """Proceed after completions, unless somebody has done so, or this has ended."""
        # What a peer reads is soon answered. So requests that begin together, and not each behind an answer of its own,
        # find it awake: to wake a process costs more than anything here.
        if self._is_due and self.wake is not None:
            self.proceed()

    def _fill(self, now: float) -> bool:
        """Start what may start, and return whether a burst has started, so that this is to be run again."""
        self.busy = True
        self._is_due = False
        count = 0
        burst = BURST
        try:
            while count < burst:
                number = self._scheduler.next(now)
                if number < 0 or not self._begin(number, now):
                    break
                count += 1
        finally:
            self.busy = False
        return count == burst

    def _begin(self, number: int, now: float) -> bool:
        """Start the next entry in a slot, and return whether there was one."""
        entry = next(self._source, self._end)
        if entry is None or entry is self._end:
            self._scheduler.return_slot(number, entry is not None)
            return False
        while number >= len(self._slots):
            self._slots.append(Slot())
        slot: Slot = self._slots[number]
        token = self._serial << SHIFT | number
        slot.token = token
        slot.index = self._serial
        slot.entry = entry
        slot.started = now
        self._serial += 1
        self._start(slot, token, now)
        return True

    def _start(self, slot: Slot, token: int, now: float) -> None:
        data, options = slot.entry
        timeout = slot.timeout = self._timeout
        try:
            if not options:
                options = self._options
            else:
                timeout = self._timeout_for(slot.entry)
                options = self._options_for(options)
                slot.timeout = timeout
            handle = self._submit(data, options, now + timeout, self, token)
        except BaseException as error:
            self._not_sent(token, error)
            return
        if handle is not None and slot.token == token:
            slot.handle = handle

    def _timeout_for(self, entry: Any) -> float:
        """Return the timeout of an entry with options."""
        options = entry[1]
        if type(options) is dict:
            given: Any = options
            own = given.get("timeout", self._timeout)
            if is_timeout(own):
                return own  # type: ignore[no-any-return]
        return self._timeout_of(entry)

    def _options_for(self, own: Any) -> Any:
        """Return the options that an entry with some of its own is sent with."""
        if self._options or type(own) is not dict:
            return merged(self._options, own)
        given, rest, is_less = own, self._rest, False
        left = len(rest)
        for name, value in given.items():
            if rest.get(name, self) is value:
                left -= 1
            elif name == "timeout" or name == "key":
                is_less = True
            else:
                break
        else:
            if is_less and left == 0:
                return rest
        both = merged(self._options, own)
        if both is not own:
            self._rest = both
        return both

    def _not_sent(self, token: int, error: BaseException) -> None:
        """Take what was raised while a request was sent."""
        # `submit` must not raise; if it does, or an object of the caller's, the batch must go on all the same.
        self.fail(token, error)
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            raise error

    # The completion

    def succeed(self, token: int, response: object) -> None:
        """Take the answer of an entry. A second completion of one entry is ignored: the first one stands."""
        slot: Slot = self._taken(token)
        if slot is not None:
            index, started = slot.index, slot.started
            entry = slot.entry
            self._free(slot)
            self._results.put(index, entry, started, 1, response)
            self._scheduler.finish(token & MASK, False)
            self._go_on()
        elif self.heir is not None:
            self.heir.succeed(token, response)

    def fail(self, token: int, error: BaseException) -> None:
        """Take the failure of an entry. A second completion of one entry is ignored: the first one stands."""
        slot: Slot = self._taken(token)
        if slot is not None:
            index, started, timeout = slot.index, slot.started, slot.timeout
            entry = slot.entry
            self._free(slot)
            self._failed(index, entry, started, timeout, error)
            self._scheduler.finish(token & MASK, True)
            self._go_on()
        elif self.heir is not None:
            self.heir.fail(token, error)

    def _taken(self, token: int) -> Any:
        """Return the slot that a token is of, or None if its entry has ended."""
        number = token & MASK
        if token < 0 or token >> SHIFT >= self._serial or number >= len(self._slots):
            raise ValueError(f"token {token} is not of a request in flight")
        slot: Slot = self._slots[number]
        return slot if slot.token == token else None

    def _go_on(self) -> None:
        if not self._is_due and self.wake is not None and not self.busy:
            self._is_due = True
            self.wake()

    def _free(self, slot: Slot) -> None:
        slot.token = -1
        slot.entry = None
        slot.handle = None

    def _failed(self, index: int, entry: Any, started: float, timeout: float, error: BaseException) -> None:
        self._results.put(index, entry, started, 1, self._failure(index, entry, timeout, error))

    def _failure(self, index: int, entry: Any, timeout: float, error: BaseException) -> Any:
        """Count a failure, and return what stands for it."""
        problem = self._translate(error, index, entry, timeout)
        self._count(problem)
        return problem

    def _count(self, problem: Any) -> None:
        self.failures += 1
        if self.first_error is None:
            self.first_error = problem

    def refused(self, index: int, entry: Any, error: BaseException) -> Any:
        """Take note that whoever takes the results cannot take one, and return what stands in its place."""
        self._scheduler.ended(True)
        return self._failure(index, entry, self._timeout, error)

    # Its end

    def is_finished(self) -> bool:
        """Return whether nothing is in flight and nothing will start any more."""
        return self._scheduler.finished()

    def counts(self) -> tuple[int, int]:
        """Return how many entries have ended, and how many have begun and wait for something."""
        return self._scheduler.started - self._scheduler.in_flight, 0

    def end(self) -> None:
        """Start nothing more, and wake nobody: what would carry this may be on its own way to an end."""
        self._scheduler.stopped = True
        # It leads back to this: they would keep each other, and every answer, until the garbage collector comes by.
        self.wake = None

    def index_of(self, token: int) -> int:
        """Return the number of the entry in flight that a token is of."""
        slot: Slot = self._slots[token & MASK]
        return slot.index

    def abandon(self, reason: Callable[[Any], BaseException] | None) -> None:
        """Start nothing more, cancel what is in flight, and give each of those the error `reason(handle)`, if any."""
        self._scheduler.stopped = True
        for slot in self._slots:
            one: Slot = slot
            if one.token < 0:
                continue
            token, index, entry, started, handle = one.token, one.index, one.entry, one.started, one.handle
            timeout = one.timeout
            self._free(one)
            if reason is not None:
                self._failed(index, entry, started, timeout, reason(handle))
            self._scheduler.finish(token & MASK, True)
            if handle is not None:
                handle.cancel()


def merged(common: Any, own: Any) -> Any:
    """Return the options of all entries with those of one that are the transport's: not its timeout and its key."""
    if "timeout" not in own and "key" not in own:
        return {**common, **own} if common else own
    if len(own) == 1:
        return common
    both = {**common, **own}
    both.pop("timeout", None)
    both.pop("key", None)
    return both


def is_timeout(value: Any) -> bool:
    """Say whether a timeout is valid without a closer look."""
    return (type(value) is float or (type(value) is int and value < LONGEST)) and value > 0


def first_malformed(entries: list[Any]) -> int:
    """Return the index of the first entry that is not a tuple (data, options) with a dict of options, or -1."""
    for index, entry in enumerate(entries):
        if not isinstance(entry, tuple) or len(entry) != 2 or not isinstance(entry[1], dict):
            return index
    return -1


def has_rules(entries: list[Any]) -> bool:
    """Say whether an entry has more of its own than an option of the transport: see `pynector.dispatch.rules`."""
    for entry in entries:
        own = entry[1]
        if own:
            given: Any = own if type(own) is dict else dict(own)
            if "retry" in given or "hedge_after" in given or "idempotency_key" in given:
                return True
    return False


def doubtful_timeouts(entries: list[Any]) -> list[tuple[int, Any]]:
    """Return the index and the timeout of each entry that has one of its own, and one that needs a closer look."""
    found = []
    for index, entry in enumerate(entries):
        own = entry[1]
        if own:
            given: Any = own if type(own) is dict else dict(own)
            timeout = given.get("timeout", 1.0)
            if not is_timeout(timeout):
                found.append((index, timeout))
    return found
