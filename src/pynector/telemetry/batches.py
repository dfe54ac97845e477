"""One batch as it is told of, and each of its requests."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from ..errors import PynectorError
from .attempts import Listeners, attached, error_status
from .conventions import error_type
from .requests import ObservedRequest, ids_of

if TYPE_CHECKING:
    from ..transport.protocol import Completion, Handle

Submit = Callable[[Any, Mapping[str, Any], float, "Completion", int], "Handle | None"]


class ObservedEntry(ObservedRequest):
    """A request of a batch: it stands before the batch's completion, and before the transport's handle."""

    __slots__ = ("_completion", "handle")

    def __init__(
        self, listeners: Listeners, context: Any, level: int | None, data: Any, index: int, completion: Completion
    ) -> None:
        super().__init__(listeners, context, level, data, index)
        self._completion = completion
        self.handle: Any = None

    async def run(self, exchange: Callable[..., Awaitable[Any]], data: Any, options: dict[str, Any]) -> Any:
        """Run it on a transport that has `exchange`."""
        with self.current():
            return await exchange(data, **options)

    def succeed(self, token: int, response: Any) -> None:
        """See Completion."""
        self._answer = response
        self.end(None)
        self._completion.succeed(token, response)

    def fail(self, token: int, error: BaseException) -> None:
        """See Completion."""
        self.end(error)
        self._completion.fail(token, error)

    def cancel(self) -> None:
        """See Handle."""
        self.give_up()
        if self.handle is not None:
            self.handle.cancel()


class ObservedBatch:
    """A batch as it is told of.

    Args:
        listeners: Who is told.
        count: How many requests it has.
        max_concurrency: The most that are in flight at a time.

    Attributes:
        started: When it began, on time.perf_counter.
        failures: How many of its requests failed.
        observable: Whether its transport reports attempts.
        wants_entries: Whether its requests are told of one by one.
    """

    def __init__(self, listeners: Listeners, count: int, max_concurrency: int) -> None:
        self._listeners = listeners
        self._count = count
        self._span: Any = None
        self._context: Any = None
        self.started = time.perf_counter()
        self.failures = 0
        self.observable = False
        if listeners.tracer is not None:
            attributes = {"request.count": count, "max_concurrency": max_concurrency}
            self._span = listeners.tracer.start_span("pynector.batch_request", attributes=attributes)
            self._context = listeners.trace.set_span_in_context(self._span)
            if not self._span.is_recording():
                # A trace that is sampled out is so as a whole, which is what makes it cheap.
                self._listeners = listeners._replace(tracer=None)
        if listeners.meters is not None:
            listeners.meters.batch_size.record(count)
        self._level = logging.DEBUG if listeners.events.tells(logging.DEBUG) else None
        self.wants_entries = (
            self._listeners.tracer is not None or listeners.meters is not None or self._level is not None
        )

    def current(self) -> Any:
        """Give a context in which its span is the current one."""
        return attached(self._context)

    def ids(self) -> dict[str, str]:
        """Give the fields of an event that tell of its span."""
        return ids_of(self._span)

    def entry(self, index: int, data: Any, completion: Completion) -> ObservedEntry:
        """Give one of its requests, which starts now."""
        if self._listeners.meters is not None:
            self._listeners.meters.queue_time.record(time.perf_counter() - self.started)
        entry = ObservedEntry(self._listeners, self._context, self._level, data, index, completion)
        entry.begin()
        return entry

    def options(self, entry: ObservedEntry, options: Mapping[str, Any]) -> Any:
        """Give the options of one of its requests, with which a transport that can reports its attempts."""
        return entry.options(options) if self.observable else options

    def submitter(self, submit: Submit) -> Submit:
        """Give a `submit` whose requests are told of."""

        def observed(
            data: Any, options: Mapping[str, Any], deadline: float, completion: Completion, token: int
        ) -> Handle | None:
            entry = self.entry(token, data, completion)
            try:
                entry.handle = submit(data, self.options(entry, options), deadline, entry, token)
            except Exception as error:
                # It must not raise; if it does, the request has ended all the same.
                entry.fail(token, error)
            return None if entry.ended else entry

        return observed

    def collected(self, results: list[Any]) -> list[Any]:
        """Give the results back."""
        self.failures = sum(isinstance(result, PynectorError) for result in results)
        if self._span is not None and self._span.is_recording():
            self._span.set_attribute("request.succeeded", self._count - self.failures)
            self._span.set_attribute("request.failed", self.failures)
        return results

    def end(self, error: PynectorError | None) -> None:
        """Tell of its end."""
        if self._listeners.meters is not None:
            attributes = {} if error is None else {"error.type": error_type(error)}
            self._listeners.meters.batch_duration.record(time.perf_counter() - self.started, attributes)
        if self._span is not None:
            if error is not None and self._span.is_recording():
                self._span.set_attribute("error.type", error_type(error))
                self._span.set_status(error_status())
            self._span.end()
