"""The event loops that the tests run on."""

from __future__ import annotations

import asyncio
from importlib.util import find_spec
from typing import Any

import pytest

LOOPS: list[Any] = [pytest.param(("asyncio", {"debug": False}), id="asyncio")]
"""Those of asyncio's kind."""

try:
    import uvloop
except ImportError:
    pass
else:
    LOOPS.append(pytest.param(("asyncio", {"loop_factory": uvloop.new_event_loop}), id="uvloop"))

BACKENDS: list[Any] = [*LOOPS, pytest.param(("trio", {}), id="trio")]
"""All."""

EVERYWHERE = pytest.mark.parametrize("anyio_backend", BACKENDS)
"""For a test among others that run on one loop."""

PACKAGES = ["httpx", *(["httpx2"] if find_spec("httpx2") else [])]
"""What the engine that is not the native one can run on. The last one it takes by itself."""

ENGINES: list[Any] = [pytest.param(*backend.values, PACKAGES[-1], id=f"{backend.id}-httpx") for backend in BACKENDS]
if find_spec("httptools") is not None:
    if find_spec("ngh2") is not None:
        ENGINES.append(pytest.param(*LOOPS[-1].values, "http2", id=f"{LOOPS[-1].id}-http2"))
    ENGINES += [pytest.param(*backend.values, "native", id=f"{backend.id}-native") for backend in BACKENDS]
"""Each loop, and the name of an HTTP engine that runs on it, for the fixture `engine`."""


def runners() -> list[Any]:
    """Return what runs a coroutine on each loop by the loop's own means."""
    found = [pytest.param(asyncio.run, id="asyncio")]
    if find_spec("uvloop"):
        import uvloop

        found.append(pytest.param(uvloop.run, id="uvloop"))
    if find_spec("trio"):
        import trio

        found.append(pytest.param(lambda main: trio.run(lambda: main), id="trio"))
    return found


def virtual() -> list[Any]:
    """Return the loops that can have a time that passes without being waited for."""
    found: list[Any] = [pytest.param(("asyncio", {"debug": False}), id="asyncio")]
    if find_spec("trio"):
        from trio.testing import MockClock

        found.append(pytest.param(("trio", {"clock": MockClock(autojump_threshold=0)}), id="trio"))
    return found


VIRTUALLY = pytest.mark.parametrize("anyio_backend", virtual())
"""For a test in virtual time."""
