"""Tracing and logging: what is told, to whom, and that nothing is told by default."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
import structlog
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.util._once import Once

from pynector import (
    ConfigurationError,
    HTTPStatusError,
    Pynector,
    PynectorError,
    TransportError,
    configure_telemetry,
    get_telemetry,
)
from pynector.telemetry import EventLogger
from pynector.telemetry.observe import byte_length
from pynector.testing import LoopbackServer
from transports import ExchangeOnly

SECRET = "hunter2"


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Leaves no provider and no configuration behind."""
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", None)
    monkeypatch.setattr(trace, "_TRACER_PROVIDER_SET_ONCE", Once())
    structlog.reset_defaults()
    yield
    structlog.reset_defaults()


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    """What OpenTelemetry's SDK exports."""
    exporter, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    yield exporter
    provider.shutdown()


@pytest.fixture
def events(caplog: pytest.LogCaptureFixture) -> Any:
    """Gives the events logged so far: level, name and fields."""
    caplog.set_level(logging.DEBUG, "pynector")

    def told() -> list[tuple[str, str, dict[str, Any]]]:
        return [(r.levelname, r.event, r.fields) for r in caplog.records if r.name == "pynector.core"]  # type: ignore[attr-defined]

    return told


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens: pytest's own handlers are at the root."""
    monkeypatch.setattr(logging.getLogger("pynector"), "parent", None)


# Standard logging


@pytest.mark.anyio
async def test_a_request_is_told_of(events: Any) -> None:
    async with Pynector(ExchangeOnly()) as client:
        await client.request(b"12345", 7)
    (start, complete) = events()
    assert start == ("INFO", "request.start", {"data_size": 5, "timeout": 7.0})
    assert complete[:2] == ("INFO", "request.complete")
    assert complete[2].pop("duration") >= 0
    assert complete[2] == {"data_size": 5, "result_size": 5}


@pytest.mark.anyio
async def test_a_failed_request_is_told_of(events: Any) -> None:
    async with Pynector(ExchangeOnly()) as client:
        with pytest.raises(TransportError):
            await client.request(ConnectionResetError("gone"))
    assert [(level, event) for level, event, _ in events()] == [("INFO", "request.start"), ("ERROR", "request.error")]
    assert events()[1][2]["error_type"] == "TransportError"
    assert "gone" in events()[1][2]["error"]


@pytest.mark.anyio
async def test_a_cancelled_request_is_no_error(events: Any) -> None:
    transport = ExchangeOnly()
    transport.stuck = {"a"}
    async with Pynector(transport) as client:
        with anyio.move_on_after(0.02):
            await client.request("a")
    assert [event for _, event, _ in events()] == ["request.start"]


@pytest.mark.anyio
async def test_a_batch_is_told_of_once_and_its_entries_at_debug(events: Any, caplog: pytest.LogCaptureFixture) -> None:
    async with Pynector(ExchangeOnly()) as client:
        await client.batch_request([("a", {}), (OSError("b"), {}), (b"ccc", {})], max_concurrency=2)
        start, *entries, complete = events()
        caplog.clear()
        caplog.set_level(logging.INFO, "pynector")
        await client.batch_request([("a", {})])
    assert [event for _, event, _ in events()] == ["batch.start", "batch.complete"]
    assert [(level, event, fields["index"]) for level, event, fields in entries] == [
        ("DEBUG", "request.complete", 0),
        ("DEBUG", "request.error", 1),
        ("DEBUG", "request.complete", 2),
    ]
    assert entries[1][2]["error_type"] == "TransportError"
    assert entries[2][2]["result_size"] == 3
    assert start == ("INFO", "batch.start", {"count": 3, "max_concurrency": 2})
    assert complete[:2] == ("INFO", "batch.complete")
    assert complete[2].pop("duration") >= 0
    assert complete[2] == {"count": 3, "failures": 1}


@pytest.mark.anyio
async def test_a_batch_that_raises_is_told_of(events: Any) -> None:
    async with Pynector(ExchangeOnly()) as client:
        with pytest.raises(TransportError):
            await client.batch_request([(OSError("b"), {})], raise_on_error=True)
    assert [(level, event) for level, event, _ in events()] == [("INFO", "batch.start"), ("ERROR", "batch.error")]


@pytest.mark.anyio
async def test_a_retry_is_a_warning(events: Any) -> None:
    async with Pynector(ExchangeOnly()) as client:
        with pytest.raises(TransportError):
            await client.request_with_retry(OSError("again"), 2, 0)
    retry = ("WARNING", "retry", {"attempt": 1, "wait": 0.0, "error_type": "TransportError"})
    assert [event for event in events() if event[1] == "retry"] == [retry]


