"""Connections that are lost, in all the ways there are, and those that take their place."""

from __future__ import annotations

import contextlib
import math
import socket
import threading
import time
from typing import Any

import anyio
import pytest

from inside import pool_of
from pynector import ConfigurationError, ConnectError, TimeoutError, TransportError, WebSocketClosed
from pynector.transport.websocket import Gap, WebSocketTransportFactory, reconnecting
from wsservers import Url, client, listening, shake_hands, until

pytestmark = pytest.mark.anyio


async def test_a_peer_that_says_no_more_and_reads_no_more_ends_what_is_in_flight() -> None:
    """The event loop keeps such a connection until it has written everything."""

    def serve(connection: socket.socket) -> None:
        shake_hands(connection)
        connection.recv(1)
        connection.shutdown(socket.SHUT_WR)

    with listening(serve) as port:
        async with client(f"ws://127.0.0.1:{port}/", ping_interval=0.05, reconnect_delay=0.01) as it:
            with pytest.raises(WebSocketClosed) as failed:
                await it.request(b"x" * 50_000_000, 20)
            assert failed.value.code == 1006
            assert not pool_of(it).requests.connections


async def test_a_subscription_makes_a_lost_connection_anew_and_is_told_of_the_gap_first() -> None:
    served, in_use = 0, threading.Event()

    def serve(connection: socket.socket) -> None:
        nonlocal served
        served += 1
        if served == 1:
            shake_hands(connection)
            in_use.wait(20)
            connection.close()
        else:
            shake_hands(connection, then=b"\x81\x05hello")

    with listening(serve) as port:
        async with client(f"ws://127.0.0.1:{port}/", reconnect_delay=0.01) as it:
            in_use.set()
            await until(lambda: not pool_of(it).requests.connections)
            async with it.subscribe() as messages:
                assert await messages.__anext__() == Gap("reconnect", 0)
                assert (await messages.__anext__()).text == "hello"


async def test_a_subscription_tries_again_after_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconnecting, "LONGEST_WAIT", 0.2)
    served, in_use = 0, threading.Event()

    def serve(connection: socket.socket) -> None:
        nonlocal served
        served += 1
        if served != 3:
            shake_hands(connection)
        if served in (2, 3):
            in_use.wait(20)
            connection.close()

    with listening(serve) as port:
        it = client(f"ws://127.0.0.1:{port}/", connections=2, max_reconnects=1, reconnect_delay=0.01)
        async with it, it.subscribe() as messages:
            in_use.set()
            await until(lambda: it.stats().transport["reconnects"] == 1)
            assert await messages.__anext__() == Gap("reconnect", 0)
    assert served == 4


async def test_what_waits_gets_a_connection_after_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconnecting, "LONGEST_WAIT", 0.2)
    served, in_use = 0, threading.Event()

    def serve(connection: socket.socket) -> None:
        nonlocal served
        served += 1
        if served != 3:
            shake_hands(connection)
        if served in (2, 3):
            in_use.wait(20)
            connection.close()
        if served == 4:
            connection.recv(4096)
            connection.sendall(b"\x81\x01x")

    with listening(serve) as port:
        it = client(f"ws://127.0.0.1:{port}/", connections=2, max_in_flight=1, max_reconnects=1, reconnect_delay=0.01)
        async with it, anyio.create_task_group() as tasks:
            pool = pool_of(it)
            in_use.set()
            await until(lambda: len(pool.requests.connections) == 1)
            # The one that is left owes an answer that does not come.
            tasks.start_soon(it.request, "a", math.inf)
            await until(lambda: pool.origin_counts().requests == 1)
            assert await it.request("b", 20) == b"x"
            tasks.cancel_scope.cancel()
    assert served == 4


