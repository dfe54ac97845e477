"""What the client tells about its requests and batches."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ..errors import PynectorError
from .batches import ObservedBatch
from .conventions import error_type, known_methods
from .events import EventLogger
from .guard import METRICS, PROPAGATION, SPANS, Guard
from .listeners import Listeners
from .metering import meters_in_use
from .opentelemetry import context_to_pass, http_is_suppressed, is_imported
from .propagation import Propagation
from .requests import ObservedRequest
from .tracing import LateTracer


class Telemetry:
    """Spans, metrics and events of one client. Whatever hears them, nothing here raises an Exception.

    Args:
        name: The name of its tracer, meter and logger.
        propagation: To whom trace context goes.
    """

    def __init__(self, name: str, propagation: Propagation) -> None:
        self._name = name
        self._guard = Guard(name)
        self._tracer = LateTracer(name, self._guard)
        self._events = EventLogger(name, self._guard)
        self._propagation = propagation

    def listening(self) -> bool:
        """Say whether anybody would see what is told of a request that goes well, or something goes along with it."""
        return self._events.tells(logging.INFO) or (
            is_imported()
            and (
                self._tracer.real() is not None
                or meters_in_use(self._name, self._guard) is not None
                or self._context() is not None
            )
        )

    @contextmanager
    def request(self, data: Any, *, timeout: float) -> Iterator[ObservedRequest]:
        """Tell of a single request: a span around it, and an event at its start and at its end."""
        observed = self.stream(data, timeout=timeout)
        try:
            with observed.current():
                yield observed
        except BaseException as error:
            observed.left(error)
            raise
        observed.left(None)

    def stream(self, data: Any, *, timeout: float) -> ObservedRequest:
        """Tell of the start of a request; its span is not the current one while its caller does other things."""
        observed = ObservedRequest(self._listeners(), None, logging.INFO, data)
        with observed.current():
            observed.begin(timeout=timeout)
        return observed

    @contextmanager
    def batch(self, count: int | None, max_concurrency: int | None) -> Iterator[ObservedBatch]:
        """Tell of a batch: a span around it, and an event at its start and at its end."""
        listeners = self._listeners()
        observed = ObservedBatch(listeners, "pynector.batch_request", count, max_concurrency)
        with observed.current():
            try:
                self._events.info("batch.start", count=count, max_concurrency=max_concurrency, **observed.ids())
                yield observed
            except PynectorError as error:
                observed.end(error)
                self._events.error("batch.error", error_type=error_type(error), **observed.ids())
                raise
            except BaseException:
                observed.end(None)
                raise
        observed.end(None)
        self._events.info(
            "batch.complete",
            count=observed.count,
            failures=observed.failures,
            duration=round(time.perf_counter() - observed.started, 6),
            **observed.ids(),
        )

    @contextmanager
    def batch_stream(self, max_concurrency: int | None) -> Iterator[ObservedBatch]:
        """Tell of a batch as `batch` does, whose span is not the current one while its caller does other things."""
        observed = ObservedBatch(self._listeners(), "pynector.batch_stream", None, max_concurrency)
        self._events.info("batch.start", max_concurrency=max_concurrency, **observed.ids())
        failure: PynectorError | None = None
        try:
            yield observed
        except PynectorError as error:
            failure = error
            raise
        finally:
            observed.end(failure)
            duration = round(time.perf_counter() - observed.started, 6)
            told = {"count": observed.count, "failures": observed.failures, "duration": duration, **observed.ids()}
            if failure is None:
                self._events.info("batch.complete", **told)
            else:
                self._events.error("batch.error", error_type=error_type(failure), **told)

    def failed(self, error: PynectorError) -> None:
        """Tell that a single request failed, where nobody was told of its start."""
        if self._events.tells(logging.ERROR):
            self._events.error("request.error", error_type=error_type(error), request=error.request)

    def retry(self, error: PynectorError, attempt: int, wait: float, name: Mapping[str, Any]) -> None:
        """Tell that an attempt failed and another follows after `wait` seconds; `name` are the request's own fields."""
        meters, reason = meters_in_use(self._name, self._guard), error_type(error)
        if meters is not None:
            self._guard.call(METRICS, meters.retries.add, 1, {"error.type": reason})
        self._events.warning("retry", attempt=attempt, wait=round(wait, 6), error_type=reason, **name)

    def connection(self, event: str, host: str, port: int) -> None:
        """Tell that a connection was opened or closed."""
        if self._events.tells(logging.DEBUG):
            self._events.debug(f"connection.{event}", host=host, port=port)

    def _context(self) -> Any | None:
        """Return the caller's context if it may go along with requests."""
        return None if self._propagation.is_off else self._guard.call(PROPAGATION, context_to_pass)

    def _listeners(self) -> Listeners:
        return Listeners(
            self._tracer.real(),
            meters_in_use(self._name, self._guard),
            self._events,
            self._propagation,
            self._guard.call(SPANS, http_is_suppressed) is False,
            known_methods(),
            sys.modules.get("opentelemetry.trace"),
            self._guard,
            self._context(),
        )
