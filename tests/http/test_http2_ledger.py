"""Very many requests over HTTP/2 to a server that resets, refuses, goes away and dies, from a client that gives up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any

import anyio
import pytest
from h2client import client
from h2server import Http2Server, answer

from leaks import open_files
from loops import BACKENDS
from pynector import HTTPStatusError, Pynector, PynectorError, TimeoutError, TransportError
from pynector.testing.http2 import frames
from pynector.testing.http2.exchange import Exchange, Steps

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("anyio_backend", BACKENDS)]

COUNT, MANY = 1_500, 100_000
ROUND = 2_500
WINDOW = 100
SEED = 18

METHODS = ("GET", "POST", "PUT")
SIZES = (0, 10, 3_000, 90_000)

# What the server does to an arrival, by weight.
ACTS = {
    "answer": 800,
    "delay": 60,
    "status": 20,
    "early": 20,
    "hang": 8,
    "settings": 6,
    "refuse": 15,
    "reset start": 10,
    "reset head": 10,
    "reset body": 10,
    "goaway": 3,
    "goaway below": 3,
    "graceful": 2,
    "goaway close": 1,
    "die start": 1,
    "die body": 1,
    "abort": 1,
}
# What the server says of it is that it was not looked at.
UNSEEN = ("refuse", "goaway below")


class Book:
    """What the server has done, and in which way it answers.

    Attributes:
        arrivals: How often each request has come.
        executed: How often it was executed.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self.arrivals: Counter[int] = Counter()
        self.executed: Counter[int] = Counter()
        # The last stream of each connection of which something was executed, and the last one it is said to take.
        self._last: dict[Any, int] = {}
        self._taken: dict[Any, int] = {}

    def play(self, exchange: Exchange) -> Steps:
        """Take a request."""
        key = int(exchange.request.path[1:])
        self.arrivals[key] += 1
        chance = Random(f"{self._seed} {key} {self.arrivals[key]}")
        act = chance.choices(list(ACTS), list(ACTS.values()))[0]
        wire, this = exchange.wire, exchange.stream
        if this > self._taken.get(wire, this):
            return iter(())
        if act == "goaway below" and this < self._last.get(wire, 0):
            # Streams end in any order: it would not be true of the others.
            act = "goaway"
        if act not in UNSEEN:
            self.executed[key] += 1
            self._last[wire] = max(this, self._last.get(wire, 0))
        return self._act(exchange, act, chance, b"%d" % key * chance.choice((1, 1, 1, 2_000, 40_000)))

    def _act(self, exchange: Exchange, act: str, chance: Random, body: bytes) -> Steps:
        h2, wire, this = exchange.wire.h2, exchange.wire, exchange.stream
        code = chance.choice(list(frames.ERROR_CODES.values()))
        kind, _, where = act.partition(" ")
        if kind == "hang":
            return
        if kind in ("delay", "graceful"):
            if kind == "graceful":
                h2.send_shutdown_notice()
            yield chance.random() * 0.02
            if kind == "graceful":
                self._taken[wire] = self._last[wire]
                h2.send_goaway(0, last_stream_id=self._last[wire])
        if kind == "settings":
            h2.update_settings({3: chance.choice((1, 5, 20)), 4: chance.choice((0, 100, 1 << 20))})
            yield 0.01
            h2.update_settings({3: 128, 4: 1 << 20})
        if kind == "refuse":
            exchange.reset(frames.ERROR_CODES["refused_stream"])
        elif kind == "goaway":
            last = self._taken[wire] = max(this - 2, 0) if where == "below" else self._last[wire]
            h2.send_goaway(code, last_stream_id=last)
            if where == "close":
                wire.close()
        elif where in ("head", "body"):
            exchange.send_head(200)
            exchange.send_data(body[:1000] if where == "body" else b"")
        if kind == "reset":
            exchange.reset(code if code != frames.ERROR_CODES["refused_stream"] else 8)
        elif kind == "die":
            wire.close()
        elif kind == "abort":
            wire.abort()
        elif act not in ("refuse", "goaway below", "goaway close"):
            answer(exchange, body, 503 if kind == "status" else 200)


def data_of(key: int, chance: Random) -> tuple[str, dict[str, Any]]:
    """Return a request, and its method."""
    method = chance.choice(METHODS)
    data: dict[str, Any] = {"method": method, "path": f"/{key}"}
    size = chance.choice(SIZES)
    if method != "GET" and size:
        data["content"] = Again(size) if chance.random() < 0.2 else bytes(size)
    return method, data


