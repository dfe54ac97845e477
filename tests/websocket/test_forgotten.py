"""A client that nobody holds any more: it is told of, its connections end, and nothing of it stays."""

from __future__ import annotations

import asyncio
import gc
import socket
import threading
import warnings
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from inside import pool_of
from leaks import open_files, pending
from loops import LOOPS, runners
from proxyserver import Proxy
from pynector import Pynector, TimeoutError
from pynector.transport.websocket import Message, WebSocketTransportFactory
from wsservers import Url, certificate, client, listening, running, shake_hands, until

pytestmark = pytest.mark.anyio


TOLD = "ResourceWarning: a WebSocket client was not closed: use `async with`, or aclose()"


@contextmanager
def told() -> Iterator[list[str]]:
    """Collect what is warned of."""
    said: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield said
        gc.collect()
    said += [f"{warning.category.__name__}: {warning.message}" for warning in caught]


async def left() -> tuple[Any, Any]:
    """Count what there is when what was begun has come to its end."""
    await anyio.lowlevel.checkpoint()
    await anyio.wait_all_tasks_blocked()
    return open_files(), pending()


class Service:
    """As many a program has it: its client calls it back."""

    def __init__(self, url: str, **options: Any) -> None:
        self.heard: list[Message] = []
        self.client = client(url, on_message=self.take, correlation=(self.key, self.key), **options)

    def take(self, message: Message) -> None:
        self.heard.append(message)

    def key(self, data: Any) -> str:
        return data.text if isinstance(data, Message) else str(data)


async def forget(url: Url, use: Callable[[], Any]) -> None:
    """Use a client and forget it; then nothing of it must be there."""
    # What an event loop opens for itself when it is first used.
    await anyio.to_thread.run_sync(int)
    async with client(url("/echo")) as it:
        await it.request("x")
    before = await left()
    with told() as said:
        forgotten = await use()
        # What has just been sent may be written in the next turn of the event loop.
        await until(lambda: gc.collect() >= 0 and all(one() is None for one in forgotten))
        await until(lambda: gc.collect() >= 0 and (open_files() or 0) <= (before[0] or 0) and pending() == before[1])
    # trio has a word of its own for each asynchronous generator that it has to end.
    assert [text for text in said if "Async generator" not in text] == [TOLD]


@pytest.mark.parametrize("connections", [1, 3])
@pytest.mark.parametrize("ping_interval", [0.05, None])
async def test_it_is_told_of_and_nothing_of_it_stays(url: Url, connections: int, ping_interval: float | None) -> None:
    async def use() -> Any:
        it = client(url("/echo"), connections=connections, ping_interval=ping_interval)
        assert await it.batch_request([("x", {})] * 20) == [b"x"] * 20
        return weakref.ref(it), weakref.ref(pool_of(it))

    await forget(url, use)


async def test_so_it_is_where_its_callbacks_belong_to_who_holds_it(url: Url) -> None:
    async def use() -> Any:
        service = Service(url("/echo"))
        assert await service.client.request("x") == b"x"
        return weakref.ref(service), weakref.ref(service.client)

    await forget(url, use)


async def test_the_server_sees_the_end(url: Url) -> None:
    over = threading.Event()

    def serve(connection: socket.socket) -> None:
        shake_hands(connection)
        try:
            while connection.recv(4096):
                pass
        except OSError:
            pass
        connection.close()
        over.set()

    with listening(serve) as port:

        async def use() -> Any:
            it = client(f"ws://127.0.0.1:{port}/")
            assert await it.request("x", one_way=True) is None
            return (weakref.ref(it),)

        await forget(url, use)
        assert await anyio.to_thread.run_sync(over.wait, 20)


async def test_what_the_peer_still_owes_keeps_no_client(url: Url) -> None:
    async def use() -> Any:
        it = client(url("/silent"), ping_interval=0.05)
        with pytest.raises(TimeoutError):
            await it.request("late", timeout=0.1)
        with anyio.move_on_after(0.05):
            await it.request("cancelled")
        return (weakref.ref(it),)

    await forget(url, use)


@pytest.mark.parametrize("overflow", ["drop_oldest", "wait"])
async def test_a_subscription_that_was_forgotten_keeps_none(url: Url, overflow: str) -> None:
    """Nor does one that is full, where nothing is read."""

    async def use() -> Any:
        transport = WebSocketTransportFactory().create_transport(url=url("/echo"))
        await transport.connect()
        messages = transport.subscribe(max_queue=2, overflow=overflow)
        for _ in range(10):
            await transport.exchange("x", one_way=True)
        await messages.__anext__()
        return weakref.ref(transport), weakref.ref(messages)

    await forget(url, use)


