"""Fixtures of the HTTP tests: the engine, a client of the bundled server, and scripted servers."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from importlib.util import find_spec
from typing import Any

import pytest
from scripted import ScriptedServer

from pynector import Pynector
from pynector.testing import LoopbackServer

ENGINES = ["httpx", "native"]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The native engine runs on asyncio's loops only, and with httptools: there is nothing to test elsewhere."""
    left_out = [item for item in items if _is_native_where_it_cannot_be(item)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def _is_native_where_it_cannot_be(item: pytest.Item) -> bool:
    params = getattr(item, "callspec", None) and item.callspec.params  # type: ignore[attr-defined]
    if not params or params.get("engine") != "native":
        return False
    return find_spec("httptools") is None or params.get("anyio_backend", [""])[0] == "trio"


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """The name of each engine."""
    return str(request.param)


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy or a setting of the machine that runs the tests is not to change them."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or (name.startswith("PYNECTOR_") and name != "PYNECTOR_PURE"):
            monkeypatch.delenv(name)
    # A test that waits for what never comes should not wait for half a minute.
    monkeypatch.setenv("PYNECTOR_TIMEOUT", "10")


@pytest.fixture
async def client(anyio_backend: Any, engine: str, server: LoopbackServer) -> AsyncIterator[Pynector]:
    """A client of the bundled server."""
    async with Pynector(base_url=server.url, http_engine=engine) as connected:
        yield connected


@pytest.fixture
def play() -> Iterator[Callable[..., ScriptedServer]]:
    """Starts a ScriptedServer with the arguments it is called with."""
    with contextlib.ExitStack() as running:
        yield lambda *scripts, **options: running.enter_context(ScriptedServer(*scripts, **options))


@pytest.fixture
def deaf() -> Iterator[str]:
    """An address where a connection is neither accepted nor refused: its queue is full."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        with socket.create_connection(listener.getsockname()):
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture(scope="module")
def h2server() -> Iterator[LoopbackServer]:
    """The bundled server, which speaks nothing but HTTP/2, in clear text."""
    with LoopbackServer(http2="only") as running:
        yield running
