"""Fixtures of the reliability tests: the servers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from stage import Servers

from pynector.testing import LoopbackServer
from wsservers import certificate, running


@pytest.fixture(scope="session")
def servers(server: LoopbackServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """The servers of the scenarios, each in a process of its own."""
    chain, key, authority = certificate(Path(tmp_path_factory.mktemp("certificate")))
    with (
        LoopbackServer(certfile=chain, keyfile=key) as secure,
        running() as port,
        running(files=(chain, key)) as secure_port,
    ):
        ws, wss = f"ws://127.0.0.1:{port}", f"wss://127.0.0.1:{secure_port}"
        yield Servers(server.url, secure.url, ws, wss, authority)
