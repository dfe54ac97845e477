"""Fixtures of the telemetry tests."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def _no_structlog() -> Iterator[None]:
    """No test leaves structlog configured."""
    yield
    if sys.modules.get("structlog") is not None:
        sys.modules["structlog"].reset_defaults()


@pytest.fixture(autouse=True)
def _no_provider(request: pytest.FixtureRequest) -> None:
    """No test leaves a provider of OpenTelemetry's: the requests of all later tests would be told of."""
    if find_spec("opentelemetry"):
        request.getfixturevalue("no_providers")


@pytest.fixture
def events(caplog: pytest.LogCaptureFixture) -> Any:
    """Gives the events logged so far: level, name and fields."""
    caplog.set_level(logging.DEBUG, "pynector")

    def told() -> list[tuple[str, str, dict[str, Any]]]:
        return [(r.levelname, r.event, r.fields) for r in caplog.records if r.name == "pynector.core"]  # type: ignore[attr-defined]

    return told


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens: pytest's own handlers are at the root."""
    monkeypatch.setattr(logging.getLogger("pynector"), "parent", None)
