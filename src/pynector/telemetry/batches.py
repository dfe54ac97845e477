"""One batch as it is told of, and each of its requests."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, Any

from ..errors import Phase, PynectorError, Sent
from .conventions import error_type
from .listeners import Listeners
from .metering import record
from .passing import Passing
from .requests import ObservedRequest
from .spans import attached, closed, ids_of, is_recording, started

if TYPE_CHECKING:
    from ..transport.contract import Completion, Handle

Submit = Callable[[Any, Mapping[str, Any], float, "Completion", int], "Handle | None"]


class ObservedEntry(ObservedRequest):
    """A request of a batch: it stands before the batch's completion, and before the transport's handle."""

    __slots__ = ("_caller", "_completion", "handle")

    def __init__(
        self, listeners: Listeners, context: Any, level: int | None, data: Any, index: int, completion: Completion
    ) -> None:
        super().__init__(listeners, context, level, data, index)
        # Its end comes in the context of a connection, and what is told of it is the caller's.
        self._caller = copy_context()
        # Until its end: the one holds all results, and errors hold this; the other leads back here by its options.
        self._completion: Completion | None = completion
        self.handle: Any = None

    def succeed(self, token: int, response: Any) -> None:
        """See Completion."""
        self._answer = response
        completion, _ = self._let_go()
        try:
            self._caller.run(self.end, None)
        finally:
            if completion is not None:
                completion.succeed(token, response)

    def fail(self, token: int, error: BaseException) -> None:
        """See Completion."""
        completion, _ = self._let_go()
        try:
            self._caller.run(self.end, error)
        finally:
            if completion is not None:
                completion.fail(token, error)

    def progress(self) -> tuple[Phase | None, Sent | None]:
        """See Handle: how far it has come is the same, whoever is told of it."""
        progress = getattr(self.handle, "progress", None)
        return (None, None) if progress is None else progress()

    def cancel(self) -> None:
        """See Handle."""
        _, handle = self._let_go()
        try:
            self.give_up()
        finally:
            if handle is not None:
                handle.cancel()

    def _let_go(self) -> tuple[Completion | None, Any]:
        completion, self._completion = self._completion, None
        handle, self.handle = self.handle, None
        return completion, handle


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

    def entry(self, index: int, data: Any, completion: Completion) -> ObservedEntry:
        """Give one of its requests, which starts now."""
        if self._listeners.meters is not None:
            waited = time.perf_counter() - self.started
            record(self._listeners.meters.queue_time, waited, None, self._guard, self._context)
        entry = ObservedEntry(self._listeners, self._context, self._level, data, index, completion)
        entry.begin()
        return entry

    def submitter(self, submit: Callable[..., Any], observable: bool) -> Submit:
        """Give a `submit` whose requests are told of.

        Args:
            submit: The transport's, or what stands for it.
            observable: Whether it reports attempts.
        """
        if not self.wants_entries:
            return partial(submit, observer=self.passing) if observable and self.passing is not None else submit

        def observed(
            data: Any, options: Mapping[str, Any], deadline: float, completion: Completion, token: int
        ) -> Handle | None:
            entry = self.entry(completion.index_of(token), data, completion)  # type: ignore[attr-defined]
            try:
                with entry.current():
                    told = {"observer": entry} if observable else {}
                    handle = submit(data, options, deadline, entry, token, **told)
                if not entry.ended:
                    entry.handle = handle
            except Exception as error:
                # It must not raise; if it does, the request has ended all the same.
                entry.fail(token, error)
            return None if entry.ended else entry

        return observed

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
        """Tell of its end."""
        attributes = {} if error is None else {"error.type": error_type(error)}
        if self._listeners.meters is not None:
            seconds = time.perf_counter() - self.started
            record(self._listeners.meters.batch_duration, seconds, attributes, self._guard, self._context)
        if self._span is not None:
            closed(self._span, {**self._attributes, **attributes}, self._guard)
