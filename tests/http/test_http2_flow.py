"""Flow control over HTTP/2: who waits for a window, and who does not; and how much there is of what nobody reads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

import anyio
import pytest
from h2client import client, nothing_open
from h2raw import RawPeer, RawServer
from scripted import eventually

from loops import LOOPS
from pynector import ProtocolError
from pynector.testing import LoopbackServer
from pynector.testing.http2 import frames

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("anyio_backend", LOOPS)]

# What the client lets a server send before anything is read, and what it keeps for a reader before it stops it.
WINDOW = 1 << 24
HIGH_WATER = 1 << 18

# The windows that a connection begins with (RFC 9113 section 6.9.2).
START = 65_535


def bodies(peer: RawPeer) -> dict[int, int]:
    """Return how many bytes have come on each stream."""
    came: dict[int, int] = {}
    for frame in peer.frames:
        if frame.kind == frames.DATA:
            came[frame.stream] = came.get(frame.stream, 0) + len(frame.content)
    return came


async def pieces(count: int, size: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield bytes(size)


@pytest.mark.parametrize("form", ["bytes", "pieces"])
async def test_many_uploads_share_a_small_window(form: str) -> None:
    """Each goes on when the connection's window does, and none waits for another one's."""
    size, count = 300_000, 12

    def play(peer: RawPeer) -> None:
        peer.settings(initial_window_size=20_000)
        ended = 0
        while ended < count:
            frame = peer.until(lambda frame: frame.kind == frames.DATA)
            if frame.payload:
                peer.credit(0, len(frame.payload))
                if not frame.ends:
                    peer.credit(frame.stream, len(frame.payload))
            if frame.ends:
                ended += 1
                peer.answer(frame.stream, str(bodies(peer)[frame.stream]).encode())

    with RawServer(play) as server:
        async with client(server.url) as it:
            data = [
                {"method": "POST", "content": bytes(size) if form == "bytes" else pieces(30, size // 30)}
                for _ in range(count)
            ]
            with anyio.fail_after(20):
                results = await it.batch_request([(one, {}) for one in data])
            assert results == [str(size).encode()] * count
    assert len(server.peers) == 1


async def test_a_window_may_become_negative_and_holds_up_its_stream_only() -> None:
    gone = threading.Event()

    def play(peer: RawPeer) -> None:
        peer.settings()
        peer.credit(0, 1 << 20)
        first = peer.next(frames.HEADERS).stream
        peer.until(lambda frame: bodies(peer).get(first) == START)
        # Now it has less than none.
        peer.settings(initial_window_size=1_000)
        peer.until(lambda frame: frame.kind == frames.SETTINGS and frame.flags & frames.ACK)
        gone.set()
        small = peer.request()[0]
        peer.answer(small)
        assert bodies(peer)[first] == START
        peer.credit(first, START - 1_000)
        peer.frame(frames.PING, 0, 0, bytes(8))
        peer.until(lambda frame: frame.kind == frames.PING)
        assert bodies(peer)[first] == START
        peer.credit(first, 40_000)
        peer.until(lambda frame: frame.ends)
        peer.answer(first, str(bodies(peer)[first]).encode())

    with RawServer(play) as server:
        async with client(server.url) as it:
            large = asyncio.ensure_future(it.request({"method": "POST", "content": bytes(100_000)}))
            assert await eventually(gone.is_set)
            with anyio.fail_after(20):
                assert await it.request({"method": "POST", "content": bytes(500)}) == b"ok"
                assert await large == b"100000"


async def test_an_upload_whose_end_waits_for_a_window_leaves_no_stream_when_it_is_answered() -> None:
    """All of it has left, and filled the window, so that the library keeps back the empty frame that would end it."""

    async def body() -> AsyncIterator[bytes]:
        yield bytes(START)
        assert await eventually(has_come.is_set)
        ends.set()

    def play(peer: RawPeer) -> None:
        peer.settings(max_concurrent_streams=1)
        first = peer.next(frames.HEADERS).stream
        peer.until(lambda frame: bodies(peer).get(first) == START)
        has_come.set()
        ends.wait(10)
        # What comes after this is read when the end has been given to the library.
        peer.frame(frames.PING, 0, 0, bytes(8))
        peer.until(lambda frame: frame.kind == frames.PING)
        peer.answer(first)
        peer.answer(peer.request()[0])

    has_come, ends = threading.Event(), threading.Event()
    with RawServer(play) as server:
        async with client(server.url, max_connections=1) as it:
            with anyio.fail_after(20):
                assert await it.request({"method": "POST", "content": body()}) == b"ok"
                assert await it.request({"path": "/next"}) == b"ok"


async def test_who_waits_for_a_window_holds_nobody_up(h2server: LoopbackServer) -> None:
    """Uploads whose windows are never opened again, and then are given up, or go on."""
    async with client(h2server.url) as it:
        held = [
            asyncio.ensure_future(
                it.request({"method": "POST", "path": f"/h2-hold?for={wait}", "content": bytes(1_500_000)})
            )
            for wait in ("9", "0.2", "9")
        ]
        with anyio.fail_after(20):
            await asyncio.wait(held, timeout=0.1)
            assert await it.batch_request([({"path": f"/id/{n}"}, {}) for n in range(50)]) == [
                str(n).encode() for n in range(50)
            ]
            assert await it.request({"method": "POST", "path": "/echo", "content": b"x" * 100_000}) == b"x" * 100_000
            held[0].cancel()
            held[2].cancel()
            assert await held[1] == b"1500000"
            await asyncio.wait(held)
    await nothing_open(h2server)


async def test_a_slow_reader_stops_its_stream_alone_and_holds_no_more_than_its_window() -> None:
    """Also after it has read fast for long, in which the windows of answers that are read whole grow."""
    chunk = bytes(16384)
    sent = [0]

    def play(peer: RawPeer) -> None:
        """Send as much as is allowed on the first stream, and answer all others."""
        peer.settings()
        first = peer.request()[0]
        peer.head(first)
        seen = 0
        credit = {0: START, first: WINDOW}
        while not over.is_set():
            for frame in peer.frames[seen:]:
                if frame.kind == frames.WINDOW_UPDATE:
                    credit[frame.stream] = credit.get(frame.stream, 0) + frame.number
                elif frame.ends and frame.stream != first:
                    peer.answer(frame.stream)
            seen = len(peer.frames)
            while min(credit[0], credit[first]) >= len(chunk):
                peer.data(first, chunk)
                credit[0] -= len(chunk)
                credit[first] -= len(chunk)
                sent[0] += len(chunk)
            if peer.receive() is None:
                break

    over = threading.Event()
    with RawServer(play) as server:
        async with client(server.url) as it, it.stream(None) as response:
            read = 0
            with anyio.fail_after(20):
                async for piece in response.iter_bytes():
                    read += len(piece)
                    if read > 3 * WINDOW:
                        break
                before = -1
                while sent[0] != before:
                    before = sent[0]
                    assert await it.request({"path": "/other"}) == b"ok"
                    await anyio.sleep(0.2)
            assert sent[0] - read <= WINDOW + 2 * HIGH_WATER
            assert await it.request({"path": "/other"}) == b"ok"
        over.set()


async def test_data_beyond_the_window_of_a_stream_ends_the_connection() -> None:
    def play(peer: RawPeer) -> None:
        peer.settings()
        first = peer.request()[0]
        peer.head(first)
        try:
            for _ in range(2 * WINDOW // 16384):
                peer.data(first, bytes(16384))
        finally:
            # It may be told of its fault before it is through.
            gone.set()

    def good(peer: RawPeer) -> None:
        peer.settings()
        peer.answer(peer.request()[0])

    gone = threading.Event()
    with RawServer(play, good) as server:
        async with client(server.url) as it, it.stream(None) as response:
            assert await eventually(gone.is_set)
            with pytest.raises(ProtocolError, match="FLOW_CONTROL_ERROR") as caught:
                await response.read()
            assert (caught.value.phase, caught.value.sent) == ("body", "full")
            assert await it.request({"path": "/other"}) == b"ok"