async def test_one_that_was_forgotten_holds_nobody_up(url: Url) -> None:
    transport = WebSocketTransportFactory().create_transport(url=url("/echo"))
    await transport.connect()
    try:
        messages = transport.subscribe(max_queue=2, overflow="wait")
        pool: Any = pool_of(transport)
        for _ in range(2):
            await transport.exchange("x", one_way=True)
        await until(lambda: pool.subscribers.is_full)
        del messages
        gc.collect()
        await until(lambda: not pool.subscribers.is_full)
        assert await transport.exchange("x") == b"x"
    finally:
        await transport.disconnect()


async def test_through_a_proxy_and_over_tls(url: Url, tmp_path: Path) -> None:
    chain, key, trusted = certificate(tmp_path)
    with Proxy() as proxy, running(files=(chain, key)) as port:
        for where, options in (
            (url("/echo"), {"proxy": proxy.url("http")}),
            (f"wss://127.0.0.1:{port}/echo", {"verify": trusted}),
            (f"wss://127.0.0.1:{port}/echo", {"verify": trusted, "proxy": proxy.url("http")}),
        ):

            async def use(where: str = where, options: Any = options) -> Any:
                it = client(where, **options)
                assert await it.request("x") == b"x"
                return (weakref.ref(it),)

            await forget(url, use)


async def test_a_garbage_collector_in_another_thread_may_find_it(url: Url) -> None:
    async def use() -> Any:
        it = client(url("/echo"), connections=2)
        assert await it.request("x") == b"x"
        forgotten = weakref.ref(it), weakref.ref(pool_of(it))
        del it
        await anyio.to_thread.run_sync(gc.collect)
        return forgotten

    gc.disable()
    try:
        await anyio.to_thread.run_sync(gc.collect)
        await forget(url, use)
    finally:
        gc.enable()


# What somebody waits for is not forgotten


class Kept:
    """A completion that nobody but the transport holds."""

    def __init__(self, got: list[Any]) -> None:
        self._got = got

    def succeed(self, token: int, answer: Any) -> None:
        self._got.append(answer)

    fail = succeed


async def test_a_request_in_flight_keeps_its_client(url: Url) -> None:
    async def use() -> Any:
        transport: Any = WebSocketTransportFactory().create_transport(url=url("/late-first"))
        await transport.connect()
        got: list[Any] = []
        for token, text in enumerate("xy"):
            transport.submit(text, {}, 1e18, Kept(got), token)
        forgotten = weakref.ref(transport), weakref.ref(pool_of(transport))
        del transport
        gc.collect()
        assert None not in [one() for one in forgotten]
        await until(lambda: got == [b"x", b"y"])
        return forgotten

    await forget(url, use)


@pytest.mark.parametrize("anyio_backend", LOOPS)
async def test_a_task_that_nobody_holds_gets_its_answer(url: Url) -> None:
    """asyncio's loop holds no task, as trio does; what it waits for has to."""
    answers: list[bytes] = []
    closed = asyncio.Event()

    async def ask(it: Pynector) -> None:
        answers.append(await it.request("x"))
        async with it.subscribe() as messages:
            await it.request("y", one_way=True)
            answers.append((await messages.__anext__()).content)
        await it.aclose()
        closed.set()

    asyncio.get_running_loop().create_task(ask(client(url("/late-first"), timeout=60)))
    for _ in range(2000):
        gc.collect()
        await asyncio.sleep(0.001)
        if closed.is_set():
            break
    assert answers == [b"x", b"y"]


async def test_a_task_that_waits_for_a_message_keeps_its_client(url: Url) -> None:
    async def listen(url: str, known: list[Any]) -> None:
        transport = WebSocketTransportFactory().create_transport(url=url)
        await transport.connect()
        known += [weakref.ref(transport), weakref.ref(pool_of(transport))]
        messages = transport.subscribe()
        del transport
        assert (await messages.__anext__()).content == b"x"

    async def use() -> Any:
        known: list[Any] = []
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listen, url("/echo"), known)
            await until(lambda: bool(known))
            for _ in range(3):
                await anyio.wait_all_tasks_blocked()
                gc.collect()
            assert None not in [one() for one in known]
            await known[0]().exchange("x", one_way=True)
        return known

    await forget(url, use)


# Where its event loop is over


@pytest.mark.parametrize("run", runners())
def test_it_ends_with_its_event_loop_and_that_is_no_fault(url: Url, run: Callable[[Any], Any]) -> None:
    clients: list[Pynector] = []

    async def main() -> None:
        clients.append(client(url("/echo"), ping_interval=0.05))
        assert await clients[0].request("x") == b"x"

    run(main())
    files = open_files()
    with told() as said:
        run(main())
        clients.clear()
    assert said == []
    assert (open_files() or 0) <= (files or 0)


def test_a_transport_that_is_passed_in_outlives_an_event_loop(url: Url) -> None:
    transport = WebSocketTransportFactory().create_transport(url=url("/echo"))

    async def use(at_last: bool) -> None:
        await transport.connect()
        assert await transport.exchange("x") == b"x"
        if at_last:
            await transport.disconnect()

    asyncio.run(use(False))
    asyncio.run(use(True))
