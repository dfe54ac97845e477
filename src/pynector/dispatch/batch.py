"""What a batch means: its entries, its deadline, and what becomes of its errors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import anyio.lowlevel

from .._speedups.dispatcher import Dispatcher, first_malformed, timeouts_of
from .._speedups.results import ListResults
from .._speedups.scheduler import Scheduler
from ..config import positive_seconds
from ..errors import ConfigurationError, PynectorError, TimeoutError, as_pynector_error
from ..transport.contract import Completion, Handle

if TYPE_CHECKING:
    from ..telemetry import ObservedBatch

Request = tuple[Any, dict[str, Any]]
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

    def own(self, entry: Request) -> tuple[Any, dict[str, Any], float]:
        """Return an entry's data, its options without the timeout, and its timeout in seconds.

        Raises:
            ConfigurationError: If its timeout is not valid.
        """
        data, own = entry
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

    def name(self, index: int, entry: Request) -> str:
        """Name an entry for an error message."""
        data, own = entry
        described = self.describe(data, {**self.options, **own})
        return described or f"request {index} of the batch"

    def translate(self, error: BaseException, index: int, entry: Request) -> PynectorError:
        """Return the PynectorError that stands in an entry's place when it failed with `error`, and count it."""
        problem = as_pynector_error(error)
        if isinstance(problem, TimeoutError):
            problem.seconds = entry[1].get("timeout") or self.timeout
        if problem.request is None:
            problem.request = self.name(index, entry)
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


class BatchRun:
    """A batch under way: each completion starts the next entry, with no task and no future an entry.

    Args:
        batch: The batch.
        window: The most entries in flight at a time, 1 or more.
        submit: The transport's `submit`, or what stands for it.
        clock: The event loop's clock.

    Attributes:
        total: The number of entries.
        scheduler: Says what starts.
        dispatcher: Starts it.
    """

    def __init__(self, batch: Batch, window: int, submit: Submit, clock: Callable[[], float]) -> None:
        self._batch = batch
        self.total = len(batch.requests)
        self.scheduler = Scheduler(window, batch.deadline, batch.raise_on_error)
        self._results = ListResults(self.total)
        self.dispatcher = Dispatcher(
            self.scheduler,
            iter(batch.requests),
            self._results,
            submit if batch.observed is None else batch.observed.submitter(submit),
            clock,
            batch.options,
            batch.timeout,
            batch.own,
            batch.translate,
            self._notify,
        )
        # An answer comes in the context of its connection, and what it makes room for is the caller's.
        self.dispatcher.wake = partial(copy_context().run, self.dispatcher.run)
        self._wake = anyio.Event()

    @property
    def results(self) -> list[Any]:
        """One item an entry."""
        return self._results.results

    async def run(self) -> None:
        """Return when every entry has ended, or, with raise_on_error, after the first failure."""
        try:
            while True:
                self._wake = anyio.Event()
                self.dispatcher.run()
                if self._is_over():
                    return
                await self._wake.wait()
                await anyio.lowlevel.checkpoint()
        finally:
            # Or the two would keep each other, and every answer, until the garbage collector comes by.
            self.dispatcher.wake = None

    def _notify(self) -> None:
        self._wake.set()

    def _is_over(self) -> bool:
        failed = self._batch.raise_on_error and self.dispatcher.first_error is not None
        return failed or self.scheduler.finished()

    def is_complete(self) -> bool:
        """Return whether every entry has its answer or its error."""
        return self.scheduler.in_flight == 0 and self.scheduler.started == self.total

    def abandon(self, reason: Callable[[Handle | None], PynectorError]) -> None:
        """End it: what has no answer gets the error that `reason` makes."""
        self.dispatcher.abandon(reason)
        for index in range(self.scheduler.started, self.total):
            problem = reason(None)
            problem.sent = "none"  # type: ignore[attr-defined]
            self._results.put(index, self._batch.translate(problem, index, self._batch.requests[index]))
