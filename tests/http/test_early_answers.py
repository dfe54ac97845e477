"""Bodies that are still being sent when the answer comes, or when something goes wrong."""

from __future__ import annotations

import contextlib
import ssl
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import anyio
import pytest
import trustme
from scripted import ScriptedServer, answer, eventually

from pynector import ConnectionLost, HTTPStatusError, Pynector, TransportError

pytestmark = pytest.mark.anyio

Play = Callable[..., ScriptedServer]

LARGE = 50_000_000
REFUSED = answer(b"too much", "413 Content Too Large")


class Body:
    """A body that waits after its first pieces, and knows when it is let go of."""

    def __init__(self, *pieces: bytes, endless: bytes = b"") -> None:
        self.ended = threading.Event()
        self.begun = 0
        self._pieces = pieces
        self._endless = endless

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self.begun += 1
        try:
            for piece in self._pieces:
                yield piece
            while self._endless:
                yield self._endless
            await anyio.sleep_forever()
        finally:
            self.ended.set()


def form(body: Body, kind: str) -> tuple[Any, dict[str, str]]:
    """Give a body once, or such that it can be read anew, and the headers that go with it."""
    headers = {"Content-Type": "text/x", "X-Kept": "1"}
    if kind == "length":
        headers["Content-Length"] = "1000"
    return (body if kind == "again" else aiter(body)), headers


async def ask(client: Pynector, way: str, data: Any, **options: Any) -> Any:
    if way == "request":
        return await client.request(data, **options)
    if way == "batch":
        return (await client.batch_request([(data, options)], raise_on_error=True))[0]
    async with client.stream(data, **options) as response:
        return await response.read()


@pytest.mark.parametrize("way", ["request", "batch", "stream"])
@pytest.mark.parametrize("kind", ["once", "again", "length"])
@pytest.mark.parametrize("status", ["302 Found", "303 See Other"])
async def test_an_upload_ends_with_the_request_that_is_redirected(
    play: Play, engine: str, status: str, kind: str, way: str
) -> None:
    body = Body(b"first")
    content, headers = form(body, kind)
    server = play([answer(b"moved", status, "Location: /there")], [answer(b"there"), answer(b"next")], early=True)
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        assert (
            await ask(client, way, {"method": "POST", "path": "/", "content": content, "headers": headers}) == b"there"
        )
        # An answer to the head may come before the body is begun.
        assert await eventually(lambda: body.ended.is_set() or not body.begun)
        assert await eventually(server.connections[0].ended.is_set)
        assert await client.request(None) == b"next"
    second = server.connections[1]
    assert second.received == b"".join(second.requests)
    following = second.requests[0].lower()
    assert following.startswith(b"get /there http/1.1\r\n")
    assert b"x-kept: 1" in following
    for name in (b"content-length", b"content-type", b"transfer-encoding"):
        assert name not in following
    assert body.begun <= 1


@pytest.mark.parametrize("way", ["request", "stream"])
@pytest.mark.parametrize("kind", ["once", "length"])
async def test_an_answer_ends_an_upload(play: Play, engine: str, kind: str, way: str) -> None:
    body = Body(b"first")
    content, headers = form(body, kind)
    server = play([answer(b"enough")], early=True)
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        assert (
            await ask(client, way, {"method": "POST", "path": "/", "content": content, "headers": headers}) == b"enough"
        )
        # An answer to the head may come before the body is begun.
        assert await eventually(lambda: body.ended.is_set() or not body.begun)
        assert await eventually(server.connections[0].ended.is_set)


CONTENTS: dict[str, Callable[[], Any]] = {
    "iterator": lambda: aiter(Body(endless=bytes(100_000))),
    "large pieces": lambda: aiter(Body(bytes(LARGE))),
    "bytes": lambda: bytes(LARGE),
}


