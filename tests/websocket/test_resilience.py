"""What must hold for long: slow consumers, peers that accept and say nothing, requests that end connections."""

from __future__ import annotations

import contextlib
import json
import math
import socket
import ssl
import time
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest

from inside import pool_of, transport_of
from pynector import ConfigurationError, ConnectError, TimeoutError, TransportError, WebSocketClosed
from pynector.transport.websocket import Gap, Message
from wsservers import Url, certificate, client, listening, shake_hands, until

pytestmark = pytest.mark.anyio


async def test_a_slow_subscriber_is_not_taken_for_a_silent_peer(url: Url) -> None:
    """While nothing is read no pong can be, either."""
    options: dict[str, Any] = {"ping_interval": 0.3, "ping_timeout": 2.5, "correlation": "id"}
    async with (
        client(url("/rpc"), **options) as it,
        it.subscribe(max_queue=2, overflow="wait") as messages,
        anyio.create_task_group() as group,
    ):
        group.start_soon(it.request, {"method": "notify", "params": [50]})
        await anyio.sleep(3.2)
        got = [await messages.__anext__() for _ in range(50)]
        assert [message.json()["params"] for message in got] == [[number] for number in range(50)]
        assert it.stats().transport["reconnects"] == 0


class SlowTaker:
    """A server that takes what comes slowly, and says then that it is done. What it has not taken is with the client.

    Args:
        size: How many bytes it takes.
    """

    def __init__(self, size: int) -> None:
        self._size = size

    def serve(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        with connection:
            shake_hands(connection)
            taken = 0
            while taken < self._size and (data := connection.recv(1 << 14)):
                taken += len(data)
                time.sleep(0.005)
            connection.sendall(b"\x81\x04done")
            connection.recv(1)


# What the system holds takes longer.
IMPATIENT: dict[str, Any] = {"ping_interval": 0.1, "ping_timeout": 0.7, "max_reconnects": 0}
SLOW = 8_000_000


async def test_a_peer_that_takes_a_long_message_slowly_is_not_taken_for_silent() -> None:
    """A ping waits behind the message, in this process or in the system."""
    with listening(SlowTaker(SLOW).serve) as port:
        async with client(f"ws://127.0.0.1:{port}/", **IMPATIENT) as it:
            assert await it.request(b"x" * SLOW, 60) == b"done"


async def test_so_it_is_over_tls(tmp_path: Path) -> None:
    chain, key, trusted = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    with listening(SlowTaker(SLOW).serve, context) as port:
        async with client(f"wss://127.0.0.1:{port}/", verify=trusted, **IMPATIENT) as it:
            assert await it.request(b"x" * SLOW, 60) == b"done"


async def test_so_it_is_where_more_and_more_is_sent() -> None:
    """What waits does not become less then, though it moves."""
    with listening(SlowTaker(SLOW).serve) as port:
        async with client(f"ws://127.0.0.1:{port}/", **IMPATIENT) as it, it.subscribe() as messages:
            piece, number = b"x" * 100_000, SLOW // 100_000
            assert await it.batch_request([(piece, {"one_way": True})] * number) == [None] * number
            assert (await messages.__anext__()).content == b"done"


async def test_one_that_takes_nothing_more_is_given_up() -> None:
    """However much waits for it."""

    def serve(connection: socket.socket) -> None:
        shake_hands(connection)

    with listening(serve) as port:
        async with client(f"ws://127.0.0.1:{port}/", **IMPATIENT) as it:
            with pytest.raises(WebSocketClosed, match="did not answer a ping") as failed:
                await it.request(b"x" * 40_000_000, 60)
            assert (failed.value.code, failed.value.sent) == (1011, "full")


async def test_a_peer_that_accepts_and_says_nothing_is_given_up() -> None:
    with listening() as port:
        with pytest.raises(ConnectError, match="open_timeout"):
            await client(f"ws://127.0.0.1:{port}/", open_timeout=0.1).request("x", 20)
        with pytest.raises(TimeoutError) as failed:
            await client(f"ws://127.0.0.1:{port}/", open_timeout=None).request("x", 0.1)
        assert failed.value.sent in (None, "none")


async def test_so_it_is_when_reconnecting(url: Url) -> None:
    with listening() as port:
        it = client(url("/abort-after?after=1"), open_timeout=5, max_reconnects=2, reconnect_delay=0.01)
        async with it:
            assert await it.request("x") == b"x"
            pool_of(it)._dialer._origin = ("ws", "127.0.0.1", port)
            transport_of(it)._options.open_timeout = 0.05
            with pytest.raises(WebSocketClosed):
                await it.request("y")
            with pytest.raises(ConnectError, match="open_timeout"):
                await it.request("z", 20)


async def test_a_tls_handshake_that_is_cancelled_leaves_no_socket() -> None:
    with listening() as port:
        with anyio.move_on_after(0.1):
            await client(f"wss://127.0.0.1:{port}/", verify=ssl.create_default_context()).request("x")
        with pytest.raises(ConnectError):
            await client(f"wss://127.0.0.1:{port}/", open_timeout=0.1).request("x")


async def test_a_server_that_closes_at_once_after_the_handshake_says_why() -> None:
    with listening(partial(shake_hands, close=True)) as port:
        async with anyio.create_task_group() as tasks:

            async def ask() -> None:
                with pytest.raises(WebSocketClosed) as failed:
                    await client(f"ws://127.0.0.1:{port}/").request("x", 10)
                assert (failed.value.code, failed.value.reason) == (1008, "not you")

            for _ in range(20):
                tasks.start_soon(ask)


@pytest.mark.parametrize("greeting", [b"", b"\x81\x05hello"])
async def test_a_server_that_always_closes_soon_after_the_handshake_ends_a_subscription(greeting: bytes) -> None:
    served = 0

    def serve(connection: socket.socket) -> None:
        nonlocal served
        served += 1
        shake_hands(connection)
        connection.sendall(greeting)
        # The connection is in use by now.
        time.sleep(0.02)
        connection.close()

    got = []
    with listening(serve) as port:
        it = client(f"ws://127.0.0.1:{port}/", max_reconnects=3, reconnect_delay=0.01)
        async with it, it.subscribe() as messages:
            with contextlib.suppress(WebSocketClosed):
                while True:
                    got.append(await messages.__anext__())
    assert [message for message in got if isinstance(message, Gap)] == [Gap("reconnect", 0)] * 3
    assert served == 4


async def test_a_connection_of_several_that_is_lost_is_replaced(url: Url) -> None:
    async with client(url("/close-after?after=1&code=1000"), connections=3, reconnect_delay=0.01) as it:
        assert await it.request("x") == b"x"
        with pytest.raises(WebSocketClosed):
            await it.request("y")
        assert await it.request("z") == b"z"
        await until(lambda: it.stats().transport["reconnects"] == 1)
        counts = it.stats().connections
        assert counts["active"] + counts["idle"] == 3


async def test_one_that_cannot_be_replaced_is_left_alone_for_a_while(url: Url) -> None:
    options: dict[str, Any] = {"connections": 2, "max_reconnects": 1, "reconnect_delay": 0.01}
    async with client(url("/close-after?after=1&code=1000"), **options) as it:
        pool = pool_of(it)
        tried = 0

        async def connect(*_: Any) -> None:
            nonlocal tried
            tried += 1
            raise ConnectionRefusedError("not now")

        pool._dialer.connect = connect
        assert await it.request("x") == b"x"
        with pytest.raises(WebSocketClosed):
            await it.request("y")
        assert await it.request("z") == b"z"
        await anyio.sleep(0.05)
        outcome = await it.batch_request([("a", {})])
        await anyio.sleep(0.05)
        assert tried == 1
        # It was the last, and now none can be made.
        assert isinstance(outcome[0], WebSocketClosed)
        with pytest.raises(TransportError, match="not now"):
            await it.request("b")


async def test_a_request_that_ends_each_connection_does_not_do_so_for_ever(url: Url) -> None:
    options: dict[str, Any] = {"idempotent": True, "max_reconnects": 3, "reconnect_delay": 0.01}
    async with client(url("/abort-after?after=0"), **options) as it:
        with pytest.raises(WebSocketClosed) as failed:
            await it.request("poison", math.inf)
        assert failed.value.sent == "full"
        assert it.stats().transport["reconnects"] == 3


async def test_what_waits_and_is_given_up_is_forgotten(url: Url) -> None:
    async with client(url("/silent"), max_in_flight=1) as it:
        async with anyio.create_task_group() as tasks:
            for _ in range(101):
                tasks.start_soon(it.request, "waits")
            await until(lambda: it.stats().queued == 100)
            tasks.cancel_scope.cancel()
        assert it.stats().queued == 0
        assert not pool_of(it).requests.waiting


async def test_a_connection_that_owes_very_many_answers_nobody_waits_for_is_replaced(url: Url) -> None:
    async with client(url("/silent"), reconnect_delay=0.01) as it:
        pool = pool_of(it)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(it.batch_request, [("x", {})] * 10_001)
            await until(lambda: pool.origin_counts().requests == 10_001)
            tasks.cancel_scope.cancel()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(it.request, "y")
            await until(lambda: it.stats().transport["reconnects"] == 1)
            tasks.cancel_scope.cancel()


# Messages that nothing answers


async def test_a_notification_has_no_id_and_no_answer(url: Url) -> None:
    async with client(url("/rpc"), correlation="id") as it, it.subscribe() as messages:
        note = {"jsonrpc": "2.0", "method": "note", "params": [1]}
        assert await it.request(note, one_way=True) is None
        assert (await messages.__anext__()).json() == note
        outcome = await it.batch_request([(note, {"one_way": True}), ({"method": "add", "params": [1, 2]}, {})] * 50)
        assert outcome[::2] == [None] * 50
        assert [json.loads(answer)["result"] for answer in outcome[1::2]] == [3] * 50


async def test_a_message_without_an_answer_takes_no_place_in_the_order(url: Url) -> None:
    async with client(url("/echo")) as it, it.subscribe() as messages:
        assert await it.request("note", one_way=True) is None
        assert await messages.__anext__() == Message(b"note", True)
        assert await it.request("question") == b"question"


async def test_functions_are_not_asked_for_the_key_of_what_nothing_answers(url: Url) -> None:
    def of_request(data: Any) -> Any:
        raise AssertionError("not asked")

    async with client(url("/echo"), correlation=(of_request, lambda message: None)) as it, it.subscribe() as messages:
        assert await it.request(b"note", one_way=True) is None
        assert await messages.__anext__() == Message(b"note", False)
        with pytest.raises(ConfigurationError, match="one_way must be True or False"):
            await it.request(b"note", one_way=1)


async def test_ids_that_are_given_are_not_given_again(url: Url) -> None:
    async with client(url("/backwards?group=4"), correlation="id", as_response=True) as it:
        answers = await it.batch_request([({"id": 1}, {}), ({}, {}), ({"id": 7}, {}), ({}, {})])
    assert [answer.json()["id"] for answer in answers] == [1, 2, 7, 8]


# Subscriptions


async def test_a_subscription_that_has_ended_holds_nobody_up(url: Url) -> None:
    async with client(url("/rpc"), correlation="id") as it, it.subscribe(max_queue=1, overflow="wait") as messages:
        pool = pool_of(it)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(it.request, {"method": "notify", "params": [3]})
            await until(lambda: pool.subscribers.is_full)
            messages.end(None)
        assert not pool.subscribers.is_full
        assert json.loads(await it.request({"method": "add", "params": [1, 2]}))["result"] == 3
        # What was queued is there, and then it ends.
        queued = [message.json()["params"][0] async for message in messages]
        assert queued == list(range(len(queued)))


async def test_two_tasks_may_take_the_messages_of_one_subscription(url: Url) -> None:
    async with client(url("/echo")) as it, it.subscribe() as messages:
        got: list[bytes] = []

        async def take() -> None:
            got.append((await messages.__anext__()).content)

        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(take)
            await anyio.wait_all_tasks_blocked()
            for text in ("a", "b", "c"):
                await it.request(text, one_way=True)
    assert sorted(got) == [b"a", b"b", b"c"]


@pytest.mark.parametrize(
    ("overflow", "expected"),
    [
        ("drop_oldest", [Gap("reconnect", 3), "d", "e"]),
        ("drop_newest", ["a", Gap("reconnect", 4)]),
    ],
)
async def test_a_gap_that_is_dropped_is_still_a_gap(url: Url, overflow: str, expected: list[Any]) -> None:
    async with client(url("/echo")) as it, it.subscribe(max_queue=2, overflow=overflow) as messages:
        subscribers = pool_of(it).subscribers
        subscribers.take(Message(b"a", True))
        subscribers.miss()
        for text in (b"b", b"c", b"d", b"e"):
            subscribers.take(Message(text, True))
        got = [await messages.__anext__() for _ in expected]
    assert [message if isinstance(message, Gap) else message.text for message in got] == expected
