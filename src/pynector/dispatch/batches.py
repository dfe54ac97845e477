"""The batches under way on a session: each is run until it is over, and what is left of it then gets its error."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from dataclasses import replace
from typing import Any, Protocol

import anyio

from .._speedups.results import ListResults, Results
from ..callbacks import Timer
from ..errors import PynectorError, TimeoutError, TransportError
from ..groups import ungrouped
from ..transport.contract import Handle
from .batch import Batch, BatchRun, GoOn
from .endings import batch_late, closed, escaped
from .entries import Request
from .observing import Submit
from .reading import close, read
from .sources import Source, ahead_of
from .stream import BatchStream
from .workers import Exchange, Workers

# The window of a stream of results that says none, over a transport that carries any number.
ANY_WINDOW = 100

# The most in flight with a window that follows what the server can bear.
MOST_ADAPTIVE = 1000

NOT_READ: Request = (None, {})

# How long the end of a batch waits for what its entries are read from to be closed (seconds); nobody can cancel that.
SOURCE_PATIENCE = 5.0

Reason = Callable[[Handle | None], TransportError | TimeoutError]


class Host(Protocol):
    """What a session has for its batches.

    Attributes:
        submit: The transport's `submit`, or None.
        exchange: Its `exchange`, used where there is no `submit`.
        observable: Whether the transport reports the attempts of its requests.
        is_closed: Whether it has been closed.
        clock: The event loop's clock, in seconds.
    """

    clock: Callable[[], float]
    submit: Submit | None
    exchange: Exchange
    observable: bool
    is_closed: bool

    def call_soon(self, call: Callable[[], Any]) -> None:
        """Call a function when the event loop has read what there is."""

    def call_at(self, when: float, call: Callable[[], Any]) -> Timer:
        """Call a function at a time on the event loop's clock in seconds."""

    def room_for(self, window: int | None) -> int | None:
        """Return how many requests the transport carries at a time, once it knows of a window; None: any number."""

    def guard(self, deadline: float) -> AbstractContextManager[anyio.CancelScope]:
        """Return a cancel scope that closing the session cancels, too."""

    def ended(self, count: int) -> None:
        """Count requests that have ended."""

    def failed(self, error: PynectorError) -> None:
        """Count the error of one of them."""


