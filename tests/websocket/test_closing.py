"""Closing: what can be ended at once is, a cancelled one leaves nothing, and it may be called from anywhere."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from inside import pool_of
from leaks import no_more_than, present
from loops import LOOPS
from pynector import ConnectError, Pynector, PynectorError, TransportError
from pynector.transport.websocket import WebSocketTransport, WebSocketTransportFactory, pool
from wsservers import Url, client, listening, shake_hands, until

pytestmark = pytest.mark.anyio


class Stubborn:
    """A server that answers no close, and takes note of the end of connections."""

    def __init__(self) -> None:
        self.ended: list[threading.Event] = []

    def serve(self, connection: socket.socket) -> None:
        shake_hands(connection)
        self.ended.append(threading.Event())
        threading.Thread(target=self._watch, args=(connection, self.ended[-1])).start()

    def _watch(self, connection: socket.socket, ended: threading.Event) -> None:
        try:
            while connection.recv(4096):
                pass
        except OSError:
            pass
        ended.set()

    async def saw_the_end(self) -> None:
        await until(lambda: all(ended.is_set() for ended in self.ended))


@contextmanager
def stubborn() -> Iterator[tuple[Stubborn, str]]:
    server = Stubborn()
    with listening(server.serve) as port:
        yield server, f"ws://127.0.0.1:{port}/"


async def connected(url: str, **options: Any) -> WebSocketTransport:
    transport = WebSocketTransportFactory().create_transport(url=url, **options)
    await transport.connect()
    return transport


async def test_one_that_is_cancelled_leaves_nothing() -> None:
    with stubborn() as (server, url):
        transport = await connected(url, connections=3)
        known: Any = pool_of(transport)
        with anyio.CancelScope() as scope:
            scope.cancel()
            await transport.disconnect()
        assert not known._closing
        assert not known.requests.connections
        await server.saw_the_end()
        # The second one has nothing to do, and says so.
        await transport.disconnect()


@pytest.mark.parametrize("anyio_backend", LOOPS)
async def test_so_it_is_when_asyncio_cancels_again_and_again(anyio_backend_name: str) -> None:
    """Which no shield of AnyIO's holds off."""
    with stubborn() as (server, url):
        transport = await connected(url, connections=3)
        task = asyncio.get_running_loop().create_task(transport.disconnect())
        while not task.done():
            await asyncio.sleep(0)
            task.cancel()
        await server.saw_the_end()
        await transport.disconnect()
        assert transport._past[1] == ()


async def test_whoever_closes_next_waits_for_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "GOODBYE", 0.3)
    with stubborn() as (server, url):
        transport = await connected(url, connections=2)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(transport.disconnect)
            await anyio.wait_all_tasks_blocked()
            assert not any(ended.is_set() for ended in server.ended)
            await transport.disconnect()
            await server.saw_the_end()
        assert transport.counts() == {"late": 0, "unclaimed": 0, "reconnects": 0}


async def test_what_is_in_flight_ends_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not when the peers have said farewell."""
    monkeypatch.setattr(pool, "GOODBYE", 3.0)
    with stubborn() as (_, url):
        transport = await connected(url)
        ended: list[float] = []

        async def ask() -> None:
            with pytest.raises(TransportError, match="the client was closed before the answer came") as failed:
                await transport.exchange("x")
            ended.append(anyio.current_time())
            assert not failed.value.transient

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            await anyio.wait_all_tasks_blocked()
            await transport.disconnect()
        assert anyio.current_time() - ended[0] > 0.5


async def test_a_connection_that_cannot_say_farewell_is_ended(url: Url) -> None:
    transport = await connected(url("/echo"), connections=3)
    known: Any = pool_of(transport)

    def fail(*args: Any) -> None:
        raise ValueError("this one")

    complaints: list[str] = []
    known._loop._complain = lambda said, error: complaints.append(said)
    known.requests.connections[1].protocol._protocol.send_close = fail
    await transport.disconnect()
    assert not known._closing
    assert complaints == ["a connection could not be closed"]


# From anywhere


async def use(url: str, closing: Callable[[Pynector], Any], **options: Any) -> list[Any]:
    """Have a client closed while a request is in flight; give what became of that."""
    results: list[Any] = []
    async with anyio.create_task_group() as tasks:
        it = client(url, **options)

        async def ask() -> None:
            try:
                results.append(await it.request("x", 60))
            except PynectorError as error:
                results.append(error)

        async with it:
            tasks.start_soon(ask)
            with anyio.fail_after(20):
                await closing(it)
            await until(lambda: bool(results))
    return results


async def test_in_a_subscriptions_loop(url: Url) -> None:
    got: list[bytes] = []

    async def closing(it: Pynector) -> None:
        async with it.subscribe(max_queue=1, overflow="wait") as messages:
            await it.request("news", one_way=True)
            async for message in messages:
                got.append(message.content)
                await it.aclose()

    (result,) = await use(url("/echo"), closing, correlation=(str, lambda message: None))
    assert isinstance(result, TransportError)
    assert b"news" in got


async def test_in_on_message_and_in_a_function_of_the_correlation(url: Url) -> None:
    """They cannot wait, so they have somebody else close."""
    for where in ("of_request", "of_message", "on_message"):
        async with anyio.create_task_group() as tasks:
            closed = anyio.Event()
            clients: list[Pynector] = []

            async def close(closed: anyio.Event = closed, clients: list[Pynector] = clients) -> None:
                await clients[0].aclose()
                closed.set()

            def begin(place: str, where: str = where, tasks: Any = tasks, close: Any = close) -> None:
                if place == where:
                    tasks.start_soon(close)

            async def closing(it: Pynector, closed: anyio.Event = closed) -> None:
                await it.request("news", one_way=True)
                await closed.wait()

            it = client(
                url("/echo"),
                correlation=(lambda data: begin("of_request") or data, lambda message: begin("of_message")),
                on_message=lambda message: begin("on_message"),
            )
            clients.append(it)
            with anyio.fail_after(20):
                async with it:
                    tasks.start_soon(_ended, it)
                    await closing(it)


async def _ended(it: Pynector) -> None:
    with pytest.raises(PynectorError):
        await it.request("x", 60)


async def test_in_the_function_that_gives_header_fields(url: Url) -> None:
    """It runs in the task of an attempt, which closing ends and must not wait for."""
    transport: Any = None
    asked = 0

    async def headers() -> dict[str, str]:
        nonlocal asked
        asked += 1
        if asked == 2:
            await transport.disconnect()
        return {"X-One": "1"}

    transport = await connected(url("/abort-after?after=0"), headers=headers)
    with anyio.fail_after(20):
        with pytest.raises(TransportError):
            await transport.exchange("x")
        with pytest.raises((TransportError, ConnectError)):
            await transport.exchange("y")
    await until(lambda: asked == 2)
    await transport.disconnect()


async def test_it_may_be_called_again_and_again_and_leaves_nothing(url: Url) -> None:
    await anyio.to_thread.run_sync(int)
    transport = await connected(url("/echo"))
    await transport.disconnect()
    # Timers that were cancelled are tasks on trio, and end a little later.
    await anyio.lowlevel.checkpoint()
    await anyio.wait_all_tasks_blocked()
    before = present()
    for _ in range(20):
        await transport.connect()
        assert await transport.exchange("x") == b"x"
        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(transport.disconnect)
    assert await no_more_than(before)
