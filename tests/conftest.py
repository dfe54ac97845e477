"""Fixtures of the whole suite: the event loops, and the bundled server."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import pytest

from pynector.testing import LoopbackServer

# The files that are about an optional package, and the package: without it there is nothing to test.
ABOUT = {
    "test_telemetry.py": ("opentelemetry", "structlog"),
    "http/test_http_engines_agree.py": ("httptools",),
    "speedups/test_head.py": ("httptools",),
    "speedups/test_http1.py": ("httptools",),
}
collect_ignore = [file for file, packages in ABOUT.items() if not all(map(find_spec, packages))]

BACKENDS: list[Any] = [
    pytest.param(("asyncio", {"debug": False}), id="asyncio"),
    pytest.param(("trio", {}), id="trio"),
]
try:
    import uvloop
except ImportError:
    pass
else:
    BACKENDS.insert(1, pytest.param(("asyncio", {"loop_factory": uvloop.new_event_loop}), id="uvloop"))


@pytest.fixture(params=BACKENDS)
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    """Runs an async test on every event loop."""
    return request.param


@pytest.fixture(scope="session")
def server() -> Iterator[LoopbackServer]:
    """The bundled server, in a process of its own."""
    with LoopbackServer() as running:
        yield running


@pytest.fixture(autouse=True)
def _no_leaks() -> Iterator[None]:
    """What a test leaves open is found here, not in a later test: an unclosed socket warns when it is collected."""
    yield
    if sys.implementation.name == "cpython":
        gc.collect(1)
