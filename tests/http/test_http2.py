"""HTTP/2 through both engines, where a server does what a script says."""

from __future__ import annotations

import contextlib
import select
import ssl
import threading
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
import trustme
from h2raw import RawPeer, RawServer
from h2server import Http2Server, Play, answer
from scripted import ScriptedServer, eventually
from scripted import answer as answer_of_http1

from pynector import (
    ConnectionLost,
    HTTP2Error,
    HTTPStatusError,
    ProtocolError,
    Pynector,
    PynectorError,
    TimeoutError,
    TransportError,
)
from pynector.testing.http2 import frames
from pynector.testing.http2.exchange import Exchange
from pynector.testing.http2.frames import ERROR_CODES
from pynector.transport.http.httpx import streaming
from pynector.transport.http.native import opening
from pynector.transport.net.connect import Connector
from wsservers import demanding

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["httpx", "native"])
def engine(request: pytest.FixtureRequest) -> str:
    """The name of each engine, for clients that say themselves that they speak HTTP/2."""
    return str(request.param)


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


def serving(ca: trustme.CA, *scripts: Play, early: bool = False) -> Http2Server:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1").configure_cert(context)
    return Http2Server(context, *scripts, early=early)


def client(ca: trustme.CA, url: str, engine: str, **options: Any) -> Pynector:
    trusted = ssl.create_default_context()
    ca.configure_trust(trusted)
    return Pynector(base_url=url, http2=True, verify=trusted, http_engine=engine, **options)


def ok(exchange: Exchange) -> None:
    answer(exchange, exchange.request.target.encode())


async def once() -> AsyncIterator[bytes]:
    yield b"on"
    yield b"ce"


async def test_requests_and_streams_share_a_connection(ca: trustme.CA, engine: str) -> None:
    with serving(ca, ok) as server:
        async with client(ca, server.url, engine) as it:
            assert (await it.request({"path": "/a/../b?x=%41"}, as_response=True)).http_version == "HTTP/2"
            paths = [f"/{n}" for n in range(50)]
            assert await it.batch_request([({"path": p}, {}) for p in paths]) == [p.encode() for p in paths]
            assert await it.request({"path": "/up", "content": once()}) == b"/up"
            async with it.stream({"path": "/s"}) as response:
                assert await response.read() == b"/s"
    (session,) = server.sessions
    assert session.requests[0].target == "/a/../b?x=%41"
    assert b"once" in [request.body for request in session.requests]


async def test_an_empty_frame_does_not_end_a_body(ca: trustme.CA, engine: str) -> None:
    def gaps(exchange: Exchange) -> None:
        exchange.send_head(200)
        for piece in (b"a", b"", b"b"):
            exchange.raw_data(piece)
        exchange.raw_data(b"", end=True)
        exchange.forget()

    with serving(ca, gaps) as server:
        async with client(ca, server.url, engine) as it:
            assert await it.request(None) == b"ab"
            async with it.stream(None) as response:
                assert await response.read() == b"ab"


def goes_away(exchange: Exchange) -> None:
    """End the connection without having looked at the request."""
    exchange.wire.h2.send_goaway(last_stream_id=max(exchange.stream - 2, 0))


def first_then(play: Play) -> Play:
    return lambda exchange: ok(exchange) if exchange.stream == 1 else play(exchange)


async def failure(it: Pynector, data: Any, **options: Any) -> Any:
    with pytest.raises(PynectorError) as caught:
        await it.request(data, **options)
    return caught.value


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_what_was_sent_before_a_connection_was_ended_stays_sent(ca: trustme.CA, engine: str, method: str) -> None:
    with serving(ca, first_then(goes_away)) as server:
        async with client(ca, server.url, engine) as it:
            assert await it.request({"path": "/1"}) == b"/1"
            # httpcore sends it again, as it may; the next server goes away at once.
            server.scripts = (first_then(goes_away), lambda exchange: exchange.wire.close())
            error = await failure(it, {"method": method, "path": "/2", "content": b"x"})
    assert isinstance(error, TransportError)
    assert error.sent == "full"


