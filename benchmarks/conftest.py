"""Fixtures of the benchmarks: the event loop that a high-throughput service runs on."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest


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
