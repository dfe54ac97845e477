"""Bodies that are long, and bodies of many pieces: what arrives, and how little is done to it on the way."""

from __future__ import annotations

import json
import random
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

import anyio
import anyio.lowlevel
import pytest
import trustme
from scripted import ScriptedServer, answer, eventually

from pynector import HTTPStatusError, Pynector
from pynector.testing import LoopbackServer
from pynector.transport.http.native.opening import AsyncioConnection
from pynector.transport.http.native.upload import LONG, TURN, with_short_ones_joined

Play = Callable[..., ScriptedServer]

pytestmark = pytest.mark.anyio

MANY = random.Random(5).randbytes(3_000_001)

# Where what is done to a body changes, and one that no socket's buffer takes.
SIZES = [LONG - 1, LONG, LONG + 1, len(MANY)]


def serving_tls() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    return context


def body_of(request: bytes) -> bytes:
    return request.partition(b"\r\n\r\n")[2]


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[list[bytes]]:
    """The parts of each write of several, by the native engine."""
    seen: list[list[bytes]] = []
    write = AsyncioConnection.write

    def note(self: AsyncioConnection, parts: Sequence[bytes]) -> None:
        seen.append(list(parts))
        write(self, parts)

    monkeypatch.setattr(AsyncioConnection, "write", note)
    return seen


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("how", ["single", "batch", "stream", "https"])
async def test_a_long_body_arrives_as_it_is(play: Play, engine: str, how: str, size: int) -> None:
    body = MANY[:size]
    tls = serving_tls() if how == "https" else None
    server = play([answer(b"first"), answer(b"second")], tls=tls)
    request = {"method": "PUT", "path": "/", "content": body}
    async with Pynector(base_url=server.url, http_engine=engine, verify=False) as client:
        for expected in (b"first", b"second"):
            if how == "batch":
                assert await client.batch_request([(request, {})]) == [expected]
            elif how == "stream":
                async with client.stream(request) as response:
                    assert await response.read() == expected
            else:
                assert await client.request(request) == expected
    assert [body_of(sent) == body for sent in server.requests] == [True, True]
    assert len(server.connections) == 1


@pytest.mark.parametrize("engine", ["native"], indirect=True)
async def test_a_long_body_is_written_from_where_it_is(play: Play, engine: str, written: list[list[bytes]]) -> None:
    server = play([answer(b"done")] * 3)
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        await client.request({"method": "POST", "path": "/", "content": MANY})
        await client.batch_request([({"method": "POST", "path": "/", "content": MANY}, {})])
        await client.request({"method": "POST", "path": "/", "content": MANY[: LONG - 1]})
    assert [parts[1] is MANY for parts in written] == [True, True]


@pytest.mark.parametrize("engine", ["native"], indirect=True)
async def test_long_json_is_written_from_where_it_is(play: Play, engine: str, written: list[list[bytes]]) -> None:
    server = play([answer(b"first"), answer(b"second")])
    async with Pynector(base_url=server.url, http_engine=engine, json_dumps=lambda value: MANY) as client:
        await client.request({"method": "PUT", "path": "/", "json": 1})
        await client.batch_request([({"path": "/", "json": 1}, {"headers": {"X-Own": "1"}})])
    assert [parts[1] is MANY for parts in written] == [True, True]
    assert [body_of(sent) == MANY for sent in server.requests] == [True, True]


async def test_long_json_is_sent_again_and_named_in_errors_and_spans(play: Play, engine: str) -> None:
    server = play(
        [answer(b"first"), answer(b"", "307 Temporary", "Location: /next"), "close"],
        [answer(b"", "404 Not Found")],
    )
    value = ["x" * LONG]
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        await client.request({"path": "/"})
        with pytest.raises(HTTPStatusError, match=r"PUT .*/next"):
            await client.request({"method": "PUT", "path": "/json", "json": value})
    bodies = [body_of(request) for request in server.requests[1:]]
    assert len(bodies) == 3
    assert all(json.loads(body) == value for body in bodies)


@pytest.mark.parametrize("kind", [bytearray, memoryview])
async def test_what_of_a_long_body_the_caller_changes_later_is_not_sent(
    play: Play, engine: str, kind: Callable[[bytes], Any]
) -> None:
    entered = threading.Event()
    server = play([[entered, answer(b"done"), "hang"]], early=True)
    mutable = bytearray(MANY)
    body = mutable if kind is bytearray else memoryview(mutable)
    async with Pynector(base_url=server.url, http_engine=engine) as client, anyio.create_task_group() as tasks:

        async def send() -> None:
            assert await client.request({"method": "POST", "path": "/", "content": body}) == b"done"

        tasks.start_soon(send)
        assert await eventually(lambda: server.requests)
        mutable[:] = bytes(len(mutable))
        entered.set()
    (connection,) = server.connections
    start = body_of(connection.received)
    assert MANY.startswith(start)


async def test_a_long_body_is_sent_again_where_its_connection_was_dead(play: Play, engine: str) -> None:
    server = play([answer(b"first"), "close"], [answer(b"second")])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        assert await client.request({"path": "/"}) == b"first"
        assert await client.request({"method": "PUT", "path": "/", "content": MANY}) == b"second"
    assert body_of(server.connections[-1].requests[0]) == MANY


