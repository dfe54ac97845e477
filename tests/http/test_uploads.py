"""Uploads that meet a redirect, an early answer, or the end of the client while they are under way."""

from __future__ import annotations

import sys
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import anyio
import pytest
from scripted import ScriptedServer, answer, eventually

from engines import is_over_http2
from pynector import Pynector, PynectorError, TransportError

Play = Callable[..., ScriptedServer]

pytestmark = pytest.mark.anyio

SMUGGLED = b"GET /admin/delete HTTP/1.1\r\nHost: h\r\n\r\n"


class Source:
    """A body that gives one piece, and the rest when it is told to; it can be read again and counts that."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = pieces
        self.readers = 0
        self.ended = 0
        self.go_on = anyio.Event()

    async def _read(self) -> AsyncIterator[bytes]:
        self.readers += 1
        try:
            yield self.pieces[0]
            await self.go_on.wait()
            for piece in self.pieces[1:]:
                yield piece
        finally:
            self.ended += 1

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._read()


async def send(client: Pynector, request: dict[str, Any], how: str) -> Any:
    if how == "batch":
        (result,) = await client.batch_request([(request, {})])
        return result
    if how == "stream":
        async with client.stream(request) as response:
            return await response.read()
    return await client.request(request)


@pytest.mark.parametrize("how", ["single", "batch", "stream"])
@pytest.mark.parametrize("length", [None, str(len(b"first") + len(SMUGGLED))])
@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other"])
async def test_the_upload_ends_where_its_request_is_redirected(
    play: Play, engine: str, status: str, length: str | None, how: str
) -> None:
    server = play([[answer(b"", status, "Location: /next"), "hang"]], [answer(b"done")], early=True)
    source = Source(b"first", SMUGGLED)
    request: dict[str, Any] = {"method": "POST", "path": "/", "content": source, "headers": {"X-Own": "kept"}}
    if length is not None:
        request["headers"]["Content-Length"] = length
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        assert await send(client, request, how) == b"done"
        source.go_on.set()
        # It may not even have begun.
        assert await eventually(lambda: source.ended == source.readers)
        assert source.readers <= 1
        assert await quiet(client)
    first, second = server.connections
    assert SMUGGLED not in first.received
    assert second.received.startswith(b"GET /next HTTP/1.1\r\n")
    head, _, body = second.received.partition(b"\r\n\r\n")
    assert body == b""
    lower = head.lower()
    assert b"content-length" not in lower
    assert b"transfer-encoding" not in lower
    assert b"x-own: kept" in lower


@pytest.mark.parametrize("length", [None, "10"])
@pytest.mark.parametrize("status", ["302 Found", "303 See Other"])
async def test_a_body_that_was_sent_whole_is_not_sent_again(
    play: Play, engine: str, status: str, length: str | None
) -> None:
    server = play([answer(b"", status, "Location: /next"), answer(b"done")], [answer(b"done")])
    source = Source(b"first", b"later")
    source.go_on.set()
    request: dict[str, Any] = {"method": "POST", "path": "/", "content": source}
    if length is not None:
        request["headers"] = {"Content-Length": length}
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        assert await client.request(request) == b"done"
    assert (source.readers, source.ended) == (1, 1)
    post, get = server.requests
    assert post.startswith(b"POST / ")
    assert get.startswith(b"GET /next ")
    assert get.endswith(b"\r\n\r\n")
    assert b"content-length" not in get.lower()


async def test_a_redirect_that_wants_the_body_again_says_that_the_first_hop_had_it(play: Play, engine: str) -> None:
    server = play([answer(b"", "307 Temporary", "Location: /next")])
    source = Source(b"first")
    source.go_on.set()
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        with pytest.raises(TransportError, match="wants the body again") as failed:
            await client.request({"method": "POST", "path": "/", "content": aiter(source)})
    assert failed.value.sent == "full"
    assert len(server.requests) == 1


@pytest.mark.parametrize("how", ["single", "batch", "stream"])
async def test_closing_the_client_from_inside_the_body_ends_the_request(
    request: pytest.FixtureRequest, play: Play, engine: str, how: str
) -> None:
    server = play(["hang"], early=True)
    client = Pynector(base_url=server.url, http_engine=engine)

    async def closing() -> AsyncIterator[bytes]:
        yield b"first"
        await client.aclose()
        yield b"second"

    with anyio.fail_after(20):
        data = {"method": "POST", "path": "/", "content": closing()}
        if how == "batch":
            (error,) = await client.batch_request([(data, {})])
        else:
            with pytest.raises(PynectorError) as failed:
                await send(client, data, how)
            error = failed.value
        assert isinstance(error, TransportError)
        # Over HTTP/2 the head leaves with all else that goes out in that turn of the loop, and the body comes before.
        assert error.sent != "none" or (is_over_http2(request.node) and not server.received)
        await client.aclose()


class CancelsItself:
    """A body whose iterator raises a cancellation that nobody asked for."""

    def __init__(self, error: type[BaseException]) -> None:
        self.error = error

    def __aiter__(self) -> CancelsItself:
        return self

    async def __anext__(self) -> bytes:
        await anyio.lowlevel.checkpoint()
        raise self.error


async def test_a_body_that_cancels_itself_ends_its_request(play: Play, engine: str, anyio_backend_name: str) -> None:
    if anyio_backend_name == "trio" or (engine != "native" and sys.version_info < (3, 11)):
        return  # trio lets nobody raise one, and Python 3.10 cannot tell it from one that was asked for.
    import asyncio

    server = play(["hang"], early=True)
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        with anyio.fail_after(20), pytest.raises(PynectorError):
            await client.request({"method": "POST", "path": "/", "content": CancelsItself(asyncio.CancelledError)})


async def test_an_answer_to_half_an_upload_costs_the_connection(play: Play, engine: str) -> None:
    read = threading.Event()
    server = play([[answer(b"enough"), read, "hang"]], [answer(b"next")], early=True)
    source = Source(b"x" * (1 << 20), b"y")
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        assert await client.request({"method": "PUT", "path": "/", "content": source}) == b"enough"
        assert await quiet(client)
        assert await client.request({"path": "/"}) == b"next"
        read.set()


async def quiet(client: Pynector) -> bool:
    """Wait until no connection is in use."""
    with anyio.move_on_after(5):
        while client.stats().connections.get("active"):  # noqa: ASYNC110 - nobody tells
            await anyio.sleep(0.005)
    return not client.stats().connections.get("active")
