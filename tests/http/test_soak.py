"""Very many requests to a server that resets, cuts short and hangs, some of them cancelled: each ends as it should."""

from __future__ import annotations

import asyncio
import gc
import random
import socket
import struct
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import anyio
import pytest
from scripted import eventually

from inside import transport_of
from leaks import no_more_than, present
from pynector import ConnectionLost, Pynector, TimeoutError
from sockets import end_serving

pytestmark = pytest.mark.anyio

# Of a hundred requests, these fare ill.
RESET, TRUNCATED, HANGING = 0, 1, 2
IN_FLIGHT = 100


def fate(number: int) -> int:
    """Give what the server does to a request, 0 to 99: the same each time it comes, and without a pattern."""
    return (number * 2654435761 >> 7) % 100


def body(number: int) -> bytes:
    """Give what a request is answered with: mostly little, sometimes enough to be read in another way."""
    return b"%d " % number * (20_000 if number % 500 == 3 else 1 + number % 50)


class Unreliable(asyncio.Protocol):
    """One connection of the server."""

    def __init__(self, open_connections: set[Unreliable]) -> None:
        self._open = open_connections
        self._received = b""
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self._open.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._open.discard(self)

    def data_received(self, data: bytes) -> None:
        self._received += data
        while b"\r\n\r\n" in self._received:
            head, _, self._received = self._received.partition(b"\r\n\r\n")
            self._answer(int(head.split()[1].strip(b"/")))

    def _answer(self, number: int) -> None:
        whole, end = body(number), fate(number)
        if end == RESET:
            sock = self.transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.transport.abort()
        elif end == TRUNCATED:
            self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(whole) + whole[:-1])
            self.transport.close()
        elif end != HANGING and number % 3:
            self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(whole) + whole)
        elif end != HANGING:
            chunk = b"%x\r\n%b\r\n0\r\n\r\n" % (len(whole), whole)
            self.transport.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk)


class Server:
    """The server, on a loop of its own in a thread.

    Attributes:
        url: Its base URL.
        open: Its open connections.
    """

    def __init__(self) -> None:
        self.open: set[Unreliable] = set()
        self.url = ""
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="unreliable server")

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self._loop = loop
        server = await loop.create_server(lambda: Unreliable(self.open), "127.0.0.1", 0, backlog=1024)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        self._ready.set()
        await self._stop.wait()
        await end_serving(server)
        for connection in list(self.open):
            connection.transport.abort()
        await asyncio.sleep(0)

    def __enter__(self) -> Server:
        self._thread.start()
        assert self._ready.wait(20)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(20)
        assert not self._thread.is_alive()


@pytest.fixture
def unreliable() -> Iterator[Server]:
    with Server() as server:
        yield server


def request(number: int) -> tuple[Any, dict[str, Any]]:
    return {"path": f"/{number}"}, ({"timeout": 0.3} if fate(number) == HANGING else {})


def ended_well(number: int, result: Any) -> str:
    """Check what became of a request; give what that was."""
    end = fate(number)
    if end == RESET:
        assert (type(result), result.sent) == (ConnectionLost, "full")
        assert result.request.endswith(f"/{number}")
        return "reset"
    if end == TRUNCATED:
        assert (type(result), result.phase) == (ConnectionLost, "body")
        assert result.request.endswith(f"/{number}")
        return "truncated"
    if end == HANGING:
        # On a busy machine its time may be over before the server has it.
        assert type(result) is TimeoutError
        not_yet = {("queue", "none"), ("connect", "none"), ("write", "partial")}
        assert (result.phase, result.sent) in {*not_yet, ("headers", "full")}
        assert result.request.endswith(f"/{number}")
        return "late"
    assert result == body(number)
    return "answered"


async def use(client: Pynector, numbers: range, counts: Counter[str]) -> None:
    """Send a batch, and beside it single requests that are given up after a while of no or a few milliseconds."""
    chance = random.Random(numbers.start)
    together = [number for number in numbers if number % 5]
    alone = iter([number for number in numbers if number % 5 == 0])

    async def hasty() -> None:
        for number in alone:
            data, options = request(number)
            with anyio.move_on_after(chance.random() ** 2 * 0.02) as scope:
                try:
                    result: Any = await client.request(data, **options)
                except (ConnectionLost, TimeoutError) as error:
                    result = error
                counts[ended_well(number, result)] += 1
            counts["cancelled"] += scope.cancelled_caught

    async with anyio.create_task_group() as tasks:
        for _ in range(10):
            tasks.start_soon(hasty)
        results = await client.batch_request([request(number) for number in together], max_concurrency=IN_FLIGHT)
        counts.update(map(ended_well, together, results))


async def abandon(client: Pynector, numbers: range) -> None:
    """Send a batch, and give it up in the middle."""
    with anyio.move_on_after(0.05):
        await client.batch_request([request(number) for number in numbers], max_concurrency=IN_FLIGHT)


SIZES = [pytest.param(3_000, id="3000"), pytest.param(100_000, id="100000", marks=pytest.mark.exhaustive)]


@pytest.mark.parametrize("count", SIZES)
async def test_every_request_ends_as_it_should_and_leaves_nothing(unreliable: Server, engine: str, count: int) -> None:
    if engine != "native":
        # It is slower by so much that more would take minutes.
        count //= 5
    counts: Counter[str] = Counter()
    async with Pynector(base_url=unreliable.url, http_engine=engine) as client:
        assert await client.request({"path": "/7"}) == body(7)
    assert await eventually(lambda: not unreliable.open)
    gc.collect()
    before = present()
    async with Pynector(base_url=unreliable.url, http_engine=engine, max_connections=IN_FLIGHT + 10) as client:
        step = count // 3
        for start in range(0, count, step):
            await use(client, range(start, min(count, start + step)), counts)
            await abandon(client, range(start, start + step))
        # Nothing of what was given up is still in use: all the connections that the client may have can be had.
        if engine == "native":
            (pool,) = transport_of(client)._engine.pools.all()
            assert await eventually(lambda: pool.counts().active == 0)
        probes = [n for n in range(2 * IN_FLIGHT) if fate(n) > HANGING]
        assert await client.batch_request([request(n) for n in probes]) == [body(n) for n in probes]
        assert len(unreliable.open) <= IN_FLIGHT + 10
    assert await eventually(lambda: not unreliable.open)
    gc.collect()
    assert await no_more_than(before)
    assert sum(counts.values()) == count
    for kind in ("answered", "reset", "truncated", "late", "cancelled"):
        assert counts[kind] > 0
    print(f"{engine}: {dict(counts)}")
