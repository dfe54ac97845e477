"""What a batch means, and the two drivers that run one: by worker tasks, or by callbacks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import anyio
import anyio.lowlevel

from .._speedups.collector import Collector
from .._speedups.dispatcher import BURST, Pump, first_malformed, timeouts_of
from .._speedups.scheduler import NEVER, Deadlines, Scheduler
from ..config import positive_seconds
from ..errors import ConfigurationError, PynectorError, TimeoutError, as_pynector_error
from ..eventloop import cancellation_is_asked_for
from ..transport.contract import Completion, Handle
from .endings import CutOff, escaped, late

if TYPE_CHECKING:
    from ..telemetry import ObservedBatch, ObservedEntry

Request = tuple[Any, dict[str, Any]]
Exchange = Callable[..., Awaitable[Any]]
Submit = Callable[[Any, Mapping[str, Any], float, Completion, int], "Handle | None"]
Describe = Callable[[Any, Mapping[str, Any]], "str | None"]


@dataclass(frozen=True)
class Batch:
    """The requests of one `batch_request`, and what holds for them.

    Attributes:
        requests: The entries, checked by `checked_requests`.
        options: Options for all entries; an entry's own go before them.
        timeout: Seconds an entry may take that says nothing else; math.inf for no end.
        window: The most entries in flight at a time, 1 or more; None: as many as the transport carries.
        deadline: When the whole batch ends, on the event loop's clock in seconds; math.inf for no end.
        raise_on_error: Whether the first failure ends the batch.
        describe: Names a request for error messages.
        failed: Told of each entry that fails, or None.
        observed: Told of each entry, or None where nobody wants to hear of them.
        passing: The observer that an observable transport is given for all entries that have none, or None.
    """

    requests: Sequence[Request] = field(repr=False)
    options: dict[str, Any] = field(repr=False)
    timeout: float
    window: int | None
    deadline: float
    raise_on_error: bool
    describe: Describe
    failed: Callable[[PynectorError], None] | None = None
    observed: ObservedBatch | None = None
    passing: Any = None

    def entry(self, index: int) -> tuple[Any, dict[str, Any], float]:
        """Give an entry's data, its options without the timeout, and its timeout in seconds.

        Raises:
            ConfigurationError: If its timeout is not valid.
        """
        data, own = self.requests[index]
        if not own:
            return data, self.options, self.timeout
        options = {**self.options, **own} if self.options else own
        if "timeout" not in own:
            return data, options, self.timeout
        options = {name: value for name, value in options.items() if name != "timeout"}
        timeout = own["timeout"]
        return (
            data,
            options,
            self.timeout if timeout is None else positive_seconds(timeout, "timeout"),
        )

    def name(self, index: int) -> str:
        """Name an entry for an error message."""
        data, own = self.requests[index]
        described = self.describe(data, {**self.options, **own})
        return described or f"request {index} of the batch"

    def translate(self, error: BaseException, index: int) -> PynectorError:
        """Return the PynectorError that stands in an entry's place when it failed with `error`, and count it."""
        problem = as_pynector_error(error)
        if isinstance(problem, TimeoutError):
            problem.seconds = self.requests[index][1].get("timeout") or self.timeout
        if problem.request is None:
            problem.request = self.name(index)
        if self.failed is not None:
            self.failed(problem)
        return problem


def checked_requests(requests: Iterable[Request]) -> Sequence[Request]:
    """Give the requests as a sequence of (data, options).

    Raises:
        ConfigurationError: If `requests` is not an iterable of such tuples, or a timeout among their options is not
            valid; the message names the first wrong index.
    """
    if isinstance(requests, (str, bytes, bytearray, Mapping)) or not isinstance(requests, Iterable):
        raise ConfigurationError(f"requests must be a list of (data, options) tuples, not {type(requests).__name__}")
    # A copy, because a batch takes its entries one by one while its caller may go on with the list.
    entries = list(requests)
    wrong = first_malformed(entries)
    if wrong >= 0:
        raise ConfigurationError(
            f"requests[{wrong}] must be a tuple (data, options) with a dict of options, not {_shape(entries[wrong])}"
        )
    for index, timeout in timeouts_of(entries):
        if timeout is not None:
            positive_seconds(timeout, f"requests[{index}]: timeout")
    return entries


def _shape(entry: object) -> str:
    # The data may be large or secret, so the message shows types only.
    if isinstance(entry, (tuple, list)):
        inside = ", ".join(type(item).__name__ for item in entry[:4])
        return f"{type(entry).__name__} ({inside}{', ...' if len(entry) > 4 else ''})"
    return type(entry).__name__


class Driver(Protocol):
    """Runs one batch."""

    collector: Collector
    scheduler: Scheduler

    async def run(self) -> None:
        """Return when every entry has ended, or, with raise_on_error, after the first failure."""


