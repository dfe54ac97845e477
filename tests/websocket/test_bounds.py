"""Memory and numbers: what a peer sends costs no more than it is, and no number that is accepted is too large."""

from __future__ import annotations

import math
import socket
import sys
import tracemalloc
from typing import Any

import pytest
from websockets.frames import Opcode

from pynector import ConfigurationError, ConnectError
from wslines import Line, frame
from wsservers import Url, client, listening

LARGE = [sys.maxsize - 1, sys.maxsize, 2**63, 2**64, 10**30]


def growth(line: Line, pieces: list[bytes], times: int) -> int:
    """Give the most bytes that are held while these pieces come so many times."""
    tracemalloc.start()
    try:
        for _ in range(times):
            for piece in pieces:
                line.link.data_received(piece)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("size", [0, 1, 2, 100])
def test_a_message_in_tiny_fragments_takes_about_its_size(size: int) -> None:
    line = Line(max_message_bytes=1 << 26).opened()
    line.link.data_received(frame(Opcode.BINARY, b"", fin=False))
    count = 20_000
    most = growth(line, [frame(Opcode.CONT, b"x" * size, fin=False) * 100], count // 100)
    assert most < 1.5 * size * count + 100_000
    line.link.data_received(frame(Opcode.CONT, b"end"))
    assert line.heard[0].content == b"x" * size * count + b"end"


def test_what_is_too_long_is_not_kept() -> None:
    line = Line(max_message_bytes=1_000_000).opened()
    line.link.data_received(frame(Opcode.BINARY, b"", fin=False))
    most = growth(line, [frame(Opcode.CONT, b"x" * 1000, fin=False) * 10], 1000)
    assert most < 2_500_000
    assert line.connection.protocol._assembler._begun == b""
    assert line.frames()[-1][0] is Opcode.CLOSE


@pytest.mark.parametrize("opcode", [Opcode.PING, Opcode.PONG])
def test_a_flood_of_control_frames_is_not_kept_for_a_peer_that_reads_nothing(opcode: Opcode) -> None:
    line = Line().opened()
    line.link.pause_writing()
    assert growth(line, [frame(opcode, b"x" * 125) * 100], 300) < 200_000
    line.link.resume_writing()
    assert len(line.frames()) == (opcode is Opcode.PING)


def test_news_that_nobody_takes_is_counted_and_not_kept() -> None:
    line = Line().opened()
    line.pool.subscribers._on_message = None
    assert growth(line, [frame(Opcode.TEXT, b"x" * 1000) * 10], 300) < 200_000
    assert line.pool.subscribers.unclaimed == 3000


@pytest.mark.parametrize("overflow", ["drop_oldest", "drop_newest"])
def test_a_queue_is_as_long_as_it_may_be(overflow: str) -> None:
    line = Line().opened()
    line.loop.may_spawn = True
    messages = line.pool.subscribe(max_queue=10, overflow=overflow)
    line.heard = []
    line.pool.subscribers._on_message = None
    assert growth(line, [frame(Opcode.TEXT, b"x" * 1000) * 10], 300) < 200_000
    assert len(messages._queue) <= 11


@pytest.mark.anyio
async def test_the_head_of_an_answer_is_as_long_as_it_may_be() -> None:
    def serve(connection: socket.socket) -> None:
        connection.recv(4096)
        try:
            connection.sendall(b"HTTP/1.1 503 Busy\r\n")
            while True:
                connection.sendall(b"X-Padding: " + b"x" * 1000 + b"\r\n")
        except OSError:
            connection.close()

    with listening(serve) as port, pytest.raises(ConnectError) as failed:
        await client(f"ws://127.0.0.1:{port}/", open_timeout=60).request("x", 60)
    assert failed.value.sent == "none"


# Numbers


@pytest.mark.anyio
@pytest.mark.parametrize("number", LARGE)
@pytest.mark.parametrize("compression", [None, "deflate"])
async def test_numbers_beyond_all_bounds_are_no_bounds(url: Url, number: int, compression: str | None) -> None:
    names = ("max_message_bytes", "max_in_flight", "max_reconnects")
    async with client(url("/fragments"), compression=compression, **dict.fromkeys(names, number)) as it:
        async with it.subscribe(max_queue=number) as messages:
            await it.request("news", one_way=True)
            assert (await messages.__anext__()).text == "news"
        answers = await it.batch_request([("x" * 1000, {"idempotent": True})] * 20)
        assert answers == [b"x" * 1000] * 20
        assert it.stats().transport["reconnects"] == 0


@pytest.mark.anyio
@pytest.mark.parametrize("seconds", [1e18, float(2**63), 2**63, 1e308, sys.float_info.max, math.inf])
async def test_times_beyond_all_bounds_are_no_end(url: Url, seconds: float) -> None:
    names = ("open_timeout", "ping_interval", "ping_timeout")
    options: dict[str, Any] = dict.fromkeys(names, seconds)
    async with client(url("/abort-after?after=1"), **options, reconnect_delay=0.01, idempotent=True) as it:
        assert await it.batch_request([("x", {"timeout": seconds})] * 5) == [b"x"] * 5
    delay = min(seconds, sys.float_info.max)
    async with client(url("/echo"), ping_interval=0.02, ping_timeout=seconds, reconnect_delay=delay) as it:
        assert await it.request("x", seconds) == b"x"


@pytest.mark.parametrize("number", [65536, *LARGE])
def test_there_are_no_more_connections_than_ports(number: int) -> None:
    with pytest.raises(ConfigurationError, match="connections must be at most 65535"):
        client("ws://a/", connections=number)