async def test_a_long_body_goes_along_with_a_redirect_and_stays_behind_with_another(play: Play, engine: str) -> None:
    server = play(
        [
            answer(b"", "307 Temporary", "Location: /kept"),
            answer(b"", "303 See Other", "Location: /dropped"),
            answer(b"done"),
        ]
    )
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        assert await client.request({"method": "POST", "path": "/", "content": MANY}) == b"done"
    first, second, third = server.requests
    assert body_of(first) == body_of(second) == MANY
    assert third.startswith(b"GET /dropped ")
    assert body_of(third) == b""


# Bodies of many pieces


async def pieces_of(size: int, count: int) -> AsyncIterator[bytes]:
    for number in range(count):
        yield MANY[number * size : (number + 1) * size]


def iterator_of(size: int, count: int) -> Iterator[bytes]:
    for number in range(count):
        yield MANY[number * size : (number + 1) * size]


@pytest.mark.parametrize("length", [True, False])
@pytest.mark.parametrize("size", [1, 1000, LONG, TURN * 3])
async def test_a_body_of_many_pieces_arrives_as_it_is(
    server: LoopbackServer, engine: str, size: int, length: bool
) -> None:
    count = min(500, len(MANY) // size)
    headers = {"Content-Length": str(size * count)} if length else {}
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        for make in (pieces_of, iterator_of) if size > 1 else (pieces_of,):
            request = {"method": "POST", "path": "/echo", "content": make(size, count), "headers": headers}
            assert await client.request(request) == MANY[: size * count]


@pytest.mark.parametrize("length", [True, False])
@pytest.mark.parametrize("engine", ["native"], indirect=True)
async def test_pieces_that_come_without_waiting_leave_together(
    server: LoopbackServer, engine: str, written: list[list[bytes]], length: bool
) -> None:
    size, count = 1 << 10, 1 << 10
    headers = {"Content-Length": str(size * count)} if length else {}
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        content = pieces_of(size, count)
        request = {"method": "POST", "path": "/echo", "content": content, "headers": headers}
        assert await client.request(request) == MANY[: size * count]
    assert sum(map(len, written)) <= size * count // TURN + 1


@pytest.mark.parametrize("engine", ["native"], indirect=True)
async def test_long_pieces_are_written_from_where_they_are(
    server: LoopbackServer, engine: str, written: list[list[bytes]]
) -> None:
    pieces = [MANY[:LONG], b"short", MANY[LONG : 3 * LONG]]

    async def content() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    async with Pynector(base_url=server.url, http_engine=engine) as client:
        request = {"method": "POST", "path": "/echo", "content": content()}
        assert await client.request(request) == b"".join(pieces)
    parts = [part for row in written for part in row]
    assert any(part is pieces[0] for part in parts)
    assert any(part is pieces[2] for part in parts)


async def test_a_piece_leaves_before_its_iterator_goes_on(play: Play, engine: str) -> None:
    server = play([answer(b"done")])

    async def content() -> AsyncIterator[bytes]:
        yield b"one"
        yield b"two"
        assert await eventually(lambda: b"one" in server.received and b"two" in server.received)
        yield b"three"
        assert await eventually(lambda: b"three" in server.received)

    async with Pynector(base_url=server.url, http_engine=engine) as client:
        assert await client.request({"method": "POST", "path": "/", "content": content()}) == b"done"


@pytest.mark.parametrize("waits", [True, False])
async def test_an_iterator_leaves_the_loop_its_turn_and_is_not_read_ahead(play: Play, engine: str, waits: bool) -> None:
    go_on = threading.Event()
    server = play([[go_on, "hang"]], early=True)
    read = 0

    async def content() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 1
            yield MANY[:LONG]
            if waits:
                await anyio.lowlevel.checkpoint()

    async with Pynector(base_url=server.url, http_engine=engine) as client:
        with anyio.move_on_after(1):
            await client.request({"method": "POST", "path": "/", "content": content()})
        # What the sockets' buffers take, and what waits before them.
        assert read < 300
        go_on.set()


async def test_an_iterator_that_raises_after_pieces_that_are_not_written_ends_its_request(
    play: Play, engine: str
) -> None:
    server = play([answer(b"never")])

    async def content() -> AsyncIterator[bytes]:
        yield b"one"
        raise ValueError("no more")

    async with Pynector(base_url=server.url, http_engine=engine) as client:
        with pytest.raises(Exception, match="no more"):
            await client.request({"method": "POST", "path": "/", "content": content()})
    assert b"0\r\n\r\n" not in server.received


def test_only_short_parts_are_joined() -> None:
    long, other = MANY[:LONG], MANY[LONG : 2 * LONG]
    joined = with_short_ones_joined([b"a", b"b", long, b"c", long, other])
    assert joined == [b"ab", long, b"c", long, other]
    assert joined[1] is long
    assert joined[4] is other
    assert with_short_ones_joined([]) == []