class Batches:
    """Runs batches.

    Args:
        host: The session.

    Attributes:
        under_way: Those that are not over.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self.under_way: set[BatchRun] = set()

    def stop(self) -> None:
        """Begin nothing more in any of them."""
        for run in self.under_way:
            run.dispatcher.end()

    async def run(self, batch: Batch, requests: Any, into: list[Any] | None) -> list[Any]:
        """Run a batch and give one answer or error for each entry, in order.

        Args:
            batch: What it means.
            requests: Its entries: a list of them, or, where the batch does not say how many there are, any iterable.
            into: An empty list to put the results in, or None.

        Raises:
            PynectorError: The first failure, if `batch.raise_on_error`.
            BaseException: What reading the entries raises, when what was in flight has ended.
        """
        results = ListResults(0 if batch.total is None else batch.total, into)
        failure = await self._run_kept(replace(batch, failed=self._host.failed), requests, results)
        if failure is not None:
            try:
                raise failure
            finally:
                # Or it would keep this frame, and what has it here, with every answer, would keep it.
                del failure, results, into
        return results.results

    async def _run_kept(self, batch: Batch, requests: Any, results: Results) -> BaseException | None:
        run_all = self._run_as_read if batch.total is None else self._run_list
        async with _kept(batch, results) as kept:
            failure = await run_all(batch, requests, kept)
        return _problem(batch) or failure

    async def _run_list(self, batch: Batch, entries: Sequence[Request], results: Results) -> BaseException | None:
        run, workers = self._prepared(batch, iter(entries), results, self._window_for(batch))
        reason = await self._told_until_over(run, workers, batch)
        if reason is not None:
            for index in range(run.scheduler.started, len(entries)):
                self._give_up(batch, results, index, entries[index], reason)
        return _failure(batch, run, reason)

    async def _run_as_read(self, batch: Batch, entries: Any, results: Results) -> BaseException | None:
        """Run a batch whose entries are read while it runs.

        If it ends before they do, an error stands in the place of the first that was not read.
        """
        window = self._window_for(batch)
        ahead = ahead_of(window, batch.lookahead, batch.rules is not None)
        source = Source(entries, ahead, lambda: run.dispatcher.counts()[0], lambda: run.read_on())
        run, workers = self._prepared(batch, source, results, window)
        try:
            with ungrouped():
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(read, source)
                    reason = await self._told_until_over(run, workers, batch)
                    tasks.cancel_scope.cancel()
        finally:
            with anyio.CancelScope(shield=True, deadline=self._host.clock() + SOURCE_PATIENCE):
                await close(source)
        if source.error is not None:
            return source.error
        if reason is not None and not run.scheduler.exhausted:
            self._give_up(batch, results, run.scheduler.started, NOT_READ, reason)
        return _failure(batch, run, reason)

    def _give_up(self, batch: Batch, results: Results, index: int, entry: Request, reason: Reason) -> None:
        problem = reason(None)
        problem.sent, problem.attempts = "none", 0
        timeout = entry[1].get("timeout") or batch.common.timeout
        results.put(index, entry, 0.0, 0, batch.translate(problem, index, entry, timeout))

    @asynccontextmanager
    async def stream(self, batch: Batch, entries: Any, ordered: bool) -> AsyncIterator[BatchStream]:
        """Run a batch while its results are taken; leaving gives up what is in flight, and closes the source."""
        batch = replace(batch, failed=self._host.failed)
        window = self._window_for(batch)
        ahead = ahead_of(window, batch.lookahead, batch.rules is not None)
        stream = BatchStream(entries, ahead, ordered, self._host.clock)
        failure: BaseException | None = None
        try:
            with ungrouped():
                async with _kept(batch, stream.results) as results, anyio.create_task_group() as tasks:
                    run, workers = self._prepared(batch, stream.source, results, window)
                    tasks.start_soon(self._run_stream, run, workers, batch, stream.begin(run))
                    tasks.start_soon(read, stream.source)
                    try:
                        yield stream
                    except BaseException as error:
                        if isinstance(error, anyio.get_cancelled_exc_class()):
                            raise
                        # The task group would make a group of it: of SystemExit, too, or of the GeneratorExit of a
                        # generator that has this stream inside.
                        failure = error
                    tasks.cancel_scope.cancel()
        finally:
            stream.end()
            with anyio.CancelScope(shield=True, deadline=self._host.clock() + SOURCE_PATIENCE):
                await close(stream.source)
        if failure is not None:
            raise failure

    async def _run_stream(self, run: BatchRun, workers: Any, batch: Batch, stream: BatchStream) -> None:
        reason = await self._told_until_over(run, workers, batch)
        if batch.rules is not None and batch.rules.keeping is not None:
            await batch.rules.keeping.flush()
        problem = _problem(batch)
        if problem is not None or reason is not None:
            stream.source.error = problem or (reason and reason(None))
        # Not where this was cancelled: whoever takes the results is, too, and must not take that for their end.
        stream.end()

    def _window_for(self, batch: Batch) -> int:
        """Return how many entries of a batch may be in flight."""
        wanted, rules = batch.window, batch.rules
        if rules is not None and rules.is_adaptive:
            most = self._host.room_for(MOST_ADAPTIVE)
            return rules.adapt(MOST_ADAPTIVE if most is None else min(most, MOST_ADAPTIVE))
        if batch.total is not None:
            # Under rules each entry may be sent twice at a time.
            most = batch.total if rules is None else 2 * batch.total
            wanted = most if wanted is None else min(wanted, most)
        capacity = self._host.room_for(None if batch.window is None else wanted)
        if wanted is None:
            return ANY_WINDOW if capacity is None else capacity
        return wanted if capacity is None else min(wanted, capacity)

    def _prepared(self, batch: Batch, source: Any, results: Results, window: int) -> tuple[BatchRun, Any]:
        """Return what runs a batch, and the context in which it does."""
        host, workers, submit = self._host, None, self._host.submit
        go_on: GoOn = host.call_soon
        if submit is None:
            workers = Workers(host.exchange, host.clock)
            # The worker that tells of an answer takes what follows it.
            submit, go_on = workers.submit, _at_once
        run = BatchRun(batch, source, results, window, submit, host.observable, host.clock, go_on, host.call_at)
        return run, workers or nullcontext()

    async def _told_until_over(self, run: BatchRun, workers: Any, batch: Batch) -> Reason | None:
        if batch.progress is None:
            return await self._until_over(run, workers, batch)
        # Only for whoever wants it: it has much to import.
        from .reporting import reported

        async with reported(batch.progress, run.counts, self._host.clock):
            return await self._until_over(run, workers, batch)

    async def _until_over(self, run: BatchRun, workers: Any, batch: Batch) -> Reason | None:
        """Run a batch; return None if it came to its end, else what makes the errors of those that did not."""
        self.under_way.add(run)
        is_told = False
        try:
            with self._host.guard(batch.deadline) as scope, ungrouped():
                # A stream's caller may close the client before the stream's task has had its first turn.
                if not self._host.is_closed:
                    async with workers:
                        await run.run()
            is_told = not run.has_failed()
        finally:
            self.under_way.discard(run)
            if is_told:
                ended = run.scheduler.started if batch.total is None else batch.total
            else:
                # Nobody is told what becomes of the rest: this was cancelled, or a failure is raised.
                ended = run.dispatcher.counts()[0]
                run.dispatcher.abandon(None)
            self._host.ended(ended - run.counts().found)
        if not is_told or run.is_complete():
            return None
        late_now = scope.cancelled_caught or batch.deadline <= self._host.clock()
        reason = closed if self._host.is_closed else batch_late if late_now else escaped
        run.dispatcher.abandon(reason)
        return reason


@asynccontextmanager
async def _kept(batch: Batch, results: Results) -> AsyncIterator[Results]:
    """Give results on when they are durable, where the batch has a file for that."""
    if batch.checkpoint is None or batch.rules is None:
        yield results
        return
    # Only for whoever wants it: not every Python has SQLite.
    from .keeping import kept

    async with kept(results, *batch.checkpoint) as keeping:
        batch.rules.keep(keeping)
        yield keeping


def _at_once(call: Callable[[], Any]) -> None:
    call()


def _problem(batch: Batch) -> PynectorError | None:
    """Return why a batch's results cannot be kept, or None."""
    keeping = None if batch.rules is None else batch.rules.keeping
    return None if keeping is None else keeping.problem


def _failure(batch: Batch, run: BatchRun, reason: Reason | None) -> PynectorError | None:
    """Return what a batch that has ended is to raise, or None."""
    if not batch.raise_on_error:
        return None
    first: PynectorError | None = run.dispatcher.first_error
    return first if first is not None or reason is None else reason(None)
