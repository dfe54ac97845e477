"""OpenTelemetry's tracer where a program has set it up, else one whose spans do nothing."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol


class Span(Protocol):
    """The part of OpenTelemetry's span that Pynector uses."""

    def set_attribute(self, key: str, value: Any, /) -> None:
        """Set an attribute."""

    def is_recording(self) -> bool:
        """Say whether attributes and events go anywhere."""


class Tracer(Protocol):
    """The part of OpenTelemetry's tracer that Pynector uses."""

    def start_as_current_span(
        self, name: str, *, attributes: dict[str, Any] | None = None
    ) -> AbstractContextManager[Any]:
        """Start a span that is the current one inside the context; an exception out of it is recorded."""


class NoSpan:
    """A span that goes nowhere."""

    def set_attribute(self, key: str, value: Any, /) -> None:
        """Do nothing."""

    def is_recording(self) -> bool:
        """Say no."""
        return False


class _LateTracer:
    """Asks for the real tracer at each span, so that an SDK set up later is picked up."""

    def __init__(self, name: str) -> None:
        self._name = name

    @contextmanager
    def start_as_current_span(self, name: str, *, attributes: dict[str, Any] | None = None) -> Iterator[Any]:
        if not tracing():
            yield NoSpan()
            return
        tracer = sys.modules["opentelemetry.trace"].get_tracer(self._name)
        with tracer.start_as_current_span(name, attributes=attributes) as span:
            yield span


def get_tracer(name: str) -> Tracer:
    """Give a tracer of a name."""
    return _LateTracer(name)


def tracing() -> bool:
    """Say whether a program has set up a tracer provider."""
    # A program that never imported OpenTelemetry cannot have set it up.
    trace = sys.modules.get("opentelemetry.trace")
    if trace is None:
        return False
    provider = trace.get_tracer_provider()
    return not isinstance(provider, (trace.ProxyTracerProvider, trace.NoOpTracerProvider))
