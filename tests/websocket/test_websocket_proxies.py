"""Through an HTTP proxy, on every event loop."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from loops import BACKENDS
from pynector import ConfigurationError, ConnectError
from wsservers import certificate, client, running

pytestmark = pytest.mark.anyio


@pytest.fixture(params=BACKENDS)
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    return request.param


class Proxy:
    """Makes tunnels, or answers a CONNECT with something else."""

    def __init__(self, answer: bytes = b"HTTP/1.1 200 Connection established\r\n\r\n") -> None:
        self.answer = answer
        self.asked: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._sockets: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._serve)]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Proxy:
        self._threads[0].start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        for sock in self._sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        for sock in [*self._sockets, self._listener]:
            sock.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                self._sockets.append(sock)
                thread = threading.Thread(target=self._one, args=(sock,))
                self._threads.append(thread)
                thread.start()

    def _one(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError):
            asked = b""
            while b"\r\n\r\n" not in asked:
                asked += sock.recv(4096)
            self.asked.append(asked)
            sock.sendall(self.answer)
            if b" 200 " not in self.answer or self.answer.count(b"HTTP") > 1:
                sock.shutdown(socket.SHUT_WR)
                return
            host, _, port = asked.split(b" ")[1].decode().rpartition(":")
            there = socket.create_connection((host, int(port)))
            self._sockets.append(there)
            back = threading.Thread(target=_pass, args=(there, sock))
            self._threads.append(back)
            back.start()
            _pass(sock, there)


def _pass(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with Proxy() as running_proxy:
        yield running_proxy


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ws", "wss", "http", "https", "all", "no"):
        monkeypatch.delenv(f"{name}_proxy", raising=False)
        monkeypatch.delenv(f"{name}_PROXY".upper(), raising=False)


async def test_messages_go_through_a_proxy(websockets_port: int, proxy: Proxy) -> None:
    through = proxy.url.replace("://", "://us%20er:pass@")
    async with client(f"ws://127.0.0.1:{websockets_port}/echo", proxy=through, connections=2) as it:
        assert await it.batch_request([(f"{n}", {}) for n in range(50)]) == [b"%d" % n for n in range(50)]
    assert len(proxy.asked) == 2
    assert proxy.asked[0].startswith(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: 127.0.0.1:" % websockets_port)
    assert b"Proxy-Authorization: Basic dXMgZXI6cGFzcw==\r\n" in proxy.asked[0]


async def test_tls_goes_through_a_proxy(tmp_path: Path, proxy: Proxy) -> None:
    chain, key, trusted = certificate(tmp_path)
    with running(files=(chain, key)) as port:
        async with client(f"wss://127.0.0.1:{port}/echo", proxy=proxy.url, verify=trusted) as it:
            assert await it.request("hello") == b"hello"
    assert len(proxy.asked) == 1


async def test_the_environment_may_name_a_proxy(
    websockets_port: int, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"ws://127.0.0.1:{websockets_port}/echo"
    monkeypatch.setenv("ws_proxy", proxy.url)
    async with client(url) as it:
        await it.request("x")
    assert len(proxy.asked) == 1
    async with client(url, trust_env=False) as it:
        await it.request("x")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    async with client(url) as it:
        await it.request("x")
    assert len(proxy.asked) == 1
    monkeypatch.delenv("no_proxy")
    monkeypatch.setenv("ws_proxy", "socks5://user:secret@127.0.0.1:1")
    with pytest.raises(ConfigurationError, match="ws_proxy") as refused:
        client(url)
    assert "secret" not in str(refused.value)


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
            await client(f"ws://127.0.0.1:{websockets_port}/echo", proxy=proxy.url).request("x")
        assert (failed.value.phase, failed.value.sent, failed.value.transient) == ("connect", "none", transient)


@pytest.mark.parametrize("value", [5, "", "proxy:80", "https://proxy", "http://", "http://a:99999", "http://a/path"])
def test_a_proxy_is_the_url_of_one(value: Any) -> None:
    with pytest.raises(ConfigurationError, match="proxy must be the URL of an HTTP proxy"):
        client("ws://a/", proxy=value)
