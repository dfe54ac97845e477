"""Answers that take long to decode: the event loop goes on meanwhile, and they end like any other."""

from __future__ import annotations

import asyncio
import gzip
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from typing import Any

import anyio
import pytest
from scripted import ScriptedServer, answer, eventually

from pynector import DecodingError, Pynector, ResponseTooLarge, TimeoutError, TransportError
from pynector.transport.http import decoding
from pynector.transport.http.steps import AT_ONCE, Pieces, Steps

Play = Callable[..., ScriptedServer]

pytestmark = pytest.mark.anyio

SIZE = 64 << 20
CODED = {"gzip": gzip.compress(bytes(SIZE))}
if find_spec("brotli"):
    import brotli

    CODED["br"] = brotli.compress(bytes(SIZE), quality=4)
if find_spec("zstandard"):
    import zstandard

    CODED["zstd"] = zstandard.compress(bytes(SIZE))

# Each coding in full and by pieces, and one of them in each way.
ways_to_decode = pytest.mark.parametrize(
    ("coding", "how"),
    [
        (coding, how)
        for coding in CODED
        for how in ("single", "stream", "batch", "read")[: 4 if coding == "gzip" else 2]
    ],
)


def coded(coding: str, body: bytes = b"") -> bytes:
    return answer(body or CODED[coding], "200 OK", f"Content-Encoding: {coding}")


async def size_of(client: Pynector, how: str) -> int:
    """Ask, and count what comes."""
    request = {"path": "/"}
    if how == "batch":
        (body,) = await client.batch_request([(request, {})], raise_on_error=True)
        return len(body)
    if how == "single":
        return len(await client.request(request))
    async with client.stream(request) as response:
        if how == "read":
            return len(await response.read())
        return sum([len(piece) async for piece in response.iter_bytes()])


@asynccontextmanager
async def counting() -> AsyncIterator[list[float]]:
    """Note the time of the event loop's turns, as far as they are a millisecond apart."""
    turns: list[float] = []

    async def count() -> None:
        while True:
            await anyio.sleep(0.001)
            turns.append(time.monotonic())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(count)
        yield turns
        tasks.cancel_scope.cancel()


@ways_to_decode
async def test_the_loop_has_its_turns_while_an_answer_is_decoded(
    play: Play, engine: str, coding: str, how: str
) -> None:
    # A stream needs no memory for it, and may take longer.
    times = 4 if how == "stream" and coding != "br" else 1
    server = play([answer(), coded(coding, CODED[coding] * times)])
    async with Pynector(base_url=server.url, http_engine=engine, timeout=60) as client:
        await client.request({"path": "/"})
        async with counting() as turns:
            assert await size_of(client, how) == SIZE * times
    # It takes some hundred milliseconds; on the loop there would be one turn or two.
    assert len(turns) > 6


@pytest.mark.parametrize("how", ["single", "stream", "read"])
async def test_a_program_that_has_filled_its_own_threads_does_not_hold_it_up(
    play: Play, engine: str, how: str, anyio_backend_name: str
) -> None:
    server = play([coded("gzip")])
    let_go = threading.Event()
    async with Pynector(base_url=server.url, http_engine=engine) as client, anyio.create_task_group() as tasks:
        for _ in range(40):
            tasks.start_soon(anyio.to_thread.run_sync, let_go.wait)
        if anyio_backend_name == "asyncio":
            for _ in range(40):
                asyncio.get_running_loop().run_in_executor(None, let_go.wait)
        await anyio.sleep(0.05)
        try:
            with anyio.fail_after(20):
                assert await size_of(client, how) == SIZE
        finally:
            let_go.set()


@ways_to_decode
async def test_a_bomb_ends_where_the_limit_is(play: Play, engine: str, coding: str, how: str) -> None:
    server = play([coded(coding)])
    async with Pynector(base_url=server.url, http_engine=engine, max_response_bytes=SIZE - 1) as client:
        with pytest.raises(ResponseTooLarge) as caught:
            await size_of(client, how)
    assert "GET" in str(caught.value)


@pytest.mark.parametrize("how", ["batch", "single", "stream", "read"])
async def test_a_long_answer_that_is_wrong_at_its_end_is_refused(play: Play, engine: str, how: str) -> None:
    server = play([coded("gzip", CODED["gzip"][:-8] + bytes(8))])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        with pytest.raises(DecodingError, match="not valid gzip"):
            await size_of(client, how)


async def test_a_status_matters_more_than_a_long_answer_that_is_wrong(play: Play, engine: str) -> None:
    body = CODED["gzip"][:-8] + bytes(8)
    server = play([answer(body, "503 Unavailable", "Content-Encoding: gzip")])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        response = await client.request({"path": "/"}, as_response=True, raise_for_status=False)
    assert (response.status_code, response.content) == (503, body)


# In the middle of it


