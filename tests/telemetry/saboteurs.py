"""Parts of a program's telemetry that fail: each sets itself up, beside others that do not."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
import structlog
from opentelemetry import context, metrics, propagate, trace
from opentelemetry.sdk.metrics import ExemplarFilter, MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import RandomIdGenerator, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult


class Fault:
    """Raises at some of its calls.

    Args:
        at: Says of the number of a call, from 1 on, whether it raises.
        make: Makes what is raised.

    Attributes:
        raised: How often it has raised.
    """

    def __init__(
        self, at: Callable[[int], bool], make: Callable[[], BaseException] = lambda: RuntimeError("x")
    ) -> None:
        self._at = at
        self._make = make
        self._calls = 0
        self.raised = 0

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self._calls += 1
        if self._at(self._calls):
            self.raised += 1
            raise self._make()


class Counting(SpanProcessor):
    """Counts the spans that start and end, before a processor that fails sees them."""

    def __init__(self) -> None:
        self.started = 0
        self.ended = 0

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        self.started += 1

    def on_end(self, span: Any) -> None:
        self.ended += 1


class Listening:
    """What listens: OpenTelemetry's tracing and metrics, and a handler at DEBUG; one of their parts may fail.

    Args:
        patch: Sets back what is set here.
    """

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.patch = patch
        self.counting = Counting()
        self.tracing: dict[str, Any] = {}
        self.processors: list[SpanProcessor] = [self.counting]
        self.metering: dict[str, Any] = {}
        self.meter_provider: type[MeterProvider] = MeterProvider

    def begin(self) -> None:
        tracer_provider = TracerProvider(shutdown_on_exit=False, **self.tracing)
        for processor in self.processors:
            tracer_provider.add_span_processor(processor)
        trace.set_tracer_provider(tracer_provider)
        meter_provider = self.meter_provider([InMemoryMetricReader()], shutdown_on_exit=False, **self.metering)
        metrics.set_meter_provider(meter_provider)

    def logs_to(self, handler: logging.Handler) -> None:
        logger = logging.getLogger("pynector")
        self.patch.setattr(logger, "handlers", [*logger.handlers, handler])


def on_start(fault: Fault, listening: Listening) -> None:
    processor = SpanProcessor()
    processor.on_start = fault  # type: ignore[method-assign]
    listening.processors.append(processor)


def on_end(fault: Fault, listening: Listening) -> None:
    processor = SpanProcessor()
    processor.on_end = fault  # type: ignore[method-assign]
    listening.processors.append(processor)


def sampler(fault: Fault, listening: Listening) -> None:
    class Failing(Sampler):
        def should_sample(self, *args: Any, **kwargs: Any) -> SamplingResult:
            fault()
            return SamplingResult(Decision.RECORD_AND_SAMPLE)

        def get_description(self) -> str:
            return "fails"

    listening.tracing["sampler"] = Failing()


def id_generator(fault: Fault, listening: Listening) -> None:
    class Failing(RandomIdGenerator):
        def generate_span_id(self) -> int:
            fault()
            return super().generate_span_id()

    listening.tracing["id_generator"] = Failing()


def exporter(fault: Fault, listening: Listening) -> None:
    failing = SpanExporter()
    failing.export = fault  # type: ignore[method-assign]
    listening.processors.append(SimpleSpanProcessor(failing))


def attach(fault: Fault, listening: Listening) -> None:
    real = context.attach
    listening.patch.setattr(context, "attach", lambda given: [fault(), real(given)][1])


def detach(fault: Fault, listening: Listening) -> None:
    real = context.detach
    listening.patch.setattr(context, "detach", lambda token: [real(token), fault()][0])


def propagator(fault: Fault, listening: Listening) -> None:
    def inject(*args: Any, **kwargs: Any) -> None:
        fault()
        real(*args, **kwargs)

    real = propagate.inject
    listening.patch.setattr(propagate, "inject", inject)


def measurement(fault: Fault, listening: Listening) -> None:
    class Failing(ExemplarFilter):
        def should_sample(self, *args: Any) -> bool:
            fault()
            return False

    listening.metering["exemplar_filter"] = Failing()


def instruments(fault: Fault, listening: Listening) -> None:
    class Failing(MeterProvider):
        def get_meter(self, *args: Any, **kwargs: Any) -> Any:
            fault()
            return super().get_meter(*args, **kwargs)

    listening.meter_provider = Failing


def handler(fault: Fault, listening: Listening) -> None:
    failing = logging.Handler()
    failing.handle = fault  # type: ignore[method-assign]
    listening.logs_to(failing)


def handler_emit(fault: Fault, listening: Listening) -> None:
    failing = logging.Handler()
    failing.emit = fault  # type: ignore[method-assign]
    listening.logs_to(failing)


def log_filter(fault: Fault, listening: Listening) -> None:
    class Failing(logging.Filter):
        def filter(self, record: logging.LogRecord) -> bool:
            fault()
            return True

    listening.patch.setattr(logging.getLogger("pynector.core"), "filters", [Failing()])


def structlog_processor(fault: Fault, listening: Listening) -> None:
    def failing(logger: Any, method: str, event: Any) -> Any:
        fault()
        raise structlog.DropEvent

    structlog.configure(processors=[failing])


TOLD_OF: dict[Callable[[Fault, Listening], None], str | None] = {
    on_start: "spans",
    on_end: "spans",
    sampler: "spans",
    id_generator: "spans",
    # The SDK tells of it itself.
    exporter: None,
    attach: "spans",
    detach: "spans",
    propagator: "propagation",
    measurement: "metrics",
    instruments: "metrics",
    handler: "events",
    handler_emit: "events",
    log_filter: "events",
    structlog_processor: "events",
}
"""Each saboteur, and which part of telemetry is said to have failed."""
