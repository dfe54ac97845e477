"""Whatever raises wherever: each request ends once, and what has nothing to do with it goes on."""

from __future__ import annotations

import asyncio
import logging
import math
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anyio
import pytest

from inside import pool_of
from loops import LOOPS
from pynector import ConfigurationError, ConnectError, PynectorError, WebSocketClosed
from pynector.callbacks import AsyncioLoop, TrioLoop
from pynector.transport.websocket import Message, WebSocketTransportFactory
from pynector.transport.websocket.link import Link
from wsservers import Url, client, until

pytestmark = pytest.mark.anyio


class Odd(Exception):
    """One that does not even say what it is."""

    def __str__(self) -> str:
        raise ValueError("no text")


RAISED = [
    pytest.param(lambda: ValueError("this one"), id="ValueError"),
    pytest.param(asyncio.CancelledError, id="CancelledError"),
    pytest.param(Odd, id="Odd"),
]
Make = Callable[[], BaseException]


@pytest.fixture
def complaints(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is complained of; on asyncio it would be logged, too."""
    said: list[str] = []
    for kind in (AsyncioLoop, TrioLoop):
        monkeypatch.setattr(kind, "_complain", lambda self, text, error: said.append(text))
    return said


class Answers:
    """Completions, some of which raise when they are called."""

    def __init__(self, raising: set[int]) -> None:
        self.got: dict[int, Any] = {}
        self._raising = raising

    def succeed(self, token: int, answer: Any) -> None:
        assert token not in self.got, token
        self.got[token] = answer
        if token in self._raising:
            raise Odd

    fail = succeed


# The user's functions


@pytest.mark.parametrize("make", RAISED)
async def test_the_key_of_a_request(url: Url, make: Make) -> None:
    def of_request(data: Any) -> Any:
        if data == "bad":
            raise make()
        return data

    async with client(url("/echo"), correlation=(of_request, lambda message: message.text)) as it:
        bad, good = await it.batch_request([("bad", {}), ("good", {})])
        assert isinstance(bad, ConfigurationError)
        assert "the correlation's functions failed" in str(bad)
        assert good == b"good"
        with pytest.raises(ConfigurationError):
            await it.request("bad", math.inf)


@pytest.mark.parametrize("make", RAISED)
async def test_the_key_of_a_message_and_on_message(url: Url, make: Make, complaints: list[str]) -> None:
    def of_message(message: Message) -> Any:
        if message.text == "bad":
            raise make()
        return message.text

    def on_message(message: Message) -> None:
        raise make()

    options: dict[str, Any] = {"correlation": (str, of_message), "on_message": on_message}
    async with client(url("/echo"), **options) as it:
        await it.request("bad", one_way=True)
        assert await it.batch_request([(f"{n}", {}) for n in range(10)]) == [b"%d" % n for n in range(10)]
        assert it.stats().transport["reconnects"] == 0
    assert complaints == ["the correlation failed", "on_message failed"]


class Key:
    """One that cannot be compared once it is in use."""

    def __init__(self) -> None:
        self.used = 0

    def __hash__(self) -> int:
        self.used += 1
        if self.used > 4:
            raise Odd
        return 7


async def test_a_key_that_cannot_be_compared(url: Url, complaints: list[str]) -> None:
    keys: list[Key] = []

    def of_request(data: Any) -> Any:
        if data != "odd":
            return data
        keys.append(Key())
        return keys[-1]

    transport = WebSocketTransportFactory().create_transport(
        url=url("/silent"), correlation=(of_request, lambda message: None)
    )
    await transport.connect()
    answers = Answers(set())
    assert transport.submit is not None
    for token, text in enumerate(["odd", "plain", "odd", "odd"]):
        handle = transport.submit(text, {}, math.inf, answers, token)
        for key in keys:
            key.used = 9
        if token == 3 and handle is not None:
            handle.cancel()
    await transport.disconnect()
    assert sorted(answers.got) == [0, 1, 2]
    assert complaints


# What is sent


class Items(Mapping[str, Any]):
    """A mapping that another thread, say, changes meanwhile."""

    def __init__(self, make: Make) -> None:
        self._make = make

    def __getitem__(self, name: str) -> Any:
        raise self._make()

    def __iter__(self) -> Iterator[str]:
        raise self._make()

    def __len__(self) -> int:
        return 1


class Text(str):
    def encode(self, *args: Any) -> Any:
        return "no bytes"


class Bytes(bytes):
    def __bytes__(self) -> Any:
        raise Odd


@pytest.mark.parametrize("correlation", ["fifo", "id"])
@pytest.mark.parametrize("make", RAISED)
async def test_data_that_cannot_be_read(url: Url, make: Make, correlation: str) -> None:
    async with client(url("/echo"), correlation=correlation) as it:
        for data in (Items(make), {"a": Items(make)}):
            with pytest.raises(ConfigurationError, match="the message cannot be"):
                await it.request(data, math.inf)
        assert b"1" in await it.request({"a": 1})


async def test_data_of_odd_kinds(url: Url) -> None:
    gone = memoryview(b"x")
    gone.release()
    async with client(url("/echo")) as it:
        assert await it.request(Text("text")) == b"text"
        assert await it.request(Bytes(b"bytes")) == b"bytes"
        assert await it.request(memoryview(bytearray(b"a.b.c"))[::2]) == b"abc"
        with pytest.raises(ConfigurationError, match="cannot be read"):
            await it.request(gone)


async def test_what_was_sent_stands_whatever_becomes_of_the_data(url: Url) -> None:
    data: dict[str, Any] = {"n": 1}
    async with client(url("/close-after?after=0&code=1011"), max_reconnects=0) as it:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_changed, data)
            (failed,) = await it.batch_request([(data, {})])
        assert isinstance(failed, WebSocketClosed)
        assert failed.sent == "full"
        assert failed.request is not None
        assert failed.request.startswith("message to ws://")


async def _changed(data: dict[str, Any]) -> None:
    data["object"] = object()


# Whoever takes the answers


@pytest.mark.parametrize("end", ["answers", "late", "lost", "closed", "no connection"])
async def test_a_completion_that_raises(url: Url, end: str, complaints: list[str]) -> None:
    path = {"answers": "/echo", "lost": "/abort-after?after=0", "no connection": "/abort-after?after=0"}
    known: dict[str, Any] = {"max_reconnects": 1 if end == "no connection" else 0, "reconnect_delay": 0.01}
    transport = WebSocketTransportFactory().create_transport(url=url(path.get(end, "/silent")), **known)
    await transport.connect()
    answers = Answers({1, 3})
    deadline = anyio.current_time() + (0.1 if end == "late" else 1e6)
    assert transport.submit is not None
    for token in range(5):
        transport.submit("x", {"idempotent": end == "no connection"}, deadline, answers, token)
    if end == "closed":
        await transport.disconnect()
    await until(lambda: len(answers.got) == 5)
    await transport.disconnect()
    assert [isinstance(answer, (bytes, PynectorError)) for answer in answers.got.values()] == [True] * 5
    assert len(complaints) == 2


async def test_a_consumer_that_raises_ends_its_subscription_alone(url: Url) -> None:
    async with client(url("/echo")) as it, it.subscribe() as others:

        async def consume() -> None:
            async with it.subscribe() as messages:
                await it.request("x", one_way=True)
                async for _ in messages:
                    raise ValueError("this one")

        with pytest.raises(ValueError, match="this one"):
            await consume()
        assert await it.request("y") == b"y"
        assert (await others.__anext__()).content == b"x"
        pool = pool_of(it)
        assert len(pool.subscribers._all()) == 1


# Connecting


@pytest.mark.parametrize("make", RAISED)
async def test_connecting(url: Url, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    from pynector.transport.websocket.dialer import Dialer

    connect = Dialer.connect

    async def fail(*args: Any) -> None:
        raise make()

    options: dict[str, Any] = {"connections": 2, "max_reconnects": 2, "reconnect_delay": 0.01}
    async with client(url("/abort-after?after=0"), **options) as it:
        monkeypatch.setattr(Dialer, "connect", fail)
        async with it.subscribe() as messages, anyio.create_task_group() as tasks:
            ended: list[Any] = []

            async def listen() -> None:
                try:
                    await messages.__anext__()
                except PynectorError as error:
                    ended.append(error)

            tasks.start_soon(listen)
            outcome = await it.batch_request([("x", {"timeout": math.inf})] * 4)
            assert all(isinstance(error, WebSocketClosed) for error in outcome[:2])
            with pytest.raises(ConnectError) as failed:
                await it.request("x", math.inf)
            assert (failed.value.phase, failed.value.sent) == ("connect", "none")
        assert len(ended) == 1
        monkeypatch.setattr(Dialer, "connect", connect)
        with pytest.raises(WebSocketClosed):
            await it.request("x", math.inf)
        monkeypatch.setattr(Dialer, "connect", fail)
    with pytest.raises(PynectorError):
        await it.request("x", math.inf)


@pytest.mark.parametrize("make", RAISED)
async def test_whoever_is_told_of_connections(url: Url, make: Make, complaints: list[str]) -> None:
    def on_connection(event: str, host: str, port: int) -> None:
        raise make()

    transport = WebSocketTransportFactory().create_transport(url=url("/echo"))
    transport.on_connection = on_connection
    await transport.connect()
    assert await transport.exchange("x") == b"x"
    await transport.disconnect()
    assert complaints == ["on_connection failed"] * 2


@pytest.mark.parametrize("anyio_backend", LOOPS)
async def test_an_event_loop_without_threads(url: Url) -> None:
    executor = ThreadPoolExecutor(1)
    executor.submit(int).result()
    executor.shutdown()
    asyncio.get_running_loop().set_default_executor(executor)
    address = url("/abort-after?after=0").replace("127.0.0.1", "localhost.")
    with pytest.raises(PynectorError):
        await client(address).request("x", math.inf)


# The connection


class Broken:
    """A transport that cannot write."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport

    def write(self, data: bytes) -> None:
        raise Odd

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


async def test_a_handshake_that_cannot_be_written(url: Url, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Link.connection_made
    monkeypatch.setattr(Link, "connection_made", lambda link, transport: made(link, Broken(transport)))
    with pytest.raises(ConnectError, match="no WebSocket connection: Odd") as failed:
        await client(url("/echo"), open_timeout=None).request("x", math.inf)
    assert (failed.value.phase, failed.value.sent) == ("connect", "none")


async def test_a_transport_that_cannot_write(url: Url, complaints: list[str]) -> None:
    """Or the next answer would be taken for that of a message that has not left."""
    transport = WebSocketTransportFactory().create_transport(url=url("/echo"), max_reconnects=3, reconnect_delay=0.01)
    await transport.connect()
    pool: Any = pool_of(transport)
    answers = Answers(set())

    writer = pool.requests.connections[0].writer
    writer.transport = Broken(writer.transport)
    for token in range(3):
        pool.requests.submit(f"{token}", {}, math.inf, answers, token)
    await until(lambda: len(answers.got) == 3)
    assert [type(answer) for answer in answers.got.values()] == [WebSocketClosed] * 3
    assert [answer.phase for answer in answers.got.values()] == ["write"] * 3
    assert complaints == ["a message could not be written"]
    assert await transport.exchange("again") == b"again"
    await transport.disconnect()


async def test_a_message_that_an_extension_cannot_say(url: Url, complaints: list[str]) -> None:
    options: dict[str, Any] = {"compression": "deflate", "max_reconnects": 3, "reconnect_delay": 0.01}
    async with client(url("/echo"), **options) as it:
        pool = pool_of(it)
        protocol = pool.requests.connections[0].protocol._protocol
        send = protocol.send_text

        def send_text(data: Any) -> None:
            if data == b"bad":
                raise Odd
            send(data)

        protocol.send_text = send_text
        outcome = await it.batch_request([("a", {}), ("bad", {}), ("b", {"idempotent": True})])
        # The extension's own state is unknown now, and so the connection is of no use.
        assert [type(result) for result in outcome[:2]] == [WebSocketClosed] * 2
        assert outcome[2] == b"b"
        assert await it.request("c") == b"c"


# Those who are told


async def test_a_handler_of_what_fails_may_fail(
    url: Url, monkeypatch: pytest.MonkeyPatch, anyio_backend_name: str
) -> None:
    unraisable: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda seen: unraisable.append(seen.exc_type))

    def fail(*args: Any, **kwargs: Any) -> None:
        raise Odd

    monkeypatch.setattr(logging.getLogger("pynector"), "error", fail)
    if anyio_backend_name == "asyncio":
        monkeypatch.setattr(asyncio.get_running_loop(), "call_exception_handler", fail)
    keys: Any = (str, lambda message: None if message.text == "x" else message.text)
    async with client(url("/echo"), on_message=fail, correlation=keys) as it:
        await it.request("x", one_way=True)
        assert await it.request("y") == b"y"
    assert unraisable == [Odd]


def test_functions_that_have_to_be_awaited_are_refused() -> None:
    async def later(message: Any) -> None: ...

    with pytest.raises(ConfigurationError, match="on_message must be a function, and none of async def"):
        client("ws://a/", on_message=later)
    with pytest.raises(ConfigurationError, match="correlation must be functions"):
        client("ws://a/", correlation=(str, later))
