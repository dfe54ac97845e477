"""What a server may do wrong over HTTP/2, and what comes of it: here and on the other streams of the connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
from h2client import client, failure, nothing_open

from loops import LOOPS
from pynector import HTTP2Error, ProtocolError, Pynector, PynectorError
from pynector.testing import LoopbackServer
from pynector.testing.http2.frames import ERROR_CODES

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("anyio_backend", LOOPS)]

# Frames for `/h2-frame`.
SETTINGS = "/h2-frame?type=settings&payload="
TOO_LONG = "the header fields are longer than 256 KiB"
NOT_VALID = "the answer is not valid in HTTP/2"
FLOOD = "Flooding was detected"
LIST = "received header list exceeds"
WRITTEN = ("write", "partial")
BEFORE = ("headers", "full")
AFTER = ("body", "full")


@pytest.fixture
async def it(anyio_backend: Any, h2server: LoopbackServer) -> AsyncIterator[Pynector]:
    """A client on one connection, which leaves nothing open."""
    h2server.reset()
    async with client(h2server.url) as connected:
        with anyio.fail_after(20):
            yield connected
    await nothing_open(h2server)


async def beside(it: Pynector) -> asyncio.Task[Any]:
    """Have a request be on the connection that never has an answer."""
    await it.request({"path": "/id/0"})
    other = asyncio.ensure_future(it.request({"path": "/hang"}))
    await asyncio.sleep(0)
    return other


async def goes_on(it: Pynector, other: asyncio.Task[Any], server: LoopbackServer) -> None:
    """See that what is on the connection stays, and that it is still used."""
    assert await it.request({"path": "/id/1"}) == b"1"
    assert not other.done()
    assert server.stats().connections == 1
    other.cancel()
    await asyncio.wait([other])


# What is no fault


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/h2-reset?at=end&code=no_error", b"end"),
        ("/h2-frame?type=250&size=100&count=1000", b"frame"),
        ("/h2-frame?type=priority&size=5", b"frame"),
        ("/h2-frame?type=ping&size=8&count=500", b"frame"),
        ("/h2-frame?type=window_update&payload=00000001&count=1000", b"frame"),
        ("/h2-frame?at=end&size=1", b"end"),
        ("/h2-frame?at=head&count=900", b"frame"),
        ("/h2-frame?at=head&flags=1", b""),
        ("/h2-settings?count=500", b"settings"),
        ("/h2-settings?header_table_size=0&max_frame_size=16384", b"settings"),
        ("/h2-informational?count=100&status=100", b"informational"),
        ("/h2-trailers?x=1", b"trailers"),
        ("/h2-continuation?count=60&end=1", b"continuation"),
        ("/h2-large?count=240&size=1000", b"large"),
        ("/h2-large?count=6000&size=0", b"large"),
        ("/h2-bomb?size=200000", b"bomb"),
        ("/h2-fields?te=trailers", b"fields"),
        ("/h2-block/88", b""),
        ("/h2-padded?size=5", b"01234"),
    ],
)
async def test_what_is_rare_but_allowed_is_an_answer(
    it: Pynector, h2server: LoopbackServer, path: str, body: bytes
) -> None:
    other = await beside(it)
    response = await it.request({"path": path}, as_response=True)
    assert (response.http_version, response.content) == ("HTTP/2", body)
    await goes_on(it, other, h2server)


# What ends a stream


@pytest.mark.parametrize(
    "code", ["no_error", "cancel", "internal_error", "enhance_your_calm", "http_1_1_required", 999]
)
@pytest.mark.parametrize(("at", "progress"), [("start", BEFORE), ("head", AFTER), ("body", AFTER)])
async def test_a_reset_ends_its_stream_alone(
    it: Pynector, h2server: LoopbackServer, code: str | int, at: str, progress: tuple[str, str]
) -> None:
    other = await beside(it)
    error = await failure(it, f"/h2-reset?code={code}&at={at}")
    assert isinstance(error, HTTP2Error)
    assert error.code == (code if isinstance(code, int) else ERROR_CODES[code])
    assert (error.phase, error.sent) == progress
    assert error.transient is (code != "http_1_1_required")
    await goes_on(it, other, h2server)


INVALID = [
    *(
        "X-Upper=1",
        "connection=close",
        "transfer-encoding=chunked",
        "keep-alive=5",
        "proxy-connection=a",
        "upgrade=h2c",
    ),
    *("te=gzip", "x=a%00b", "x=a%0d%0ab", "x=+a", "x%20y=1", ":path=/", ":foo=1", "x=1&:status=200"),
    *(":status=200&:status=200", ":status=20", ":status=abc", ":status=101", ":status=099"),
    *("content-length=6&content-length=7", "content-length=x", "content-length=-5"),
]
INVALID_TRAILERS = [":status=200", "X=1", "connection=close"]


@pytest.mark.parametrize(
    ("path", "said", "progress"),
    [
        *[(f"/h2-fields?{fields}", NOT_VALID, BEFORE) for fields in INVALID],
        *[(f"/h2-trailers?{fields}", NOT_VALID, AFTER) for fields in INVALID_TRAILERS],
        ("/h2-length", NOT_VALID, AFTER),
        ("/h2-length?says=3", NOT_VALID, AFTER),
        ("/h2-informational?status=101", NOT_VALID, BEFORE),
        ("/h2-informational?count=10000", TOO_LONG, BEFORE),
        ("/h2-large?count=300&size=1000", TOO_LONG, BEFORE),
        ("/h2-bomb?size=500000", TOO_LONG, BEFORE),
        ("/h2-frame?at=head&count=1100", "empty frames", AFTER),
        ("/h2-frame?at=head&count=0", "empty frames", AFTER),
    ],
)
async def test_an_answer_that_is_wrong_ends_its_stream_alone(
    it: Pynector, h2server: LoopbackServer, path: str, said: str, progress: tuple[str, str]
) -> None:
    other = await beside(it)
    error = await failure(it, path)
    assert isinstance(error, ProtocolError)
    assert said in str(error)
    assert (error.phase, error.sent) == progress
    await goes_on(it, other, h2server)


@pytest.mark.parametrize("path", ["/h2-length?says=3", "/h2-length", "/h2-trailers?X=1", "/h2-reset?at=body"])
async def test_a_stream_that_ends_wrong_is_not_read_as_whole(it: Pynector, path: str) -> None:
    async with it.stream({"path": path}) as response:
        with pytest.raises((ProtocolError, HTTP2Error)) as caught:
            await response.read()
    assert (caught.value.phase, caught.value.sent) == AFTER
    assert await it.request({"path": "/id/1"}) == b"1"


# What ends a connection


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/h2-frame?size=1", "stream not opened"),
        ("/h2-frame?stream=0&size=1", "PROTOCOL_ERROR"),
        ("/h2-frame?stream=99&size=1", "stream in idle"),
        ("/h2-frame?at=head&size=16385", "FRAME_SIZE_ERROR"),
        ("/h2-frame?at=head&flags=8&payload=0500", "invalid padding"),
        ("/h2-frame?type=window_update&size=4", "PROTOCOL_ERROR"),
        ("/h2-frame?type=window_update&payload=7fffffff&count=2", "FLOW_CONTROL_ERROR"),
        ("/h2-frame?type=window_update&payload=7fffffff&count=2&stream=0", "FLOW_CONTROL_ERROR"),
        ("/h2-frame?type=window_update&size=3", "FRAME_SIZE_ERROR"),
        ("/h2-frame?type=ping&size=7", "FRAME_SIZE_ERROR"),
        ("/h2-frame?type=ping&size=8&stream=1", "PROTOCOL_ERROR"),
        ("/h2-frame?type=ping&size=8&count=20000", FLOOD),
        ("/h2-frame?type=settings&count=20000", FLOOD),
        ("/h2-frame?type=settings&flags=1", "unexpected ACK"),
        ("/h2-frame?type=settings&flags=1&size=6", "FRAME_SIZE_ERROR"),
        (SETTINGS + "000480000000", "FLOW_CONTROL_ERROR"),
        (SETTINGS + "000200000001", "enable push"),
        (SETTINGS + "000500000001", "PROTOCOL_ERROR"),
        ("/h2-frame?type=rst_stream&size=4&stream=0", "PROTOCOL_ERROR"),
        ("/h2-frame?type=rst_stream&size=4&stream=next", "stream in idle"),
        ("/h2-frame?type=rst_stream&size=3", "FRAME_SIZE_ERROR"),
        ("/h2-frame?type=goaway&size=3", "FRAME_SIZE_ERROR"),
        ("/h2-frame?type=continuation", "CONTINUATION: unexpected"),
        ("/h2-frame?type=headers&flags=4&stream=2&payload=88", "PROTOCOL_ERROR"),
        ("/h2-push", "push disabled"),
        ("/h2-push?answer=1&promised=3", "push disabled"),
        ("/h2-continuation?count=1000", "Too many CONTINUATION frames"),
        ("/h2-continuation?count=100&size=1000", "Too many CONTINUATION frames"),
        ("/h2-large?count=40000&size=0", LIST),
        ("/h2-bomb", LIST),
        ("/h2-block/ff", "COMPRESSION_ERROR"),
        ("/h2-block/c8", "COMPRESSION_ERROR"),
        ("/h2-block/3fffff1f88", "COMPRESSION_ERROR"),
    ],
)
async def test_what_breaks_the_connection_ends_all_that_is_on_it(
    it: Pynector, h2server: LoopbackServer, path: str, said: str
) -> None:
    other = await beside(it)
    error = await failure(it, path)
    with pytest.raises(ProtocolError) as caught:
        await other
    for broken in (error, caught.value):
        assert isinstance(broken, ProtocolError)
        assert said in str(broken)
        assert (broken.phase, broken.sent) in (BEFORE, AFTER)
    assert error is not caught.value
    assert await it.request({"path": "/id/1"}) == b"1"
    assert h2server.stats().connections == 2


async def test_an_interim_answer_that_ends_the_stream_is_none(it: Pynector) -> None:
    """What comes after it is for a stream that has ended, which may end the connection, too."""
    error = await failure(it, "/h2-informational?end=1")
    assert isinstance(error, ProtocolError)
    assert (error.phase, error.sent) == BEFORE


async def test_what_came_whole_before_the_connection_broke_is_an_answer(it: Pynector) -> None:
    """In one read with that which broke it, also where the library has nothing more to do with the connection."""
    paths = ["/h2-settings", "/h2-frame?type=ping&size=8&count=3000", "/h2-settings"]
    first, error, _ = await it.batch_request([({"path": path}, {}) for path in paths])
    assert first == b"settings"
    assert isinstance(error, ProtocolError)


async def test_a_broken_connection_says_of_an_upload_that_a_part_was_sent(it: Pynector) -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield bytes(1000)
            await anyio.sleep(0.001)

    error = await failure(it, "/h2-frame?stream=99&size=1&early=1", method="POST", content=endless())
    assert isinstance(error, ProtocolError)
    assert (error.phase, error.sent) == WRITTEN


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize(("at", "progress"), [("start", BEFORE), ("head", AFTER), ("body", AFTER), ("frame", AFTER)])
async def test_a_connection_that_dies_ends_all_that_is_on_it(
    it: Pynector, at: str, progress: tuple[str, str], how: str
) -> None:
    await it.request({"path": "/id/0"})
    other = asyncio.ensure_future(it.request({"method": "POST", "path": "/hang"}))
    await asyncio.sleep(0)
    error = await failure(it, f"/h2-die?at={at}&how={how}", method="POST")
    with pytest.raises(PynectorError) as caught:
        await other
    assert {type(error).__name__, type(caught.value).__name__} == {"ConnectionLost"}
    # TCP's reset may overtake what was sent before.
    assert (error.phase, error.sent) in {progress, BEFORE} if how == "reset" else {progress}
    assert caught.value.sent == "full"
    assert await it.request({"path": "/id/1"}) == b"1"