@pytest.mark.anyio
async def test_without_telemetry_nothing_is_told(events: Any, spans: InMemorySpanExporter) -> None:
    async with Pynector(ExchangeOnly(), enable_telemetry=False) as client:
        await client.request("a")
        await client.batch_request([("a", {})])
    assert events() == []
    assert spans.get_finished_spans() == ()


@pytest.mark.anyio
async def test_nothing_is_rendered_when_nobody_listens(quiet: None) -> None:
    class Loud:
        def __str__(self) -> str:
            raise AssertionError("rendered")

        __repr__ = __str__

    loud = Loud()
    async with Pynector(ExchangeOnly()) as client:
        assert await client.request(loud) is loud
        assert await client.batch_request([(loud, {})]) == [loud]


def test_a_logger_at_a_higher_level_is_not_written_to(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "pynector.of.a.test")
    logger = EventLogger("pynector.of.a.test")
    logger.debug("a", n=1)
    logger.info("b", n=1)
    logger.warning("c", n=1)
    logger.error("d", n=1, text="x")
    assert [record.getMessage() for record in caplog.records] == ["c n=1", "d n=1 text=x"]


def test_a_handler_makes_a_logger_audible(quiet: None) -> None:
    logger, handler = EventLogger("pynector.of.a.test"), logging.StreamHandler()
    assert not logger.audible()
    logging.getLogger("pynector").addHandler(handler)
    assert logger.audible()
    logging.getLogger("pynector").removeHandler(handler)
    assert not logger.audible()


# Structlog


@pytest.mark.parametrize(
    "wrapper", [None, structlog.stdlib.BoundLogger, structlog.BoundLogger, structlog.make_filtering_bound_logger(0)]
)
def test_events_go_to_structlog_where_it_is_configured(wrapper: Any, quiet: None) -> None:
    told: list[tuple[str, dict[str, Any]]] = []

    def keep(_: Any, method: str, event: Any) -> Any:
        told.append((method, dict(event)))
        raise structlog.DropEvent

    logger = EventLogger("pynector.of.a.test")
    assert not logger.audible()
    structlog.configure(processors=[keep], wrapper_class=wrapper)
    assert logger.audible()
    logger.debug("a", n=1)
    logger.info("b", n=2)
    logger.warning("c")
    logger.error("d", m=3)
    assert told == [
        ("debug", {"event": "a", "n": 1}),
        ("info", {"event": "b", "n": 2}),
        ("warning", {"event": "c"}),
        ("error", {"event": "d", "m": 3}),
    ]


def test_configured_structlog_writes_to_standard_logging(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "pynector.of.a.test")
    configure_telemetry("service")
    configure_telemetry("service")
    EventLogger("pynector.of.a.test").info("request.start", size=1)
    EventLogger("pynector.of.a.test").debug("not this")
    (record,) = caplog.records
    assert (record.name, record.levelname) == ("pynector.of.a.test", "INFO")
    assert "event='request.start'" in record.getMessage()
    assert "size=1" in record.getMessage()


def test_a_program_that_configured_structlog_keeps_its_configuration() -> None:
    mine: list[Any] = [lambda *_: ""]
    structlog.configure(processors=mine)
    configure_telemetry("service")
    assert structlog.get_config()["processors"] is mine


# OpenTelemetry


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
    assert [event.name for event in span.events] == ["exception"]


@pytest.mark.anyio
async def test_a_batch_has_one_span_which_its_entries_run_in(spans: InMemorySpanExporter) -> None:
    inside: list[Any] = []

    class Looking(ExchangeOnly):
        async def exchange(self, data: Any, /, **options: Any) -> Any:
            inside.append(trace.get_current_span().get_span_context().span_id)
            return await super().exchange(data, **options)

    async with Pynector(Looking()) as client:
        await client.batch_request([("a", {}), (OSError("b"), {}), ("c", {})])
    (span,) = spans.get_finished_spans()
    assert span.name == "pynector.batch_request"
    assert dict(span.attributes or {}) == {
        "request.count": 3,
        "max_concurrency": 3,
        "request.succeeded": 2,
        "request.failed": 1,
    }
    assert span.context is not None
    assert inside == [span.context.span_id] * 3


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
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.count('"name": "shown"') == 1


