"""Who is told of requests, and with what."""

from __future__ import annotations

from typing import Any, NamedTuple

from .events import EventLogger
from .guard import Guard
from .metering import Meters
from .passing import Passing
from .propagation import Propagation


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
        guard: Takes what any of them raises.
        context: OpenTelemetry's context of the caller, or None if there is nothing in it that goes along.
        passing: What goes along with all requests of a batch whose span does not record, or None.
    """

    tracer: Any
    meters: Meters | None
    events: EventLogger
    propagation: Propagation
    http: bool
    methods: frozenset[str]
    trace: Any
    guard: Guard
    context: Any
    passing: Passing | None = None
