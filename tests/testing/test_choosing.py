"""Which version of HTTP the loopback server speaks, and what it takes to have it speak HTTP/2."""

from __future__ import annotations

import importlib.util
import ssl
from typing import Any

import httpx
import pytest
import trustme
from h2raw import connect

from pynector.testing import LoopbackServer
from pynector.testing import __main__ as command
from pynector.testing.http2 import frames


def contexts(ca: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    ca.configure_trust(context)
    return context


@pytest.mark.parametrize("only", [False, True])
def test_tls_agrees_by_alpn(ca: trustme.CA, certificates: dict[str, str], only: bool) -> None:
    files = {name: certificates[name] for name in ("certfile", "keyfile")}
    trust = contexts(ca)
    with LoopbackServer(**files, http2="only" if only else True) as server:
        with httpx.Client(verify=trust, http2=True) as two:
            answer = two.get(f"{server.url}/bytes/3000000")
            assert (answer.http_version, len(answer.content)) == ("HTTP/2", 3_000_000)
            assert two.post(f"{server.url}/echo", content=b"x" * 100_000).content == b"x" * 100_000
        with httpx.Client(verify=contexts(ca)) as one:
            if only:
                with pytest.raises(httpx.TransportError):
                    one.get(f"{server.url}/id/1")
            else:
                assert one.get(f"{server.url}/id/1").http_version == "HTTP/1.1"
        assert server.stats().http2_connections == 1
        assert server.stats().connections == 2


def test_clear_text_by_prior_knowledge() -> None:
    settings = {"max_concurrent_streams": 3, "initial_window_size": 7}
    with LoopbackServer(http2=True, http2_settings=settings) as server:
        with httpx.Client(http1=False, http2=True) as two:
            assert two.post(f"{server.url}/echo", content=b"more than a window").content == b"more than a window"
        with httpx.Client() as one:
            assert one.get(f"{server.url}/id/1").http_version == "HTTP/1.1"
        with connect(server.port) as h2:
            assert h2.next(frames.SETTINGS).payload == bytes.fromhex("0003 00000003 0004 00000007")
    with LoopbackServer(http2="only") as server, httpx.Client() as one, pytest.raises(httpx.TransportError):
        one.get(f"{server.url}/id/1")


def test_a_unix_socket(tmp_path: Any) -> None:
    with LoopbackServer(uds=tmp_path / "socket", http2="only"):
        transport = httpx.HTTPTransport(uds=str(tmp_path / "socket"), http1=False, http2=True)
        with httpx.Client(transport=transport) as two:
            assert two.get("http://localhost/id/1").http_version == "HTTP/2"


def test_options_that_cannot_be(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="need http2"):
        LoopbackServer(http2_settings={"enable_push": 0})
    with pytest.raises(ValueError, match="no setting 'streams', but header_table_size, "):
        LoopbackServer(http2=True, http2_settings={"streams": 0})
    for option in ("--http2=x", "--http2-setting=streams=1", "--http2-setting=enable_push=x"):
        with pytest.raises(SystemExit):
            command.main([option])
    assert "expected one of header_table_size" in capsys.readouterr().err
    assert command.main(["--http2", "--http2-setting=max_frame_size=1"]) == 1
    assert capsys.readouterr().err.startswith("Cannot listen: ")


def test_without_ngh2_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"pynector\[http2\]"):
        LoopbackServer(http2=True)
    assert command.main(["--http2"]) == 1
    assert "pip install 'pynector[http2]'" in capsys.readouterr().err
