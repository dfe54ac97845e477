"""The attempts of one request as they are told of: a CLIENT span and a duration each, by the HTTP conventions."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from .conventions import error_type, metric_attributes, span_attributes, span_name, version_number
from .events import EventLogger
from .metering import Meters
from .opentelemetry import without_http_instrumentation
from .propagation import Propagation

if TYPE_CHECKING:
    from ..transport.protocol import Target


class Listeners(NamedTuple):
    """Who is told.

    Attributes:
        tracer: OpenTelemetry's tracer, or None.
        meters: The instruments, or None.
        events: Takes events.
        propagation: To whom trace context goes.
        http: Whether to tell of HTTP; False where somebody else does.
        methods: The methods that may stand in names.
        trace: OpenTelemetry's module of that name, or None.
    """

    tracer: Any
    meters: Meters | None
    events: EventLogger
    propagation: Propagation
    http: bool
    methods: frozenset[str]
    trace: Any


class ObservedAttempts:
    """Told of attempts by a transport that can be observed; see RequestObserver.

    Args:
        listeners: Who is told.
        context: OpenTelemetry's context of the request; None: the current one.
        span: The request's span, or None.
        size: The length of what is sent in bytes, or None if that is not known.

    Attributes:
        attempts: How many there have been.
    """

    __slots__ = (
        "_attempt",
        "_attempt_context",
        "_attempt_started",
        "_context",
        "_listeners",
        "_metric",
        "_peer",
        "_size",
        "_span",
        "_status",
        "_version",
        "attempts",
    )

    def __init__(self, listeners: Listeners, context: Any, span: Any, size: int | None) -> None:
        self._listeners = listeners
        self._context = context
        self._span = span
        self._size = size
        self._attempt: Any = None
        self._attempt_context: Any = None
        self._attempt_started = 0.0
        self._metric: dict[str, Any] | None = None
        self._peer: Any = None
        self._status = 0
        self._version = ""
        self.attempts = 0

    def attempt(
        self, method: str, target: Target, headers: Sequence[tuple[str, str | None]], size: int | None
    ) -> list[tuple[str, str]]:
        """See RequestObserver."""
        self.attempts += 1
        self._size = size
        self._status, self._version, self._peer = 0, "", None
        listeners = self._listeners
        if not listeners.http:
            return []
        self._attempt_started = time.perf_counter()
        try:
            if listeners.meters is not None:
                self._metric = metric_attributes(method, target, listeners.methods)
            if self._span is None or not self._span.is_recording():
                return []
            trace = listeners.trace
            self._attempt = listeners.tracer.start_span(
                span_name(method, listeners.methods),
                context=self._context,
                kind=trace.SpanKind.CLIENT,
                attributes=span_attributes(method, target, self.attempts - 1, listeners.methods),
            )
            self._attempt_context = trace.set_span_in_context(self._attempt, self._context)
            if not self._attempt.is_recording():
                return []
            return listeners.propagation.fields(self._attempt_context, target, headers)
        except Exception as error:
            # A sampler or a propagator of the program's own failed: that is not the request's fault.
            listeners.events.error("telemetry.error", error_type=error_type(error))
            return []

    def inside(self) -> Any:
        """See RequestObserver."""
        listeners = self._listeners
        if not listeners.http or (listeners.tracer is None and listeners.meters is None):
            return attached(None)
        return attached(without_http_instrumentation(self._attempt_context or self._context))

    def connected(self, peer: Any) -> None:
        """See RequestObserver."""
        self._peer = peer

    def head(self, status: int, http_version: str) -> None:
        """See RequestObserver."""
        self._status, self._version = status, http_version

    def done(self) -> None:
        """See RequestObserver."""
        self._end_attempt(None)

    def failed(self, error: BaseException) -> None:
        """See RequestObserver."""
        self._end_attempt(error)

    def _end_attempt(self, error: BaseException | None, cancelled: bool = False) -> None:
        span, self._attempt, self._attempt_context = self._attempt, None, None
        metric, self._metric = self._metric, None
        if span is None and metric is None:
            return
        attributes: dict[str, Any] = {}
        if self._status:
            attributes["http.response.status_code"] = self._status
            attributes["network.protocol.version"] = version_number(self._version)
        if error is not None:
            attributes["error.type"] = error_type(error)
        elif self._status >= 400:
            attributes["error.type"] = str(self._status)
        if metric is not None and not cancelled and self._listeners.meters is not None:
            metric.update(attributes)
            self._listeners.meters.duration.record(time.perf_counter() - self._attempt_started, metric)
        if span is None:
            return
        if span.is_recording():
            if isinstance(self._peer, tuple) and len(self._peer) >= 2:
                attributes["network.peer.address"], attributes["network.peer.port"] = self._peer[:2]
            if "error.type" in attributes:
                span.set_status(error_status())
            span.set_attributes(attributes)
        span.end()


@contextmanager
def attached(context: Any) -> Iterator[None]:
    """Make a context of OpenTelemetry's the current one; None leaves it as it is."""
    if context is None:
        yield
        return
    contexts = import_module("opentelemetry.context")
    token = contexts.attach(context)
    try:
        yield
    finally:
        contexts.detach(token)


def error_status() -> Any:
    """Give the status of a span that ended in an error: without its text, which may hold what is secret."""
    trace = import_module("opentelemetry.trace")
    return trace.Status(trace.StatusCode.ERROR)
