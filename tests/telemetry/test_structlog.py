"""Events through structlog, where a program has configured it."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import structlog

from pynector import configure_telemetry
from pynector.telemetry import EventLogger


@pytest.mark.parametrize(
    "wrapper", [None, structlog.stdlib.BoundLogger, structlog.BoundLogger, structlog.make_filtering_bound_logger(0)]
)
def test_events_go_to_structlog_where_it_is_configured(wrapper: Any, quiet: None) -> None:
    told: list[tuple[str, dict[str, Any]]] = []

    def keep(_: Any, method: str, event: Any) -> Any:
        told.append((method, dict(event)))
        raise structlog.DropEvent

    logger = EventLogger("pynector.of.a.test")
    assert not logger.tells(logging.INFO)
    structlog.configure(processors=[keep], wrapper_class=wrapper)
    assert logger.tells(logging.INFO)
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
