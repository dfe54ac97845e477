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
import trustme

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


def certificate(folder: Path) -> tuple[str, str, str]:
    """Write a certificate for 127.0.0.1; give the files of its chain, its key, and the authority to trust."""
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    chain, key, trusted = (str(folder / name) for name in ("chain.pem", "key.pem", "ca.pem"))
    issued.cert_chain_pems[0].write_to_path(chain)
    issued.private_key_pem.write_to_path(key)
    authority.cert_pem.write_to_path(trusted)
    return chain, key, trusted