class Again:
    """A body that is read while it is sent, and can be read anew."""

    def __init__(self, size: int) -> None:
        self._size = size

    async def __aiter__(self) -> Any:
        for _ in range(3):
            yield bytes(self._size // 3)
            await anyio.lowlevel.checkpoint()


class Load:
    """Sends requests from some tasks, and keeps what becomes of each.

    Attributes:
        methods: The method of each.
        ends: What each ended with: an answer, an error, or None if it was given up.
    """

    def __init__(self, it: Pynector) -> None:
        self._it = it
        self.methods: dict[int, str] = {}
        self.ends: dict[int, Any] = {}

    async def send(self, keys: range) -> None:
        """Send some of them singly, and the others in a batch."""
        singly = iter([key for key in keys if key % 3 == 0])
        async with anyio.create_task_group() as tasks:
            for _ in range(WINDOW // 2):
                tasks.start_soon(self._work, singly)
            tasks.start_soon(self._batch, [key for key in keys if key % 3])

    async def _batch(self, keys: list[int]) -> None:
        entries = [self._entry(key) for key in keys]
        async with self._it.batch_stream(entries, max_concurrency=WINDOW // 2) as items:
            async for item in items:
                self._end(keys[item.index], item.result if item.error is None else item.error)

    async def _work(self, keys: Any) -> None:
        for key in keys:
            data, options = self._entry(key)
            chance = Random(f"single {key}")
            patience = chance.random() * 0.02 if chance.random() < 0.2 else 60
            with anyio.move_on_after(patience) as scope:
                try:
                    end: Any = await (self._read(data) if chance.random() < 0.2 else self._it.request(data, **options))
                except PynectorError as error:
                    end = error
                self._end(key, end)
            if scope.cancelled_caught:
                self._end(key, None)

    async def _read(self, data: dict[str, Any]) -> bytes:
        async with self._it.stream(data, timeout=2) as response:
            return await response.read()

    def _entry(self, key: int) -> tuple[dict[str, Any], dict[str, Any]]:
        chance = Random(f"call {key}")
        self.methods[key], data = data_of(key, chance)
        return data, {"timeout": 0.01 if chance.random() < 0.05 else 2}

    def _end(self, key: int, end: Any) -> None:
        assert key not in self.ends
        self.ends[key] = end


def wrong(key: int, method: str, end: Any, book: Book) -> str:
    """Say what is wrong with the end of a request, "" if nothing is."""
    executed = book.executed[key]
    if method == "POST" and executed > 1:
        return f"it was executed {executed} times"
    if isinstance(end, bytes):
        text = b"%d" % key
        return "" if executed and end == text * (len(end) // len(text)) != b"" else f"it is answered with {end[:50]!r}"
    if isinstance(end, HTTPStatusError):
        return "" if executed and end.status_code == 503 else "there was no such answer"
    if isinstance(end, (TransportError, TimeoutError)):
        return f"it says sent=none, and was executed {executed} times" if end.sent == "none" and executed else ""
    return "" if end is None else f"it ended with {end!r}"


async def quiet(it: Pynector, server: Http2Server) -> None:
    """Wait until nothing is under way: no request here, and no stream there."""
    state = server.state
    await became(lambda: not (it.stats().in_flight or it.stats().queued or state.open_streams or state.in_flight))


async def became(condition: Callable[[], object]) -> None:
    """Wait until a condition is true."""
    with anyio.fail_after(20):
        while not condition():  # noqa: ASYNC110 - another thread sets no Event of ours
            await anyio.sleep(0.005)


async def round_of(server: Http2Server, book: Book, keys: range) -> Counter[str]:
    """Send requests through a client of their own, judge them, and see what stays."""
    await became(lambda: not server.state.open_connections)
    before = open_files() or 0
    most = None if keys.start // ROUND % 2 else 8
    async with client(server.url, ping_interval=5, max_connections=most) as it:
        load = Load(it)
        with anyio.fail_after(120):
            await load.send(keys)
        await quiet(it, server)
    assert list(keys) == sorted(load.ends)
    problems = [
        f"{key} {load.methods[key]} ({book.arrivals[key]} arrivals): {said}"
        for key, end in load.ends.items()
        if (said := wrong(key, load.methods[key], end, book))
    ]
    assert not problems, problems[:10]
    # The server is in this process, too.
    await became(lambda: not server.state.open_connections and (open_files() or 0) <= before)
    return Counter(f"{type(end).__name__} {getattr(end, 'sent', '')}" for end in load.ends.values())


async def tried(count: int) -> Counter[str]:
    """Send requests in rounds, judge them, and return how many ended how."""
    book, kinds = Book(SEED), Counter[str]()
    with Http2Server(None, book.play) as server:
        async with client(server.url) as it:
            await it.request({"path": "/-1"}, raise_for_status=False)
        for start in range(0, count, ROUND):
            kinds += await round_of(server, book, range(start, min(start + ROUND, count)))
    return kinds


async def test_each_request_ends_once_with_its_own_answer_or_a_true_error() -> None:
    kinds = await tried(COUNT)
    assert kinds["bytes "] > COUNT // 2, kinds
    assert {"HTTP2Error full", "ConnectionLost full", "TimeoutError full", "NoneType "} <= set(kinds), kinds


@pytest.mark.exhaustive
@pytest.mark.timeout(1800)
async def test_each_of_very_many_ends_so() -> None:
    kinds = await tried(MANY)
    print(kinds)
    assert kinds["bytes "] > MANY // 2, kinds
