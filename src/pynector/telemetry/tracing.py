"""A tracer that is OpenTelemetry's where a program has set it up, and else one whose spans do nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

from .guard import SPANS, Guard
from .opentelemetry import tracer_provider


class Span(Protocol):
    """The part of OpenTelemetry's span that NoSpan has, too."""

    def set_attribute(self, key: str, value: Any, /) -> None:
        """Set an attribute."""

    def is_recording(self) -> bool:
        """Say whether attributes and events go anywhere."""


class Tracer(Protocol):
    """The part of OpenTelemetry's tracer that Pynector gives."""

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


class LateTracer:
    """Asks for the real tracer when it is needed, so that an SDK set up later is picked up.

    Args:
        name: The tracer's name.
        guard: Takes what a processor or a sampler raises.
    """

    def __init__(self, name: str, guard: Guard) -> None:
        self._name = name
        self._guard = guard
        self._provider: Any = None
        self._tracer: Any = None

    def real(self) -> Any | None:
        """Give OpenTelemetry's tracer, or None where no program has set it up."""
        try:
            provider = tracer_provider()
            if provider is None:
                return None
            if provider is not self._provider:
                self._provider, self._tracer = provider, provider.get_tracer(self._name)
        except Exception as error:
            self._guard.failed(SPANS, error)
            return None
        return self._tracer

    @contextmanager
    def start_as_current_span(self, name: str, *, attributes: dict[str, Any] | None = None) -> Iterator[Any]:
        """See Tracer."""
        guard, tracer = self._guard, self.real()
        entered = None if tracer is None else guard.call(SPANS, _entered, tracer, name, attributes)
        if entered is None:
            yield NoSpan()
            return
        span, leave = entered
        try:
            yield span
        except BaseException as error:
            guard.call(SPANS, leave, type(error), error, error.__traceback__)
            raise
        guard.call(SPANS, leave, None, None, None)


def _entered(tracer: Any, name: str, attributes: dict[str, Any] | None) -> tuple[Any, Any]:
    """Start a span that is the current one, and return it and what ends it."""
    context = tracer.start_as_current_span(name, attributes=attributes)
    return context.__enter__(), context.__exit__
