"""How a span is started, made the current one, and ended. None of it raises what a processor or a sampler raises."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from .guard import SPANS, Guard
from .listeners import Listeners


def started(listeners: Listeners, name: str, context: Any, **options: Any) -> tuple[Any, Any]:
    """Start a span.

    Args:
        listeners: Whose tracer it is.
        name: The span's name.
        context: OpenTelemetry's context of its parent; None: the current one.
        **options: More arguments of the tracer's `start_span`.

    Returns:
        The span, or None if it could not be started; and the context in which it is the current one.
    """
    span = None
    try:
        span = listeners.tracer.start_span(name, context=context, **options)
        context = listeners.trace.set_span_in_context(span, context)
    except Exception as error:
        listeners.guard.failed(SPANS, error)
    return span, context


def is_recording(span: Any, guard: Guard) -> bool:
    """Return whether what a span is told goes anywhere; None: it does not."""
    try:
        return span is not None and bool(span.is_recording())
    except Exception as error:
        guard.failed(SPANS, error)
        return False


def closed(span: Any, attributes: Mapping[str, Any], guard: Guard) -> None:
    """End a span with some last attributes; it ends even where they are refused."""
    try:
        try:
            if attributes and span.is_recording():
                if "error.type" in attributes:
                    span.set_status(error_status())
                span.set_attributes(attributes)
        finally:
            span.end()
    except Exception as error:
        guard.failed(SPANS, error)


@contextmanager
def attached(context: Any, guard: Guard) -> Iterator[None]:
    """Make a context of OpenTelemetry's the current one; None leaves it as it is."""
    if context is None:
        yield
        return
    contexts = import_module("opentelemetry.context")
    token = guard.call(SPANS, contexts.attach, context)
    try:
        yield
    finally:
        if token is not None:
            guard.call(SPANS, contexts.detach, token)


def error_status() -> Any:
    """Give the status of a span that ended in an error: without its text, which may hold what is secret."""
    trace = import_module("opentelemetry.trace")
    return trace.Status(trace.StatusCode.ERROR)


def ids_of(span: Any, guard: Guard) -> dict[str, str]:
    """Give the fields of an event that tell of a span; None: there are none."""
    if span is None:
        return {}
    try:
        context = span.get_span_context()
        return {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}
    except Exception as error:
        guard.failed(SPANS, error)
        return {}
