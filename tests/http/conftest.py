"""Fixtures of the HTTP tests: a client of the bundled server, and scripted servers."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from scripted import ScriptedServer

from engines import is_over_http2
from pynector import Pynector
from pynector.testing import LoopbackServer


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy or a setting of the machine that runs the tests is not to change them."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or (name.startswith("PYNECTOR_") and name != "PYNECTOR_PURE"):
            monkeypatch.delenv(name)


@pytest.fixture
async def client(anyio_backend: Any, engine: str, server: LoopbackServer) -> AsyncIterator[Pynector]:
    """A client of the bundled server."""
    async with Pynector(base_url=server.url, http_engine=engine) as connected:
        yield connected


@pytest.fixture
def play(request: pytest.FixtureRequest) -> Iterator[Callable[..., ScriptedServer]]:
    """Starts a ScriptedServer with the arguments it is called with, one that speaks what the engine does."""
    kind: Any = ScriptedServer
    if is_over_http2(request.node):
        from translated import TranslatedServer as kind
    with contextlib.ExitStack() as running:
        yield lambda *scripts, **options: running.enter_context(kind(*scripts, **options))


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
