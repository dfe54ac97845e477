"""How requests end over HTTP/2 that are refused, given up, or on a connection that ends; and what goes again."""

from __future__ import annotations

import asyncio
import math
import select
import threading
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import anyio
import pytest
from h2client import client, failure, nothing_open
from h2raw import RawPeer, RawServer
from h2server import Http2Server, answer
from scripted import eventually

from loops import LOOPS
from pynector import ConnectionLost, HTTP2Error, ProtocolError, Pynector, TimeoutError
from pynector.testing import LoopbackServer
from pynector.testing.http2 import frames
from pynector.testing.http2.exchange import Exchange
from pynector.transport.http.transport import HTTPTransport
from pynector.transport.net.connect import Connector

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("anyio_backend", LOOPS)]

REFUSED = frames.ERROR_CODES["refused_stream"]


def body_of(exchange: Exchange) -> None:
    answer(exchange, exchange.request.body)


def refusing(times: int, then: Callable[[Exchange], None] = body_of) -> Callable[[Exchange], None]:
    """Refuse the first requests that come."""
    left = [times]

    def play(exchange: Exchange) -> None:
        left[0] -= 1
        if left[0] < 0:
            then(exchange)
        else:
            exchange.reset(REFUSED)

    return play


class Again:
    """A body that can be read anew."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"a"
        yield b"b"


async def once() -> AsyncIterator[bytes]:
    yield b"a"
    yield b"b"


# Refused streams


@pytest.mark.parametrize("options", [{}, {"max_connections_per_origin": 1}], ids=["many", "one"])
@pytest.mark.parametrize("content", [b"ab", Again()], ids=["bytes", "again"])
async def test_what_is_refused_goes_again_up_to_three_times(options: Any, content: Any) -> None:
    """On the same connection, also where no other may be made."""
    with Http2Server(None, refusing(3)) as server:
        async with client(server.url, **options) as it:
            data = {"method": "POST", "path": "/", "content": content}
            with anyio.fail_after(20):
                assert await it.request(data) == b"ab"
                server.scripts = (refusing(4),)
                server.sessions[0]._script = server.scripts[0]
                error = await failure(it, "/", method="POST", content=content)
            assert isinstance(error, HTTP2Error)
            assert (error.code, error.phase, error.sent) == (REFUSED, "queue", "none")
    (session,) = server.sessions
    assert [request.body for request in session.requests] == [b"ab"] * 8


async def test_a_body_that_can_be_read_once_is_not_sent_again() -> None:
    with Http2Server(None, refusing(1)) as server:
        async with client(server.url) as it:
            error = await failure(it, "/", method="POST", content=once())
            assert isinstance(error, HTTP2Error)
            assert (error.phase, error.sent) == ("queue", "none")
            assert await it.request({"method": "POST", "content": once()}) == b"ab"


async def test_after_a_redirect_it_may_be_refused_as_often_again() -> None:
    def to(path: str) -> Callable[[Exchange], None]:
        return lambda exchange: exchange.send_head(307, [("location", path)], end=True)

    scripts = {"/": refusing(3, to("/1")), "/1": refusing(3)}
    with Http2Server(None, lambda exchange: scripts[exchange.request.path](exchange)) as server:
        async with client(server.url) as it:
            assert await it.request({"method": "POST", "path": "/", "content": b"x"}) == b"x"


@pytest.mark.parametrize("at", ["head", "body"])
@pytest.mark.parametrize("how", ["request", "stream"])
async def test_what_was_answered_in_part_was_not_refused(at: str, how: str) -> None:
    """Whatever the server says."""

    def lying(exchange: Exchange) -> None:
        exchange.send_head(200)
        if at == "body":
            exchange.send_data(b"abc")
        exchange.reset(REFUSED)

    with Http2Server(None, lying) as server:
        async with client(server.url) as it:
            data = {"method": "POST", "content": b"x"}
            with pytest.raises(HTTP2Error) as caught:
                await (it.request(data) if how == "request" else read(it, data))
            assert (caught.value.code, caught.value.phase, caught.value.sent) == (REFUSED, "body", "full")
    assert [len(session.requests) for session in server.sessions] == [1]


async def read(it: Pynector, data: Any) -> bytes:
    async with it.stream(data) as response:
        return await response.read()


# GOAWAY


def goaway(code: int = 0, last: int | None = None, *, close: bool = False, debug: bytes = b"") -> Callable[..., None]:
    """End the connection at the second request, which is not looked at unless `last` says so."""

    def play(exchange: Exchange) -> None:
        if exchange.stream == 1:
            answer(exchange)
            return
        number = exchange.stream - 2 if last is None else last
        exchange.wire.h2.send_goaway(code, last_stream_id=number, debug_data=debug)
        exchange.wire.flush()
        if close:
            exchange.wire.close()
        elif number >= exchange.stream:
            answer(exchange)

    return play


@pytest.mark.parametrize("close", [False, True])
async def test_what_a_goaway_leaves_out_goes_again_elsewhere(close: bool) -> None:
    with Http2Server(None, goaway(close=close), body_of) as server:
        async with client(server.url) as it:
            assert await it.request(None) == b"ok"
            assert await it.request({"method": "POST", "content": b"x"}) == b"x"
            assert await eventually(lambda: server.sessions[0].ended)
    assert [len(session.requests) for session in server.sessions] == [2, 1]


async def test_what_is_on_a_connection_that_is_ended_finishes_and_others_go_elsewhere() -> None:
    held: list[Exchange] = []

    def first(exchange: Exchange) -> None:
        if exchange.stream == 1:
            held.append(exchange)
        else:
            answer(held[0])
            goaway(last=2**31 - 1)(exchange)

    with Http2Server(None, first, body_of) as server:
        async with client(server.url) as it:
            slow = asyncio.ensure_future(it.request({"path": "/slow"}))
            assert await eventually(lambda: held)
            assert [await it.request({"path": "/"}), await slow] == [b"ok", b"ok"]
            assert await it.request({"method": "POST", "content": b"x"}) == b"x"
            assert await eventually(lambda: server.sessions[0].ended)
    assert [len(session.requests) for session in server.sessions] == [2, 1]


@pytest.mark.parametrize("code", ["no_error", "enhance_your_calm", "internal_error"])
async def test_what_a_goaway_may_have_covered_fails_with_what_it_said(code: str) -> None:
    number = frames.ERROR_CODES[code]
    with Http2Server(None, goaway(number, 3, close=True, debug=b"slow \xff down"), body_of) as server:
        async with client(server.url) as it:
            assert await it.request(None) == b"ok"
            error = await failure(it, "/", method="POST", content=b"x")
            assert isinstance(error, HTTP2Error)
            assert (error.code, error.phase, error.sent) == (number, "headers", "full")
            assert "slow \\xff down" in str(error)
            assert await it.request({"method": "POST", "content": b"x"}) == b"x"
    assert [len(session.requests) for session in server.sessions] == [2, 1]


async def test_a_goaway_at_each_connection_is_told_after_three_more_tries() -> None:
    said = frames.ERROR_CODES["enhance_your_calm"]

    def play(exchange: Exchange) -> None:
        exchange.wire.h2.send_goaway(said, last_stream_id=0)

    with Http2Server(None, play) as server:
        async with client(server.url) as it:
            error = await failure(it, "/", method="POST", content=b"x")
            assert isinstance(error, HTTP2Error)
            assert (error.code, error.phase, error.sent) == (said, "queue", "none")
    assert len(server.sessions) == 4


@pytest.fixture
def heard_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have what a server says at once be there before the client looks at its connection."""
    connect = Connector.connect

    async def connect_slowly(*args: Any) -> Any:
        made = await connect(*args)
        # Unless the loop has read it already.
        while made.transport is not None and not (made.retired or made.settled):
            if select.select([made.descriptor], [], [], 0)[0]:
                # Who polls with epoll may hear of it a little later.
                time.sleep(0.01)  # noqa: ASYNC251 - the loop is not to read it here
                break
            await asyncio.sleep(0)
        return made

    monkeypatch.setattr(Connector, "connect", connect_slowly)


