"""The life of the server's process."""

from __future__ import annotations

import dataclasses
import http.client
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest
import trustme

import pynector.testing
from pynector.testing import LoopbackServer, ServerStats, process

TIMEOUT = 20


def get(port: int, path: str, context: ssl.SSLContext | None = None) -> bytes:
    connection = (
        http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
        if context is None
        else http.client.HTTPSConnection("127.0.0.1", port, timeout=TIMEOUT, context=context)
    )
    with closing(connection):
        connection.request("GET", path)
        return connection.getresponse().read()


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def is_running(server: LoopbackServer) -> bool:
    try:
        return server.pid > 0
    except RuntimeError as error:
        return "is not running" not in str(error)


def is_listening(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT).close()
    except ConnectionError:
        return False
    return True


# Start and stop


def test_exported_names() -> None:
    assert pynector.testing.__all__ == [
        "Answer",
        "Asked",
        "FakeTransport",
        "LoopbackServer",
        "NoAnswer",
        "Replay",
        "ServerStats",
        "VirtualTime",
        "no_network",
        "virtual_time",
    ]


def test_context_manager() -> None:
    with LoopbackServer() as server:
        assert server.url == f"http://127.0.0.1:{server.port}"
        assert server.pid != os.getpid()
        assert get(server.port, "/id/1") == b"1"
        wait_until(lambda: server.stats() == ServerStats(1, 0, 1, 1, 0))
        server.reset()
        assert server.stats() == ServerStats(0, 0, 0, 0, 0)
    assert not is_listening(server.port)
    server.stop()
    assert repr(server) == f"<LoopbackServer {server.url} (stopped)>"


def test_stats_are_frozen() -> None:
    stats = ServerStats(0, 0, 0, 0, 0)
    with pytest.raises(dataclasses.FrozenInstanceError):
        stats.requests = 1  # type: ignore[misc]


def test_server_that_was_not_started() -> None:
    server = LoopbackServer()
    server.stop()
    server.kill()
    assert repr(server) == "<LoopbackServer not started yet (stopped)>"
    for read in (lambda: server.url, lambda: server.port):
        with pytest.raises(RuntimeError, match="has not been started"):
            read()
    for use in (lambda: server.pid, server.stats, server.reset):
        with pytest.raises(RuntimeError, match="is not running"):
            use()
    assert LoopbackServer(port=8000).port == 8000
    assert LoopbackServer(uds="socket").port == 0


def test_second_start_is_refused(process_server: LoopbackServer) -> None:
    with pytest.raises(RuntimeError, match="is running already"):
        process_server.start()
    pid = process_server.pid
    assert repr(process_server) == f"<LoopbackServer {process_server.url} (pid {pid})>"


def test_kill_and_restart_on_the_same_port() -> None:
    with LoopbackServer() as server:
        url, pid = server.url, server.pid
        with socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT) as sock:
            sock.sendall(b"GET /hang HTTP/1.1\r\nHost: a\r\n\r\n")
            wait_until(lambda: server.stats().in_flight == 1)
            server.kill()
            with suppress(ConnectionResetError):
                assert sock.recv(1) == b""
        assert not is_listening(server.port)
        with pytest.raises(RuntimeError, match="is not running"):
            server.stats()
        server.restart()
        assert (server.url, server.pid == pid) == (url, False)
        assert get(server.port, "/id/1") == b"1"
        assert server.stats().requests == 1
        # One that dies by itself may be started again, too.
        os.kill(server.pid, signal.SIGTERM)
        wait_until(lambda: not is_running(server))
        server.start()
        assert server.url == url
        assert get(server.port, "/id/1") == b"1"


def test_stop_uses_force_on_a_process_that_does_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_STOP_TIMEOUT", 0.05)
    with LoopbackServer() as server:
        os.kill(server.pid, signal.SIGSTOP)


# Failures at start


def test_port_in_use() -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        server = LoopbackServer(port=sock.getsockname()[1])
        with pytest.raises(RuntimeError, match=r"exit status 1.*\n.*Address already in use"):
            server.start()
    with server:
        assert get(server.port, "/id/1") == b"1"


def test_startup_timeout() -> None:
    with pytest.raises(RuntimeError, match=r"within 0\.001 seconds"):
        LoopbackServer(startup_timeout=0.001).start()


def test_interrupted_start_leaves_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[str]] = []

    def interrupted(child: subprocess.Popen[str], timeout: float) -> None:
        started.append(child)
        raise KeyboardInterrupt

    monkeypatch.setattr(process, "_read_address", interrupted)
    with pytest.raises(KeyboardInterrupt):
        LoopbackServer().start()
    assert started[0].returncode is not None


@pytest.mark.parametrize("name", ["keyfile", "client_ca"])
def test_tls_options_need_a_certificate(name: str) -> None:
    options: dict[str, Any] = {name: "x.pem"}
    with pytest.raises(ValueError, match="need a certfile"):
        LoopbackServer(**options)


