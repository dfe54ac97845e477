"""What waits for a place on a connection of HTTP/2, and what keeps one."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from h2client import client, failure
from h2raw import RawPeer, RawServer
from h2server import Http2Server, answer
from scripted import eventually

from inside import transport_of
from loops import LOOPS
from pynector import ConnectError, Pynector, TimeoutError, TransportError
from pynector.callbacks import AsyncioLoop
from pynector.testing.http2 import frames
from pynector.testing.http2.exchange import Exchange
from pynector.transport.net.asyncionet import AsyncioNetwork

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("anyio_backend", LOOPS)]


@pytest.fixture
def refused() -> Iterator[str]:
    """A URL where no connection is accepted."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


async def test_an_attempt_that_fails_ends_all_that_it_was_for(refused: str, anyio_backend: Any) -> None:
    async with client(refused) as it:
        results = await it.batch_request([({"path": f"/{n}"}, {}) for n in range(60)])
    assert {type(error) for error in results} == {ConnectError}
    assert len({id(error) for error in results}) == 60
    assert [error.request for error in results] == [f"GET {refused}/{n}" for n in range(60)]


async def test_what_a_connection_carries_does_not_end_because_another_cannot_be_made(
    anyio_backend: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    connected = AsyncioNetwork.connected
    attempts: list[Any] = []

    async def once(self: AsyncioNetwork, *address: Any) -> Any:
        attempts.append(address)
        if len(attempts) > 1:
            raise ConnectionRefusedError("refused")
        return await connected(self, *address)

    monkeypatch.setattr(AsyncioNetwork, "connected", once)
    with Http2Server(None, answer, settings={"max_concurrent_streams": 2}) as server:
        async with client(server.url) as it:
            results = await it.batch_request([({"path": f"/{n}"}, {}) for n in range(10)], max_concurrency=10)
    assert results == [b"ok"] * 10
    assert len(attempts) > 1


async def test_after_a_goaway_of_a_server_that_took_nothing_others_go_elsewhere(anyio_backend: Any) -> None:
    def leave(exchange: Exchange) -> None:
        exchange.wire.raw(frames.frame(frames.SETTINGS, payload=bytes.fromhex("000300000000")))
        exchange.wire.raw(frames.frame(frames.GOAWAY, payload=bytes.fromhex("7fffffff00000000")))

    with Http2Server(None, leave, answer) as server:
        async with client(server.url) as it, anyio.create_task_group() as tasks:
            tasks.start_soon(failure, it, "/stays")
            assert await eventually(lambda: bool(server.sessions and server.sessions[0].requests))
            with anyio.fail_after(20):
                assert await it.request({"path": "/goes"}) == b"ok"
            tasks.cancel_scope.cancel()


async def test_an_answer_without_a_body_may_say_how_long_it_would_be(anyio_backend: Any) -> None:
    def unchanged(exchange: Exchange) -> None:
        exchange.send_head(304, [("content-length", "100000")], end=True)

    with Http2Server(None, unchanged) as server:
        async with client(server.url, max_response_bytes=1000) as it:
            response = await it.request({"path": "/"}, as_response=True)
            assert (response.status_code, response.content) == (304, b"")


async def test_header_fields_that_are_too_long_to_be_sent_are_the_client_s_own_fault(anyio_backend: Any) -> None:
    with Http2Server(None, answer) as server:
        async with client(server.url) as it:
            error = await failure(it, "/", headers={"x-long": "x" * (1 << 21)})
            assert (type(error), error.phase, error.sent, error.transient) == (TransportError, "write", "none", False)
            assert "cannot be sent over HTTP/2" in str(error)
            assert await it.request({"path": "/"}) == b"ok"
    assert [len(session.requests) for session in server.sessions] == [1]


async def test_half_a_body_is_not_all_of_it(anyio_backend: Any) -> None:
    """What the server's window has held back had not left when the server reset the stream."""

    def play(peer: RawPeer) -> None:
        peer.settings()
        stream = peer.next(frames.HEADERS).stream
        while sum(len(f.content) for f in peer.frames if f.kind == frames.DATA) < 65_535:
            peer.receive()
        peer.reset(stream, frames.ERROR_CODES["internal_error"])
        peer.receive()

    with RawServer(play) as server:
        async with client(server.url) as it:
            error = await failure(it, "/", method="POST", content=bytes(200_000))
    assert (error.phase, error.sent) == ("write", "partial")


async def test_a_server_that_answers_is_asked_again_when_it_is_silent(anyio_backend: Any) -> None:
    asked = threading.Semaphore(0)

    def play(peer: RawPeer) -> None:
        peer.settings()
        while (frame := peer.receive()) is not None:
            if frame.kind == frames.PING:
                asked.release()

    with RawServer(play) as server:
        async with client(server.url, ping_interval=0.02, ping_timeout=20) as it, anyio.create_task_group() as tasks:
            tasks.start_soon(failure, it, "/")
            for _ in range(3):
                assert await anyio.to_thread.run_sync(asked.acquire, True, 10)
            tasks.cancel_scope.cancel()


async def test_a_server_that_takes_nothing_for_now_and_is_gone_is_found_by_a_ping(anyio_backend: Any) -> None:
    """What waits for it to take something has nothing on it."""

    def gone(peer: RawPeer) -> None:
        peer.settings(max_concurrent_streams=1)
        peer.answer(peer.request()[0])
        peer.settings(max_concurrent_streams=0)
        peer.send(PING)
        peer.until(lambda frame: frame.kind == frames.PING and frame.flags & frames.ACK)
        peer.acks.clear()
        is_gone.set()

    def good(peer: RawPeer) -> None:
        peer.settings()
        peer.answer(peer.request()[0])

    is_gone = threading.Event()
    with RawServer(gone, good) as server:
        async with client(server.url, ping_interval=0.1, ping_timeout=0.5) as it:
            assert await it.request(POST) == b"ok"
            assert await eventually(is_gone.is_set)
            with anyio.fail_after(20):
                assert await it.request(POST) == b"ok"
    assert len(server.peers) == 2


async def test_a_peer_that_does_not_read_keeps_no_place(anyio_backend: Any) -> None:
    def play(peer: RawPeer) -> None:
        peer.open_windows()
        peer.next(frames.HEADERS)
        deaf.wait(20)

    deaf = threading.Event()
    with RawServer(play) as server:
        async with client(server.url, max_connections=1) as it:
            with pytest.raises(TimeoutError):
                await it.request({"method": "POST", "path": "/", "content": bytes(1 << 24)}, timeout=0.5)
            assert await eventually(lambda: not it.stats().connections["active"] + it.stats().connections["idle"])
        deaf.set()


async def test_a_connection_whose_news_lets_it_carry_a_request_is_kept_once(
    anyio_backend: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The request may have its answer before the loop has read all that there was."""
    is_idle, is_said, is_done = threading.Event(), threading.Event(), asyncio.Event()
    catch_up = AsyncioLoop.catch_up

    async def catch_up_late(loop: AsyncioLoop) -> None:
        await (is_done.wait() if is_said.is_set() else catch_up(loop))

    def tells(peer: RawPeer) -> None:
        peer.settings(max_concurrent_streams=10)
        peer.answer(peer.request()[0])
        is_idle.wait(10)
        peer.settings(max_concurrent_streams=5)
        is_said.set()
        for _ in range(2):
            peer.answer(peer.request()[0])

    monkeypatch.setattr(AsyncioLoop, "catch_up", catch_up_late)
    with RawServer(tells) as server:
        async with client(server.url) as it:
            assert await it.request(POST) == b"ok"
            is_idle.set()
            assert is_said.wait(10)
            with anyio.fail_after(20):
                assert await it.request(POST) == b"ok"
                is_done.set()
                await anyio.wait_all_tasks_blocked()
                assert it.stats().connections == {"active": 0, "idle": 1}
                assert await it.request({"path": "/"}) == b"ok"
    assert len(server.peers) == 1


POST = {"method": "POST", "path": "/"}
PING = frames.frame(frames.PING, 0, 0, bytes(8))
ENDS = frames.frame(frames.GOAWAY, 0, 0, bytes.fromhex("0000000100000000"))


@pytest.mark.parametrize(("news", "connections"), [(PING, 1), (PING + ENDS, 2)], ids=["ping", "goaway"])
async def test_what_is_to_be_read_on_an_idle_connection_is_read_before_it_is_used(
    anyio_backend: Any, news: bytes, connections: int
) -> None:
    """A PING is no reason to make another one; a GOAWAY is."""
    is_idle, is_said = threading.Event(), threading.Event()

    def tells(peer: RawPeer) -> None:
        peer.settings(max_concurrent_streams=10)
        peer.answer(peer.request()[0])
        is_idle.wait(20)
        peer.send(news)
        is_said.set()
        answers(peer)

    def answers(peer: RawPeer) -> None:
        peer.settings(max_concurrent_streams=10)
        while (frame := peer.receive()) is not None:
            if frame.ends:
                peer.answer(frame.stream)

    with RawServer(tells, answers) as server:
        async with client(server.url) as it:
            assert await it.request(POST) == b"ok"
            is_idle.set()
            # The loop hears nothing of it.
            assert is_said.wait(20)
            with anyio.fail_after(20):
                assert await it.batch_request([(POST, {})] * 3) == [b"ok"] * 3
        assert len(server.peers) == connections


async def cancel_after(turns: int, scope: anyio.CancelScope) -> None:
    for _ in range(turns):
        await anyio.lowlevel.checkpoint()
    scope.cancel()


async def test_a_late_end_of_a_connection_drops_no_pool_but_its_own(anyio_backend: Any) -> None:
    """A request is cancelled one turn of the loop later each time, and the next one follows at once."""
    with Http2Server(None, answer) as server:
        for turns in range(30):
            # A client keeps the pool of its own origin, and of no other.
            async with Pynector(http2="only") as it:
                async with anyio.create_task_group() as group:
                    group.start_soon(cancel_after, turns, group.cancel_scope)
                    await it.request({"url": server.url})
                assert await it.request({"url": server.url}) == b"ok"
                assert [origin.active + origin.idle for origin in transport_of(it).origins()] == [1]
