"""What an error says of how much had left: over all connections that a request was sent on."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import anyio
import pytest

from inside import pool_of
from pynector import ConfigurationError, ConnectError, PynectorError, TimeoutError, TransportError, WebSocketClosed
from pynector.transport.websocket import WebSocketTransportFactory
from wsservers import client, listening, shake_hands, until

pytestmark = pytest.mark.anyio


class Executing:
    """A server that takes one message and then ends the connection; what comes later is refused, or kept waiting.

    Args:
        refuse: Whether the next handshakes are refused, else they are not answered.
    """

    def __init__(self, refuse: bool) -> None:
        self.executed = 0
        self.asked = 0
        self._refuse = refuse

    def serve(self, connection: socket.socket) -> None:
        self.asked += 1
        if self.asked == 1:
            shake_hands(connection)
            connection.recv(4096)
            self.executed += 1
            connection.close()
        elif self._refuse:
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")


@pytest.fixture
def refusing() -> Iterator[tuple[Executing, str]]:
    server = Executing(True)
    with listening(server.serve) as port:
        yield server, f"ws://127.0.0.1:{port}/"


@pytest.fixture
def silent() -> Iterator[tuple[Executing, str]]:
    server = Executing(False)
    with listening(server.serve) as port:
        yield server, f"ws://127.0.0.1:{port}/"


OPTIONS: dict[str, Any] = {"idempotent": True, "reconnect_delay": 0.01}


async def test_sent_again_and_refused(refusing: Any) -> None:
    server, url = refusing
    async with client(url, **OPTIONS) as it:
        with pytest.raises(ConnectError, match="status 403") as failed:
            await it.request("delete it", 20)
        assert (server.executed, failed.value.sent) == (1, "full")


async def test_sent_again_and_in_a_batch(refusing: Any) -> None:
    server, url = refusing
    async with client(url, **OPTIONS) as it:
        one, other = await it.batch_request([("a", {}), ("b", {"idempotent": False})])
    assert isinstance(one, ConnectError)
    assert isinstance(other, WebSocketClosed)
    assert (server.executed, one.sent, other.sent) == (1, "full", "full")


async def test_sent_again_and_late(silent: Any) -> None:
    server, url = silent
    async with client(url, **OPTIONS) as it:
        with pytest.raises(TimeoutError) as failed:
            await it.request("delete it", 0.5)
        assert (server.executed, failed.value.phase, failed.value.sent) == (1, "connect", "full")
        # What was never sent says so.
        with pytest.raises(TimeoutError) as failed:
            await it.request("not this one", 0.1)
        assert failed.value.sent == "none"


async def test_sent_again_and_closed(silent: Any) -> None:
    server, url = silent
    transport = WebSocketTransportFactory().create_transport(url=url, **OPTIONS)
    await transport.connect()
    errors: list[Any] = []

    async def ask(text: str) -> None:
        try:
            await transport.exchange(text)
        except TransportError as error:
            errors.append((text, error.phase, error.sent))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask, "a")
        await until(lambda: server.asked == 2)
        tasks.start_soon(ask, "b")
        await anyio.wait_all_tasks_blocked()
        await transport.disconnect()
    assert sorted(errors) == [("a", "connect", "full"), ("b", "connect", "none")]


async def test_a_handle_says_what_had_left(silent: Any) -> None:
    """For whoever ends a request that the transport would not have ended."""
    server, url = silent
    transport = WebSocketTransportFactory().create_transport(url=url, **OPTIONS)
    await transport.connect()

    class Answers:
        def succeed(self, token: int, answer: Any) -> None:
            raise AssertionError("there is none")

        fail = succeed

    assert transport.submit is not None
    handle: Any = transport.submit("x", {}, 1e18, Answers(), 0)
    await until(lambda: server.asked == 2)
    waits: Any = transport.submit("y", {}, 1e18, Answers(), 1)
    assert (handle.sent, waits.sent) == ("full", "none")
    for one in (handle, waits):
        one.cancel()
    await transport.disconnect()


async def test_one_with_the_key_of_what_is_sent_again_is_refused(silent: Any) -> None:
    """And not the one that was executed: of that nobody may say that it was not sent."""
    server, url = silent
    async with client(url, correlation="id", **OPTIONS) as it, anyio.create_task_group() as tasks:
        first: list[PynectorError] = []

        async def ask() -> None:
            try:
                await it.request({"id": 7}, 1)
            except PynectorError as error:
                first.append(error)

        tasks.start_soon(ask)
        await until(lambda: server.asked == 2)
        # It has the key, though it is on no connection.
        pool = pool_of(it)
        matcher = pool._options.correlation.matcher()
        (waits,) = pool.requests.waiting
        pool.requests.submit({"id": 7}, {}, 1e18, Answers(), 0)
        other = list(pool.requests.waiting)[-1]
        with pytest.raises(ConfigurationError, match="in flight already"):
            matcher.add(other)
        matcher.add(waits)
        assert matcher.drain() == [waits]
        other.cancel()
    assert isinstance(first[0], TimeoutError)
    assert first[0].sent == "full"


async def test_a_key_is_free_when_its_request_has_ended(silent: Any) -> None:
    server, url = silent
    transport = WebSocketTransportFactory().create_transport(url=url, correlation="id", **OPTIONS)
    for _ in range(2):
        await transport.connect()
        with anyio.move_on_after(0.2):
            await transport.exchange({"id": 7})
        await transport.disconnect()
        assert transport._options.correlation._taken == set()
        server.asked = 0


class Answers:
    def succeed(self, token: int, answer: Any) -> None:
        pass

    fail = succeed
