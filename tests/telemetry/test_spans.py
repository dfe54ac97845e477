"""Spans of requests and batches over any transport, and what configure_telemetry sets up."""

from __future__ import annotations

import http.server
import subprocess
import sys
import threading
from typing import Any, ClassVar

import anyio
import pytest
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from pynector import ConfigurationError, Pynector, PynectorError, configure_telemetry, get_telemetry
from transports import ExchangeOnly


@pytest.mark.anyio
async def test_a_request_has_a_span(spans: InMemorySpanExporter) -> None:
    async with Pynector(ExchangeOnly()) as client:
        await client.request(b"12345")
        await client.request({"of": "unknown size"})
    first, second = spans.get_finished_spans()
    assert first.name == second.name == "pynector.request"
    assert dict(first.attributes or {}) == {"request.size": 5, "response.size": 5}
    assert not second.attributes
    assert first.instrumentation_scope is not None
    assert first.instrumentation_scope.name == "pynector.core"


@pytest.mark.anyio
async def test_a_span_records_a_failure(spans: InMemorySpanExporter) -> None:
    async with Pynector(ExchangeOnly()) as client:
        with pytest.raises(PynectorError):
            await client.request(KeyError("k"))
    (span,) = spans.get_finished_spans()
    assert not span.status.is_ok
    assert span.status.description is None
    assert not span.events
    assert dict(span.attributes or {}) == {"error.type": "pynector.PynectorError"}


@pytest.mark.anyio
async def test_a_batch_has_one_span_which_its_entries_run_in(spans: InMemorySpanExporter) -> None:
    inside: list[Any] = []

    class Looking(ExchangeOnly):
        async def exchange(self, data: Any, /, **options: Any) -> Any:
            inside.append(trace.get_current_span().get_span_context().span_id)
            return await super().exchange(data, **options)

    async with Pynector(Looking()) as client:
        await client.batch_request([("a", {}), (OSError("b"), {}), ("c", {})])
    *entries, span = spans.get_finished_spans()
    assert span.name == "pynector.batch_request"
    assert dict(span.attributes or {}) == {
        "request.count": 3,
        "max_concurrency": 3,
        "request.succeeded": 2,
        "request.failed": 1,
    }
    assert [entry.name for entry in entries] == ["pynector.request"] * 3
    assert sorted(inside) == sorted(entry.context.span_id for entry in entries)
    assert {entry.parent.span_id for entry in entries} == {span.context.span_id}
    assert [entry.attributes.get("error.type") for entry in entries].count("pynector.TransportError") == 1


@pytest.mark.anyio
async def test_a_span_is_the_child_of_the_callers(spans: InMemorySpanExporter) -> None:
    with trace.get_tracer("caller").start_as_current_span("outer") as outer:
        async with Pynector(ExchangeOnly()) as client:
            await client.request("a")
    assert spans.get_finished_spans()[0].parent == outer.get_span_context()


def test_an_sdk_that_is_set_up_later_is_picked_up() -> None:
    tracer, _ = get_telemetry("late")
    with tracer.start_as_current_span("nothing") as span:
        span.set_attribute("a", 1)
        assert not span.is_recording()
    exporter, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    with tracer.start_as_current_span("something", attributes={"b": 2}) as span:
        assert span.is_recording()
    assert [(span.name, dict(span.attributes or {})) for span in exporter.get_finished_spans()] == [
        ("something", {"b": 2})
    ]
    provider.shutdown()


def test_configuring_sets_up_the_service() -> None:
    configure_telemetry("shop", {"deployment.environment": "production"})
    provider: Any = trace.get_tracer_provider()
    assert provider.resource.attributes["service.name"] == "shop"
    assert provider.resource.attributes["deployment.environment"] == "production"
    configure_telemetry("another")
    assert trace.get_tracer_provider() is provider
    provider.shutdown()


def test_spans_are_printed_if_asked_for() -> None:
    # In a process of its own: the exporter writes to what standard output was when it was imported.
    code = (
        "from pynector import configure_telemetry, get_telemetry\n"
        "configure_telemetry('service')\n"
        "configure_telemetry('service', console=True)\n"
        "with get_telemetry('x')[0].start_as_current_span('shown'):\n"
        "    pass\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=600, check=True)
    assert done.stdout.count('"name": "shown"') == 1


def test_metrics_that_cannot_be_printed_are_told_of() -> None:
    threads = threading.active_count()
    metrics.set_meter_provider(MeterProvider(shutdown_on_exit=False))
    with pytest.warns(UserWarning, match="prints no metrics: there is a meter provider already"):
        configure_telemetry("service", console=True)
    assert threading.active_count() == threads


class Receiver(http.server.BaseHTTPRequestHandler):
    """Takes what an OTLP exporter posts."""

    received: ClassVar[dict[str, bytes]] = {}

    def do_POST(self) -> None:
        self.received[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        pass


@pytest.mark.parametrize("wanted", ["otlp", "none"])
def test_what_is_told_goes_to_an_installed_otlp_exporter(wanted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
    Receiver.received.clear()
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", wanted)
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", wanted)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_address[1]}")
        threading.Thread(target=server.serve_forever).start()
        try:
            configure_telemetry("shop")

            async def use() -> None:
                async with Pynector(ExchangeOnly()) as client:
                    await client.batch_request([(b"a", {})])

            anyio.run(use)
            for provider in (trace.get_tracer_provider(), metrics.get_meter_provider()):
                # Not after the receiver's end: it would be looked for again and again.
                if hasattr(provider, "shutdown"):
                    provider.shutdown()
        finally:
            server.shutdown()
    if wanted == "none":
        assert Receiver.received == {}
        return
    assert b"pynector.batch_request" in Receiver.received["/v1/traces"]
    assert b"pynector.batch.size" in Receiver.received["/v1/metrics"]
    assert b"shop" in Receiver.received["/v1/metrics"]


@pytest.mark.parametrize("name", ["", None, 5])
def test_a_service_needs_a_name(name: Any) -> None:
    with pytest.raises(ConfigurationError, match="service_name"):
        configure_telemetry(name)


@pytest.mark.parametrize("attributes", ["text", 5, [("a", 1)]])
def test_resource_attributes_are_a_dict(attributes: Any) -> None:
    with pytest.raises(ConfigurationError, match="resource_attributes must be a dict"):
        configure_telemetry("service", attributes)


@pytest.mark.anyio
async def test_without_telemetry_nothing_is_told(events: Any, spans: InMemorySpanExporter) -> None:
    async with Pynector(ExchangeOnly(), enable_telemetry=False) as client:
        await client.request("a")
        await client.batch_request([("a", {})])
    assert events() == []
    assert spans.get_finished_spans() == ()


@pytest.mark.parametrize("console", [1, "yes", None])
def test_console_is_a_truth_value(console: Any) -> None:
    with pytest.raises(ConfigurationError, match="console"):
        configure_telemetry("service", console=console)
