"""Answers read while they come, and bodies sent while they are made."""

from __future__ import annotations

import gzip
import math
import os
import platform
import random
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import anyio
import pytest
from scripted import ScriptedServer, chunked, eventually, out_of_time

from engines import HAS_HTTP2
from proportion import assert_in_proportion
from pynector import (
    ConfigurationError,
    ConnectionLost,
    DecodingError,
    HTTPStatusError,
    ProtocolError,
    Pynector,
    PynectorError,
    ResponseTooLarge,
    StreamedResponse,
    TimeoutError,
    TransportError,
)
from pynector.testing import LoopbackServer
from pynector.transport.http.streaming import _Lines
from transports import ExchangeOnly

pytestmark = pytest.mark.anyio

Play = Callable[..., ScriptedServer]

BIG = 40_000_000
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
CLOSE_DELIMITED = b"HTTP/1.1 200 OK\r\n\r\n"


async def read(client: Pynector, data: Any, **options: Any) -> bytes:
    async with client.stream(data, **options) as response:
        body: bytes = await response.read()
        return body


@pytest.fixture
async def client(server: LoopbackServer, engine: str) -> AsyncIterator[Pynector]:
    """A client with one connection: what is not given back is missed by the next request."""
    async with Pynector(base_url=server.url, http_engine=engine, max_connections=1, max_streams=1) as client:
        yield client


# Reading


async def test_the_head_comes_before_the_body(client: Pynector, server: LoopbackServer, http_version: str) -> None:
    async with client.stream({"path": "/bytes/1000"}) as response:
        assert (response.status_code, response.reason_phrase, response.http_version) == (200, "OK", http_version)
        assert response.headers["content-length"] == "1000"
        assert response.url == f"{server.url}/bytes/1000"
        assert repr(response) == "<StreamedResponse 200 OK>"
        streamed = b"".join([piece async for piece in response.iter_bytes()])
    assert streamed == await client.request({"path": "/bytes/1000"})


