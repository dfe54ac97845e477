"""What is told of telemetry's own failure, to whom, and what is not."""

from __future__ import annotations

import logging
import sys
import traceback
from types import SimpleNamespace
from typing import Any

import pytest
from opentelemetry import metrics, trace
from saboteurs import Fault, Listening, handler, on_end, on_start

from pynector import Pynector, PynectorError, configure_telemetry, get_telemetry
from pynector.telemetry import metering
from pynector.telemetry.guard import Guard
from pynector.transport.contract import OriginCounts
from transports import ExchangeOnly, ImmediateSubmit


@pytest.fixture
def unraisable(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The errors that come to `sys.unraisablehook`."""
    errors: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda failure: errors.append(failure.exc_value))
    return errors


@pytest.fixture
def listening(monkeypatch: pytest.MonkeyPatch) -> Listening:
    return Listening(monkeypatch)


def always(make: Any = lambda: RuntimeError("secret of its own")) -> Fault:
    return Fault(lambda call: True, make)


@pytest.mark.anyio
async def test_each_client_tells_once_where_it_failed_but_not_the_text(
    listening: Listening, events: Any, unraisable: list[Any]
) -> None:
    on_start(always(), listening)
    listening.begin()
    for _ in range(2):
        async with Pynector(ExchangeOnly()) as client:
            for _ in range(3):
                assert await client.request("a") == "a"
    failures = [(level, fields) for level, event, fields in events() if event == "telemetry.error"]
    (level, fields), _ = failures
    assert level == "ERROR"
    assert fields.pop("at").startswith("saboteurs:")
    assert fields == {"part": "spans", "error_type": "builtins.RuntimeError"}
    assert "secret" not in str(events())
    assert unraisable == []


@pytest.mark.anyio
async def test_where_nobody_reads_the_log_the_hook_is_told(
    listening: Listening, quiet: None, unraisable: list[Any]
) -> None:
    on_start(always(), listening)
    listening.begin()
    async with Pynector(ExchangeOnly()) as client:
        assert await client.batch_request([("a", {})] * 3) == ["a"] * 3
    assert [str(error) for error in unraisable] == ["secret of its own"]


@pytest.mark.anyio
async def test_where_the_log_fails_too_the_hook_is_told_of_both(
    listening: Listening, quiet: None, unraisable: list[Any]
) -> None:
    on_start(always(), listening)
    handler(always(lambda: OSError("disk full")), listening)
    listening.begin()
    logging.getLogger("pynector").setLevel(logging.DEBUG)
    async with Pynector(ExchangeOnly()) as client:
        assert await client.batch_request([("a", {})] * 3) == ["a"] * 3
    assert sorted(str(error) for error in unraisable) == ["disk full", "secret of its own"]


@pytest.mark.anyio
async def test_the_hook_is_not_shown_the_request_s_error(
    listening: Listening, events: Any, unraisable: list[Any]
) -> None:
    handler(always(), listening)
    async with Pynector(ExchangeOnly()) as client:
        with pytest.raises(PynectorError, match="password"):
            await client.request(ValueError("password"))
    (error,) = unraisable
    assert "password" not in "".join(traceback.format_exception(error))


@pytest.mark.anyio
async def test_a_hook_that_raises_harms_nobody(
    listening: Listening, events: Any, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "unraisablehook", always())
    handler(always(), listening)
    async with Pynector(ExchangeOnly()) as client:
        assert await client.request("a") == "a"
    assert "secret of its own" in capfd.readouterr().err


def test_a_tracer_and_a_logger_of_a_program_s_own_never_raise(
    listening: Listening, events: Any, unraisable: list[Any]
) -> None:
    for sabotage in (on_start, on_end, handler):
        sabotage(Fault(lambda call: call > 1), listening)
    listening.begin()
    tracer, logger = get_telemetry("pynector.of.a.test")
    for recording in (True, False):
        with tracer.start_as_current_span("s") as span:
            assert span.is_recording() == recording
            logger.info("e")
        with pytest.raises(KeyError, match="its own"), tracer.start_as_current_span("s"):
            raise KeyError("its own")
    assert not trace.get_current_span().is_recording()
    # The handler fails, and so does what would be told through it.
    assert len(unraisable) == 2


def test_what_cannot_be_set_up_is_told_of_and_the_rest_is_set_up(
    events: Any, monkeypatch: pytest.MonkeyPatch, unraisable: list[Any]
) -> None:
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "otlp")
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "-1")
    configure_telemetry("service", console=True)
    assert [(event, fields["part"]) for _, event, fields in events()] == [("telemetry.error", "spans")]
    assert hasattr(metrics.get_meter_provider(), "shutdown")
    assert unraisable == []


def test_a_client_that_cannot_be_counted_hides_no_other(
    events: Any, points: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = OriginCounts("http", "a", 80, 1, 2, 3, 0)
    good, bad = SimpleNamespace(origins=lambda: [counts]), SimpleNamespace(origins=always())
    monkeypatch.setattr(metering, "_guard", Guard("pynector.core"))
    monkeypatch.setattr(metering, "_sources", [bad, good, bad])
    assert metering.meters_in_use("pynector.core", Guard("pynector.core")) is not None
    for _ in range(2):
        assert [point.value for point in points("http.client.active_requests")] == [3]
    assert [(event, fields["part"]) for _, event, fields in events()] == [("telemetry.error", "metrics")]


class Odd:
    """An answer that looks like one with content."""

    @property
    def content(self) -> bytes:
        raise ValueError("not read yet")


RELEASED = memoryview(b"abc")
RELEASED.release()


@pytest.mark.anyio
@pytest.mark.parametrize("data", [RELEASED, Odd()], ids=["released view", "odd answer"])
async def test_what_has_no_size_is_told_of_without_it(data: Any, events: Any, unraisable: list[Any]) -> None:
    async with Pynector(ImmediateSubmit()) as client:
        assert await client.request(data) is data
        assert await client.batch_request([(data, {})]) == [data]
    complete = [fields for _, event, fields in events() if event == "request.complete"]
    assert [(fields["data_size"], fields["result_size"]) for fields in complete] == [(None, None)] * 2
    assert unraisable == []
