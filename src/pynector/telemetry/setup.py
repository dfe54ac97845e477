"""Sets up OpenTelemetry's SDK and structlog for a program that asks for it."""

from __future__ import annotations

import importlib
import importlib.util
import os
import warnings
from collections.abc import Mapping
from typing import Any

from ..errors import ConfigurationError
from .guard import EVENTS, METRICS, SPANS, Guard


def configure_telemetry(
    service_name: str,
    resource_attributes: Mapping[str, Any] | None = None,
    *,
    console: bool = False,
) -> None:
    """Set up what is installed of OpenTelemetry's SDK and structlog; what is not installed is passed over.

    With the SDK it installs a tracer provider for the service, unless the program has one, and a meter provider where
    there is somebody to read it. Spans go in batches, and metrics from time to time, to an OTLP exporter where that
    package is installed, by the standard OTEL_* variables (OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_TRACES_SAMPLER, ...), and
    to the console if asked for. With structlog it sends structlog's events to standard logging, unless the program has
    configured it. What cannot be set up, for a variable with a wrong value, is told of as telemetry's own failure; the
    rest is set up.

    Args:
        service_name: The service's name, not empty.
        resource_attributes: More attributes of the service by name, such as "deployment.environment.name".
        console: Whether to print spans and metrics on standard output, too. What cannot be printed, without the SDK or
            because there is a meter provider already, is told of by a UserWarning.

    Raises:
        ConfigurationError: If an argument is not valid.
    """
    if not isinstance(service_name, str) or not service_name:
        raise ConfigurationError(f"service_name must be a non-empty str, not {service_name!r}")
    if resource_attributes is not None and not isinstance(resource_attributes, Mapping):
        raise ConfigurationError(f"resource_attributes must be a dict, not {type(resource_attributes).__name__}")
    if not isinstance(console, bool):
        raise ConfigurationError(f"console must be True or False, not {console!r}")
    guard = Guard("pynector.core")
    unprinted = "nothing: OpenTelemetry's SDK is not installed (pip install 'pynector[telemetry]')"
    if _installed("opentelemetry.sdk.trace"):
        resource = guard.call(SPANS, _resource, service_name, resource_attributes or {})
        guard.call(SPANS, _set_up_tracing, resource, console)
        is_late = guard.call(METRICS, _set_up_metrics, resource, console) is False
        unprinted = "no metrics: there is a meter provider already" if is_late else ""
    if _installed("structlog"):
        guard.call(EVENTS, _set_up_structlog)
    if console and unprinted:
        warnings.warn(f"configure_telemetry(console=True) prints {unprinted}", stacklevel=2)


def _resource(service_name: str, attributes: Mapping[str, Any]) -> Any:
    resources = importlib.import_module("opentelemetry.sdk.resources")
    return resources.Resource.create({"service.name": service_name, **attributes})


def _installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _set_up_tracing(resource: Any, console: bool) -> None:
    trace = importlib.import_module("opentelemetry.trace")
    sdk = importlib.import_module("opentelemetry.sdk.trace")
    export = importlib.import_module("opentelemetry.sdk.trace.export")
    provider = trace.get_tracer_provider()
    if not isinstance(provider, sdk.TracerProvider):
        provider = sdk.TracerProvider(resource=resource)
        exporter = _otlp("trace_exporter", "OTLPSpanExporter", "OTEL_TRACES_EXPORTER")
        if exporter is not None:
            provider.add_span_processor(export.BatchSpanProcessor(exporter))
        trace.set_tracer_provider(provider)
    if console:
        provider.add_span_processor(export.SimpleSpanProcessor(export.ConsoleSpanExporter()))


def _set_up_metrics(resource: Any, console: bool) -> bool:
    """Set up metrics, and return False if that has been done: then there is no way to add a reader."""
    metrics = importlib.import_module("opentelemetry.metrics")
    sdk = importlib.import_module("opentelemetry.sdk.metrics")
    export = importlib.import_module("opentelemetry.sdk.metrics.export")
    if isinstance(metrics.get_meter_provider(), sdk.MeterProvider):
        return False
    exporters = [_otlp("metric_exporter", "OTLPMetricExporter", "OTEL_METRICS_EXPORTER")]
    if console:
        exporters.append(export.ConsoleMetricExporter())
    readers = [export.PeriodicExportingMetricReader(exporter) for exporter in exporters if exporter is not None]
    # Without a reader each record would be made in vain.
    if readers:
        metrics.set_meter_provider(sdk.MeterProvider(readers, resource=resource))
    return True


def _otlp(module: str, name: str, variable: str) -> Any | None:
    """Give an OTLP exporter, or None where it is not installed or not wanted."""
    if os.environ.get(variable, "otlp") == "none":
        return None
    protocol = os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf").partition("/")[0]
    full = f"opentelemetry.exporter.otlp.proto.{protocol}.{module}"
    return getattr(importlib.import_module(full), name)() if _installed(full) else None


def _set_up_structlog() -> None:
    structlog = importlib.import_module("structlog")
    if structlog.is_configured():
        return
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.KeyValueRenderer(key_order=["event"]),
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
