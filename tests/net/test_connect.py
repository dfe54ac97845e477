"""Connections through proxies of every kind: what these are told, what goes through, and what can go wrong."""

from __future__ import annotations

import asyncio
import gc
import socket
import ssl
import struct
import threading
import traceback
import weakref
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest
import trustme

from proxyserver import ESTABLISHED, Proxy
from pynector import ConfigurationError, ConnectError
from pynector.callbacks import running_loop
from pynector.eventloop import ClientContext, Runtime
from pynector.transport.net.connect import Connector, Progress, network_of
from pynector.transport.net.detours import Detours
from pynector.transport.net.layers import AsyncioTLSLayer
from pynector.transport.net.proxies import Proxy as Through
from pynector.transport.net.proxies import checked_proxy
from pynector.transport.net.tls import ClientTLS
from resolver import Resolver, here
from sockets import sockets_to
from told import NAME, Buffered, Told

pytestmark = pytest.mark.anyio

SCHEMES = ["http", "https", "socks4", "socks4a", "socks5", "socks5h"]

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Secure:
    """Contexts for a server and a proxy, and what trusts them.

    Attributes:
        server, proxy: Contexts of those.
        asked: The names that each was asked for.
        trusted: The file of their authority.
        client: Trusts them.
    """

    def __init__(self, folder: Path) -> None:
        ca = trustme.CA()
        self.trusted = str(folder / "ca.pem")
        ca.cert_pem.write_to_path(self.trusted)
        self.asked: list[tuple[str, str | None]] = []
        self.server, self.proxy = self._context(ca, "server", NAME), self._context(ca, "proxy", "localhost")
        self.client = ClientTLS(self.trusted)

    def _context(self, ca: trustme.CA, who: str, name: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        ca.issue_cert(name).configure_cert(context)
        context.sni_callback = lambda connection, name, _: self.asked.append((who, name))
        return context


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Secure:
    return Secure(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def secure(made: Secure) -> Secure:
    made.asked.clear()
    return made


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1 << 16):
        writer.write(data)
        await writer.drain()


@contextmanager
def serving(serve: Serve, context: ssl.SSLContext | None = None) -> Iterator[int]:
    """Serve connections in a thread; give the port."""
    tasks, up, found = set(), threading.Event(), list[Any]()

    async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())
        with suppress(OSError, asyncio.IncompleteReadError):
            await serve(reader, writer)
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    async def main() -> None:
        stop = asyncio.Event()
        server = await asyncio.start_server(run, "127.0.0.1", 0, ssl=context)
        found.extend((server.sockets[0].getsockname()[1], asyncio.get_running_loop(), stop))
        up.set()
        async with server:
            await stop.wait()
        # What was connected last may be new to it.
        await asyncio.sleep(0.01)
        if tasks:
            await asyncio.wait(tasks, timeout=30)

    thread = threading.Thread(target=lambda: asyncio.run(main()))
    thread.start()
    up.wait(20)
    port, loop, stop = found
    try:
        yield port
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(30)


def through(scheme: str, port: int, user: str = "") -> Through:
    return checked_proxy(f"{scheme}://{user}localhost:{port}", "proxy")


def connector(tls: ClientTLS, detours: Detours | None = None) -> Connector:
    return Connector(running_loop(ClientContext()), tls, None, (), detours or Detours({}))


async def exchange(protocol: Told, data: bytes) -> None:
    protocol.transport.write(data)
    await protocol.until(lambda: len(protocol.data) >= len(data))
    assert protocol.data == data
    protocol.transport.close()
    await protocol.until(lambda: protocol.told[-1] is None)
    # uvloop's own TLS tells of an end when it is closed.
    assert [told for told in protocol.told if told not in ("pause", "resume", "eof")] == ["made", None]


