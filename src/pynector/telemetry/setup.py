"""Sets up OpenTelemetry's SDK and structlog for a program that asks for it."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping
from typing import Any

from ..errors import ConfigurationError


def configure_telemetry(
    service_name: str,
    resource_attributes: Mapping[str, Any] | None = None,
    *,
    console: bool = False,
) -> None:
    """Set up what is installed of OpenTelemetry's SDK and structlog; what is not installed is passed over.

    With the SDK it installs a tracer provider for the service, unless the program has one. Spans go to an OTLP/HTTP
    exporter where that package is installed, by the OTEL_* variables, and to the console if asked for. With structlog
    it sends structlog's events to standard logging, unless the program has configured it.

    Args:
        service_name: The service's name, not empty.
        resource_attributes: More attributes of the service by name, such as "deployment.environment".
        console: Whether to print spans on standard output, too.

    Raises:
        ConfigurationError: If an argument is not valid.
    """
    if not isinstance(service_name, str) or not service_name:
        raise ConfigurationError(f"service_name must be a non-empty str, not {service_name!r}")
    if resource_attributes is not None and not isinstance(resource_attributes, Mapping):
        raise ConfigurationError(f"resource_attributes must be a dict, not {type(resource_attributes).__name__}")
    if _installed("opentelemetry.sdk.trace"):
        _set_up_tracing({"service.name": service_name, **(resource_attributes or {})}, console)
    if _installed("structlog"):
        _set_up_structlog()


def _installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _set_up_tracing(attributes: Mapping[str, Any], console: bool) -> None:
    trace = importlib.import_module("opentelemetry.trace")
    sdk = importlib.import_module("opentelemetry.sdk.trace")
    export = importlib.import_module("opentelemetry.sdk.trace.export")
    resources = importlib.import_module("opentelemetry.sdk.resources")
    provider = trace.get_tracer_provider()
    if not isinstance(provider, sdk.TracerProvider):
        provider = sdk.TracerProvider(resource=resources.Resource.create(attributes))
        if _installed("opentelemetry.exporter.otlp.proto.http.trace_exporter"):
            otlp = importlib.import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
            provider.add_span_processor(export.BatchSpanProcessor(otlp.OTLPSpanExporter()))
        trace.set_tracer_provider(provider)
    if console:
        provider.add_span_processor(export.SimpleSpanProcessor(export.ConsoleSpanExporter()))


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