async def test_a_body_that_can_be_sent_once_is_not_sent_again_as_nothing(ca: trustme.CA, engine: str) -> None:
    with serving(ca, first_then(goes_away), ok) as server:
        async with client(ca, server.url, engine) as it:
            assert await it.request({"path": "/1"}) == b"/1"
            error = await failure(it, {"method": "PUT", "path": "/2", "content": once()})
    # What a GOAWAY leaves out was not looked at; httpcore does not say so.
    expected = (ConnectionLost, "full") if engine == "httpx" else (HTTP2Error, "none")
    assert (type(error), error.sent) == expected
    later = [request for session in server.sessions[1:] for request in session.requests]
    assert [request.body for request in later] in ([], [b""])
    assert not later or "cannot be read again" in str(error)


@pytest.mark.parametrize("code", ["REFUSED_STREAM", "CANCEL", "PROTOCOL_ERROR"])
async def test_a_stream_that_is_reset_may_have_been_executed(ca: trustme.CA, engine: str, code: str) -> None:
    def reset(exchange: Exchange) -> None:
        exchange.reset(ERROR_CODES[code.lower()])

    with serving(ca, reset) as server:
        async with client(ca, server.url, engine) as it:
            error = await failure(it, {"method": "POST", "path": "/1", "content": b"x"})
    assert isinstance(error, TransportError)
    is_unprocessed = engine == "native" and code == "REFUSED_STREAM"
    assert error.sent == ("none" if is_unprocessed else "full")
    if engine == "native":
        assert isinstance(error, HTTP2Error)
        assert error.code == ERROR_CODES[code.lower()]
    assert sum(len(session.requests) for session in server.sessions) == (4 if is_unprocessed else 1)


async def test_an_early_answer_to_an_upload_is_not_read_and_part_was_sent(ca: trustme.CA, engine: str) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield bytes(10_000)

    def refuse(exchange: Exchange) -> None:
        exchange.held = True
        answer(exchange, b"no", 413)

    with serving(ca, refuse, early=True) as server:
        async with client(ca, server.url, engine) as it:
            error = await failure(
                it, {"method": "POST", "path": "/1", "content": endless()}, timeout=0.5 if engine == "httpx" else 20
            )
            assert await it.request({"path": "/2"}, raise_for_status=False) == b"no"
    # httpcore knows of no other way over HTTP/2.
    expected = (TimeoutError, "write", "partial") if engine == "httpx" else (HTTPStatusError, "body", "full")
    assert (type(error), error.phase, error.sent) == expected


@pytest.mark.parametrize(
    ("size", "end", "how"),
    [(10, "whole", "request"), (10, "reset", "stream"), (30_000, "never", "request"), (80_000, "never", "stream")],
)
async def test_the_body_of_a_redirect_is_dropped_and_the_connection_goes_on(
    ca: trustme.CA, engine: str, monkeypatch: pytest.MonkeyPatch, size: int, end: str, how: str
) -> None:
    """However long it is, and whether or how it ends."""
    # A body that is worth reading, but comes slowly, is waited for so long; one that is not, not at all.
    monkeypatch.setattr(streaming, "PATIENCE", 0.05 if size == 30_000 else 1e6)
    monkeypatch.setattr(streaming, "WORTH_READING", 40_000)

    def script(exchange: Exchange) -> None:
        if exchange.request.path != "/":
            ok(exchange)
            return
        exchange.send_head(303, [("location", "/there")])
        # As much as fits into the windows of HTTP/2.
        exchange.send_data(bytes(min(size, 60_000)), end=end == "whole")
        if end == "reset":
            exchange.reset(8)

    with serving(ca, script) as server:
        async with client(ca, server.url, engine) as it:
            with anyio.fail_after(20):
                if how == "request":
                    assert await it.request({"method": "POST", "path": "/"}) == b"/there"
                else:
                    async with it.stream({"path": "/"}) as response:
                        assert await response.read() == b"/there"
                assert await it.request({"path": "/next"}) == b"/next"
    assert len(server.sessions) == 1


BROKEN = {
    "no status": lambda peer, stream: peer.send(frames.headers(stream, peer.encoder.encode([("a", "b")]), 0)),
    "upper case": lambda peer, stream: peer.head(stream, ("X-A", "b"), end=True),
    "connection": lambda peer, stream: peer.head(stream, ("connection", "close"), end=True),
    "bad length": lambda peer, stream: peer.head(stream, ("content-length", "x")),
    "two lengths": lambda peer, stream: peer.head(stream, ("content-length", "1"), ("content-length", "2")),
    "no block": lambda peer, stream: peer.send(frames.headers(stream, b"\xff\xff", 0)),
    "no head": lambda peer, stream: peer.data(stream, b"abc", end=True),
}


