"""Through proxies, on every event loop."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from proxyserver import Proxy
from pynector import ConfigurationError, ConnectError
from pynector.transport.net.environment import NamedProxies
from wsservers import Url, certificate, client, running

pytestmark = pytest.mark.anyio


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with Proxy() as running_proxy:
        yield running_proxy


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ws", "wss", "http", "https", "socks", "all", "no"):
        monkeypatch.delenv(f"{name}_proxy", raising=False)
        monkeypatch.delenv(f"{name}_PROXY".upper(), raising=False)


async def test_messages_go_through_a_proxy(websockets_port: int, proxy: Proxy) -> None:
    through = proxy.url("http", "us%20er:pass@")
    async with client(f"ws://127.0.0.1:{websockets_port}/echo", proxy=through, connections=2) as it:
        assert await it.batch_request([(f"{n}", {}) for n in range(50)]) == [b"%d" % n for n in range(50)]
    assert len(proxy.asked) == 2
    assert proxy.asked[0].startswith(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: 127.0.0.1:" % websockets_port)
    assert b"Proxy-Authorization: Basic dXMgZXI6cGFzcw==\r\n" in proxy.asked[0]


async def test_large_messages_and_one_who_does_not_read(url: Url, proxy: Proxy) -> None:
    data = b"z" * 1_000_000
    async with client(url("/deaf"), proxy=proxy.url("http")) as it:
        assert await it.batch_request([(data, {})] * 20) == [data] * 20


async def test_tls_goes_through_a_proxy(tmp_path: Path, proxy: Proxy) -> None:
    chain, key, trusted = certificate(tmp_path)
    with running(files=(chain, key)) as port:
        async with client(f"wss://127.0.0.1:{port}/echo", proxy=proxy.url("http"), verify=trusted) as it:
            assert await it.request("hello") == b"hello"
    assert len(proxy.asked) == 1


@pytest.mark.parametrize("scheme", ["ws", "wss"])
async def test_a_proxy_that_speaks_tls(tmp_path: Path, scheme: str, websockets_port: int) -> None:
    chain, key, trusted = certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(chain, key)
    with Proxy(tls=context) as proxy, running(files=(chain, key)) as tls_port:
        url = f"{scheme}://127.0.0.1:{websockets_port if scheme == 'ws' else tls_port}/echo"
        async with client(url, proxy=proxy.url("https"), verify=trusted) as it:
            assert await it.batch_request([(f"{n}", {}) for n in range(50)]) == [b"%d" % n for n in range(50)]
        assert len(proxy.asked) == 1
        with pytest.raises(ConnectError) as failed:
            await client(url, proxy=proxy.url("https")).request("x")
        assert (failed.value.phase, failed.value.transient) == ("tls", False)


@pytest.mark.parametrize(
    ("scheme", "host", "told"),
    [
        ("socks4", "127.0.0.1", "127.0.0.1"),
        ("socks4a", "localhost", "localhost"),
        ("socks5", "127.0.0.1", "127.0.0.1"),
        ("socks5h", "localhost", "localhost"),
    ],
)
async def test_messages_go_through_socks(websockets_port: int, proxy: Proxy, scheme: str, host: str, told: str) -> None:
    url = f"ws://{host}:{websockets_port}/echo"
    async with client(url, proxy=proxy.url(scheme), connections=2) as it:
        assert await it.batch_request([(f"{n}", {}) for n in range(50)]) == [b"%d" % n for n in range(50)]
    user = b"" if "4" in scheme else None
    assert proxy.asked == [(int(scheme[5]), told, websockets_port, user)] * 2


async def test_tls_and_a_password_go_through_socks(tmp_path: Path) -> None:
    chain, key, trusted = certificate(tmp_path)
    with running(files=(chain, key)) as port, Proxy(password=b"p@ss") as proxy:
        url = f"wss://127.0.0.1:{port}/echo"
        async with client(url, proxy=proxy.url("socks5", "user:p%40ss@"), verify=trusted) as it:
            assert await it.request("hello") == b"hello"
        assert proxy.asked == [(5, "127.0.0.1", port, b"user")]
        with pytest.raises(ConnectError, match="no connection through the proxy") as failed:
            await client(url, proxy=proxy.url("socks5", "user:wrong@"), verify=trusted).request("x")
        assert "wrong" not in str(failed.value)


@pytest.mark.parametrize("scheme", ["socks4", "socks5"])
async def test_socks_that_makes_no_tunnel(websockets_port: int, scheme: str) -> None:
    with Proxy(refuse=True) as proxy:
        with pytest.raises(ConnectError, match="no connection through the proxy") as failed:
            await client(f"ws://127.0.0.1:{websockets_port}/echo", proxy=proxy.url(scheme)).request("x")
        assert (failed.value.phase, failed.value.sent) == ("connect", "none")


@pytest.mark.parametrize("scheme", ["http", "https", "socks4", "socks4a", "socks5", "socks5h"])
async def test_no_proxy_there(scheme: str) -> None:
    with pytest.raises(ConnectError, match="no connection") as failed:
        await client("ws://127.0.0.1:9/", proxy=f"{scheme}://127.0.0.1:9").request("x")
    assert (failed.value.phase, failed.value.sent, failed.value.proxy_failed) == ("connect", "none", True)


async def test_the_environment_may_name_a_proxy(
    websockets_port: int, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"ws://server.test:{websockets_port}/echo"
    monkeypatch.setenv("ws_proxy", f"127.0.0.1:{proxy.port}")
    async with client(url) as it:
        await it.request("x")
    assert len(proxy.asked) == 1
    with pytest.raises(ConnectError):
        await client(url, trust_env=False, max_reconnects=0).request("x")
    monkeypatch.setenv("no_proxy", ".test")
    with pytest.raises(ConnectError):
        await client(url, max_reconnects=0).request("x")
    assert len(proxy.asked) == 1
    monkeypatch.delenv("no_proxy")
    monkeypatch.setenv("ws_proxy", "ftp://user:secret@127.0.0.1:1")
    with pytest.raises(ConfigurationError, match="ws_proxy") as refused:
        client(url)
    assert "secret" not in str(refused.value)


async def test_the_environment_may_name_socks(
    websockets_port: int, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("socks_proxy", proxy.url("http"))
    async with client(f"ws://server.test:{websockets_port}/echo") as it:
        await it.request("x")
    assert proxy.asked == [(5, "server.test", websockets_port, None)]


async def test_the_environments_proxy_is_not_asked_for_this_machine(
    websockets_port: int, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("all_proxy", proxy.url("http"))
    async with client(f"ws://127.0.0.1:{websockets_port}/echo") as it:
        await it.request("x")
    assert proxy.asked == []
    async with client(f"ws://127.0.0.1:{websockets_port}/echo", proxy=proxy.url("http")) as it:
        await it.request("x")
    assert len(proxy.asked) == 1


@pytest.mark.parametrize(
    ("answer", "said", "transient"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "status 407", False),
        (b"HTTP/1.1 502 Bad Gateway\r\n\r\n", "status 502", True),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "does not speak HTTP", True),
        (b"", "closed the connection", True),
        (b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 101 Switching Protocols\r\n\r\n", "of its own", True),
        (b"HTTP/1.1 500 " + b"x" * 70_000, "does not end", True),
    ],
)
async def test_a_proxy_that_makes_no_tunnel(answer: bytes, said: str, transient: bool, websockets_port: int) -> None:
    with Proxy(answer) as proxy:
        with pytest.raises(ConnectError, match=said) as failed:
            await client(f"ws://127.0.0.1:{websockets_port}/echo", proxy=proxy.url("http")).request("x")
        assert (failed.value.phase, failed.value.sent, failed.value.transient) == ("connect", "none", transient)


@pytest.mark.parametrize("value", [5, "", "proxy:80", "ftp://proxy", "http://", "http://a:99999", "http://a/path"])
def test_a_proxy_is_the_url_of_one(value: Any) -> None:
    with pytest.raises(ConfigurationError, match="proxy must be the URL of a proxy"):
        client("ws://a/", proxy=value)


@pytest.mark.parametrize(
    ("host", "excepted", "through"),
    [
        ("fd00::1", "[fd00::1]", False),
        ("fd00::1", "fd00::1", False),
        ("fd00::1", "[fd00::2]", True),
        ("fd00::1", "10.0.0.0/8, fd00::/16", False),
        ("10.9.8.7", "10.0.0.0/8", False),
        ("11.9.8.7", "10.0.0.0/8", True),
        ("example.com", "10.0.0.0/8", True),
        ("a.example.com", "example.com", False),
        ("example.com", "*", False),
        ("example.com", "example.com:80", False),
        ("example.com", "example.com:81", True),
        ("example.com", ".example.com", True),
        ("a.example.com", ".example.com", False),
        ("example.com.", "other, example.com", False),
        ("example.com", "ws://example.com", False),
        ("example.com", "wss://example.com", True),
        ("localhost", "", False),
        ("LocalHost.", "", False),
        ("127.1.2.3", "", False),
        ("::1", "", False),
        ("::ffff:127.0.0.1", "", False),
        ("localhost.example.com", "", True),
        ("128.0.0.1", "", True),
    ],
)
def test_what_goes_without_a_proxy(monkeypatch: pytest.MonkeyPatch, host: str, excepted: str, through: bool) -> None:
    monkeypatch.setenv("ws_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", excepted)
    assert (NamedProxies().proxy_for("ws", host, 80) is not None) is through
