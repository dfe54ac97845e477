"""The attempts of one request as they are told of: a CLIENT span and a duration each, by the HTTP conventions."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .conventions import error_type, metric_attributes, span_attributes, span_name, version_number
from .guard import PROPAGATION, SPANS
from .listeners import Listeners
from .metering import record
from .opentelemetry import without_http_instrumentation
from .passing import Passing
from .spans import attached, closed, is_recording, started

if TYPE_CHECKING:
    from ..transport.contract import Target


class AttemptsSoFar:
    """What is known of one request, over all its attempts.

    Args:
        listeners: Who is told.
        context: OpenTelemetry's context of the request, or None.
        span: The request's span, or None.
        size: The length of what is sent in bytes, or None if that is not known.

    Attributes:
        listeners, context, span, size: See above.
        attempts: How many there have been.
        status: What the last of them was answered with, or the one that has ended it; 0 if it was not.
    """

    __slots__ = ("attempts", "context", "listeners", "size", "span", "status")

    def __init__(self, listeners: Listeners, context: Any, span: Any, size: int | None) -> None:
        self.listeners = listeners
        self.context = context
        self.span = span
        self.size = size
        self.attempts = 0
        self.status = 0

    def current(self) -> Any:
        """Give a context in which its span is the current one."""
        return attached(None if self.span is None else self.context, self.listeners.guard)


class ObservedAttempts:
    """Told of attempts that follow one another, by a transport that can be observed; see RequestObserver.

    Args:
        so_far: What is known of their request, which may have others beside these.
    """

    __slots__ = (
        "_attempt",
        "_attempt_context",
        "_attempt_started",
        "_metric",
        "_peer",
        "_so_far",
        "_status",
        "_version",
    )

    def __init__(self, so_far: AttemptsSoFar) -> None:
        self._so_far = so_far
        self._attempt: Any = None
        self._attempt_context: Any = None
        self._attempt_started = 0.0
        self._metric: dict[str, Any] | None = None
        self._peer: Any = None
        self._status = 0
        self._version = ""

    def attempt(
        self, method: str, target: Target, headers: Sequence[tuple[str, str | None]], size: int | None
    ) -> list[tuple[str, str]]:
        """See RequestObserver."""
        so_far = self._so_far
        so_far.attempts += 1
        so_far.size, so_far.status = size, 0
        self._status, self._version, self._peer = 0, "", None
        listeners = so_far.listeners
        if not listeners.http:
            return []
        self._attempt_started = time.perf_counter()
        try:
            if listeners.meters is not None:
                self._metric = metric_attributes(method, target, listeners.methods)
            return self._passing(method, target).attempt(method, target, headers, size)
        except Exception as error:
            listeners.guard.failed(PROPAGATION, error)
            return []

    def _passing(self, method: str, target: Target) -> Passing:
        """Start the attempt's span, if the request's goes anywhere, and return what goes along with the attempt."""
        so_far = self._so_far
        listeners, context = so_far.listeners, so_far.context
        if is_recording(so_far.span, listeners.guard):
            self._attempt, context = started(
                listeners,
                span_name(method, listeners.methods),
                context,
                kind=listeners.trace.SpanKind.CLIENT,
                attributes=span_attributes(method, target, so_far.attempts - 1, listeners.methods),
            )
            self._attempt_context = context
        elif listeners.passing is not None:
            return listeners.passing
        return Passing(listeners.propagation, context, listeners.guard)

    def inside(self) -> Any:
        """See RequestObserver."""
        listeners = self._so_far.listeners
        context = None
        if listeners.http and (listeners.tracer is not None or listeners.meters is not None):
            inner = self._attempt_context or self._so_far.context
            context = listeners.guard.call(SPANS, without_http_instrumentation, inner)
        return attached(context, listeners.guard)

    def connected(self, peer: Any) -> None:
        """See RequestObserver."""
        self._peer = peer

    def head(self, status: int, http_version: str) -> None:
        """See RequestObserver."""
        self._status = self._so_far.status = status
        self._version = http_version

    def done(self) -> None:
        """See RequestObserver."""
        self.end_attempt(None)

    def failed(self, error: BaseException) -> None:
        """See RequestObserver."""
        self.end_attempt(error)

    def has_attempt(self) -> bool:
        """Return whether there is one whose end has not been told."""
        return self._attempt is not None or self._metric is not None

    def end_attempt(self, error: BaseException | None, cancelled: bool = False) -> None:
        """Tell of the end of the last attempt, if nobody has."""
        span, self._attempt = self._attempt, None
        context, self._attempt_context = self._attempt_context or self._so_far.context, None
        metric, self._metric = self._metric, None
        if span is None and metric is None:
            return
        listeners, attributes = self._so_far.listeners, self._outcome(error)
        if metric is not None and not cancelled and listeners.meters is not None:
            metric.update(attributes)
            seconds = time.perf_counter() - self._attempt_started
            record(listeners.meters.duration, seconds, metric, listeners.guard, context)
        if span is not None:
            if isinstance(self._peer, tuple) and len(self._peer) >= 2:
                attributes["network.peer.address"], attributes["network.peer.port"] = self._peer[:2]
            closed(span, attributes, listeners.guard)

    def _outcome(self, error: BaseException | None) -> dict[str, Any]:
        """Give what is known of an attempt after it."""
        attributes: dict[str, Any] = {}
        if self._status:
            attributes["http.response.status_code"] = self._status
            attributes["network.protocol.version"] = version_number(self._version)
        if error is not None:
            attributes["error.type"] = error_type(error)
        elif self._status >= 400:
            attributes["error.type"] = str(self._status)
        return attributes
