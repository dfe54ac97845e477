"""The TCP and TLS part of a connection: files that are replaced, what goes wrong, and the options of sockets."""

from __future__ import annotations

import json
import logging
import os
import shutil
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
import trustme

from descriptors import no_descriptors_left
from proxyserver import Proxy
from pynector import ConfigurationError, ConnectError
from pynector.transport.net import tls
from resolver import Resolver, here
from sockets import free_port, sockets_to
from wsservers import Url, certificate, client, demanding, listening, running, shake_hands

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with Proxy() as running_proxy:
        yield running_proxy


@contextmanager
def secure(folder: Path) -> Iterator[tuple[int, list[str | None], str]]:
    """Serve one handshake over TLS for server.test; give the port, the names asked for, and the authority's file."""
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(folder / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("server.test").configure_cert(context)
    asked: list[str | None] = []
    context.sni_callback = lambda connection, name, _: asked.append(name)

    def serve(connection: socket.socket) -> None:
        with connection:
            shake_hands(connection)
            while data := connection.recv(4096):
                assert data

    with listening(serve, context) as port:
        yield port, asked, str(folder / "ca.pem")


# Files that are replaced


@pytest.mark.parametrize("through_proxy", [False, True])
async def test_connections_made_anew_take_the_new_files(
    tmp_path: Path,
    proxy: Proxy,
    through_proxy: bool,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(tls, "EVERY", 0.02)
    monkeypatch.setattr(tls, "FRESH", 0.0)
    pairs = []
    for name in "abc":
        (tmp_path / name).mkdir()
        pairs.append(certificate(tmp_path / name))
    trusted = tmp_path / "trusted.pem"
    shutil.copyfile(pairs[0][2], trusted)
    options: dict[str, Any] = {"proxy": proxy.url("http")} if through_proxy else {}
    with running(free_port(), files=pairs[0][:2]) as port:
        it = client(
            f"wss://127.0.0.1:{port}/echo",
            verify=str(trusted),
            reconnect_delay=0.05,
            max_reconnects=2,
            idempotent=True,
            **options,
        )
        assert await it.request("one") == b"one"
    # What does not load is left alone.
    trusted.write_bytes(b"-----BEGIN CERTIFICATE-----\nhalf")
    await anyio.sleep(0.1)
    with running(port, files=pairs[0][:2]), caplog.at_level(logging.WARNING, "pynector"):
        assert await it.request("two") == b"two"
    shutil.copyfile(pairs[1][2], tmp_path / "new.pem")
    os.replace(tmp_path / "new.pem", trusted)
    await anyio.sleep(0.1)
    with running(port, files=pairs[1][:2]):
        assert await it.request("three") == b"three"
    with running(port, files=pairs[0][:2]):
        with pytest.raises(ConnectError) as refused:
            await it.request("four")
        assert (refused.value.phase, refused.value.transient) == ("tls", False)
    await it.aclose()
    assert [record.levelname for record in caplog.records if "stay in use" in record.getMessage()] == ["WARNING"]


async def test_the_first_connection_needs_files_that_load(tmp_path: Path) -> None:
    trusted = tmp_path / "trusted.pem"
    trusted.write_bytes(b"-----BEGIN CERTIFICATE-----\nhalf")
    with pytest.raises(ConfigurationError, match=r"verify: .*trusted\.pem.* cannot be loaded"):
        await client("wss://127.0.0.1:9/", verify=str(trusted)).request("x")


# What goes wrong


@pytest.mark.parametrize(
    "problem", [UnicodeError("label"), ValueError("null"), OverflowError("port"), RuntimeError("x")]
)
async def test_whatever_a_lookup_raises_is_a_connect_error(monkeypatch: pytest.MonkeyPatch, problem: Exception) -> None:
    async def lookup(name: str) -> list[str]:
        raise problem

    Resolver(monkeypatch, lookup)
    with anyio.fail_after(20), pytest.raises(ConnectError) as failed:
        await client("ws://server.test/", max_reconnects=0).request("x")
    cause: BaseException | None = failed.value
    while cause is not None and cause is not problem:
        cause = cause.__cause__
    assert cause is problem
    assert (failed.value.phase, failed.value.sent) == ("connect", "none")


@pytest.mark.parametrize("problem", [UnicodeError("label"), KeyError("address"), RuntimeError("x")])
async def test_whatever_a_stream_raises_is_a_connect_error(monkeypatch: pytest.MonkeyPatch, problem: Exception) -> None:
    async def fail(*args: Any, **options: Any) -> Any:
        raise problem

    monkeypatch.setattr(anyio, "connect_tcp", fail)
    with anyio.fail_after(20), pytest.raises(ConnectError) as failed:
        await client("ws://server.test/", max_reconnects=0, proxy="http://127.0.0.1:9").request("x")
    assert (failed.value.phase, failed.value.sent) == ("connect", "none")


@pytest.mark.parametrize("through_proxy", [False, True])
async def test_a_peer_that_says_nothing_in_tls_is_late_in_tls(proxy: Proxy, through_proxy: bool) -> None:
    options: dict[str, Any] = {"proxy": proxy.url("http")} if through_proxy else {}
    with listening() as port:
        it = client(f"wss://127.0.0.1:{port}/", verify=False, open_timeout=0.4, max_reconnects=0, **options)
        with pytest.raises(ConnectError, match="open_timeout") as failed:
            await it.request("x")
        await it.aclose()
    assert (failed.value.phase, failed.value.sent) == ("tls", "none")


async def test_a_peer_that_says_nothing_in_the_handshake_is_late_in_connecting() -> None:
    with listening() as port:
        it = client(f"ws://127.0.0.1:{port}/", open_timeout=0.4, max_reconnects=0)
        with pytest.raises(ConnectError, match="open_timeout") as failed:
            await it.request("x")
        await it.aclose()
    assert (failed.value.phase, failed.value.sent) == ("connect", "none")


@pytest.mark.parametrize("through", ["nothing", "http", "https"])
async def test_a_context_that_agrees_on_http_2_is_told(tmp_path: Path, through: str) -> None:
    ca = trustme.CA()
    context, offering = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    ca.issue_cert("127.0.0.1").configure_cert(context)
    ca.configure_trust(offering)
    context.set_alpn_protocols(["h2", "http/1.1"])
    offering.set_alpn_protocols(["h2", "http/1.1"])
    heard: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        heard.append(connection.recv(4096))

    with listening(serve, context) as port, Proxy(tls=context if through == "https" else None) as proxy:
        options: dict[str, Any] = {} if through == "nothing" else {"proxy": proxy.url(through)}
        it = client(f"wss://127.0.0.1:{port}/", verify=offering, max_reconnects=0, **options)
        with pytest.raises(ConfigurationError, match=r"verify: .*h2.*set_alpn_protocols") as told:
            await it.request("x")
        assert told.value.sent == "none"
        await it.aclose()
    assert b"".join(heard) == b""


@pytest.mark.parametrize("through", ["nothing", "http"])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_a_certificate_that_the_server_misses_is_asked_for_once(
    proxy: Proxy, through: str, version: ssl.TLSVersion
) -> None:
    ca = trustme.CA()
    context, trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    ca.issue_cert("127.0.0.1").configure_cert(context)
    for each in (context, trusting):
        ca.configure_trust(each)
    context.maximum_version = version
    context.verify_mode = ssl.CERT_REQUIRED
    with demanding(context) as (port, came):
        options: dict[str, Any] = {} if through == "nothing" else {"proxy": proxy.url(through)}
        it = client(f"wss://127.0.0.1:{port}/", verify=trusting, **options)
        with pytest.raises(ConnectError, match=r"(?i)alert") as refused:
            await it.request_with_retry("x", retry_delay=0)
        await it.aclose()
    assert (refused.value.transient, refused.value.attempts, came) == (False, 1, ["one"])


@pytest.mark.parametrize("status", ["407 Proxy Authentication Required", "403 Forbidden"])
async def test_a_tunnel_that_is_refused_is_asked_for_once(status: str) -> None:
    with Proxy(answer=f"HTTP/1.1 {status}\r\n\r\n".encode()) as proxy:
        it = client("ws://server.test/", proxy=proxy.url("http"))
        with pytest.raises(ConnectError, match=status[:3]) as refused:
            await it.request_with_retry("x", retry_delay=0)
        await it.aclose()
        assert (refused.value.attempts, len(proxy.asked)) == (1, 1)


async def test_keys_go_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chain, key, trusted = certificate(tmp_path)
    log = tmp_path / "keys.log"
    monkeypatch.setenv("SSLKEYLOGFILE", str(log))
    with running(files=(chain, key)) as port:
        async with client(f"wss://127.0.0.1:{port}/echo", verify=trusted) as it:
            assert await it.request("x") == b"x"
    assert await anyio.Path(log).read_text()


# Names


@pytest.mark.parametrize("through_proxy", [False, True])
async def test_the_name_in_tls_has_no_dot_at_its_end(
    tmp_path: Path, proxy: Proxy, through_proxy: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The proxy takes any name that ends so for this machine.
    name = "server.test."
    if not through_proxy:
        Resolver(monkeypatch, here)
    options: dict[str, Any] = {"proxy": proxy.url("http")} if through_proxy else {}
    with secure(tmp_path) as (port, asked, trusted):
        it = client(f"wss://{name}:{port}/", verify=trusted, max_reconnects=0, **options)
        await it.request("hello", one_way=True)
        await it.aclose()
    assert asked == ["server.test"]


async def test_the_zone_of_an_address_is_for_the_lookup_only() -> None:
    heard: list[bytes] = []
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                heard.append(connection.recv(4096))

        thread = threading.Thread(target=serve)
        thread.start()
        port = listener.getsockname()[1]
        with pytest.raises(ConnectError):
            await client(f"ws://[::1%251]:{port}/", max_reconnects=0).request("x")
        thread.join(20)
    assert f"Host: [::1]:{port}\r\n".encode() in heard[0]


async def test_a_connection_goes_where_resolve_says(url: Url) -> None:
    port = url("").rpartition(":")[2]
    async with client("ws://api.example/headers", resolve={"api.example:80": f"127.0.0.1:{port}"}) as it:
        assert json.loads(await it.request("x"))["Host"] == "api.example"


async def test_a_proxy_of_the_environment_is_not_asked_for_what_resolve_names(
    url: Url, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ws_proxy", "http://127.0.0.1:9")
    port = url("").rpartition(":")[2]
    async with client("ws://api.example/echo", resolve={"api.example:80": f"127.0.0.1:{port}"}) as it:
        assert await it.request("x") == b"x"


@pytest.mark.parametrize("through_proxy", [False, True])
async def test_tls_asks_for_server_hostname_and_verifies_it(tmp_path: Path, proxy: Proxy, through_proxy: bool) -> None:
    options: dict[str, Any] = {"proxy": proxy.url("http")} if through_proxy else {}
    with secure(tmp_path) as (port, asked, trusted):
        it = client(
            f"wss://127.0.0.1:{port}/", verify=trusted, max_reconnects=0, server_hostname="server.test.", **options
        )
        await it.request("hello", one_way=True)
        await it.aclose()
    assert asked == ["server.test"]


# Sockets


@pytest.mark.parametrize("through", ["nothing", "http", "socks5"])
async def test_every_socket_sends_at_once_and_is_kept_alive(websockets_port: int, proxy: Proxy, through: str) -> None:
    options: dict[str, Any] = {} if through == "nothing" else {"proxy": proxy.url(through)}
    port = websockets_port if through == "nothing" else proxy.port
    async with client(
        f"ws://127.0.0.1:{websockets_port}/echo",
        socket_options=[(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 7)],
        **options,
    ) as it:
        await it.request("x")
        with sockets_to(port) as found:
            assert found
            for sock in found:
                assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
                assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
                assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT) == 7


@pytest.mark.parametrize("through_proxy", [False, True])
async def test_a_socket_option_that_cannot_be_set_is_told(
    websockets_port: int, proxy: Proxy, through_proxy: bool
) -> None:
    options: dict[str, Any] = {"proxy": proxy.url("http")} if through_proxy else {}
    it = client(
        f"ws://127.0.0.1:{websockets_port}/echo",
        socket_options=[(socket.SOL_SOCKET, 9999, 1)],
        max_reconnects=0,
        **options,
    )
    with pytest.raises(ConfigurationError, match=r"socket_options: .*9999.* cannot be set"):
        await it.request("x")


async def test_a_connection_without_a_descriptor_says_so(url: Url) -> None:
    async with client(url("/echo")):
        pass
    it = client(url("/echo"))
    with no_descriptors_left(), pytest.raises(ConnectError, match="Too many open files"):
        await it.request("x")
    await it.aclose()
