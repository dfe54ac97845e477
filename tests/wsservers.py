"""The WebSocket tests' clients and servers."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import trustme

from pynector import Pynector

SERVER = Path(__file__).parent / "websocket" / "server.py"

Url = Callable[[str], str]
"""Gives the URL of an endpoint."""


def client(url: str, **options: Any) -> Pynector:
    """Give a client of a server."""
    return Pynector(transport_type="websocket", url=url, **options)


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


def start(port: int) -> tuple[subprocess.Popen[str], int]:
    """Start a server that can be killed or stopped, and give its port."""
    process = subprocess.Popen(
        [sys.executable, str(SERVER), str(port), "websockets"], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def stop(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what nobody tells of."""
    # Without a deadline of its own: that would be one more timer where timers are counted.
    for _ in range(2_000):
        if condition():
            return
        await anyio.sleep(0.01)
    raise AssertionError("it did not come to be")


def certificate(folder: Path) -> tuple[str, str, str]:
    """Write a certificate for 127.0.0.1; give the files of its chain, its key, and the authority to trust."""
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    chain, key, trusted = (str(folder / name) for name in ("chain.pem", "key.pem", "ca.pem"))
    issued.cert_chain_pems[0].write_to_path(chain)
    issued.private_key_pem.write_to_path(key)
    authority.cert_pem.write_to_path(trusted)
    return chain, key, trusted
