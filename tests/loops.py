"""The event loops that the tests run on."""

from __future__ import annotations

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
