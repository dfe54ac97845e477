"""What the client tells about its requests and batches."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..errors import PynectorError
from .events import EventLogger
from .tracing import get_tracer, tracing


class Telemetry:
    """Spans and events of one client.

    Args:
        name: The name of its tracer and logger.
    """

    def __init__(self, name: str) -> None:
        self._tracer = get_tracer(name)
        self._events = EventLogger(name)

    def listening(self) -> bool:
        """Say whether anybody would see what is told."""
        return tracing() or self._events.audible()

    @contextmanager
    def request(self, data: Any, *, timeout: float) -> Iterator[ObservedRequest]:
        """Tell of a single request: a span around it, and an event at its start and at its end."""
        size = byte_length(data)
        self._events.info("request.start", data_size=size, timeout=timeout)
        with self._tracer.start_as_current_span("pynector.request") as span:
            observed = ObservedRequest()
            started = time.perf_counter()
            try:
                yield observed
            except PynectorError as error:
                self._events.error("request.error", error=str(error), error_type=type(error).__name__)
                raise
            _set_sizes(span, size, observed.size)
        self._events.info(
            "request.complete",
            data_size=size,
            result_size=observed.size,
            duration=round(time.perf_counter() - started, 6),
        )

    @contextmanager
    def batch(self, count: int, max_concurrency: int) -> Iterator[ObservedBatch]:
        """Tell of a batch: a span around it, and an event at its start and at its end."""
        attributes = {"request.count": count, "max_concurrency": max_concurrency}
        self._events.info("batch.start", count=count, max_concurrency=max_concurrency)
        with self._tracer.start_as_current_span("pynector.batch_request", attributes=attributes) as span:
            observed = ObservedBatch()
            started = time.perf_counter()
            try:
                yield observed
            except PynectorError as error:
                self._events.error("batch.error", error=str(error), error_type=type(error).__name__)
                raise
            if self._events.tells_details():
                self._tell_entries(observed.results)
            span.set_attribute("request.succeeded", count - observed.failures)
            span.set_attribute("request.failed", observed.failures)
        self._events.info(
            "batch.complete",
            count=count,
            failures=observed.failures,
            duration=round(time.perf_counter() - started, 6),
        )

    def _tell_entries(self, results: list[Any]) -> None:
        for index, result in enumerate(results):
            if isinstance(result, PynectorError):
                self._events.debug("request.error", index=index, error=str(result), error_type=type(result).__name__)
            else:
                size = byte_length(getattr(result, "content", result))
                self._events.debug("request.complete", index=index, result_size=size)

    def retry(self, error: PynectorError, attempt: int, wait: float) -> None:
        """Tell that an attempt failed and another follows after `wait` seconds."""
        self._events.warning("retry", attempt=attempt, wait=round(wait, 6), error_type=type(error).__name__)


class ObservedRequest:
    """Takes note of a request's answer."""

    size: int | None = None

    def answered(self, answer: Any) -> Any:
        """Give the answer back."""
        self.size = byte_length(getattr(answer, "content", answer))
        return answer


class ObservedBatch:
    """Takes note of a batch's results."""

    def __init__(self) -> None:
        self.failures = 0
        self.results: list[Any] = []

    def collected(self, results: list[Any]) -> list[Any]:
        """Give the results back."""
        self.results = results
        self.failures = sum(isinstance(result, PynectorError) for result in results)
        return results


def byte_length(data: Any) -> int | None:
    """Give the size of data in bytes where it can be had without encoding it, else None."""
    if isinstance(data, (bytes, bytearray)):
        return len(data)
    if isinstance(data, memoryview):
        return data.nbytes
    if isinstance(data, str) and data.isascii():
        return len(data)
    return None


def _set_sizes(span: Any, sent: int | None, received: int | None) -> None:
    if sent is not None:
        span.set_attribute("request.size", sent)
    if received is not None:
        span.set_attribute("response.size", received)