@pytest.mark.parametrize("is_secure", [False, True], ids=["clear", "tls"])
@pytest.mark.parametrize("scheme", SCHEMES)
async def test_a_tunnel_by_each_kind_of_proxy(
    scheme: str, is_secure: bool, secure: Secure, monkeypatch: pytest.MonkeyPatch
) -> None:
    Resolver(monkeypatch, here)
    user = "" if scheme.startswith("socks5") else "us%20er:p%40ss@"
    context = secure.proxy if scheme == "https" else None
    with serving(echo, secure.server if is_secure else None) as port, Proxy(tls=context) as proxy:
        origin = ("https" if is_secure else "http", NAME, port)
        protocol = Buffered()
        made = await connector(secure.client).connect(origin, lambda: protocol, None, through(scheme, proxy.port, user))
        assert made is protocol
        await exchange(protocol, b"hello" * 10_000)
    told = "127.0.0.1" if scheme in ("socks4", "socks5") else NAME
    if scheme.startswith("socks"):
        assert proxy.asked == [(int(scheme[5]), told, port, b"us er" if "4" in scheme else None)]
    else:
        assert proxy.asked[0].splitlines()[:3] == [
            f"CONNECT {NAME}:{port} HTTP/1.1".encode(),
            f"Host: {NAME}:{port}".encode(),
            b"Proxy-Authorization: Basic dXMgZXI6cEBzcw==",
        ]
    assert secure.asked == [("proxy", "localhost")] * (scheme == "https") + [("server", NAME)] * is_secure


async def test_socks_may_want_a_password(secure: Secure) -> None:
    with serving(echo) as port, Proxy(password=b"p@ss") as proxy:
        for user, said in (("user:p%40ss@", ""), ("user:wrong@", "did not accept"), ("", "who asks")):
            protocol = Told()
            connecting = connector(secure.client).connect(
                ("http", "127.0.0.1", port), lambda p=protocol: p, None, through("socks5", proxy.port, user)
            )
            if not said:
                await connecting
                await exchange(protocol, b"x")
            else:
                with pytest.raises(ConnectError, match=said) as failed:
                    await connecting
                assert not failed.value.transient
                assert "wrong" not in str(failed.value)


