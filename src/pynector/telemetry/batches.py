"""One batch as it is told of, and each of its requests."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Any

from .._speedups.results import Results
from ..errors import PynectorError
from .conventions import error_type
from .listeners import Listeners
from .metering import record
from .passing import Passing
from .requests import ObservedRequest
from .sending import Submit, told
from .spans import attached, closed, ids_of, is_recording, started

if TYPE_CHECKING:
    from ..transport.contract import Completion


class ToldResults(Results):
    """Tells of the end of a batch's requests, and gives their results on.

    Args:
        results: Takes them.
        ended: Tells of the end of a request, of its number and its result.
    """

    def __init__(self, results: Results, ended: Callable[[int, Any], None]) -> None:
        self._results = results
        self._ended = ended
        # An end comes in the context of a connection, and what is told of it is the caller's.
        self._caller = copy_context()

    def put(self, index: int, entry: Any, started: float, attempts: int, result: Any) -> None:
        """See Results."""
        try:
            self._caller.run(self._ended, index, result)
        finally:
            self._results.put(index, entry, started, attempts, result)


class ObservedBatch:
    """A batch as it is told of.

    Args:
        listeners: Who is told.
        name: Its span's.
        count: How many requests it has, or None if that is not known.
        max_concurrency: The most that are in flight at a time, or None for as many as the transport carries.

    Attributes:
        started: When it began, on time.perf_counter.
        count: How many requests it has, or had; None as long as that is not known.
        failures: How many of its requests failed.
        wants_entries: Whether its requests are told of one by one.
        passing: Tells the transport of an HTTP request what goes along, where they are not; None: nothing does.
    """

    def __init__(self, listeners: Listeners, name: str, count: int | None, max_concurrency: int | None) -> None:
        self._listeners = listeners
        self._guard = listeners.guard
        self.count = count
        self._span: Any = None
        self._context: Any = listeners.context
        self._attributes: dict[str, Any] = {}
        self.started = time.perf_counter()
        self.failures = 0
        # Those that have been sent and have not ended, by their numbers.
        self._under_way: dict[int, ObservedRequest] = {}
        # When those were read that have not been sent, where there is no list of them all.
        self._read_at: dict[int, float] = {}
        if listeners.tracer is not None:
            told = {"request.count": count, "max_concurrency": max_concurrency}
            attributes = {name: value for name, value in told.items() if value is not None}
            self._span, self._context = started(listeners, name, self._context, attributes=attributes)
        self.passing: Passing | None = None
        if not is_recording(self._span, self._guard):
            # A trace that is sampled out is so as a whole, which is what makes it cheap.
            if self._context is not None and listeners.http and not listeners.propagation.is_off:
                self.passing = Passing(listeners.propagation, self._context, self._guard)
            self._listeners = listeners._replace(tracer=None, passing=self.passing)
        if listeners.meters is not None and count is not None:
            record(listeners.meters.batch_size, count, None, self._guard, self._context)
        self._level = logging.DEBUG if listeners.events.tells(logging.DEBUG) else None
        self.wants_entries = (
            self._listeners.tracer is not None or listeners.meters is not None or self._level is not None
        )

    def current(self) -> Any:
        """Give a context in which its span is the current one."""
        return attached(None if self._span is None else self._context, self._guard)

    def ids(self) -> dict[str, str]:
        """Give the fields of an event that tell of its span."""
        return ids_of(self._span, self._guard)

    def entries(self, source: Iterator[Any]) -> Iterator[Any]:
        """See Observed."""
        return source if self.count is not None or self._listeners.meters is None else self._read(source)

    def _read(self, source: Iterator[Any]) -> Iterator[Any]:
        """Return what a source gives, and take note of when it does."""
        count = 0
        for entry in source:
            if entry is not None:
                self._read_at[count] = time.perf_counter()
                count += 1
            yield entry

    def submitter(self, submit: Callable[..., Any], observable: bool) -> Submit:
        """See Observed."""
        if self.wants_entries:
            return told(submit, observable, self._request)
        return partial(submit, observer=self.passing) if observable and self.passing is not None else submit

    def _request(self, completion: Completion, token: int, data: Any) -> ObservedRequest:
        """Return the request that is sent: it starts now, or has been sent before."""
        index = completion.index_of(token)  # type: ignore[attr-defined]
        request = self._under_way.get(index)
        if request is None:
            if self._listeners.meters is not None:
                waited = time.perf_counter() - self._read_at.pop(index, self.started)
                record(self._listeners.meters.queue_time, waited, None, self._guard, self._context)
            request = ObservedRequest(self._listeners, self._context, self._level, data, index)
            self._under_way[index] = request
            request.begin()
        return request

    def results(self, results: Results) -> Results:
        """See Observed."""
        return ToldResults(results, self._ended) if self.wants_entries else results

    def _ended(self, index: int, result: Any) -> None:
        self._read_at.pop(index, None)
        request = self._under_way.pop(index, None)
        if request is None:
            # It has not been sent.
            return
        if isinstance(result, PynectorError):
            request.end(result)
        else:
            request.answered(result)
            request.end(None)

    def retried(self, index: int, error: PynectorError, attempt: int, wait: float) -> dict[str, Any]:
        """See Observed."""
        request = self._under_way.get(index)
        return {"index": index} if request is None else request.retried(index, error, attempt, wait)

    def collected(self, results: list[Any]) -> list[Any]:
        """Give the results back."""
        self.counted(len(results), sum(isinstance(result, PynectorError) for result in results))
        return results

    def counted(self, count: int, failures: int) -> None:
        """Take how many requests have ended, and how many of these have failed."""
        self.count, self.failures = count, failures
        self._attributes["request.succeeded"] = count - failures
        self._attributes["request.failed"] = failures

    def end(self, error: PynectorError | None) -> None:
        """Tell of its end, and of that of requests whose answers nobody wants any more."""
        while self._under_way:
            self._under_way.popitem()[1].give_up()
        attributes = {} if error is None else {"error.type": error_type(error)}
        if self._listeners.meters is not None:
            seconds = time.perf_counter() - self.started
            record(self._listeners.meters.batch_duration, seconds, attributes, self._guard, self._context)
        if self._span is not None:
            closed(self._span, {**self._attributes, **attributes}, self._guard)