def leaving(code: str) -> Callable[[RawPeer], None]:
    """End the connection at once."""
    said = frames.frame(frames.GOAWAY, 0, 0, bytes(4) + frames.ERROR_CODES[code].to_bytes(4, "big") + b"leave")
    return lambda peer: peer.send(frames.frame(frames.SETTINGS, 0, 0) + said)


def good(peer: RawPeer) -> None:
    peer.settings()
    while (frame := peer.receive()) is not None:
        if frame.ends:
            peer.answer(frame.stream)


@pytest.mark.usefixtures("heard_first")
@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("form", ["bytes", "once"])
async def test_a_server_that_leaves_at_once_is_asked_again(times: int, form: str) -> None:
    """Also for a body that can be read once: it was not."""
    with RawServer(*[leaving("no_error")] * times, good) as server:
        async with client(server.url) as it:
            data = {"method": "POST", "content": b"ab" if form == "bytes" else once()}
            assert await it.request(data) == b"ok"
    assert len(server.peers) == times + 1


@pytest.mark.usefixtures("heard_first")
async def test_a_server_that_leaves_at_once_each_time_is_heard() -> None:
    with RawServer(leaving("enhance_your_calm")) as server:
        async with client(server.url) as it:
            error = await failure(it, "/", method="POST", content=b"x")
    assert isinstance(error, HTTP2Error)
    assert (error.code, error.phase, error.sent) == (frames.ERROR_CODES["enhance_your_calm"], "queue", "none")
    assert "leave" in str(error)
    assert len(server.peers) == 4