FAULTS = """
import asyncio, resource, sys

from pynector import Pynector


async def read(client, count):
    for _ in range(count):
        async with client.stream({"path": "/bytes/16000000"}) as response:
            async for _ in response.iter_bytes():
                pass


async def main(url):
    async with Pynector(base_url=url) as client:
        await asyncio.gather(*(read(client, 1) for _ in range(4)))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        await asyncio.gather(*(read(client, 4) for _ in range(4)))
        print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)


asyncio.run(main(sys.argv[1]))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="it is about glibc")
@pytest.mark.skipif("libasan" in os.environ.get("LD_PRELOAD", ""), reason="AddressSanitizer has its own malloc")
def test_the_pieces_of_long_bodies_are_where_earlier_ones_were() -> None:
    with LoopbackServer() as server:
        # What this process has freed before would count.
        done = subprocess.run([sys.executable, "-c", FAULTS, server.url], capture_output=True, text=True, timeout=600)
    # Of 62,500 pages; it would be thousands if the system was given them back.
    assert 0 <= int(done.stdout) < 1_000, done.stderr


@pytest.mark.parametrize("size", [0, 1, 65_536, 3_000_000])
async def test_a_body_of_any_size_is_whole(client: Pynector, size: int) -> None:
    whole = await client.request({"path": f"/bytes/{size}"})
    async with client.stream({"path": f"/bytes/{size}"}) as response:
        assert await response.read() == whole
        assert await response.read() == whole
    assert len(whole) == size


@pytest.mark.parametrize(
    "wire",
    [
        [HEAD % 6 + b"abc", "pause", b"def"],
        [CHUNKED + b"3\r\nabc\r\n", "pause", b"3\r\ndef\r\n0\r\n\r\n"],
        [CLOSE_DELIMITED + b"abc", "pause", b"def", "close"],
    ],
    ids=["length", "chunked", "close"],
)
async def test_a_piece_is_given_as_soon_as_it_is_there(play: Play, engine: str, wire: list[Any]) -> None:
    gate = threading.Event()
    server = play([[gate if part == "pause" else part for part in wire]])
    async with Pynector(base_url=server.url, http_engine=engine) as client, client.stream(None) as response:
        pieces = response.iter_bytes()
        assert await anext(pieces) == b"abc"
        gate.set()
        assert b"".join([piece async for piece in pieces]) == b"def"


@pytest.mark.parametrize("size", [1, 7, 1000, 10_000])
async def test_pieces_may_have_a_size(client: Pynector, size: int) -> None:
    async with client.stream({"path": "/bytes/1003"}) as response:
        pieces = [piece async for piece in response.iter_bytes(size)]
    assert [len(piece) for piece in pieces[:-1]] == [size] * (len(pieces) - 1)
    assert sum(map(len, pieces)) == 1003


@pytest.mark.parametrize("wrong", [0, -1, 1.5, True, "8"])
async def test_a_wrong_size_of_pieces_is_refused(client: Pynector, wrong: Any) -> None:
    async with client.stream({"path": "/bytes/10"}) as response:
        with pytest.raises(ConfigurationError, match="chunk_size"):
            await anext(response.iter_bytes(wrong))


async def test_text_and_lines_are_decoded(play: Play, engine: str) -> None:
    text = "Gr\u00fc\u00dfe\r\nzwei\rdrei\n\nf\u00fcnf"
    body = text.encode("latin-1")
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=latin-1\r\nContent-Length: %d\r\n\r\n" % len(body)
    server = play([head + body, head + body])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        async with client.stream(None) as response:
            assert "".join([piece async for piece in response.iter_text()]) == text
        async with client.stream(None) as response:
            assert [line async for line in response.iter_lines()] == [
                "Gr\u00fc\u00dfe",
                "zwei",
                "drei",
                "",
                "f\u00fcnf",
            ]


async def test_a_line_end_may_come_in_two_pieces(play: Play, engine: str) -> None:
    chunks = [b"a\r", b"\nb", b"\r", b"c\n", b"\xe2\x82", b"\xac\r"]
    wire = CHUNKED + b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    server = play([wire])
    async with Pynector(base_url=server.url, http_engine=engine) as client, client.stream(None) as response:
        assert [line async for line in response.iter_lines()] == ["a", "b", "c", "\u20ac"]


async def test_a_stream_with_more_codings_than_anybody_applies_is_refused(play: Play, engine: str) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Encoding: %b\r\n\r\n" % b", ".join([b"gzip"] * 2000)
    server = play([head + b"abc"])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        with pytest.raises(DecodingError, match="2000 codings"):
            async with client.stream(None) as response:
                await response.read()


@pytest.mark.parametrize("coding", ["gzip", "gzip, gzip"])
async def test_a_coded_body_is_decoded_as_it_comes(play: Play, engine: str, coding: str) -> None:
    body = random.Random(7).randbytes(300_000) * 2
    coded = gzip.compress(body)
    if coding == "gzip, gzip":
        coded = gzip.compress(coded)
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: %b\r\nContent-Length: %d\r\n\r\n" % (coding.encode(), len(coded))
    server = play([head + coded, head + coded, head.replace(b"%d" % len(coded), b"%d" % 1000) + coded[:1000]])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        async with client.stream(None) as response:
            assert b"".join([piece async for piece in response.iter_bytes()]) == body
        async with client.stream(None) as response:
            assert b"".join([piece async for piece in response.iter_raw()]) == coded
        async with client.stream(None) as response:
            with pytest.raises(DecodingError, match="too soon"):
                await response.read()


async def test_a_body_is_read_once(client: Pynector) -> None:
    async with client.stream({"path": "/bytes/10"}) as response:
        await anext(response.iter_bytes())
        with pytest.raises(PynectorError, match="once"):
            await anext(response.iter_raw())


async def test_the_answer_to_head_has_no_body(client: Pynector) -> None:
    async with client.stream({"method": "HEAD", "path": "/bytes/10"}) as response:
        assert await response.read() == b""
    assert await client.request({"path": "/id/1"}) == b"1"


async def test_an_error_s_status_is_raised_with_the_start_of_its_body(client: Pynector, server: LoopbackServer) -> None:
    with pytest.raises(HTTPStatusError) as caught:
        await read(client, {"path": "/status/503"})
    assert (caught.value.status_code, caught.value.request) == (503, f"GET {server.url}/status/503")
    assert caught.value.response is not None
    async with client.stream({"path": "/status/503"}, raise_for_status=False) as response:
        assert response.status_code == 503
        await response.read()


@pytest.mark.parametrize("cause", ["late", "lost"])
async def test_an_error_s_status_is_raised_with_what_has_come_of_its_body(play: Play, engine: str, cause: str) -> None:
    head = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 10\r\n\r\nhalf"
    server = play([[head, "hang" if cause == "late" else "close"]])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        with pytest.raises(HTTPStatusError) as caught:
            await read(client, None, timeout=0.3 if cause == "late" else 10)
    assert caught.value.response.content == b"half"


async def test_redirects_are_followed(client: Pynector, server: LoopbackServer, play: Play, engine: str) -> None:
    redirect = b"HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 3\r\n\r\nabc"
    other = play([redirect, HEAD % 2 + b"ok", redirect, redirect, redirect])
    async with Pynector(base_url=other.url, http_engine=engine, max_redirects=1) as client:
        async with client.stream(None) as response:
            assert response.url == f"{other.url}/there"
            assert await response.read() == b"ok"
        async with client.stream(None, follow_redirects=False) as response:
            assert (response.status_code, await response.read()) == (302, b"abc")
        with pytest.raises(TransportError, match="max_redirects=1"):
            await read(client, None)


@pytest.mark.parametrize("read", [0, 1])
async def test_leaving_before_the_end_frees_the_connection(client: Pynector, read: int) -> None:
    for _ in range(3):
        async with client.stream({"path": f"/bytes/{BIG}"}) as response:
            pieces = response.iter_bytes()
            for _ in range(read):
                await anext(pieces)
    assert await client.request({"path": "/id/1"}) == b"1"


@pytest.fixture(scope="module")
def counted() -> Iterator[LoopbackServer]:
    """A server whose connections are counted: nobody connects to it and does not wait for that."""
    with LoopbackServer(http2=HAS_HTTP2) as running:
        yield running


async def test_a_connection_that_was_read_to_its_end_is_used_again(counted: LoopbackServer, engine: str) -> None:
    counted.reset()
    async with Pynector(base_url=counted.url, http_engine=engine) as client:
        for _ in range(3):
            async with client.stream({"path": "/bytes/200000"}) as response:
                await response.read()
        assert await client.request({"path": "/id/1"}) == b"1"
    assert counted.stats().connections == 1


async def test_a_reader_that_stops_stops_the_server(play: Play, engine: str) -> None:
    sent = threading.Event()
    server = play([[HEAD % BIG + bytes(BIG), sent.set]])
    async with Pynector(base_url=server.url, http_engine=engine) as client, client.stream(None) as response:
        pieces = response.iter_raw()
        size = len(await anext(pieces))
        await anyio.sleep(0.3)
        assert not sent.is_set()
        async for piece in pieces:
            size += len(piece)
        assert size == BIG
        assert await eventually(sent.is_set)


async def test_a_stream_holds_its_place_in_the_pool(client: Pynector) -> None:
    answers: list[bytes] = []

    async def ask() -> None:
        answers.append(await client.request({"path": "/id/2"}))

    async with anyio.create_task_group() as tasks, client.stream({"path": f"/bytes/{BIG}"}) as response:
        tasks.start_soon(ask)
        await anyio.sleep(0.1)
        assert answers == []
        await response.read()
    assert answers == [b"2"]


# What goes wrong


@pytest.mark.parametrize("wire", [[HEAD % 10 + b"half", "close"], [CHUNKED + b"a\r\nhalf", "close"]])
async def test_a_body_that_is_cut_short_is_an_error(play: Play, engine: str, wire: list[Any]) -> None:
    server = play([wire])
    async with Pynector(base_url=server.url, http_engine=engine) as client, client.stream(None) as response:
        with pytest.raises(ConnectionLost) as caught:
            await response.read()
    assert (caught.value.phase, caught.value.request) == ("body", f"GET {server.url}/")


@pytest.mark.parametrize("step", ["headers", "body"])
async def test_time_is_over_wherever_it_is(play: Play, engine: str, step: str) -> None:
    server = play(*[["hang"] if step == "headers" else [[HEAD % 10 + b"half", "hang"]]] * 3)
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        error = await out_of_time(lambda seconds: read(client, None, timeout=seconds), step)
        assert error.phase == step
        assert await eventually(server.connections[-1].ended.is_set)


async def test_a_reader_may_be_slower_than_a_request(client: Pynector) -> None:
    async with client.stream({"path": "/bytes/1000"}, timeout=math.inf) as response:
        assert len(await response.read()) == 1000


async def test_cancelling_a_reader_frees_the_connection(play: Play, engine: str) -> None:
    server = play([[HEAD % 10 + b"half", "hang"]], [HEAD % 2 + b"ok"])
    async with Pynector(base_url=server.url, http_engine=engine, max_connections=1) as client:
        with anyio.move_on_after(0.3) as scope:
            async with client.stream(None) as response:
                await response.read()
        assert scope.cancelled_caught
        assert await client.request(None) == b"ok"


async def test_closing_the_client_ends_a_stream(play: Play, engine: str) -> None:
    server = play([[HEAD % 10 + b"half", "hang"]])
    client = Pynector(base_url=server.url, http_engine=engine)
    async with client.stream(None) as response:
        pieces = response.iter_bytes()
        await anext(pieces)
        await client.aclose()
        with pytest.raises(TransportError):
            await anext(pieces)


async def test_a_streamed_body_has_a_limit(client: Pynector, play: Play, engine: str) -> None:
    async with client.stream({"path": "/bytes/1000"}, max_response_bytes=1000) as response:
        assert len(await response.read()) == 1000
    async with client.stream({"path": "/bytes/1001"}, max_response_bytes=1000) as response:
        with pytest.raises(ResponseTooLarge):
            await response.read()
    coded = gzip.compress(bytes(10_000_000))
    server = play([b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(coded) + coded])
    async with Pynector(base_url=server.url, http_engine=engine, max_response_bytes=1_000_000) as other:
        with pytest.raises(ResponseTooLarge):
            await read(other, None)


async def test_what_the_caller_raises_is_his(client: Pynector) -> None:
    async def read_badly() -> None:
        async with client.stream({"path": "/bytes/1000"}):
            raise KeyError

    with pytest.raises(KeyError):
        await read_badly()
    assert await client.request({"path": "/id/1"}) == b"1"


async def test_a_transport_without_streams_says_so() -> None:
    async with Pynector(ExchangeOnly()) as client:
        with pytest.raises(ConfigurationError, match="ExchangeOnly has no stream"):
            await read(client, "x")


async def test_a_wrong_request_is_refused(client: Pynector) -> None:
    with pytest.raises(ConfigurationError, match="path"):
        await read(client, {"path": 7})
    with pytest.raises(ConfigurationError, match="timeout"):
        await read(client, {"path": "/id/1"}, timeout=0)


# Sending


async def pieces_of(*pieces: Any) -> AsyncIterator[Any]:
    for piece in pieces:
        await anyio.lowlevel.checkpoint()
        yield piece


@pytest.mark.parametrize("as_option", [True, False])
async def test_a_body_from_an_iterator_comes_in_chunks(client: Pynector, as_option: bool) -> None:
    body = pieces_of(b"one ", b"", bytearray(b"two "), memoryview(b"three"))
    if as_option:
        answer = await client.request({"method": "PUT", "path": "/echo", "content": body})
    else:
        answer = await client.request(body, method="PUT", path="/echo")
    assert answer == b"one two three"
    assert await client.request({"path": "/id/1"}) == b"1"


async def test_bodies_from_iterators_go_in_batches(client: Pynector) -> None:
    requests = [({"path": "/echo", "content": pieces_of(b"%d" % n, b"!")}, {}) for n in range(50)]
    assert await client.batch_request(requests) == [b"%d!" % n for n in range(50)]


async def test_an_empty_iterator_is_an_empty_body(client: Pynector) -> None:
    assert await client.request({"path": "/echo", "content": pieces_of()}) == b""


async def test_a_length_that_is_known_is_kept(play: Play, engine: str) -> None:
    server = play([HEAD % 2 + b"ok"])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        body = pieces_of(b"abc", b"def")
        assert await client.request(None, content=body, headers={"Content-Length": "6"}) == b"ok"
    assert b"content-length: 6\r\n" in server.requests[0].lower()
    assert server.requests[0].endswith(b"\r\n\r\nabcdef")
    assert b"chunked" not in server.requests[0]


@pytest.mark.parametrize("length", ["5", "7"])
async def test_a_length_that_is_wrong_is_an_error(client: Pynector, length: str) -> None:
    body = pieces_of(b"abc", b"def")
    with pytest.raises(TransportError, match=f"not the length that Content-Length says, {length} bytes") as caught:
        await client.request({"path": "/echo", "content": body, "headers": {"Content-Length": length}})
    assert (caught.value.phase, caught.value.sent, caught.value.transient) == ("write", "partial", False)
    assert await client.request({"path": "/id/1"}) == b"1"


LENGTHS: list[Any] = ["x", "", "+1", "\u00b2", "9" * 19, "9" * 5000]


@pytest.mark.parametrize("length", LENGTHS, ids=len)
async def test_a_length_that_is_no_number_is_refused(client: Pynector, length: str) -> None:
    with pytest.raises(ConfigurationError, match="Content-Length"):
        await client.request({"path": "/echo", "content": pieces_of(b"a"), "headers": {"Content-Length": length}})


@pytest.mark.parametrize("second", ["1", "2"])
async def test_two_lengths_are_refused(client: Pynector, second: str) -> None:
    headers = [("Content-Length", "1"), ("content-length", second)]
    with pytest.raises(ConfigurationError, match="Content-Length twice"):
        await client.request({"path": "/echo", "content": pieces_of(b"a"), "headers": headers})


@pytest.mark.parametrize("wrong", ["text", 7, None])
async def test_an_iterator_gives_bytes(client: Pynector, wrong: Any) -> None:
    with pytest.raises(TransportError, match=f"must give bytes, not {type(wrong).__name__}") as caught:
        await client.request({"path": "/echo", "content": pieces_of(b"a", wrong)})
    assert (caught.value.phase, caught.value.sent, caught.value.transient) == ("write", "partial", False)
    assert await client.request({"path": "/id/1"}) == b"1"


async def test_what_an_iterator_raises_is_that_request_s_failure(client: Pynector) -> None:
    async def failing() -> AsyncIterator[bytes]:
        yield b"some"
        raise LookupError("no more")

    requests: list[Any] = [{"path": "/id/1"}, {"path": "/echo", "content": failing()}, {"path": "/id/2"}]
    first, failed, last = await client.batch_request([(request, {}) for request in requests])
    assert (first, last) == (b"1", b"2")
    assert isinstance(failed, TransportError)
    assert isinstance(failed.__cause__, LookupError)
    assert (failed.phase, failed.sent, failed.transient) == ("write", "partial", False)


async def test_an_answer_before_the_body_s_end_is_an_answer(play: Play, engine: str) -> None:
    started, ended = threading.Event(), threading.Event()

    async def endless() -> AsyncIterator[bytes]:
        started.set()
        try:
            yield b"first"
            await anyio.sleep_forever()
        finally:
            ended.set()

    refusal = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno"
    server = play([[started, refusal]], early=True)
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        assert await client.request(None, content=endless(), timeout=20) == b"no"
        assert await eventually(ended.is_set)
        assert await eventually(server.connections[0].ended.is_set)


async def test_a_body_that_is_gone_is_not_sent_again(play: Play, engine: str) -> None:
    server = play([b"HTTP/1.1 307 Again\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n"])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        with pytest.raises(ProtocolError, match="wants the body again"):
            await client.request(None, content=pieces_of(b"abc"))


async def test_a_reader_of_a_body_that_stops_stops_the_iterator(play: Play, engine: str) -> None:
    given = 0

    async def large() -> AsyncIterator[bytes]:
        nonlocal given
        while given < BIG:
            yield bytes(100_000)
            given += 100_000

    release = threading.Event()
    server = play([release], early=True)
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        with pytest.raises(TimeoutError):
            await client.request(None, content=large(), timeout=0.5)
    release.set()
    assert given < BIG


# After its end


@pytest.mark.parametrize("size", [10, 5_000_000])
async def test_a_stream_that_is_closed_says_so(client: Pynector, size: int) -> None:
    async with client.stream({"path": f"/bytes/{size}"}) as response:
        pass
    with anyio.fail_after(20):
        with pytest.raises(PynectorError, match="the stream is closed"):
            await response.read()
        for iterate in (response.iter_raw, response.iter_bytes, response.iter_text, response.iter_lines):
            with pytest.raises(PynectorError, match="the stream is closed"):
                iterate()


async def test_an_iterator_of_a_stream_that_is_closed_says_so(client: Pynector) -> None:
    async with client.stream({"path": "/bytes/5000000"}) as response:
        pieces = response.iter_bytes()
        await anext(pieces)
    with anyio.fail_after(20), pytest.raises(PynectorError, match="the stream is closed"):
        await anext(pieces)


async def test_what_was_read_whole_may_be_asked_for_again(client: Pynector) -> None:
    async with client.stream({"path": "/bytes/100"}) as response:
        content = await response.read()
    assert await response.read() == content
    assert len(content) == 100


# Long lines


async def test_a_long_line_comes_whole(play: Play, engine: str) -> None:
    line = b"x" * (1 << 20)
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    server = play([[head + chunked(*[line[:4096]] * (len(line) // 4096), b"\rsecond\r", b"\nthird\n\nlast")]])
    async with Pynector(base_url=server.url, http_engine=engine) as client, client.stream({"path": "/"}) as response:
        lines = [text async for text in response.iter_lines()]
    assert [len(lines[0]), *lines[1:]] == [len(line), "second", "third", "", "last"]


def test_a_long_line_costs_what_its_length_costs() -> None:
    def prepare(count: int) -> Callable[[], object]:
        pieces = iter(["x" * 1000] * count)

        async def next_text() -> str:
            return next(pieces, "")

        def work() -> None:
            step: Any = anext(_Lines(next_text))
            with pytest.raises(StopIteration):
                step.send(None)

        return work

    assert_in_proportion(prepare, 500)


async def test_a_read_that_was_cancelled_does_not_make_a_part_of_a_body_whole(play: Play, engine: str) -> None:
    gate = threading.Event()
    server = play([[b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc", gate, b"def"]])
    body = b""
    async with Pynector(base_url=server.url, http_engine=engine) as client, client.stream(None) as response:
        pieces = response.iter_bytes()
        body += await anext(pieces)
        with anyio.move_on_after(0.1) as scope:
            await anext(pieces)
        assert scope.cancelled_caught
        gate.set()
        # The native engine has lost nothing; httpcore has ended its generator.
        if engine == "native":
            assert body + b"".join([piece async for piece in pieces]) == b"abcdef"
        else:
            with pytest.raises(TransportError, match="cut off"):
                await anext(pieces)


async def test_who_reads_when_the_block_is_left_is_told(play: Play, engine: str) -> None:
    gate = threading.Event()
    server = play([[b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc", gate]])
    problems: list[PynectorError] = []

    async def read(response: StreamedResponse) -> None:
        try:
            async for _ in response.iter_bytes():
                reading.set()
        except PynectorError as error:
            problems.append(error)

    with anyio.fail_after(20):
        async with Pynector(base_url=server.url, http_engine=engine) as client, anyio.create_task_group() as tasks:
            reading = anyio.Event()
            async with client.stream(None) as response:
                tasks.start_soon(read, response)
                await reading.wait()
                await anyio.sleep(0.05)
    gate.set()
    assert len(problems) == 1


async def test_a_body_is_read_by_one_task_at_a_time(play: Play, engine: str) -> None:
    gate = threading.Event()
    server = play([[b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc", gate, b"def"]])
    async with Pynector(base_url=server.url, http_engine=engine) as client, client.stream(None) as response:
        pieces = response.iter_bytes()
        assert await anext(pieces) == b"abc"
        found: list[Any] = []

        async def read() -> None:
            try:
                found.append(await anext(pieces))
            except PynectorError as error:
                found.append(error)
                gate.set()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(read)
            tasks.start_soon(read)
    error, piece = found
    assert "one task at a time" in str(error)
    assert piece == b"def"


async def test_a_body_that_does_not_decode_names_its_request(client: Pynector) -> None:
    async with client.stream({"path": "/compressed/truncated"}) as response:
        with pytest.raises(DecodingError) as caught:
            await response.read()
        assert caught.value.request == response.request_name


async def test_nothing_is_read_once_it_is_left_decoded_or_not(client: Pynector) -> None:
    async with client.stream({"path": "/compressed/gzip?size=1000000"}) as response:
        pieces = response.iter_bytes()
        assert await anext(pieces)
    with pytest.raises(PynectorError, match="the stream is closed"):
        await anext(pieces)
