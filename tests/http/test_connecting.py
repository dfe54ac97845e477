"""Making a connection: names, addresses, the options of sockets, and what goes wrong there."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
import trustme
from scripted import ScriptedServer, answer

from engines import HAS_HTTP2
from loops import LOOPS
from pynector import ConfigurationError, ConnectError, Pynector, PynectorError, TimeoutError
from pynector.callbacks import running_loop
from pynector.eventloop import ClientContext
from pynector.testing import LoopbackServer
from pynector.transport.net.connect import Connector
from pynector.transport.net.tls import ClientTLS
from resolver import Resolver, here
from sockets import sockets_to

pytestmark = pytest.mark.anyio

Play = Callable[..., ScriptedServer]

native = pytest.mark.parametrize("engine", ["native"])


# Whatever goes wrong


@pytest.mark.parametrize(
    "problem",
    [
        UnicodeError("label empty or too long"),
        ValueError("embedded null character"),
        OverflowError("port must be 0-65535"),
        RuntimeError("Executor shutdown has been called"),
        MemoryError(),
        KeyError("no getaddrinfo"),
    ],
    ids=lambda problem: type(problem).__name__,
)
async def test_whatever_a_lookup_raises_ends_every_request_with_a_connect_error(
    play: Play, engine: str, monkeypatch: pytest.MonkeyPatch, problem: Exception
) -> None:
    server = play([answer()] * 9)

    async def lookup(name: str) -> list[str]:
        if name == "bad.test":
            raise problem
        return ["127.0.0.1"]

    Resolver(monkeypatch, lookup)
    async with Pynector(base_url=f"http://bad.test:{server.port}", http_engine=engine, max_connections=2) as client:
        with anyio.fail_after(20):
            results = await client.batch_request([({"path": "/"}, {}) for _ in range(6)])
        for error in results:
            assert isinstance(error, ConnectError)
            assert (error.phase, error.sent, error.__cause__) == ("connect", "none", problem)
        assert len(set(map(id, results))) == 6
        assert await client.request({"url": f"http://good.test:{server.port}/"}) == b"ok"


@native
@pytest.mark.parametrize("anyio_backend", LOOPS)
async def test_without_the_loops_threads_a_name_is_a_connect_error(engine: str, anyio_backend: Any) -> None:
    loop = asyncio.get_running_loop()
    await loop.shutdown_default_executor()
    async with Pynector(base_url="http://localhost:9", http_engine=engine) as client:
        for _ in range(2):
            with anyio.fail_after(20), pytest.raises(ConnectError) as failed:
                await client.request(None)
            assert (failed.value.phase, failed.value.sent) == ("connect", "none")


async def test_a_bundle_of_authorities_that_is_gone_is_told(
    engine: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import certifi

    monkeypatch.setattr(certifi, "where", lambda: str(tmp_path / "cacert.pem"))
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        base = f"https://127.0.0.1:{listener.getsockname()[1]}"
        with anyio.fail_after(20):
            for _ in range(3):
                with pytest.raises(ConfigurationError, match=r"certifi.*cacert\.pem.* cannot be loaded"):
                    async with Pynector(base_url=base, http_engine=engine) as client:
                        await client.request(None)


@native
async def test_whatever_the_tls_raises_ends_the_request(
    play: Play, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: ClientTLS) -> ssl.SSLContext:
        raise RuntimeError("no engine")

    server = play([answer()])
    monkeypatch.setattr(ClientTLS, "context", fail)
    async with Pynector(base_url=server.url.replace("http", "https"), http_engine=engine) as client:
        for _ in range(3):
            with anyio.fail_after(20), pytest.raises(ConnectError) as failed:
                await client.request(None)
            assert failed.value.sent == "none"
            assert isinstance(failed.value.__cause__, RuntimeError)


@native
async def test_what_is_wrong_at_every_address_is_the_cause_itself(
    play: Play, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    addresses = ["127.0.0.2", "127.0.0.2"]

    async def lookup(name: str) -> list[str]:
        return addresses

    # The server is on 127.0.0.1 only.
    server = play([answer()])
    Resolver(monkeypatch, lookup)
    async with Pynector(base_url=f"http://server.test:{server.port}", http_engine=engine) as client:
        with pytest.raises(ConnectError) as failed:
            await client.request(None)
        assert isinstance(failed.value.__cause__, ConnectionRefusedError)
        addresses[1] = "127.0.0.3"
        with pytest.raises(ConnectError, match=r"127\.0\.0\.2.*; .*127\.0\.0\.3"):
            await client.request(None)


# Names


@native
async def test_requests_to_a_new_name_at_a_time_look_it_up_once(
    play: Play, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = play([answer()] * 50)
    resolver = Resolver(monkeypatch, here)
    async with Pynector(base_url=f"http://server.test:{server.port}", http_engine=engine) as client:
        assert await client.batch_request([({"path": "/"}, {}) for _ in range(40)]) == [b"ok"] * 40
    assert resolver.asked == ["server.test"]


async def test_after_a_failed_connection_the_name_is_looked_up_again(
    play: Play, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = play([answer()])
    addresses = ["127.0.0.2"]

    async def lookup(name: str) -> list[str]:
        return addresses

    resolver = Resolver(monkeypatch, lookup)
    # The server is on 127.0.0.1 only.
    async with Pynector(base_url=f"http://server.test:{server.port}", http_engine=engine) as client:
        with pytest.raises(ConnectError):
            await client.request(None)
        addresses[:] = ["127.0.0.1"]
        assert await client.request(None) == b"ok"
    assert len(resolver.asked) == 2


@native
async def test_a_lookup_that_nobody_waits_for_is_ended(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[str] = []

    async def lookup(name: str) -> list[str]:
        try:
            await anyio.sleep(60)
        finally:
            ended.append(name)
        return []

    Resolver(monkeypatch, lookup)
    before = set(anyio.get_running_tasks())
    async with Pynector(base_url="http://server.test", http_engine=engine) as client:
        with pytest.raises(TimeoutError) as late:
            await client.request(None, timeout=0.1)
        assert (late.value.phase, late.value.sent) == ("connect", "none")
    assert ended == ["server.test"]
    assert set(anyio.get_running_tasks()) == before


async def test_the_name_in_tls_has_no_dot_at_its_end(
    play: Play, engine: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    Resolver(monkeypatch, here)
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    asked: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("server.test").configure_cert(context)
    context.sni_callback = lambda connection, name, _: asked.append(name)
    server = play([answer()], tls=context)
    base = f"https://server.test.:{server.port}"
    async with Pynector(base_url=base, http_engine=engine, verify=str(tmp_path / "ca.pem")) as client:
        assert await client.request(None) == b"ok"
    assert asked == ["server.test"]
    assert f"Host: server.test.:{server.port}\r\n".encode() in server.requests[0]


@pytest.fixture(scope="module")
def ipv6_port() -> Iterator[str]:
    with LoopbackServer(host="::1", http2=HAS_HTTP2) as server:
        yield server.url.rpartition(":")[2]


@pytest.mark.parametrize("zone", ["%251", "%1"])
async def test_the_zone_of_an_address_is_for_the_lookup_only(engine: str, ipv6_port: str, zone: str) -> None:
    base = f"http://[::1{zone}]:{ipv6_port}"
    async with Pynector(base_url=base, http_engine=engine, as_response=True) as client:
        response = await client.request({"path": "/inspect"})
        fields = {name.lower(): value for name, value in response.json()["headers"]}
        assert fields.get("host", fields.get(":authority")) == f"[::1]:{ipv6_port}"
        assert response.url == f"http://[::1%251]:{ipv6_port}/inspect"
        assert (await client.request({"path": "/redirect/2"})).status_code == 200


@pytest.mark.parametrize(
    "host", ["[fe80::1%25]", "[fe80::1%25a%2Fb]", "[fe80::1%25a%00]", "[::1%25%25]", "[fe80::g%251]"]
)
def test_what_is_no_zone_is_refused(host: str) -> None:
    if host == "[fe80::1%25]":
        # A zone of that number, without the percent-encoding.
        assert Pynector(base_url=f"http://{host}/")
        return
    with pytest.raises(ConfigurationError, match="base_url"):
        Pynector(base_url=f"http://{host}/")


# Sockets


@pytest.mark.parametrize("host", ["127.0.0.1", "server.test"])
async def test_every_socket_sends_at_once_and_is_kept_alive(
    play: Play, engine: str, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Resolver(monkeypatch, here)
    server = play([answer()])
    options = [(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192), (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 7)]
    async with Pynector(base_url=f"http://{host}:{server.port}", http_engine=engine, socket_options=options) as client:
        await client.request(None)
        with sockets_to(server.port) as found:
            assert found
            for sock in found:
                assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
                assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
                assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT) == 7
                assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) in (8192, 16384)


@pytest.mark.parametrize("host", ["127.0.0.1", "server.test"])
async def test_a_socket_option_that_cannot_be_set_is_told(
    play: Play, engine: str, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def two(name: str) -> list[str]:
        return ["127.0.0.1", "127.0.0.2"]

    Resolver(monkeypatch, two)
    server = play([answer()])
    async with Pynector(
        base_url=f"http://{host}:{server.port}", http_engine=engine, socket_options=[(socket.SOL_SOCKET, 9999, 1)]
    ) as client:
        with pytest.raises(ConfigurationError, match=r"socket_options: .*9999.* cannot be set"):
            await client.request(None)


@pytest.mark.parametrize(
    "value", [5, "text", [(1, 2)], [(1, 2, "3")], [[1, 2, 3]], [(2**31, 1, 1)], [(1, 1, 2**31)], [(1, 1.0, 1)], [None]]
)
def test_socket_options_are_a_list_of_level_name_and_value(value: Any) -> None:
    for transport in ({}, {"transport_type": "websocket", "url": "ws://a/"}):
        with pytest.raises(ConfigurationError, match="socket_options must be a list of"):
            Pynector(socket_options=value, **transport)


@pytest.mark.parametrize("anyio_backend", LOOPS)
async def test_a_connection_that_ends_as_it_begins_closes_no_other_socket(play: Play, anyio_backend: Any) -> None:
    class Ending(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            transport.abort()

    connector = Connector(running_loop(ClientContext()), ClientTLS(True, None, ("http/1.1",)))
    server = play([answer()])
    await connector.connect(("http", "127.0.0.1", server.port), Ending)
    # One of these has its number by now.
    others = [socket.socket() for _ in range(3)]
    gc.collect()
    for other in others:
        assert os.fstat(other.fileno())
        other.close()


# What TLS says of itself


async def test_a_client_that_verifies_nothing_says_so_once(
    play: Play, engine: str, caplog: pytest.LogCaptureFixture
) -> None:
    ca = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1").configure_cert(context)
    server = play([answer(b"ok", "200 OK", "Connection: close")], tls=context)
    with caplog.at_level(logging.WARNING, "pynector"):
        async with Pynector(base_url=server.url, http_engine=engine, verify=False) as client:
            for _ in range(3):
                await client.request(None)
    assert [record.getMessage()[:13] for record in caplog.records if record.name.startswith("pynector")] == [
        "verify=False:"
    ]


async def test_the_keys_of_connections_go_where_the_environment_says(
    play: Play, engine: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1").configure_cert(context)
    server = play([answer()], tls=context)
    log = tmp_path / "keys.log"
    monkeypatch.setenv("SSLKEYLOGFILE", str(log))
    options: dict[str, Any] = {"http_engine": engine, "verify": str(tmp_path / "ca.pem")}
    async with Pynector(base_url=server.url, trust_env=False, **options) as client:
        await client.request(None)
    assert await anyio.Path(log).exists() is False
    async with Pynector(base_url=server.url, **options) as client:
        await client.request(None)
    assert await anyio.Path(log).read_text()
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "nowhere" / "keys.log"))
    with pytest.raises(ConfigurationError, match="SSLKEYLOGFILE"):
        await Pynector(base_url=server.url, **options).request(None)


async def test_a_server_that_says_nothing_in_tls_is_late_in_tls(play: Play, engine: str) -> None:
    server = play(["hang"])
    async with Pynector(base_url=server.url.replace("http", "https"), http_engine=engine, verify=False) as client:
        failures: list[PynectorError] = []
        for ask in (client.request, client.request_with_retry):
            with pytest.raises(TimeoutError) as late:
                await ask(None, timeout=0.3)
            failures.append(late.value)
        failures += await client.batch_request([({"path": "/"}, {"timeout": 0.3})] * 2)
        with pytest.raises(TimeoutError) as late:
            async with client.stream({"path": "/"}, timeout=0.3):
                pass
        failures.append(late.value)
    for failure in failures:
        assert isinstance(failure, TimeoutError)
        assert (failure.phase, failure.sent) == ("tls", "none")


@native
@pytest.mark.parametrize("anyio_backend", LOOPS)
async def test_a_handshake_has_a_time_of_its_own(
    play: Play, engine: str, anyio_backend: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop: Any = asyncio.get_running_loop()
    create = loop.create_connection
    monkeypatch.setattr(
        loop,
        "create_connection",
        lambda make, **options: create(make, ssl_handshake_timeout=0.2, **options),
        raising=False,
    )
    server = play(["hang"])
    async with Pynector(base_url=server.url.replace("http", "https"), http_engine=engine, verify=False) as client:
        with pytest.raises(ConnectError) as failed:
            await client.request(None)
    assert (failed.value.phase, failed.value.sent, failed.value.transient) == ("tls", "none", True)