@pytest.mark.parametrize("engine", ["native"])
@pytest.mark.parametrize("wrong", BROKEN)
async def test_a_broken_answer_is_an_error_and_never_a_short_success(ca: trustme.CA, engine: str, wrong: str) -> None:
    def play(peer: RawPeer) -> None:
        peer.settings()
        BROKEN[wrong](peer, peer.request()[0])
        with contextlib.suppress(AssertionError):
            peer.answer(peer.request()[0], b"next")

    with RawServer(play, lambda peer: (peer.settings(), peer.answer(peer.request()[0], b"next"))) as server:
        async with Pynector(base_url=server.url, http2="only", http_engine=engine, max_connections=1) as it:
            error = await failure(it, {"method": "POST", "path": "/"})
            assert (type(error), error.phase, error.sent) == (ProtocolError, "headers", "full")
            assert await it.request({"path": "/"}) == b"next"


async def test_a_server_may_acknowledge_nothing(ca: trustme.CA, engine: str) -> None:
    def play(peer: RawPeer) -> None:
        peer.acks.clear()
        peer.settings()
        for _ in range(2):
            stream, fields, _ = peer.request()
            peer.answer(stream, fields[":path"].encode())

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1").configure_cert(context)
    context.set_alpn_protocols(["h2"])
    with RawServer(play, tls=context) as server:
        async with client(ca, server.url, engine) as it:
            assert [await it.request({"path": path}) for path in ("/1", "/2")] == [b"/1", b"/2"]
    assert len(server.peers) == 1


@pytest.mark.parametrize("engine", ["native"])
async def test_a_server_may_speak_first(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In clear text, too: what there is to read on a new connection is the beginning of HTTP/2."""
    go = threading.Event()
    connect = Connector.connect

    async def connect_slowly(*args: Any) -> Any:
        made = await connect(*args)
        go.set()
        # It is there before the loop reads.
        assert select.select([made.transport.get_extra_info("socket").fileno()], [], [], 10)[0]
        return made

    def play(peer: RawPeer) -> None:
        go.wait(20)
        peer.settings()
        peer.answer(peer.request()[0], b"1")

    monkeypatch.setattr(Connector, "connect", connect_slowly)
    with RawServer(play) as server:
        async with Pynector(base_url=server.url, http2="only", http_engine=engine) as it:
            assert await it.request({"method": "POST", "path": "/"}) == b"1"


@pytest.mark.parametrize("engine", ["native"])
async def test_a_certificate_that_is_missed_is_missed_once(
    ca: trustme.CA, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though nothing of the request has left when the alert comes."""

    async def ending(_: Any, connection: Any, is_secure: bool) -> None:
        while connection.transport is not None and not connection.transport.is_closing():
            await anyio.lowlevel.checkpoint()

    monkeypatch.setattr(opening.Opener, "_look_at_new", ending)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1").configure_cert(context)
    ca.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    context.set_alpn_protocols(["h2"])
    with demanding(context) as (port, came):
        for asked in range(1, 11):
            async with client(ca, f"https://127.0.0.1:{port}", engine) as it:
                assert not (await failure(it, None)).transient
            assert len(came) == asked


async def test_where_there_is_no_http2_it_is_http_1(ca: trustme.CA, engine: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1").configure_cert(context)
    with ScriptedServer([answer_of_http1(b"1"), answer_of_http1(b"2")], tls=context) as server:
        async with client(ca, server.url, engine) as it:
            response = await it.request(once(), as_response=True)
            assert (response.http_version, response.content) == ("HTTP/1.1", b"1")
            assert await it.request(None) == b"2"
        assert await eventually(server.connections[0].ended.is_set)


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("reads", [False, True])
async def test_a_stream_is_left_before_its_end_and_the_connection_goes_on(
    ca: trustme.CA, engine: str, whole: bool, reads: bool
) -> None:
    def script(exchange: Exchange) -> None:
        exchange.send_head(200)
        exchange.send_data(b"abc", end=whole)

    with serving(ca, script) as server:
        async with client(ca, server.url, engine) as it:
            with anyio.fail_after(20):
                for _ in range(2):
                    async with it.stream(None) as response:
                        if reads:
                            assert await anext(response.iter_bytes()) == b"abc"
    assert len(server.sessions) == 1
