"""Fixtures of the benchmarks: the event loop that a high-throughput service runs on."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from .peers import PEERS, installed
from .table import machine, report

_ROWS: list[dict[str, Any]] = []
_RETENTION: dict[tuple[str, int], dict[int, float]] = {}


@pytest.fixture
def comparison() -> list[dict[str, Any]]:
    """Collects the rows of the comparison that the summary prints."""
    return _ROWS


@pytest.fixture
def retention() -> dict[tuple[str, int], dict[int, float]]:
    """Collects requests/s by limit, by what a batch went over and its size, for the summary."""
    return _RETENTION


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the comparison with other clients, and which of them are not installed."""
    if _ROWS:
        terminalreporter.section("requests/s of Pynector divided by those of other clients (! is below its bar)")
        terminalreporter.write_line(report(_ROWS))
        for name in installed(PEERS)[1]:
            terminalreporter.write_line(f"{name} is not installed: left out")
    if _RETENTION:
        terminalreporter.section("requests/s by limit, and retention: the highest limit's over the lowest's")
        terminalreporter.write_line(f"{machine()}, server: {'nginx' if shutil.which('nginx') else 'bundled'}")
        for (over, size), rates in _RETENTION.items():
            limits = list(rates)
            figures = " ".join(f"{limit:,}: {rate:>9,.0f}" for limit, rate in rates.items())
            kept = rates[limits[-1]] / rates[limits[0]]
            terminalreporter.write_line(f"{over:7} {size:>8,}   {figures}   retention {kept:.2f}")


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
