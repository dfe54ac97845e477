"""Fixtures of the benchmarks: the event loop that a high-throughput service runs on."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from .peers import PEERS, installed
from .table import report

_ROWS: list[dict[str, Any]] = []


@pytest.fixture
def comparison() -> list[dict[str, Any]]:
    """Collects the rows of the comparison that the summary prints."""
    return _ROWS


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the comparison with other clients, and which of them are not installed."""
    if _ROWS:
        terminalreporter.section("requests/s of Pynector divided by those of other clients (! is below its bar)")
        terminalreporter.write_line(report(_ROWS))
        for name in installed(PEERS)[1]:
            terminalreporter.write_line(f"{name} is not installed: left out")


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """uvloop's event loop where it is installed, else asyncio's."""
    try:
        import uvloop
    except ImportError:
        running = asyncio.new_event_loop()
    else:
        running = uvloop.new_event_loop()
    yield running
    running.run_until_complete(running.shutdown_asyncgens())
    running.close()
