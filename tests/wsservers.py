"""Runs the server of the WebSocket tests, and names the event loops that it all runs on."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

LOOPS: list[Any] = [pytest.param(("asyncio", {"debug": False}), id="asyncio")]
if find_spec("uvloop"):
    import uvloop

    LOOPS.append(pytest.param(("asyncio", {"loop_factory": uvloop.new_event_loop}), id="uvloop"))

SERVER = Path(__file__).parent / "websocket" / "server.py"


@contextmanager
def running(port: int = 0, kind: str = "websockets", files: tuple[str, ...] = ()) -> Iterator[int]:
    """Run a server in another process, over TLS with the files of a certificate and its key, and give its port."""
    command = [sys.executable, str(SERVER), str(port), kind, *files]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline())
        finally:
            process.kill()
