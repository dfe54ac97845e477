"""The pieces of a body that is read while it comes: what they hold, what they cost, and where they end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted import ScriptedServer, eventually

from pynector import Pynector
from pynector.testing import LoopbackServer
from pynector.transport.http.native.reading import BodyReader

Play = Callable[..., ScriptedServer]

# What the reader has room for at a time, at least and at most (bytes).
LEAST_ROOM, MOST_ROOM = 1 << 16, 1 << 18

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"


def pattern(size: int, start: int = 0) -> bytes:
    """Give bytes in which a shift would show."""
    return bytes((start + at) % 251 for at in range(251)) * (size // 251) + bytes(
        (start + at) % 251 for at in range(size % 251)
    )


def read_by(reader: BodyReader, data: bytes, counts: list[int]) -> list[bytes]:
    """Have a reader take data as an event loop would, at most so many bytes at a time, in turn; b"" is left out."""
    pieces = []
    at = 0
    while at < len(data) and reader.left:
        room = reader.room()
        count = min(len(room), counts[0], len(data) - at)
        counts = counts[1:] + counts[:1]
        room[:count] = data[at : at + count]
        pieces.append(reader.took(count))
        at += count
    return [piece for piece in pieces if piece]


@given(
    size=st.integers(1, 900_000),
    counts=st.lists(st.integers(1, 300_000), min_size=1, max_size=5),
    is_whole=st.booleans(),
    more=st.integers(0, 3),
)
def test_a_body_is_the_same_however_it_is_read(size: int, counts: list[int], is_whole: bool, more: int) -> None:
    counts = [max(count, size // 100) for count in counts]
    reader = BodyReader()
    reader.start(size, is_whole)
    body = pattern(size)
    pieces = read_by(reader, body + bytes(more), counts)
    assert all(type(piece) is bytes for piece in pieces)
    assert b"".join(pieces) == body
    assert reader.left == 0
    assert len(pieces) == 1 or not is_whole


def test_the_room_follows_what_the_peer_sends_at_a_time() -> None:
    reader = BodyReader()
    reader.start(10_000_000, False)
    sizes = []
    for count in (MOST_ROOM, MOST_ROOM, MOST_ROOM, MOST_ROOM, 100, 100, 100, 100):
        sizes.append(len(reader.room()))
        reader.took(min(count, sizes[-1]))
    assert sizes[0] == LEAST_ROOM
    assert sizes[3] == sizes[4] == MOST_ROOM
    assert sizes[7] == LEAST_ROOM


@pytest.mark.parametrize("is_whole", [True, False])
@pytest.mark.parametrize("size", [10, LEAST_ROOM, LEAST_ROOM + 1])
def test_one_byte_too_many_is_noticed(size: int, is_whole: bool) -> None:
    reader = BodyReader()
    reader.start(size, is_whole)
    body = pattern(size)
    assert b"".join(read_by(reader, body + b"!", [1 << 20])) == body
    assert reader.excess


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.anyio
async def test_what_follows_a_streamed_body_is_nobodys_answer(play: Play, engine: str, at_once: bool) -> None:
    gate = threading.Event()
    stray = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstray"
    first: list[Any] = [HEAD % 6 + b"abcdef" + stray] if at_once else [HEAD % 6 + b"abc", gate, b"def" + stray]
    server = play([first], [HEAD % 4 + b"mine"])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        async with client.stream(None) as response:
            gate.set()
            assert await response.read() == b"abcdef"
        assert await client.request(None) == b"mine"


@pytest.mark.parametrize("engine", ["native"])
@pytest.mark.anyio
async def test_what_is_there_is_given_without_waiting(server: LoopbackServer, engine: str) -> None:
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        await client.request({"path": "/id/1"})
        async with client.stream({"path": "/bytes/1000"}) as response:
            # Whatever is still on its way gets time to come.
            assert await eventually(lambda: server.stats().in_flight == 0)
            await anyio.sleep(0.2)
            pieces = response.iter_bytes()
            size = 0
            while piece := at_once(anext(pieces, b"")):
                size += len(piece)
    assert size == 1000


def at_once(step: Any) -> Any:
    """Return what an awaitable comes to that has nothing to wait for."""
    try:
        step.__await__().send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("it waits")


@pytest.mark.parametrize("engine", ["native"])
@pytest.mark.anyio
async def test_a_piece_stays_as_it_was_given(play: Play, engine: str) -> None:
    size = 5_000_000
    body = pattern(size)
    server = play([[HEAD % size + body[:1], *(body[at : at + 77_777] for at in range(1, size, 77_777))]])
    async with Pynector(base_url=server.url, http_engine=engine) as client, client.stream(None) as response:
        pieces = [piece async for piece in response.iter_raw()]
    assert all(type(piece) is bytes for piece in pieces)
    assert b"".join(pieces) == body
