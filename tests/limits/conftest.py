"""Fixtures: servers that take note of what comes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from limits.noting import Answer, NotingServer, Play
from loops import LOOPS


@pytest.fixture(params=LOOPS[-1:])
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    """One event loop: what a dispatcher does is the same on all. Tests of what is not are marked EVERYWHERE."""
    return request.param


@pytest.fixture
def serve() -> Iterator[Callable[..., NotingServer]]:
    """Starts a NotingServer that answers as a function says."""
    with ExitStack() as running:

        def started(play: Play = lambda asked: Answer()) -> NotingServer:
            return running.enter_context(NotingServer(play))

        yield started


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: Any) -> None:
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
