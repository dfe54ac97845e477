"""Which engine a client runs on, and who is told."""

from __future__ import annotations

import logging
import sys
from collections import namedtuple
from importlib.util import find_spec
from typing import Any

import anyio
import pytest

from loops import PACKAGES
from pynector import ConfigurationError, Pynector
from pynector.testing import LoopbackServer
from pynector.transport.http import choosing, transport

pytestmark = pytest.mark.anyio


def without(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Have packages be not installed, and nothing be told yet."""
    monkeypatch.setattr(choosing, "find_spec", lambda name: None if name in names else find_spec(name))
    monkeypatch.setattr(transport, "_told", set())


@pytest.mark.parametrize("missing", [["httptools"], ["httptools", "httpx2"], ["httptools", "httpcore2"]])
async def test_who_does_not_run_natively_is_told_why(
    server: LoopbackServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, missing: list[str]
) -> None:
    without(monkeypatch, *missing)
    expected = "httpx2" if len(missing) == 1 and find_spec("httpx2") else "httpx"
    for _ in range(2):
        client = Pynector(base_url=server.url)
        assert repr(client) == "<Pynector HTTPTransport not connected>"
        async with client:
            assert await client.request({"path": "/bytes/1"}) == b"0"
            stats, shown = client.stats(), repr(client)
        assert client.stats() == stats
    assert stats.engine == expected
    assert stats.engine_reason is not None
    assert shown == f"<Pynector HTTPTransport on {expected} ({stats.engine_reason}) open>"
    told = [r for r in caplog.records if r.name == "pynector.transport"]
    assert [(r.levelno, stats.engine_reason in r.getMessage()) for r in told] == [(logging.WARNING, True)]


async def test_who_runs_on_what_he_asked_for_is_told_nothing(
    server: LoopbackServer, caplog: pytest.LogCaptureFixture
) -> None:
    async def ask(engine: str) -> None:
        async with Pynector(base_url=server.url, http_engine=engine) as client:
            assert await client.request({"path": "/delay/0.05"}) == b"0.05"
            assert (client.stats().engine, client.stats().engine_reason) == (engine, None)
            assert repr(client) == f"<Pynector HTTPTransport on {engine} open>"

    async with anyio.create_task_group() as tasks:
        for engine in PACKAGES:
            tasks.start_soon(ask, engine)
    assert not [r for r in caplog.records if r.name == "pynector.transport"]


@pytest.mark.parametrize(
    ("engine", "missing", "said"),
    [
        ("httpx", ["httpx"], r"'httpx' is not possible: httpx is not installed \(pip install 'pynector\[httpx\]'\)"),
        (
            "httpx2",
            ["httpcore2"],
            r"httpx2 is not installed \(pip install 'pynector\[httpx2\]'\)"
            if sys.version_info >= (3, 11)
            else r"httpx2 needs Python 3\.11",
        ),
        ("native", ["httptools"], r"'native' is not possible: .*pip install 'pynector\[speedups\]'|asyncio"),
        ("auto", ["httptools", "httpx", "httpx2"], r"no HTTP engine: .*, and neither httpx2 nor httpx is installed"),
    ],
)
async def test_an_engine_that_is_not_there_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, engine: str, missing: list[str], said: str
) -> None:
    without(monkeypatch, *missing)
    with pytest.raises(ConfigurationError, match=said):
        async with Pynector(base_url="http://127.0.0.1", http_engine=engine):
            pass


async def test_httpx2_says_which_python_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    class System:
        version_info: Any = namedtuple("version_info", "major minor")(3, 10)

    without(monkeypatch, "httptools")
    monkeypatch.setattr(choosing, "sys", System)
    with pytest.raises(ConfigurationError, match=r"httpx2 needs Python 3\.11 or later, and this is 3\.10"):
        async with Pynector(base_url="http://127.0.0.1", http_engine="httpx2"):
            pass
    async with Pynector(base_url="http://127.0.0.1") as client:
        assert client.stats().engine == "httpx"
