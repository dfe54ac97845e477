"""What a batch means: its entries, its deadline, and what becomes of its errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import anyio.lowlevel

from .._speedups.dispatcher import Dispatcher
from .._speedups.handover import hand_over
from .._speedups.results import Results
from .._speedups.ruled import RuledDispatcher
from .._speedups.scheduler import Scheduler
from ..errors import PynectorError, TimeoutError, as_pynector_error
from .bell import CallAt, TimedBell
from .endings import drained
from .entries import Common, Request
from .observing import Observed, Submit
from .progress import Counts
from .sources import Source, ahead_of

if TYPE_CHECKING:
    from .reporting import Wanted
    from .rules import Rules


_Given: TypeAlias = tuple[Scheduler, Iterator["Request | None"], Results, Submit, Callable[[], float]]
GoOn: TypeAlias = Callable[[Callable[[], None]], object]
_AlsoGiven: TypeAlias = tuple[float, Callable[[Request], float], Callable[..., BaseException], Callable[[], None]]


@dataclass(frozen=True)
class Batch:
    """What holds for one `batch_request` or `batch_stream`.

    Attributes:
        common: What holds for all its entries.
        window: The most entries in flight at a time, 1 or more; None: as many as the transport carries.
        deadline: When the whole batch ends, on the event loop's clock in seconds; math.inf for no end.
        raise_on_error: Whether the first failure ends the batch.
        total: How many entries it has; None: any number.
        failed: Told of each entry that fails, or None.
        observed: Told of each entry, or None where nobody wants to hear of them.
        rules: What holds for its entries beyond its window, or None.
        make_rules: Makes that when an entry comes that has some of its own, where entries are read one by one; or None.
        progress: Who wants to know how far it has come, or None.
        expected: How many entries it has, as far as that is told; None: nobody knows.
        checkpoint: The path of the file that has its results, and whether failures in it are sent again; None: no file.
        lookahead: How many entries beyond the window may be under way, or have results that have not been taken, where
            they are read one by one; None: as is usual.
    """

    common: Common
    window: int | None
    deadline: float
    raise_on_error: bool = False
    total: int | None = None
    failed: Callable[[PynectorError], None] | None = None
    observed: Observed | None = None
    rules: Rules | None = None
    make_rules: Callable[[], Rules] | None = None
    progress: Wanted | None = None
    expected: int | None = None
    checkpoint: tuple[Any, bool] | None = None
    lookahead: int | None = None

    def translate(self, error: BaseException, index: int, entry: Request, timeout: float) -> PynectorError:
        """Return the PynectorError that stands in an entry's place when it failed with `error`, and count it.

        `timeout` is the seconds it had: its options may have changed meanwhile.
        """
        problem = as_pynector_error(error)
        if isinstance(problem, TimeoutError):
            problem.seconds = timeout
        if problem.request is None:
            problem.request = self.common.name(index, entry)
        if self.failed is not None:
            self.failed(problem)
        return problem


class BatchRun:
    """A batch under way: each completion starts the next entry, with no task and no future an entry.

    Args:
        batch: The batch.
        source: Its entries; see Dispatcher.
        results: Takes what becomes of them.
        window: The most entries in flight at a time, 1 or more.
        submit: The transport's `submit`, or what stands for it.
        observable: Whether the transport reports the attempts of its requests.
        clock: The event loop's clock.
        go_on: Calls what goes on after answers: when the event loop has read what there is, say.
        call_at: Calls a function at a time on that clock.

    Attributes:
        scheduler: Says what starts.
        dispatcher: Starts it.
    """

    def __init__(
        self,
        batch: Batch,
        source: Iterator[Request | None],
        results: Results,
        window: int,
        submit: Submit,
        observable: bool,
        clock: Callable[[], float],
        go_on: GoOn,
        call_at: CallAt,
    ) -> None:
        self._batch = batch
        self._source = source
        self._window = window
        self._go_on = go_on
        # The dispatcher must not hold this: it has every answer.
        self._bell = TimedBell(call_at)
        self.scheduler = Scheduler(window, batch.deadline, batch.raise_on_error)
        keeping = None if batch.rules is None else batch.rules.keeping
        if keeping is not None:
            keeping.stop = self.stop
        entries = source if keeping is None else keeping.paced(source, window, self.read_on)
        if batch.observed is not None:
            entries, results = batch.observed.entries(entries), batch.observed.results(results)
            submit = batch.observed.submitter(submit, observable)

        # What a dispatcher gets before its options, and after them.
        self._given: _Given = self.scheduler, entries, results, submit, clock
        self._also_given: _AlsoGiven = batch.common.timeout, batch.common.timeout_of, batch.translate, self._bell.ring
        self.dispatcher: Dispatcher
        self.go_on: Callable[[], None]
        self._wanted: tuple[Callable[[], Rules], Source] | None = None
        if batch.rules is not None:
            self._go_by(self._ruled(batch.rules))
            if keeping is not None:
                keeping.refused = self.dispatcher.refused
            return
        self._go_by(Dispatcher(*self._given, batch.common.options, *self._also_given))
        if batch.make_rules is not None and isinstance(source, Source):
            source.ask_for_rules = partial(self._want_rules, batch.make_rules, source)

    def _ruled(self, rules: Rules) -> RuledDispatcher:
        rules.scheduler, rules.observed = self.scheduler, self._batch.observed
        return RuledDispatcher(*self._given, rules.options, *self._also_given, rules, self._bell.ring_at)

    def _go_by(self, dispatcher: Dispatcher) -> None:
        self.dispatcher = dispatcher
        # An answer comes in the context of its connection, and what it makes room for is the caller's.
        context = copy_context()
        self.go_on = partial(context.run, dispatcher.proceed)
        dispatcher.wake = partial(context.run, self._go_on, dispatcher.resume)

    def _want_rules(self, make: Callable[[], Rules], source: Source) -> None:
        self._wanted = make, source
        self._bell.ring()

    def _go_by_rules(self, make: Callable[[], Rules], source: Source) -> None:
        """Go on by rules: the next entry has some of its own. What is in flight stays so."""
        self._wanted = source.ask_for_rules = None
        dispatcher = self._ruled(make())
        hand_over(self.dispatcher, dispatcher)
        self._go_by(dispatcher)
        source.read_further(ahead_of(self._window, self._batch.lookahead, True))

    def read_on(self) -> None:
        """Go on, now that the source may have an entry."""
        # While entries are being started it is the source that calls this: what starts them goes on by itself.
        if not self.dispatcher.busy:
            self.go_on()

    def drain(self) -> None:
        """Start nothing that was not sent before; the source gives nothing more."""
        if isinstance(self.dispatcher, RuledDispatcher):
            self.dispatcher.drain(drained)
        self.read_on()

    def stop(self) -> None:
        """Start nothing more, and end when what is in flight has."""
        self.scheduler.stopped = True
        self._bell.ring()

    def counts(self) -> Counts:
        """Return how far it has come."""
        dispatcher = self.dispatcher
        done, waiting = dispatcher.counts()
        in_flight = self.scheduler.in_flight
        rules, total = self._batch.rules, self._batch.expected
        found = rules.keeping.found if rules is not None and rules.keeping is not None else 0
        return Counts(done, dispatcher.failures, dispatcher.retried, in_flight, max(0, waiting), total, found)

    def left(self) -> int:
        """Return how many entries have not started, as far as that is known."""
        return 0 if self._batch.total is None else self._batch.total - self.scheduler.started

    def has_failed(self) -> bool:
        """Return whether a failure is to be raised."""
        return self._batch.raise_on_error and self.dispatcher.first_error is not None

    def is_complete(self) -> bool:
        """Return whether every entry that there is has ended."""
        if self.scheduler.started > self.dispatcher.counts()[0]:
            return False
        if isinstance(self._source, Source):
            # Whoever takes the results slowly holds it, and may do so at its end.
            return self.scheduler.exhausted or self._source.is_at_end()
        return self.left() == 0

    async def run(self) -> None:
        """Return when every entry has ended, or, with raise_on_error, after the first failure."""
        try:
            while True:
                if self._wanted is not None:
                    self._go_by_rules(*self._wanted)
                self.dispatcher.run()
                if self._is_over():
                    return
                await self._bell.wait()
                await anyio.lowlevel.checkpoint()
                self._raise_fault()
        finally:
            self.dispatcher.end()
            self._bell.be_silent()

    def _raise_fault(self) -> None:
        fault, self.dispatcher.fault = self.dispatcher.fault, None
        if fault is not None:
            try:
                raise fault
            finally:
                # Or the frames that it comes through would keep it, and it them.
                del fault

    def _is_over(self) -> bool:
        return self.has_failed() or self.dispatcher.is_finished()
