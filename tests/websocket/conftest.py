from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from loops import BACKENDS
from wsservers import running


@pytest.fixture(params=BACKENDS)
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    """The event loops that the transport runs on."""
    return request.param


@pytest.fixture(scope="session")
def websockets_port() -> Iterator[int]:
    with running() as port:
        yield port


@pytest.fixture
def url(websockets_port: int) -> Callable[[str], str]:
    """Gives the URL of an endpoint."""
    return lambda path: f"ws://127.0.0.1:{websockets_port}{path}"


@pytest.fixture(scope="session", params=["websockets", "aiohttp"])
def echo_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """An echo of each server implementation."""
    pytest.importorskip(request.param)
    with running(kind=request.param) as port:
        yield f"ws://127.0.0.1:{port}/echo"