class SubmitDriver:
    """Runs a batch by callbacks: each completion starts the next entry. No task and no future an entry.

    Args:
        batch: The batch.
        window: The most entries in flight at a time, 1 or more.
        submit: The transport's `submit`.
        clock: The event loop's clock.
    """

    def __init__(self, batch: Batch, window: int, submit: Submit, clock: Callable[[], float]) -> None:
        self._batch = batch
        self.scheduler = Scheduler(len(batch.requests), window, batch.deadline, batch.raise_on_error)
        self.collector = Collector(self.scheduler, batch.translate)
        self._pump = Pump(
            self.scheduler,
            self.collector,
            submit if batch.observed is None else batch.observed.submitter(submit),
            clock,
            batch.requests,
            batch.options,
            batch.timeout,
            batch.entry,
            self._notify,
        )
        # An answer comes in the context of its connection, and what it makes room for is the caller's.
        self.collector.wake = partial(copy_context().run, self._pump.run)
        self._wake = anyio.Event()

    async def run(self) -> None:
        """See Driver."""
        try:
            while True:
                self._wake = anyio.Event()
                self._pump.run()
                if self._is_over():
                    return
                await self._wake.wait()
                await anyio.lowlevel.checkpoint()
        finally:
            # Or the two would keep each other, and every answer, until the garbage collector comes by.
            self.collector.wake = None

    def _notify(self) -> None:
        self._wake.set()

    def _is_over(self) -> bool:
        failed = self._batch.raise_on_error and self.collector.first_error is not None
        return failed or self.scheduler.finished()


class ExchangeDriver:
    """Runs a batch by worker tasks that take the next entry each, with one timer for all of them.

    Args:
        batch: The batch.
        window: The most entries in flight at a time, 1 or more.
        exchange: The transport's `exchange`.
        clock: The event loop's clock.
        gate: Admits as many exchanges at a time as the transport carries, over all batches; None for any number.
    """

    def __init__(
        self,
        batch: Batch,
        window: int,
        exchange: Exchange,
        clock: Callable[[], float],
        gate: anyio.Semaphore | None,
    ) -> None:
        self._batch = batch
        self._exchange = exchange
        self._clock = clock
        self._gate = gate
        # A coroutine more would cost a fifth of what a batch costs.
        self._send = exchange if gate is None else self._in_turn
        self.scheduler = Scheduler(len(batch.requests), window, batch.deadline, batch.raise_on_error)
        self.collector = Collector(self.scheduler, batch.translate)
        slots = min(window, len(batch.requests))
        self._deadlines = Deadlines(slots)
        self._scopes: list[anyio.CancelScope] = [anyio.CancelScope() for _ in range(slots)]
        self._alarm = anyio.CancelScope()

    async def run(self) -> None:
        """See Driver."""
        async with anyio.create_task_group() as timers:
            timers.start_soon(self._watch)
            async with anyio.create_task_group() as workers:
                for slot in range(len(self._scopes)):
                    workers.start_soon(self._work, slot, workers.cancel_scope)
            timers.cancel_scope.cancel()

    async def _watch(self) -> None:
        while True:
            with anyio.CancelScope(deadline=self._deadlines.alarm) as self._alarm:
                await anyio.sleep_forever()
            for slot in self._deadlines.overdue(self._clock()):
                self._scopes[slot].cancel()

    async def _work(self, slot: int, all_workers: anyio.CancelScope) -> None:
        more = True
        while more and not self.scheduler.stopped:
            with anyio.CancelScope() as scope:
                self._scopes[slot] = scope
                more = await self._work_until_late(slot, scope)
        if self._batch.raise_on_error and self.collector.first_error is not None:
            all_workers.cancel()

    async def _work_until_late(self, slot: int, scope: anyio.CancelScope) -> bool:
        """Run entries until none is left or the scope is cancelled because one is late; say whether to go on."""
        while not scope.cancel_called:
            now = self._clock()
            index = self.scheduler.next(now)
            if index < 0:
                return False
            await self._one(index, now, slot, scope)
            if index % BURST == BURST - 1:
                await anyio.lowlevel.checkpoint()
        return True

    async def _one(self, index: int, now: float, slot: int, scope: anyio.CancelScope) -> None:
        deadlines, observed = self._deadlines, self._batch.observed
        entry: ObservedEntry | None = None
        completion: Completion = self.collector
        try:
            data, options, timeout = self._batch.entry(index)
            if deadlines.arm(slot, now + timeout):
                self._alarm.deadline = deadlines.alarm
            if observed is None:
                answer = await self._send(data, **options)
            else:
                completion = entry = observed.entry(index, data, self.collector)
                answer = await entry.run(self._send, data, observed.options(entry, options))
        except Exception as error:
            completion.fail(index, error)
        except anyio.get_cancelled_exc_class() as cancelled:
            if scope.cancel_called:
                completion.fail(index, late(timeout, cancelled))
                raise
            if cancellation_is_asked_for():
                if entry is not None:
                    entry.give_up()
                self.collector.attach(index, CutOff(cancelled))
                raise
            completion.fail(index, escaped())
        else:
            completion.succeed(index, answer)
        finally:
            deadlines.arm(slot, NEVER)

    async def _in_turn(self, data: Any, /, **options: Any) -> Any:
        gate = self._gate
        assert gate is not None
        try:
            await gate.acquire()
        except anyio.get_cancelled_exc_class() as cancelled:
            cancelled.phase, cancelled.sent = "queue", "none"  # type: ignore[attr-defined]
            raise
        try:
            return await self._exchange(data, **options)
        finally:
            gate.release()