@pytest.mark.usefixtures("heard_first")
async def test_a_server_that_does_not_speak_http2_is_told_so() -> None:
    with RawServer(lambda peer: peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as server:
        async with client(server.url) as it:
            error = await failure(it, "/", method="POST", content=b"x")
    assert isinstance(error, ProtocolError)
    assert (error.phase, error.sent) == ("queue", "none")
    assert len(server.peers) == 1


async def test_a_graceful_end_in_two_steps_fails_nothing(h2server: LoopbackServer) -> None:
    async with client(h2server.url) as it:
        data = [({"path": f"/delay/0.0{n}?n={n}"}, {}) for n in range(8)]
        data[2:2] = [({"path": "/h2-goaway?graceful=0.03"}, {})]
        results = await it.batch_request(data)
        assert [result[:4] for result in results].count(b"goaw") == 1
        assert all(isinstance(result, bytes) for result in results)
    await nothing_open(h2server)


# Requests that are given up


@pytest.mark.parametrize("path", ["/hang", "/endless?interval=0.001", "/drip/1000?interval=0.01"])
async def test_who_gives_up_frees_the_stream_at_once(h2server: LoopbackServer, path: str) -> None:
    h2server.reset()
    async with client(h2server.url, max_connections=1, max_streams=1) as it:
        # It may take a while until there is a connection.
        assert await it.request({"path": "/id/1"}) == b"1"
        for _ in range(2):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(it.request, {"path": path})
                assert await eventually(lambda: h2server.stats().open_streams)
                tasks.cancel_scope.cancel()
            with pytest.raises(TimeoutError) as caught:
                await it.request({"path": path}, timeout=0.5)
            assert (caught.value.phase, caught.value.sent) == ("headers" if path == "/hang" else "body", "full")
            with anyio.fail_after(20):
                assert await it.request({"path": "/id/1"}) == b"1"
        await nothing_open_but(h2server, it)
        stats = h2server.stats()
        assert (stats.connections, stats.resets) == (1, 4)


async def nothing_open_but(server: LoopbackServer, it: Pynector) -> None:
    """Wait until there is no stream, on either side, although the connection stays."""
    with anyio.fail_after(20):
        while server.stats().open_streams or it.stats().in_flight:  # noqa: ASYNC110 - another process sets no Event
            await anyio.sleep(0.005)


class GivesUp:
    """Cancels other requests when one has failed."""

    def __init__(self) -> None:
        self.handles: list[Any] = []
        self.errors: list[BaseException] = []

    def succeed(self, token: int, response: Any) -> None:
        raise AssertionError(response)

    def fail(self, token: int, error: BaseException) -> None:
        self.errors.append(error)
        for handle in self.handles:
            handle.cancel()


async def test_what_is_given_up_because_its_connection_took_another_is_not_sent_again() -> None:
    """Though it was on that connection, and would have been sent again."""

    def ends(peer: RawPeer) -> None:
        peer.settings(max_concurrent_streams=10)
        peer.answer(peer.request()[0])
        for _ in range(2):
            peer.request()
        raise ConnectionAbortedError

    with RawServer(ends, good) as server:
        async with HTTPTransport(base_url=server.url, http2="only", http_engine="native") as transport:
            assert await transport.exchange({"path": "/first"}) == b"ok"
            completion = GivesUp()
            for token, method in enumerate(("POST", "GET")):
                data = {"method": method, "path": f"/{token}"}
                completion.handles.append(transport.submit(data, {}, math.inf, completion, token))
            assert await eventually(lambda: completion.errors)
            assert await transport.exchange({"path": "/last"}) == b"ok"
    asked = [dict(frame.fields)[":path"] for peer in server.peers for frame in peer.frames if frame.fields]
    assert asked == ["/first", "/0", "/1", "/last"]
    assert len(completion.errors) == 1


# Limits on streams


async def test_a_limit_of_none_is_waited_for_within_the_timeout(h2server: LoopbackServer) -> None:
    h2server.reset()
    async with client(h2server.url) as it:
        (first, *others) = [
            asyncio.ensure_future(it.request({"path": path}))
            for path in ("/h2-settings?max_concurrent_streams=0&for=3", "/delay/0.1", "/delay/0.12")
        ]
        late = await failure_in_the_queue(it)
        assert late.sent == "none"
        assert await it.request({"method": "POST", "path": "/echo", "content": b"x"}) == b"x"
        assert first.done()
        assert [await task for task in (first, *others)] == [b"settings", b"0.1", b"0.12"]
    assert h2server.stats().connections == 1


async def failure_in_the_queue(it: Pynector) -> Any:
    """Return what the first request fails with that may not be sent any more."""
    with anyio.fail_after(20):
        while True:
            try:
                await it.request({"path": "/id/1"}, timeout=0.1)
            except TimeoutError as error:
                if error.phase == "queue":
                    return error


async def test_what_is_begun_in_the_read_that_lowers_the_limit_has_not_left() -> None:
    """It waits again where all others wait, and goes when the limit is raised."""
    lowered, goes_on = threading.Event(), threading.Event()

    def play(peer: RawPeer) -> None:
        peer.settings(max_concurrent_streams=2)
        streams = [peer.request()[0], peer.request()[0]]
        block = peer.encoder.encode([(":status", "200")])
        done = b"".join(frames.headers(stream, block, frames.END_STREAM) for stream in streams)
        peer.send(done + frames.frame(frames.SETTINGS, 0, 0, b"\0\x03\0\0\0\0"))
        peer.until(lambda frame: frame.kind == frames.SETTINGS and frame.flags & frames.ACK)
        lowered.set()
        goes_on.wait(20)
        peer.settings(max_concurrent_streams=1)
        for _ in range(4):
            peer.answer(peer.request()[0])

    with RawServer(play) as server:
        async with client(server.url, max_connections=1) as it:
            batch = asyncio.ensure_future(it.batch_request([({"path": f"/{n}"}, {}) for n in range(6)]))
            assert await eventually(lowered.is_set)
            stats = it.stats()
            goes_on.set()
            assert (stats.queued, stats.in_flight) == (4, 4)
            assert await batch == [b"", b"", b"ok", b"ok", b"ok", b"ok"]


@pytest.mark.parametrize("who", ["server", "client"])
async def test_an_upload_that_is_begun_in_the_read_that_lowers_the_limit_has_not_left_either(who: str) -> None:
    """It cannot be given back once it has been read, but nobody can have acted upon it, whoever ends it."""
    lowered = threading.Event()

    def play(peer: RawPeer) -> None:
        peer.settings(max_concurrent_streams=2)
        streams = [peer.request()[0], peer.request()[0]]
        block = peer.encoder.encode([(":status", "200")])
        # One stays, so that the connection carries more than it may; and the upload that waits may begin.
        done = frames.headers(streams[0], block, frames.END_STREAM)
        peer.send(done + frames.frame(frames.SETTINGS, 0, 0, b"\0\x03\0\0\0\x01"))
        peer.until(lambda frame: frame.kind == frames.SETTINGS and frame.flags & frames.ACK)
        lowered.set()
        if who == "server":
            raise ConnectionAbortedError

    async def body() -> AsyncIterator[bytes]:
        yield b"read"
        await anyio.sleep(30)

    with RawServer(play) as server:
        async with client(server.url, max_connections=1) as it:
            upload = {"method": "POST", "path": "/", "content": body()}
            plain = {"method": "POST", "path": "/"}
            batch = asyncio.ensure_future(it.batch_request([(plain, {}), (plain, {}), (upload, {})]))
            if who == "client":
                assert await eventually(lowered.is_set)
                await it.aclose()
            done, unanswered, unsent = await batch
            assert done == b""
            assert (unanswered.phase, unanswered.sent) == ("headers", "full")
            assert (unsent.phase, unsent.sent) == ("queue", "none")


async def test_a_connection_that_may_carry_nothing_gives_its_place_to_another_origin(h2server: LoopbackServer) -> None:
    with Http2Server(None, body_of, settings={"max_concurrent_streams": 0}) as server:
        async with client(h2server.url, max_connections=1) as it:
            with pytest.raises(TimeoutError):
                await it.request({"url": server.url}, timeout=0.05)
            with anyio.fail_after(20):
                assert await it.request({"path": "/id/1"}) == b"1"


async def test_two_origins_share_the_one_connection_there_may_be(h2server: LoopbackServer) -> None:
    with LoopbackServer(http2="only") as second:
        async with client(h2server.url, max_connections=1) as it:
            data = [({"url": f"{server.url}/id/{n}"}, {}) for n in range(200) for server in (h2server, second)]
            with anyio.fail_after(20):
                results = await it.batch_request(data, max_concurrency=100)
            assert results == [str(n).encode() for n in range(200) for _ in range(2)]
        await nothing_open(second)


# Peers that do not answer


async def test_a_peer_that_has_gone_is_found_by_a_ping(h2server: LoopbackServer) -> None:
    async with client(h2server.url, ping_interval=0.05, ping_timeout=2) as it:
        assert await it.request({"path": "/h2-mute/all"}) == b"mute"
        error = await failure(it, "/id/1", method="POST")
        assert isinstance(error, ConnectionLost)
        assert (error.phase, error.sent) == ("headers", "full")
        assert "PING" in str(error)
        assert await it.request({"path": "/id/2"}) == b"2"
        # Who answers pings may take as long as he likes.
        assert await it.request({"path": "/delay/2.5"}) == b"2.5"
    await nothing_open(h2server)


async def test_a_peer_that_reads_slowly_is_not_taken_for_gone() -> None:
    """The ping waits behind what it has to read, and its windows are so large that it says nothing meanwhile."""

    def slow(peer: RawPeer) -> None:
        peer.open_windows()
        while not (frame := peer.next(frames.DATA)).ends:
            time.sleep(0.005)
        peer.answer(frame.stream)

    with RawServer(slow) as server:
        async with client(server.url, ping_interval=0.05, ping_timeout=0.5) as it:
            assert await it.request({"method": "POST", "content": bytes(6_000_000)}) == b"ok"


async def test_a_peer_that_reads_nothing_holds_up_no_other_request() -> None:
    """What was written is in the way of all that would follow on that connection."""

    def deaf(peer: RawPeer) -> None:
        peer.open_windows()
        peer.next(frames.HEADERS)
        over.wait(20)

    def good(peer: RawPeer) -> None:
        peer.settings()
        peer.answer(peer.request()[0])

    over = threading.Event()
    with RawServer(deaf, good) as server:
        async with client(server.url, max_connections=1) as it:
            with pytest.raises(TimeoutError) as caught:
                await it.request({"method": "POST", "content": bytes(1 << 25)}, timeout=0.5)
            assert (caught.value.phase, caught.value.sent) == ("write", "partial")
            with anyio.fail_after(20):
                assert await it.request({"path": "/id/1"}) == b"ok"
        over.set()


async def test_a_peer_that_reads_nothing_and_sends_a_flood_is_left() -> None:
    over = threading.Event()

    def deaf(peer: RawPeer) -> None:
        peer.open_windows()
        peer.next(frames.HEADERS)
        full.wait(20)
        peer.send(frames.frame(frames.PING, 0, 0, bytes(8)) * 2000)
        over.wait(20)

    def good(peer: RawPeer) -> None:
        peer.settings()
        peer.answer(peer.request()[0])

    full = threading.Event()
    with RawServer(deaf, good) as server:
        async with client(server.url, max_connections=1) as it:
            task = asyncio.ensure_future(failure(it, "/", method="POST", content=bytes(1 << 25)))
            await anyio.sleep(0.3)
            full.set()
            error = await task
            assert isinstance(error, ProtocolError)
            assert (error.phase, error.sent) == ("write", "partial")
            with anyio.fail_after(20):
                assert await it.request({"path": "/id/1"}) == b"ok"
        over.set()


async def test_a_server_may_speak_before_it_is_asked() -> None:
    """A program that is busy finds its settings there when it looks at the new connection."""

    def play(peer: RawPeer) -> None:
        peer.settings()
        peer.answer(peer.request()[0])

    with RawServer(play) as server:
        async with client(server.url) as it:
            task = asyncio.ensure_future(it.request(None))
            while not task.done():
                time.sleep(0.005)  # noqa: ASYNC251 - that is the case
                await asyncio.sleep(0)
            assert await task == b"ok"
    assert len(server.peers) == 1
