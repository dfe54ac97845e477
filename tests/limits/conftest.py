"""Fixtures: servers that take note of what comes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from limits.noting import Answer, NotingServer, Play


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
    # A test that waits for what never comes should not wait for half a minute.
    monkeypatch.setenv("PYNECTOR_TIMEOUT", "10")
