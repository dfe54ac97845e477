"""Events through standard logging."""

from __future__ import annotations

import logging
from importlib.util import find_spec
from typing import Any

import anyio
import pytest

from pynector import Pynector, TransportError
from pynector.telemetry import EventLogger, batches, requests
from pynector.telemetry.requests import byte_length
from pynector.testing import LoopbackServer
from transports import ExchangeOnly


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
    assert events()[1][2]["error_type"] == "pynector.TransportError"
    assert "gone" not in str(events())


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
        assert [fields["index"] for _, event, fields in entries if event == "request.start"] == [0, 1, 2]
        entries = [entry for entry in entries if entry[1] != "request.start"]
        entries.sort(key=lambda entry: entry[2]["index"])
        caplog.clear()
        caplog.set_level(logging.INFO, "pynector")
        await client.batch_request([("a", {})])
    assert [event for _, event, _ in events()] == ["batch.start", "batch.complete"]
    assert [(level, event, fields["index"]) for level, event, fields in entries] == [
        ("DEBUG", "request.complete", 0),
        ("DEBUG", "request.error", 1),
        ("DEBUG", "request.complete", 2),
    ]
    assert entries[1][2]["error_type"] == "pynector.TransportError"
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
    told = [(level, event) for level, event, _ in events() if level != "DEBUG"]
    assert told == [("INFO", "batch.start"), ("ERROR", "batch.error")]


@pytest.mark.anyio
async def test_a_retry_is_a_warning(events: Any) -> None:
    async with Pynector(ExchangeOnly()) as client:
        with pytest.raises(TransportError):
            await client.request_with_retry(OSError("again"), 2, 0)
    retry = ("WARNING", "retry", {"attempt": 1, "wait": 0.0, "error_type": "pynector.TransportError"})
    assert [event for event in events() if event[1] == "retry"] == [retry]


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
    assert not logger.tells(logging.ERROR)
    logging.getLogger("pynector").addHandler(handler)
    assert logger.tells(logging.ERROR)
    logging.getLogger("pynector").removeHandler(handler)
    assert not logger.tells(logging.ERROR)


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


@pytest.mark.anyio
async def test_connections_are_told_of(server: LoopbackServer, events: Any, anyio_backend: Any) -> None:
    async with Pynector(base_url=server.url) as client:
        await client.request({"path": "/id/1"})
    told = [(level, event, fields) for level, event, fields in events() if event.startswith("connection.")]
    where = {"host": "127.0.0.1", "port": server.port}
    assert told[0] == ("DEBUG", "connection.open", where)
    if anyio_backend[0] == "asyncio" and find_spec("httptools"):
        assert told[1:] == [("DEBUG", "connection.close", where)]


@pytest.mark.anyio
async def test_a_failure_is_told_of_though_only_errors_are_heard(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, "pynector")
    async with Pynector(ExchangeOnly()) as client:
        with pytest.raises(TransportError):
            await client.request(OSError("secret"))
    (record,) = caplog.records
    assert record.getMessage() == "request.error error_type=pynector.TransportError request=None"


@pytest.mark.anyio
async def test_a_batch_that_nobody_looks_at_runs_on_the_bare_transport(
    quiet: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches.ObservedBatch, "__init__", None)
    monkeypatch.setattr(requests.ObservedRequest, "__init__", None)
    logging.getLogger("pynector").setLevel(logging.WARNING)
    try:
        async with Pynector(ExchangeOnly()) as client:
            assert await client.batch_request([(b"a", {})] * 3) == [b"a"] * 3
            assert await client.request(b"a") == b"a"
    finally:
        logging.getLogger("pynector").setLevel(logging.NOTSET)