@pytest.mark.parametrize("content", CONTENTS)
async def test_a_server_that_reads_no_more_is_heard(play: Play, engine: str, content: str) -> None:
    release = threading.Event()
    server = play([[REFUSED, release]], early=True)
    try:
        async with Pynector(base_url=server.url, http_engine=engine) as client:
            with pytest.raises(HTTPStatusError) as caught:
                await client.request({"method": "POST", "path": "/", "content": CONTENTS[content]()})
        assert caught.value.status_code == 413
        assert caught.value.response is not None
    finally:
        release.set()


@pytest.mark.parametrize("content", CONTENTS)
async def test_over_tls_it_is_heard_as_well(play: Play, engine: str, content: str) -> None:
    ca, release = trustme.CA(), threading.Event()
    context, trusted = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    ca.issue_cert("127.0.0.1").configure_cert(context)
    ca.configure_trust(trusted)
    server = play([[REFUSED, release]], early=True, tls=context)
    try:
        async with Pynector(base_url=server.url, http_engine=engine, verify=trusted) as client:
            with pytest.raises(HTTPStatusError) as caught:
                await client.request({"method": "POST", "path": "/", "content": CONTENTS[content]()})
        assert caught.value.status_code == 413
    finally:
        release.set()


async def test_an_interim_answer_ends_no_upload(play: Play, engine: str) -> None:
    told = threading.Event()

    async def body() -> AsyncIterator[bytes]:
        yield b"first"
        assert await eventually(told.is_set)
        yield b"second"

    # The end of the body is what the server takes for the second head.
    server = play([[b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\n\r\n", told.set], answer(b"all")], early=True)
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        assert await client.request({"method": "POST", "path": "/", "content": body()}) == b"all"
    assert b"second" in server.received
    assert server.received.endswith(b"0\r\n\r\n")


async def test_a_server_may_answer_while_it_reads(play: Play, engine: str) -> None:
    told = threading.Event()

    async def body() -> AsyncIterator[bytes]:
        yield b"first"
        # The answer has begun, and is not whole.
        assert await eventually(told.is_set)
        await anyio.sleep(0.1)
        yield b"second"

    begun = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"
    server = play([[begun, told.set], b"3\r\nall\r\n0\r\n\r\n", answer(b"next")], early=True)
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        assert await client.request({"method": "POST", "path": "/", "content": body()}) == b"halfall"
        assert await client.request(None) == b"next"
    assert b"second" in server.received
    assert len(server.connections) == 1


@pytest.mark.parametrize("status", ["200 OK", "413 Too Large"])
async def test_an_answer_that_ends_with_its_connection_is_whole_then(play: Play, engine: str, status: str) -> None:
    # Nothing of it is sent: what a server leaves unread when it closes makes a reset of the end.
    body = Body()
    server = play([[answer(b"enough", status, length=False), "close"]], early=True)
    async with Pynector(base_url=server.url, http_engine=engine, raise_for_status=False) as client:
        assert await client.request({"method": "POST", "path": "/", "content": body}) == b"enough"
    assert await eventually(lambda: body.ended.is_set() or not body.begun)


async def test_a_request_whose_last_chunk_was_not_written_leaves_no_connection(play: Play, engine: str) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"first"
        # It is told to end when the answer is there, and says that this was all.
        with contextlib.suppress(anyio.get_cancelled_exc_class()):
            await anyio.sleep_forever()

    server = play([answer(b"1")], [answer(b"2")], early=True)
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        assert await client.request({"method": "POST", "path": "/", "content": body()}) == b"1"
        assert await client.request(None) == b"2"
    assert b"GET" not in server.connections[0].received


@pytest.mark.parametrize("end", ["close", "reset"])
async def test_a_server_that_goes_away_ends_an_upload(play: Play, engine: str, end: str) -> None:
    body = Body(b"first")
    server = play([end], early=True)
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        with pytest.raises(ConnectionLost) as caught:
            await client.request({"method": "POST", "path": "/", "content": body})
    assert caught.value.sent in ("partial", "full")
    assert await eventually(lambda: body.ended.is_set() or not body.begun)


async def test_a_connection_is_kept_after_an_upload_that_was_whole(play: Play, engine: str) -> None:
    async def body() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield bytes(100_000)

    server = play([answer(b"1"), answer(b"2"), answer(b"3")])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        for content, expected in ((body(), b"1"), (bytes(300_000), b"2"), (None, b"3")):
            assert await client.request({"method": "POST", "path": "/", "content": content}) == expected
    assert len(server.connections) == 1


async def test_a_body_of_a_known_length_is_whole_when_its_last_byte_is_sent(play: Play, engine: str) -> None:
    server = play([answer(), answer()])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        for _ in range(2):
            # Its iterator goes on waiting, and the answer is there.
            request = {"method": "PUT", "path": "/", "content": Body(b"all"), "headers": {"Content-Length": "3"}}
            assert await client.request(request) == b"ok"
    if engine != "native":
        assert len(server.connections) == 1


# What the iterator does wrong


async def raising(error: BaseException) -> AsyncIterator[bytes]:
    yield b"first"
    raise error


class Mute(Exception):
    """An error that fails at saying what it is."""

    def __str__(self) -> str:
        raise ValueError("mute")


def errors() -> dict[str, Exception]:
    import httpcore
    import httpx

    return {
        "plain": LookupError("no more"),
        "core": httpcore.WriteError("of another connection"),
        "x": httpx.ReadError("of another connection"),
        "own": ConnectionLost("of another client", sent="none"),
        "timeout": TimeoutError("of its own"),
        "stop": StopAsyncIteration(),
        "mute": Mute(),
    }


@pytest.mark.parametrize("way", ["request", "batch", "stream"])
@pytest.mark.parametrize("name", ["plain", "core", "x", "own", "timeout", "stop", "mute"])
async def test_what_an_iterator_raises_says_that_the_head_has_left(
    play: Play, engine: str, http_version: str, name: str, way: str
) -> None:
    server = play(["hang"])
    error = errors()[name]
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        with pytest.raises(TransportError, match="the body could not be sent") as caught:
            await ask(client, way, {"method": "POST", "path": "/", "content": raising(error)})
        # Over HTTP/2 it is only a stream, which may not have left.
        if http_version == "HTTP/1.1":
            assert await eventually(lambda: server.connections and server.connections[0].ended.is_set())
    assert (caught.value.phase, caught.value.sent, caught.value.transient) == ("write", "partial", False)
    assert caught.value.request == f"POST {server.url}/"
    if name != "stop":
        assert caught.value.__cause__ is error


async def test_a_group_of_an_iterator_s_tasks_is_one_error(play: Play, engine: str) -> None:
    async def body() -> AsyncIterator[bytes]:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(fail)
            await anyio.sleep_forever()
        yield b""

    async def fail() -> None:
        raise LookupError("no more")

    server = play(["hang"])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        with pytest.raises(TransportError, match="could not be sent") as caught:
            await client.request({"method": "POST", "path": "/", "content": body()})
    assert (caught.value.phase, caught.value.sent) == ("write", "partial")


async def test_how_an_iterator_takes_its_end_does_not_matter_after_the_answer(play: Play, engine: str) -> None:
    async def body() -> AsyncIterator[bytes]:
        try:
            yield b"first"
            await anyio.sleep_forever()
        finally:
            raise LookupError("never mind")

    server = play([answer(b"enough")], early=True)
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        assert await client.request({"method": "POST", "path": "/", "content": body()}) == b"enough"


async def test_cancelling_an_upload_ends_it(play: Play, engine: str) -> None:
    body = Body(b"first")
    server = play(["hang"], early=True)
    async with Pynector(base_url=server.url, http_engine=engine) as client, anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: client.request({"method": "POST", "path": "/", "content": body}))
        assert await eventually(lambda: server.requests)
        tasks.cancel_scope.cancel()
    assert await eventually(lambda: body.ended.is_set() or not body.begun)
    assert await eventually(server.connections[0].ended.is_set)
