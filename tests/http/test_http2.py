"""HTTP/2 through the httpx engine."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from typing import Any

import anyio
import h2.errors
import pytest
import trustme
from h2server import Http2Server, Play, Session
from scripted import ScriptedServer, answer, eventually

from pynector import ConnectionLost, Pynector, PynectorError, TimeoutError, TransportError
from pynector.transport.http.httpx import streaming

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


def serving(ca: trustme.CA, *scripts: Play, early: bool = False) -> Http2Server:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1").configure_cert(context)
    return Http2Server(context, *scripts, early=early)


def client(ca: trustme.CA, url: str, **options: Any) -> Pynector:
    trusted = ssl.create_default_context()
    ca.configure_trust(trusted)
    return Pynector(base_url=url, http2=True, verify=trusted, **options)


def ok(session: Session, stream: int) -> None:
    session.answer(stream, session.heads[stream][":path"].encode())


async def once() -> AsyncIterator[bytes]:
    yield b"on"
    yield b"ce"


async def test_requests_and_streams_share_a_connection(ca: trustme.CA) -> None:
    with serving(ca, ok) as server:
        async with client(ca, server.url) as it:
            assert (await it.request({"path": "/a/../b?x=%41"}, as_response=True)).http_version == "HTTP/2"
            paths = [f"/{n}" for n in range(50)]
            assert await it.batch_request([({"path": p}, {}) for p in paths]) == [p.encode() for p in paths]
            assert await it.request({"path": "/up", "content": once()}) == b"/up"
            async with it.stream({"path": "/s"}) as response:
                assert await response.read() == b"/s"
    (session,) = server.sessions
    assert session.heads[1][":path"] == "/a/../b?x=%41"
    assert b"once" in session.bodies.values()


async def test_an_empty_frame_does_not_end_a_body(ca: trustme.CA) -> None:
    def gaps(session: Session, stream: int) -> None:
        session.h2.send_headers(stream, [(":status", "200")])
        for piece in (b"a", b"", b"b"):
            session.h2.send_data(stream, piece)
        session.h2.send_data(stream, b"", end_stream=True)

    with serving(ca, gaps) as server:
        async with client(ca, server.url) as it:
            assert await it.request(None) == b"ab"
            async with it.stream(None) as response:
                assert await response.read() == b"ab"


def goes_away(session: Session, stream: int) -> None:
    """End the connection without having looked at the request."""
    session.h2.close_connection(last_stream_id=stream - 2 if stream > 2 else 0)


def first_then(play: Play) -> Play:
    return lambda session, stream: ok(session, stream) if stream == 1 else play(session, stream)


async def failure(it: Pynector, data: Any, **options: Any) -> Any:
    with pytest.raises(PynectorError) as caught:
        await it.request(data, **options)
    return caught.value


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_what_was_sent_before_a_connection_was_ended_stays_sent(ca: trustme.CA, method: str) -> None:
    with serving(ca, first_then(goes_away)) as server:
        async with client(ca, server.url) as it:
            assert await it.request({"path": "/1"}) == b"/1"
            # httpcore sends it again, as it may; the next server goes away at once.
            server._scripts = (first_then(goes_away), lambda session, stream: setattr(session, "closes", True))
            error = await failure(it, {"method": method, "path": "/2", "content": b"x"})
    assert isinstance(error, TransportError)
    assert error.sent == "full"


async def test_a_body_that_can_be_sent_once_is_not_sent_again_as_nothing(ca: trustme.CA) -> None:
    with serving(ca, first_then(goes_away), ok) as server:
        async with client(ca, server.url) as it:
            assert await it.request({"path": "/1"}) == b"/1"
            error = await failure(it, {"method": "PUT", "path": "/2", "content": once()})
    assert (type(error), error.sent) == (ConnectionLost, "full")
    assert [body for session in server.sessions[1:] for body in session.bodies.values()] in ([], [b""])
    assert not any(session.heads for session in server.sessions[1:]) or "cannot be read again" in str(error)


@pytest.mark.parametrize("code", ["REFUSED_STREAM", "CANCEL", "PROTOCOL_ERROR"])
async def test_a_stream_that_is_reset_may_have_been_executed(ca: trustme.CA, code: str) -> None:
    def reset(session: Session, stream: int) -> None:
        session.h2.reset_stream(stream, h2.errors.ErrorCodes[code])

    with serving(ca, reset) as server:
        async with client(ca, server.url) as it:
            error = await failure(it, {"method": "POST", "path": "/1", "content": b"x"})
    assert isinstance(error, TransportError)
    assert error.sent == "full"


async def test_an_early_answer_to_an_upload_is_not_read_and_part_was_sent(ca: trustme.CA) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield bytes(10_000)

    def refuse(session: Session, stream: int) -> None:
        session.answer(stream, b"no", 413)

    with serving(ca, refuse, early=True) as server:
        async with client(ca, server.url) as it:
            error = await failure(it, {"method": "POST", "path": "/1", "content": endless()}, timeout=0.5)
            assert await it.request({"path": "/2"}, raise_for_status=False) == b"no"
    # httpcore knows of no other way over HTTP/2.
    assert (type(error), error.phase, error.sent) == (TimeoutError, "write", "partial")


@pytest.mark.parametrize(
    ("size", "end", "how"),
    [(10, "whole", "request"), (10, "reset", "stream"), (30_000, "never", "request"), (80_000, "never", "stream")],
)
async def test_the_body_of_a_redirect_is_dropped_and_the_connection_goes_on(
    ca: trustme.CA, monkeypatch: pytest.MonkeyPatch, size: int, end: str, how: str
) -> None:
    """However long it is, and whether or how it ends."""
    # A body that is worth reading, but comes slowly, is waited for so long; one that is not, not at all.
    monkeypatch.setattr(streaming, "PATIENCE", 0.05 if size == 30_000 else 1e6)
    monkeypatch.setattr(streaming, "WORTH_READING", 40_000)

    def script(session: Session, stream: int) -> None:
        if session.heads[stream][":path"] != "/":
            ok(session, stream)
            return
        session.h2.send_headers(stream, [(":status", "303"), ("location", "/there")])
        # As much as fits into the windows of HTTP/2.
        for start in range(0, min(size, 60_000), 10_000):
            session.h2.send_data(stream, bytes(min(10_000, size - start)))
        if end == "whole":
            session.h2.end_stream(stream)
        elif end == "reset":
            session.h2.reset_stream(stream)

    with serving(ca, script) as server:
        async with client(ca, server.url) as it:
            with anyio.fail_after(20):
                if how == "request":
                    assert await it.request({"method": "POST", "path": "/"}) == b"/there"
                else:
                    async with it.stream({"path": "/"}) as response:
                        assert await response.read() == b"/there"
                assert await it.request({"path": "/next"}) == b"/next"
    assert len(server.sessions) == 1


async def test_where_there_is_no_http2_it_is_http_1(ca: trustme.CA) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1").configure_cert(context)
    with ScriptedServer([answer(b"1"), answer(b"2")], tls=context) as server:
        async with client(ca, server.url) as it:
            response = await it.request(once(), as_response=True)
            assert (response.http_version, response.content) == ("HTTP/1.1", b"1")
            assert await it.request(None) == b"2"
        assert await eventually(server.connections[0].ended.is_set)


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("reads", [False, True])
async def test_a_stream_is_left_before_its_end_and_the_connection_goes_on(
    ca: trustme.CA, whole: bool, reads: bool
) -> None:
    def script(session: Session, stream: int) -> None:
        session.h2.send_headers(stream, [(":status", "200")])
        session.h2.send_data(stream, b"abc", end_stream=whole)

    with serving(ca, script) as server:
        async with client(ca, server.url) as it:
            with anyio.fail_after(20):
                for _ in range(2):
                    async with it.stream(None) as response:
                        if reads:
                            assert await anext(response.iter_bytes()) == b"abc"
    assert len(server.sessions) == 1