class Endless:
    """A decoder that goes on until it is let go or ended, in short steps."""

    def __init__(self) -> None:
        self.entered, self.let_go, self.ended = threading.Event(), threading.Event(), threading.Event()
        self.thread: threading.Thread | None = None

    def feed(self, data: bytes) -> Iterator[bytes]:
        try:
            yield b"start "
            time.sleep(2 * AT_ONCE)
            yield b""
            self.thread = threading.current_thread()
            self.entered.set()
            while not self.let_go.is_set():
                time.sleep(0.001)
                yield b""
            yield b"rest"
        finally:
            self.ended.set()

    def finish(self) -> None:
        pass


@pytest.fixture
def endless(monkeypatch: pytest.MonkeyPatch) -> Endless:
    """The decoder of gzip."""
    decoder = Endless()
    monkeypatch.setitem(decoding.DECODERS, "gzip", lambda: decoder)
    return decoder


HOW = ["batch", "single"]


@pytest.mark.parametrize("how", HOW)
async def test_it_is_decoded_in_another_thread(play: Play, engine: str, endless: Endless, how: str) -> None:
    server = play([coded("gzip"), answer(b"next")])
    async with Pynector(base_url=server.url, http_engine=engine) as client, anyio.create_task_group() as tasks:

        async def let_go() -> None:
            assert await eventually(endless.entered.is_set)
            # Its connection is free meanwhile.
            assert await client.request({"path": "/next"}) == b"next"
            endless.let_go.set()

        tasks.start_soon(let_go)
        assert await size_of(client, how) == len(b"start rest")
    assert endless.thread is not threading.current_thread()
    assert len(server.connections) == 1


@pytest.mark.parametrize("how", [*HOW, "read"])
async def test_a_request_is_cancelled_while_its_answer_is_decoded(
    play: Play, engine: str, endless: Endless, how: str
) -> None:
    server = play([coded("gzip")])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(size_of, client, how)
            assert await eventually(endless.entered.is_set)
            tasks.cancel_scope.cancel()
        # What a stream's reader may yet ask for is not thrown away.
        assert how == "read" or await eventually(endless.ended.is_set)
        endless.let_go.set()
        assert client.stats().in_flight == 0


@pytest.mark.parametrize("how", HOW)
async def test_a_request_is_late_while_its_answer_is_decoded(
    play: Play, engine: str, endless: Endless, how: str
) -> None:
    server = play([coded("gzip")])
    async with Pynector(base_url=server.url, http_engine=engine, timeout=2) as client:
        with pytest.raises(TimeoutError) as caught:
            await size_of(client, how)
        assert (caught.value.phase, caught.value.sent) == ("body", "full")
        assert await eventually(endless.ended.is_set)


@pytest.mark.parametrize("how", HOW)
async def test_the_client_is_closed_while_an_answer_is_decoded(
    play: Play, engine: str, endless: Endless, how: str
) -> None:
    server = play([coded("gzip")])
    client = Pynector(base_url=server.url, http_engine=engine)
    async with anyio.create_task_group() as tasks:

        async def ask() -> None:
            with pytest.raises(TransportError, match="closed") as caught:
                await size_of(client, how)
            assert (caught.value.phase, caught.value.sent) == ("body", "full")
            assert not caught.value.transient

        tasks.start_soon(ask)
        assert await eventually(endless.entered.is_set)
        await client.aclose()
        assert endless.ended.is_set() or engine != "native"
    assert await eventually(endless.ended.is_set)


async def test_who_was_cancelled_while_a_piece_was_decoded_may_read_on(
    play: Play, engine: str, endless: Endless
) -> None:
    server = play([coded("gzip", b"one piece")])
    client = Pynector(base_url=server.url, http_engine=engine)
    async with client, client.stream({"path": "/"}) as response:
        pieces = response.iter_bytes()
        assert await anext(pieces) == b"start "
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(anext, pieces)
            assert await eventually(endless.entered.is_set)
            tasks.cancel_scope.cancel()
        endless.let_go.set()
        assert [piece async for piece in pieces] == [b"rest"]


# Steps


def test_what_is_soon_done_is_done_at_once() -> None:
    def work() -> Any:
        yield
        yield
        return "done"

    steps = Steps(work())
    assert steps.at_once()
    assert steps.result() == "done"


def test_what_is_not_done_at_once_is_done_later_or_stopped() -> None:
    def work() -> Any:
        for _ in range(3):
            time.sleep(AT_ONCE)
            yield
        return "done"

    steps, stopped = Steps(work()), Steps(work())
    assert not steps.at_once()
    assert not stopped.at_once()
    stopped.stop()
    for each in (steps, stopped):
        each.finish()
    assert (steps.result(), stopped.result()) == ("done", None)


async def test_an_error_of_a_piece_is_raised_once_and_then_it_is_the_end() -> None:
    def give() -> Iterator[bytes]:
        yield b"one"
        time.sleep(2 * AT_ONCE)
        yield b""
        raise ValueError("wrong")

    pieces = Pieces(give())
    assert await pieces.next() == b"one"
    with pytest.raises(ValueError, match="wrong"):
        await pieces.next()
    assert await pieces.next() == b""