async def test_much_both_ways_in_tls_within_tls(secure: Secure) -> None:
    data = bytes(range(256)) * (16 << 12)
    with serving(echo, secure.server) as port, Proxy(tls=secure.proxy) as proxy:
        protocol = Buffered(1 << 18)
        await connector(secure.client).connect(
            ("https", NAME, port), lambda: protocol, None, through("https", proxy.port)
        )
        await exchange(protocol, data)


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_what_is_over_is_freed_at_once(scheme: str, secure: Secure, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[weakref.ref[Any]] = []

    class Seen(AsyncioTLSLayer):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            made.append(weakref.ref(self))

    monkeypatch.setattr("pynector.transport.net.layers.AsyncioTLSLayer", Seen)
    with serving(echo, secure.server) as port, Proxy(tls=secure.proxy if scheme == "https" else None) as proxy:
        gc.disable()
        try:
            made.append(weakref.ref(await over(("https", NAME, port), through(scheme, proxy.port), secure)))
            await Told().until(lambda: not any(it() for it in made))
        finally:
            gc.enable()


async def over(origin: Any, proxy: Through, secure: Secure) -> Told:
    """Return a protocol whose connection is over."""
    protocol = Told()
    await connector(secure.client).connect(origin, lambda: protocol, None, proxy)
    await exchange(protocol, b"x")
    protocol.transport = None
    return protocol


@pytest.mark.exhaustive
async def test_very_much_both_ways_in_tls_within_tls(secure: Secure) -> None:
    data = bytes(range(256)) * (64 << 12)
    with serving(echo, secure.server) as port, Proxy(tls=secure.proxy) as proxy:
        protocol = Buffered(1 << 18)
        await connector(secure.client).connect(
            ("https", NAME, port), lambda: protocol, None, through("https", proxy.port)
        )
        await exchange(protocol, data)


async def test_the_detours_are_the_proxy_s_address_and_not_its_name(secure: Secure) -> None:
    with serving(echo, secure.server) as port, Proxy(tls=secure.proxy) as proxy:
        detours = Detours({("localhost", 3128): ("127.0.0.1", proxy.port)}, NAME)
        protocol = Told()
        await connector(secure.client, detours).connect(
            ("https", "other.test", port), lambda: protocol, None, through("https", 3128)
        )
        await exchange(protocol, b"x")
    assert secure.asked == [("proxy", "localhost"), ("server", NAME)]
    assert f"CONNECT other.test:{port} ".encode() in proxy.asked[0]


async def test_an_address_in_brackets_and_a_zone_that_is_nobody_else_s(secure: Secure) -> None:
    with Proxy(b"HTTP/1.1 403 Forbidden\r\n\r\n") as proxy, pytest.raises(ConnectError, match="status 403"):
        await connector(secure.client).connect(("http", "fe80::1%1", 80), Told, None, through("http", proxy.port))
    assert proxy.asked[0].startswith(b"CONNECT [fe80::1]:80 HTTP/1.1\r\nHost: [fe80::1]:80\r\n")


async def test_the_name_that_tls_asks_for_may_be_said_for_one_connection(secure: Secure) -> None:
    detours = Detours({}, "other.test")
    with serving(echo, secure.server) as port:
        protocol = Told()
        await connector(secure.client, detours).connect(("https", "127.0.0.1", port), lambda: protocol, name=NAME)
        await exchange(protocol, b"x")
    assert secure.asked == [("server", NAME)]


@pytest.mark.parametrize("scheme", ["socks4", "socks5"])
async def test_each_address_is_tried_that_the_proxy_does_not_look_up(
    scheme: str, secure: Secure, monkeypatch: pytest.MonkeyPatch
) -> None:
    addresses = ["127.0.0.2", "127.0.0.3", "127.0.0.1"]
    resolver = Resolver(monkeypatch, there(addresses))
    with serving(echo) as port, Proxy() as proxy:
        connecting, by = connector(secure.client), through(scheme, proxy.port)
        protocol = Told()
        await connecting.connect(("http", NAME, port), lambda: protocol, None, by)
        await exchange(protocol, b"x")
        assert [asked[1] for asked in proxy.asked] == addresses
        # Where none is any good, they are looked up again.
        addresses.pop()
        with suppress(ConnectError):
            await connecting.connect(("http", "gone.test", port), Told, None, by)
        with pytest.raises(ConnectError, match="the proxy: it refused") as failed:
            await connecting.connect(("http", "gone.test", port), Told, None, by)
        assert failed.value.transient
        assert failed.value.proxy_failed
        assert resolver.asked.count("gone.test") == 2


async def test_an_address_that_the_proxy_says_nothing_of_does_not_hold_up_the_next(
    secure: Secure, monkeypatch: pytest.MonkeyPatch
) -> None:
    Resolver(monkeypatch, there(["127.0.0.2", "127.0.0.1"]))
    ended: list[bytes] = []

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readexactly(9)
        if asked[4:8] == b"\x7f\0\0\2":
            ended.append(await reader.read())
            return
        writer.write(b"\0\x5a" + bytes(6))
        await echo(reader, writer)

    with serving(silent) as port:
        protocol = Told()
        await connector(secure.client).connect(("http", NAME, 80), lambda: protocol, None, through("socks4", port))
        await exchange(protocol, b"x")
        await protocol.until(lambda: ended == [b""])


async def valid(name: str) -> list[str]:
    """A name is this machine's where it can be somebody's."""
    if name.endswith(".invalid"):
        raise socket.gaierror(socket.EAI_NONAME, "nobody has this name")
    return ["127.0.0.1"]


def there(addresses: list[str]) -> Callable[[str], Awaitable[list[str]]]:
    """Return what looks names up: the proxy's is this machine's, others have some addresses."""

    async def lookup(name: str) -> list[str]:
        return ["127.0.0.1"] if name == "localhost" else list(addresses)

    return lookup


# What can go wrong


def saying(answer: bytes, *, drips: bool = False, ends: bool = True) -> Serve:
    """Return what reads a request for a tunnel, and answers it."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for piece in (answer[n : n + 1] for n in range(len(answer))) if drips else [answer]:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        if not ends:
            await echo(reader, writer)

    return serve


async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


INTERIM = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"

REFUSALS: list[tuple[Serve, str, bool]] = [
    (saying(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 2\r\n\r\nno"), "status 407", False),
    (saying(b"HTTP/1.1 502 Bad Gateway\r\n\r\n"), "status 502", True),
    (saying(b"HTTP/1.1 101 Switching Protocols\r\n\r\n"), "status 101", False),
    (saying(b"SSH-2.0-OpenSSH\r\n", ends=False), "does not speak HTTP/1.1", True),
    (saying(b"HTTP/1.1 2000 OK\r\n\r\n"), "does not speak HTTP/1.1", True),
    (saying(b"HTTP/1.1\r\n\r\n"), "does not speak HTTP/1.1", True),
    (saying(b"HTTP/2 200 OK\r\n\r\n"), "does not speak HTTP/1.1", True),
    (saying(b"\r\n\r\n"), "does not speak HTTP/1.1", True),
    (saying(b""), "closed the connection", True),
    (saying(b"HTTP/1.1 200 OK\r\n"), "closed the connection", True),
    (saying(ESTABLISHED + b"HTTP/1.1 101 Switching Protocols\r\n\r\n"), "of its own", True),
    (saying(ESTABLISHED + b"x", ends=False), "of its own", True),
    (saying(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20_000), "does not end", True),
    (saying(b"HTTP/1.1 102 Processing\r\n\r\n" * 3_000), "does not end", True),
    (saying(INTERIM + b"HTTP/1.1 407 No\r\n\r\n"), "status 407", False),
    (saying(INTERIM), "closed the connection", True),
    (reset, "reset|closed", True),
]


@pytest.mark.parametrize("origin", ["wss", "ws"])
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_no_tunnel(scheme: str, origin: str, secure: Secure) -> None:
    turns = iter(REFUSALS)

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await next(turns)[0](reader, writer)

    with serving(refuse, secure.proxy if scheme == "https" else None) as port:
        for _, said, transient in REFUSALS:
            progress = Progress()
            with pytest.raises(ConnectError, match=f"no connection.* the proxy.*({said})") as failed:
                await connector(secure.client).connect((origin, NAME, 443), Told, progress, through(scheme, port))
            assert (failed.value.phase, failed.value.sent, failed.value.transient) == ("connect", "none", transient)
            status = int(said[-3:]) if said.startswith("status") else None
            assert (failed.value.proxy_failed, failed.value.proxy_status) == (True, status)
            assert progress.phase == "connect"


@pytest.mark.parametrize("protocol", [Told, partial(Buffered, 3)])
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_what_a_server_of_http_2_in_clear_text_says_first(
    scheme: str, protocol: Callable[[], Told], secure: Secure
) -> None:
    first = b"first\r\n\r\nof all"
    with serving(saying(ESTABLISHED + first, ends=False), secure.proxy if scheme == "https" else None) as port:
        made = await connector(secure.client).connect(("http", NAME, 80), protocol, None, through(scheme, port))
        await made.until(lambda: made.data == first)
        made.transport.close()
        await made.until(lambda: made.told[-1] is None)


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.0 299 Whatever\r\nVia: x\r\n\r\n",
        INTERIM + b"HTTP/1.1 200\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 100 \n\nHTTP/1.0 200 OK\nVia: x\n\n",
    ],
)
async def test_an_answer_that_comes_byte_by_byte(scheme: str, answer: bytes, secure: Secure) -> None:
    with serving(saying(answer, drips=True, ends=False), secure.proxy if scheme == "https" else None) as port:
        protocol = Told()
        await connector(secure.client).connect(("http", NAME, 80), lambda: protocol, None, through(scheme, port))
        await exchange(protocol, b"hello")


async def test_tls_that_cannot_be_says_with_whom(secure: Secure) -> None:
    with serving(echo, secure.server) as port, Proxy(tls=secure.proxy) as proxy:
        untrusting = connector(ClientTLS(True))
        with pytest.raises(ConnectError, match=r"no TLS connection to the proxy: .*certificate") as failed:
            await untrusting.connect(("https", NAME, port), Told, None, through("https", proxy.port))
        assert (failed.value.phase, failed.value.transient, failed.value.proxy_failed) == ("tls", False, True)
        for scheme in ("https", "http"):
            with (
                Proxy(tls=secure.proxy if scheme == "https" else None) as other,
                pytest.raises(ConnectError, match=r"no TLS connection: .*mismatch") as failed,
            ):
                await connector(secure.client).connect(
                    ("https", "other.test", port), Told, None, through(scheme, other.port)
                )
            assert (failed.value.phase, failed.value.transient, failed.value.proxy_failed) == ("tls", False, False)


@pytest.mark.parametrize("host", ["localhost", "proxy.invalid"])
@pytest.mark.parametrize("scheme", SCHEMES)
async def test_a_proxy_that_cannot_be_reached_has_failed(
    scheme: str, host: str, secure: Secure, monkeypatch: pytest.MonkeyPatch
) -> None:
    Resolver(monkeypatch, valid)
    connecting, there = connector(secure.client), through(scheme, 9)._replace(host=host)
    ways: list[Callable[[], Awaitable[Any]]] = [
        lambda: connecting.connect(("https", "127.0.0.1", 443), Told, None, there)
    ]
    if scheme in ("http", "https"):
        ways.append(lambda: connecting.connect_to_proxy(there, Told))
    for way in ways:
        with pytest.raises(ConnectError, match="no connection to the proxy: ") as failed:
            await way()
        assert (failed.value.phase, failed.value.proxy_failed, failed.value.proxy_status) == ("connect", True, None)
    # A server whose name is nobody's is none of its faults.
    with Proxy() as proxy:
        by_name = through("socks5", proxy.port)
        with pytest.raises(ConnectError, match="no connection: ") as failed:
            await connecting.connect(("https", "gone.invalid", 443), Told, None, by_name)
        assert not failed.value.proxy_failed


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_server_that_ends_in_the_handshake(scheme: str, secure: Secure) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)

    with serving(serve) as port, Proxy(tls=secure.proxy if scheme == "https" else None) as proxy:
        with pytest.raises(ConnectError, match="no TLS connection: ") as failed:
            await connector(secure.client).connect(("https", NAME, port), Told, None, through(scheme, proxy.port))
        assert (failed.value.phase, failed.value.transient) == ("tls", True)


async def test_a_context_that_agrees_on_http_2_is_told_in_a_tunnel(secure: Secure) -> None:
    secure.server.set_alpn_protocols(["h2"])
    offering = ssl.create_default_context(cafile=secure.trusted)
    offering.set_alpn_protocols(["h2"])
    try:
        with serving(echo, secure.server) as port, Proxy(tls=secure.proxy) as proxy:
            with pytest.raises(ConfigurationError, match="h2"):
                await connector(ClientTLS(offering)).connect(
                    ("https", NAME, port), Told, None, through("https", proxy.port)
                )
            protocol = Told()
            both = ClientTLS(offering, alpn=("h2", "http/1.1"))
            await connector(both).connect(("https", NAME, port), lambda: protocol, None, through("https", proxy.port))
            agreed = protocol.transport.get_extra_info("ssl_object").selected_alpn_protocol()
            assert agreed == "h2"
            await exchange(protocol, b"x")
    finally:
        secure.server.set_alpn_protocols([])


async def test_a_proxy_that_agrees_on_http_2_is_told_with_what_helps(secure: Secure) -> None:
    offering = ssl.create_default_context(cafile=secure.trusted)
    offering.set_alpn_protocols(["h2", "http/1.1"])
    secure.proxy.set_alpn_protocols(["h2", "http/1.1"])
    proxied: tuple[Any, ...] = ("https", NAME, 443), Told, None
    try:
        with serving(echo, secure.server) as port, Proxy(tls=secure.proxy) as proxy:
            for alpn in (("h2", "http/1.1"), ("http/1.1",)):
                with pytest.raises(ConfigurationError, match=r"the proxy agreed.*path.*without http2=True") as told:
                    await connector(ClientTLS(offering, alpn=alpn)).connect(*proxied, through("https", proxy.port))
                assert "give http2=True" not in str(told.value)
            # As it says.
            by_path = ClientTLS(secure.trusted, alpn=("h2", "http/1.1"))
            protocol = Told()
            await connector(by_path).connect(
                ("https", NAME, port), lambda: protocol, None, through("https", proxy.port)
            )
            await exchange(protocol, b"x")
    finally:
        secure.proxy.set_alpn_protocols([])


SOCKS: list[tuple[str, bytes, str, bool]] = [
    ("socks4", b"\0\x5b" + bytes(6), r"refused \(code 91\)", True),
    ("socks4", b"\0\x5d" + bytes(6), r"refused \(code 93\)", False),
    ("socks4", b"HTTP/1.1 400", "does not speak SOCKS 4", True),
    ("socks4a", b"\0\x5a", "closed the connection", True),
    ("socks5", b"", "closed the connection", True),
    ("socks5", b"\4\0", "does not speak SOCKS 5", True),
    ("socks5", b"\5\xff", "who asks", False),
    ("socks5", b"\5\2", "who asks", False),
    ("socks5", b"\5\0\5\2\0\1", "its rules do not allow it", False),
    ("socks5", b"\5\0\5\4\0\1", "the host is unreachable", True),
    ("socks5", b"\5\0\5\x63\0\1", "code 99", True),
    ("socks5", b"\5\0\5\0\0\3\5ab", "closed the connection", True),
    ("socks5h", b"\5\0\4\0\0\1", "does not speak SOCKS 5", True),
    ("socks5", b"\5\0\5\0\0\x09\x7f", "does not speak SOCKS 5", True),
]


async def test_no_tunnel_by_socks(secure: Secure) -> None:
    turns = iter(SOCKS)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(next(turns)[1])
        # To close with something unread would be a reset.
        writer.write_eof()
        await reader.read()

    with serving(serve) as port:
        for scheme, _, said, transient in SOCKS:
            with pytest.raises(ConnectError, match=f"through the proxy: .*{said}") as failed:
                await connector(secure.client).connect(("http", "127.0.0.1", 80), Told, None, through(scheme, port))
            assert (failed.value.phase, failed.value.sent, failed.value.transient) == ("connect", "none", transient)
            assert (failed.value.proxy_failed, failed.value.proxy_status) == (True, None)


@pytest.mark.parametrize("kind", [b"\1" + bytes(4), b"\3\5abcde", b"\4" + bytes(16)])
async def test_socks_may_say_any_address_and_the_server_something_at_once(kind: bytes, secure: Secure) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(3)
        writer.write(b"\5\0")
        await reader.readexactly(4 + 16 + 2)
        writer.write(b"\5\0\0" + kind + b"\0\x50" + b"first")
        await echo(reader, writer)

    with serving(serve) as port:
        protocol = Told()
        await connector(secure.client).connect(("http", "::1", 80), lambda: protocol, None, through("socks5", port))
        await protocol.until(lambda: protocol.data == b"first")
        protocol.transport.close()
        await protocol.until(lambda: protocol.told[-1] is None)


@pytest.mark.parametrize(
    ("scheme", "host", "said"),
    [("socks4", "::1", "no IPv6"), ("socks5h", "a" * 256, "255 bytes")],
)
async def test_what_socks_cannot_say(scheme: str, host: str, said: str, secure: Secure) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(ConnectError, match=said) as failed:
            await connector(secure.client).connect(("http", host, 80), Told, None, through(scheme, port))
    assert not failed.value.transient


# Cancellation


@pytest.mark.parametrize("is_secure", [False, True], ids=["clear", "tls"])
@pytest.mark.parametrize("scheme", ["http", "https", "socks5h"])
async def test_a_cancellation_anywhere_leaves_nothing(
    scheme: str, is_secure: bool, secure: Secure, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes one turn of the loop later each time, until the connection is made before it."""
    with (
        serving(echo, secure.server if is_secure else None) as port,
        Proxy(tls=secure.proxy if scheme == "https" else None) as proxy,
    ):
        connecting = connector(secure.client)
        origin = ("https" if is_secure else "http", NAME, port)
        made: list[Told] = []
        for turns in range(5_000):
            protocol = Told()
            made.append(protocol)
            connected = await after(
                turns, connecting.connect(origin, lambda p=protocol: p, None, through(scheme, proxy.port))
            )
            if connected:
                break
            assert _sockets_to(proxy.port) == 0, turns
        await exchange(protocol, b"x")
        assert turns > 3
        for other in made:
            assert not other.told or other.told[-1] is None or isinstance(other.told[-1], OSError)
        await made[-1].until(lambda: _sockets_to(proxy.port) == 0)


async def after(turns: int, work: Coroutine[Any, Any, Any]) -> bool:
    """Cancel a coroutine after some turns of the loop; say whether it was over by then."""
    if Runtime.current().is_asyncio:
        task = asyncio.ensure_future(work)
        for _ in range(turns):
            await asyncio.sleep(0)
        is_over = task.done()
        if not is_over:
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        return is_over
    is_over = False

    async def run() -> None:
        nonlocal is_over
        await work
        is_over = True

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run)
        for _ in range(turns):
            await anyio.lowlevel.checkpoint()
        tasks.cancel_scope.cancel()
    return is_over


def _sockets_to(port: int) -> int:
    """Count the sockets that lead to a port."""
    with sockets_to(port) as found:
        return len(found)


async def test_what_was_to_be_sent_stands_in_no_frame_of_an_error() -> None:
    ours, theirs = socket.socketpair()
    with ours:
        ours.setblocking(False)
        theirs.close()
        with pytest.raises(OSError, match="Broken pipe") as failed:
            await network_of(running_loop(ClientContext())).send(ours, b"s3cr3t")
    frames = [frame for frame, _ in traceback.walk_tb(failed.value.__traceback__)][1:]
    assert frames
    assert not [frame for frame in frames if b"s3cr3t" in frame.f_locals.values()]