# Orphans


def test_process_ends_with_its_parent() -> None:
    code = (
        "import os\n"
        "from pynector.testing import LoopbackServer\n"
        "server = LoopbackServer()\n"
        "server.start()\n"
        "print(server.port, flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    parent = subprocess.run(
        [sys.executable, "-c", code],
        env=process._environment(),
        stdout=subprocess.PIPE,
        timeout=30,
        check=False,
    )
    assert parent.returncode == -signal.SIGKILL
    port = int(parent.stdout)
    wait_until(lambda: not is_listening(port))


def test_process_starts_in_hostile_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text("print('other output')\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path / "site"), *sys.path])
    if sys.version_info >= (3, 11):  # where PYTHONSAFEPATH is known
        (tmp_path / "asyncio.py").write_text("raise SystemExit('wrong module')\n")
    monkeypatch.chdir(tmp_path)
    with LoopbackServer() as server:
        assert get(server.port, "/id/1") == b"1"


# Other kinds of sockets


def test_uds(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with LoopbackServer(uds=path) as server:
        assert (server.url, server.port) == ("http://localhost", 0)
        for pid in (server.pid, None):
            with socket.socket(socket.AF_UNIX) as sock:
                sock.settimeout(TIMEOUT)
                sock.connect(str(path))
                sock.sendall(b"GET /id/7 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                assert b"".join(iter(lambda: sock.recv(999), b"")).endswith(b"\r\n\r\n7")
            assert server.stats().requests == 1
            if pid is not None:
                server.restart()
                assert server.pid != pid
        # The file of a killed server stays, as it would after a crash.
        server.kill()
        assert path.exists()
    assert not path.exists()


def test_ipv6() -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("no IPv6 here")
    with LoopbackServer(host="::1") as server:
        assert server.url == f"http://[::1]:{server.port}"
        socket.create_connection(("::1", server.port), timeout=TIMEOUT).close()
        wait_until(lambda: server.stats().connections == 1)


def test_tls(ca: trustme.CA, certificates: dict[str, Any]) -> None:
    context = ssl.create_default_context()
    ca.configure_trust(context)
    context.set_alpn_protocols(["h2", "http/1.1"])
    files = {name: certificates[name] for name in ("certfile", "keyfile")}
    with LoopbackServer(**files) as server:
        assert server.url == f"https://127.0.0.1:{server.port}"
        assert get(server.port, "/id/1", context) == b"1"
        assert len(get(server.port, "/bytes/3000000", context)) == 3_000_000
        assert server.stats().requests == 2
        with (
            socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT) as sock,
            context.wrap_socket(sock, server_hostname="127.0.0.1") as tls,
        ):
            assert tls.selected_alpn_protocol() == "http/1.1"
            tls.sendall(b"x\r\n\r\n")
            assert tls.recv(999).startswith(b"HTTP/1.1 400 ")


def test_tls_with_client_certificates(ca: trustme.CA, certificates: dict[str, Any]) -> None:
    context = ssl.create_default_context()
    ca.configure_trust(context)
    with LoopbackServer(**certificates) as server:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            get(server.port, "/id/1", context)
        ca.issue_cert("client.test").configure_cert(context)
        assert get(server.port, "/id/1", context) == b"1"
        assert server.stats().requests == 1


# Asynchronous use


@pytest.mark.anyio
async def test_async_context_manager() -> None:
    async with LoopbackServer() as server:
        assert await anyio.to_thread.run_sync(get, server.port, "/id/1") == b"1"
    assert not is_running(server)


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_async_context_manager_stops_although_cancelled() -> None:
    server = LoopbackServer()
    with anyio.CancelScope() as scope:
        async with server:
            scope.cancel()
            await anyio.sleep(TIMEOUT)
    assert scope.cancelled_caught
    assert not is_running(server)


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_async_context_manager_whose_start_fails() -> None:
    with pytest.raises(RuntimeError, match="did not start to listen"):
        async with LoopbackServer(startup_timeout=0.001):
            pytest.fail("started")


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_async_context_manager_cancelled_while_it_starts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    starting = threading.Event()
    spawn = LoopbackServer._spawn

    def slow_spawn(self: LoopbackServer, stderr: Any) -> subprocess.Popen[str]:
        starting.set()
        return spawn(self, stderr)

    monkeypatch.setattr(LoopbackServer, "_spawn", slow_spawn)
    server = LoopbackServer()

    async def use() -> None:
        async with server:
            await anyio.sleep(TIMEOUT)

    async with anyio.create_task_group() as group:
        group.start_soon(use)
        await anyio.to_thread.run_sync(starting.wait)
        group.cancel_scope.cancel()
    assert repr(server).endswith("(stopped)>")