async def test_a_good_connection_is_made_anew_beside_one_that_is_just_being_made() -> None:
    """Although that is after all attempts to make one had failed."""
    served, hang = 0, threading.Event()
    handshakes: list[Any] = []

    def serve(connection: socket.socket) -> None:
        nonlocal served
        served += 1
        if served <= 2:
            shake_hands(connection)
            first.append(connection)
        elif served <= 4:
            # Both attempts to make them anew.
            connection.close()
        elif served == 5:
            # It hangs in its handshake.
            handshakes.append(connection)
        else:
            threading.Thread(target=answer, args=(connection,), daemon=True).start()

    def answer(connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            shake_hands(connection)
            connection.recv(4096)
            connection.sendall(b"\x81\x01x")
            hang.wait(20)
            connection.close()

    first: list[socket.socket] = []
    with listening(serve) as port:
        it = client(f"ws://127.0.0.1:{port}/", connections=2, max_reconnects=1, reconnect_delay=0.01, open_timeout=60)
        async with it:
            pool = pool_of(it)
            await until(lambda: len(first) == 2)
            for one in first:
                one.close()
            await until(lambda: not pool.requests.connections)
            with pytest.raises(ConnectError):
                await it.request("a", 20)
            assert await it.request("b", 20) == b"x"
            hang.set()
            await until(lambda: not pool.requests.connections)
            assert await it.request("c", 20) == b"x"


async def test_nothing_is_tried_again_after_the_end(url: Url, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconnecting, "LONGEST_WAIT", 0.05)
    rested: list[int] = []
    async with client(url("/abort-after?after=0"), max_reconnects=0) as it:
        monkeypatch.setattr(pool_of(it).reconnecting, "_rested", lambda: rested.append(1))
        with pytest.raises(WebSocketClosed):
            await it.request("x", 20)
        with pytest.raises(ConnectError):
            await it.request("x", 20)
    await anyio.sleep(0.1)
    assert rested == []


async def test_a_row_of_lost_connections_is_one_whoever_makes_them_anew(
    url: Url, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[int] = []

    def wait_before(attempt: int, scale: float) -> float:
        waits.append(attempt)
        return 0.0

    monkeypatch.setattr(reconnecting, "wait_before", wait_before)
    async with client(url("/abort-after?after=0"), max_reconnects=4) as it:
        for _ in range(11):
            with pytest.raises((WebSocketClosed, ConnectError)):
                await it.request("x", 20)
    # Each series has its first attempt at once, and a request that gets the error when there is none left.
    assert waits == [1, 2, 3, 1, 2, 3]


@pytest.mark.parametrize(("connections", "attempts"), [(1, 3), (2, 3), (4, 1), (4, 5)])
async def test_several_connections_have_no_more_attempts_than_each_its_own(connections: int, attempts: int) -> None:
    served, in_use = 0, threading.Event()

    def serve(connection: socket.socket) -> None:
        nonlocal served
        served += 1
        shake_hands(connection)
        if served == connections:
            in_use.wait(20)
            for one in kept:
                one.close()
        if served >= connections:
            connection.close()
        kept.append(connection)

    kept: list[socket.socket] = []
    options: dict[str, Any] = {"connections": connections, "max_reconnects": attempts, "reconnect_delay": 0.001}
    with listening(serve) as port:
        it = client(f"ws://127.0.0.1:{port}/", **options)
        async with it, it.subscribe() as messages:
            in_use.set()
            with contextlib.suppress(WebSocketClosed, ConnectError):
                while True:
                    assert await messages.__anext__() == Gap("reconnect", 0)
    assert connections + attempts <= served <= connections * (1 + attempts)


async def test_one_that_answered_ends_the_row(url: Url, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[int] = []
    monkeypatch.setattr(reconnecting, "wait_before", lambda attempt, scale: waits.append(attempt) or 0.0)
    async with client(url("/abort-after?after=1"), max_reconnects=1) as it:
        for _ in range(5):
            assert await it.request("x", 20) == b"x"
            with pytest.raises(WebSocketClosed):
                await it.request("x", 20)
    assert waits == []


async def test_connections_full_of_dead_requests_do_not_count_as_lost(url: Url) -> None:
    async with client(url("/silent"), max_in_flight=1, max_reconnects=1, reconnect_delay=0.01) as it:
        with anyio.fail_after(20):
            while it.stats().transport["reconnects"] < 3:
                with pytest.raises(TimeoutError):
                    await it.request("x", 0.2)


async def test_what_is_being_connected_is_ended_before_the_farewell() -> None:
    """Peers that do not answer a close are waited for a second; a connection must not come to be in it."""
    served, in_use = 0, threading.Event()

    def serve(connection: socket.socket) -> None:
        nonlocal served
        served += 1
        if served == 3:
            time.sleep(0.3)
        shake_hands(connection)
        if served == 2:
            in_use.wait(20)
            connection.close()

    with listening(serve) as port:
        it = client(f"ws://127.0.0.1:{port}/", connections=2, reconnect_delay=0.01)
        async with it, it.subscribe():
            in_use.set()
            pool = pool_of(it)
            await until(lambda: served == 3)
        assert not pool._closing
        assert not pool.requests.connections
        assert pool.reconnecting.under_way == 0


async def test_a_block_that_is_cancelled_leaves_nothing() -> None:
    with listening(shake_hands) as port, anyio.move_on_after(0.2):
        async with client(f"ws://127.0.0.1:{port}/") as it:
            pool = pool_of(it)
            await it.request("x", math.inf)
    assert not pool._closing


@pytest.mark.parametrize("kind", ["ws", "wss"])
async def test_a_name_that_cannot_be_one_is_refused_at_once(kind: str) -> None:
    with pytest.raises(ConfigurationError, match=r"url: .* is not a valid host name"):
        client(f"{kind}://{'a' * 70}.example/")


async def test_a_connection_that_ends_in_the_tls_handshake_says_so() -> None:
    no_tls = pytest.raises(ConnectError, match=r"no TLS connection: \S")
    with listening(lambda connection: connection.close()) as port, no_tls as failed:
        await client(f"wss://127.0.0.1:{port}/").request("x", 20)
    assert (failed.value.phase, failed.value.sent) == ("tls", "none")


async def test_what_is_in_flight_at_the_end_had_been_sent(url: Url) -> None:
    transport = WebSocketTransportFactory().create_transport(url=url("/silent"))
    await transport.connect()
    errors: list[Any] = []

    async def ask() -> None:
        try:
            await transport.exchange("x")
        except TransportError as error:
            errors.append((error.phase, error.sent))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        await anyio.wait_all_tasks_blocked()
        await transport.disconnect()
    assert errors == [("headers", "full")]