def test_spans_go_to_an_installed_otlp_exporter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "opentelemetry/exporter/otlp/proto/http/trace_exporter"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(
        "from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter\n"
        "made = []\n"
        "class OTLPSpanExporter(InMemorySpanExporter):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        made.append(self)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    configure_telemetry("shop")
    with get_telemetry("x")[0].start_as_current_span("sent"):
        pass
    provider: Any = trace.get_tracer_provider()
    provider.force_flush()
    (exporter,) = sys.modules["opentelemetry.exporter.otlp.proto.http.trace_exporter"].made
    assert [span.name for span in exporter.get_finished_spans()] == ["sent"]
    provider.shutdown()
    for name in set(sys.modules) - before:
        if name.startswith("opentelemetry.exporter"):
            del sys.modules[name]


@pytest.mark.parametrize("name", ["", None, 5])
def test_a_service_needs_a_name(name: Any) -> None:
    with pytest.raises(ConfigurationError, match="service_name"):
        configure_telemetry(name)


@pytest.mark.parametrize("attributes", ["text", 5, [("a", 1)]])
def test_resource_attributes_are_a_dict(attributes: Any) -> None:
    with pytest.raises(ConfigurationError, match="resource_attributes must be a dict"):
        configure_telemetry("service", attributes)


# What must not be told


@pytest.mark.anyio
@pytest.mark.parametrize("path", ["id/1", "status/500"])
async def test_no_secrets_are_told(
    path: str, server: LoopbackServer, caplog: pytest.LogCaptureFixture, spans: InMemorySpanExporter
) -> None:
    caplog.set_level(logging.DEBUG, "pynector")
    base = server.url.replace("://", f"://user:{SECRET}@")
    request = {
        "method": "POST",
        "path": f"/{path}",
        "params": {"token": SECRET},
        "headers": {"Authorization": f"Bearer {SECRET}", "X-Key": SECRET},
        "content": f"body {SECRET}",
    }
    results: list[Any] = []
    async with Pynector(base_url=base, params={"key": SECRET}, cookies={"session": SECRET}) as client:
        results += await client.batch_request([(request, {})])
        try:
            await client.request_with_retry(request, 2, 0, headers={"X-Other": SECRET})
        except HTTPStatusError as error:
            results.append(error)
    told = "\n".join(f"{record.getMessage()} {vars(record)}" for record in caplog.records)
    told += "\n".join(span.to_json() for span in spans.get_finished_spans())
    told += "\n".join(f"{result} {result!r}" for result in results if isinstance(result, Exception))
    assert "request.start" in told
    assert "pynector.batch_request" in told
    assert SECRET not in told


@pytest.mark.parametrize(
    ("data", "size"),
    [
        (b"abc", 3),
        (bytearray(4), 4),
        (memoryview(b"abcdef").cast("H"), 6),
        ("text", 4),
        ("t\u00e9xt", None),
        ({"a": 1}, None),
        (None, None),
    ],
)
def test_a_size_is_told_where_it_costs_nothing(data: Any, size: int | None) -> None:
    assert byte_length(data) == size


# In a process of its own

USE = """
import asyncio, sys
if "block" in sys.argv:
    sys.modules["opentelemetry"] = None
    sys.modules["structlog"] = None
sys.path.insert(0, sys.argv[1])
from transports import ExchangeOnly
import pynector
if "configure" in sys.argv:
    pynector.configure_telemetry("service", {"a": 1}, console=True)

async def main():
    async with pynector.Pynector(ExchangeOnly()) as client:
        assert await client.request(b"a") == b"a"
        results = await client.batch_request([(b"a", {}), (OSError("b"), {})])
        assert results[0] == b"a"
        assert isinstance(results[1], pynector.TransportError)
        try:
            await client.request_with_retry(OSError("c"), 2, 0)
        except pynector.TransportError:
            pass
    tracer, logger = pynector.get_telemetry("pynector.x")
    with tracer.start_as_current_span("s") as span:
        span.set_attribute("a", 1)
    logger.error("e", a=1)
asyncio.run(main())
loaded = {"opentelemetry", "structlog"} & {name for name, module in sys.modules.items() if module is not None}
assert not loaded, loaded
"""


@pytest.mark.parametrize("words", [(), ("block",), ("block", "configure")])
def test_nothing_is_printed_and_nothing_needed(words: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", USE, str(Path(__file__).parent), *words],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_without_the_packages_configuring_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("opentelemetry")]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, "structlog", None)
    configure_telemetry("service", console=True)
    tracer, logger = get_telemetry("x")
    with tracer.start_as_current_span("s") as span:
        assert not span.is_recording()
    logger.info("e")
