"""Connections that break, peers that break the protocol, and reconnecting."""

from __future__ import annotations

import gc
import json
import os
import pickle
import signal
import uuid
import weakref
from pathlib import Path
from typing import Any

import anyio
import pytest

from inside import pool_of
from pynector import (
    ConfigurationError,
    ConnectError,
    ProtocolError,
    PynectorError,
    ResponseTooLarge,
    TransportError,
    WebSocketClosed,
)
from pynector.transport.websocket import Gap
from sockets import free_port
from wsservers import Url, certificate, client, running, start, until

pytestmark = pytest.mark.anyio


async def test_over_tls_the_server_is_verified(tmp_path: Path) -> None:
    chain, key, trusted = certificate(tmp_path)
    with running(files=(chain, key)) as port:
        url = f"wss://127.0.0.1:{port}/echo"
        async with client(url, verify=trusted) as it:
            assert await it.batch_request([(f"{n}", {}) for n in range(100)]) == [b"%d" % n for n in range(100)]
        with pytest.raises(ConnectError) as failed:
            await client(url).request("x")
        assert (failed.value.phase, failed.value.sent, failed.value.transient) == ("tls", "none", False)
    with pytest.raises(ConfigurationError, match="verify"):
        await client("wss://127.0.0.1:9/", verify=str(tmp_path / "nothing.pem")).request("x")


@pytest.mark.parametrize(("code", "transient"), [(1000, True), (1001, True), (1008, False), (1011, True)])
async def test_a_close_code_is_told(url: Url, code: int, transient: bool) -> None:
    async with client(url(f"/close-after?after=2&code={code}")) as it:
        answers = await it.batch_request([(f"{n}", {}) for n in range(5)])
        assert answers[:2] == [b"0", b"1"]
        for error in answers[2:]:
            assert isinstance(error, WebSocketClosed)
            assert (error.code, error.reason, error.transient) == (code, "said so", transient)
            assert error.sent == "full"
        copy = pickle.loads(pickle.dumps(answers[2]))
        assert (copy.code, copy.reason, str(copy)) == (code, "said so", str(answers[2]))
        # The next request goes on a new connection.
        assert await it.request("again") == b"again"
        assert it.stats().transport["reconnects"] == 1


async def test_an_abrupt_end(url: Url) -> None:
    async with client(url("/abort-after?after=1")) as it:
        first, *others = await it.batch_request([(f"{n}", {}) for n in range(4)])
    assert first == b"0"
    assert [(error.code, error.sent) for error in others] == [(1006, "full")] * 3


async def test_what_has_ended_does_not_hold_its_connection_until_its_deadline(url: Url) -> None:
    async with client(url("/abort-after?after=1"), timeout=600) as it:
        assert await it.request("first") == b"first"
        connection = weakref.ref(pool_of(it).requests.connections[0])
        with pytest.raises(WebSocketClosed):
            await it.request("second")
        for _ in range(100):
            gc.collect()
            if connection() is None:
                break
            await anyio.sleep(0.01)
        assert connection() is None


@pytest.mark.parametrize("connections", [1, 3])
async def test_idempotent_requests_are_sent_again(url: Url, connections: int) -> None:
    address = url("/abort-after?after=100")
    async with client(address, idempotent=True, connections=connections, reconnect_delay=0.01) as it:
        answers = await it.batch_request([(f"{n}", {}) for n in range(1_000)], max_concurrency=50)
    assert answers == [b"%d" % n for n in range(1_000)]


async def test_without_reconnects_they_fail(url: Url) -> None:
    async with client(url("/abort-after?after=1"), idempotent=True, max_reconnects=0) as it:
        first, second = await it.batch_request([("a", {}), ("b", {})])
        assert first == b"a"
        assert isinstance(second, WebSocketClosed)
        with pytest.raises(ConnectError, match="max_reconnects is 0"):
            await it.request("c")


@pytest.mark.parametrize("correlation", ["fifo", "id"])
async def test_a_server_that_restarts_loses_nothing_and_answers_nothing_twice(correlation: str) -> None:
    port = free_port()
    first, _ = start(port)
    second = None
    answers: list[Any] = []
    try:
        options = {"idempotent": True, "connections": 2, "reconnect_delay": 0.2, "max_reconnects": 60}
        async with client(f"ws://127.0.0.1:{port}/echo", correlation=correlation, **options) as it:

            async def ask() -> None:
                requests = [({"n": number}, {}) for number in range(5_000)]
                answers.extend(await it.batch_request(requests, max_concurrency=100))

            async with anyio.create_task_group() as group:
                group.start_soon(ask)
                await until(lambda: 0 < it.stats().queued < 4_000)
                first.kill()
                await anyio.to_thread.run_sync(first.wait)
                assert answers == []
                second, _ = await anyio.to_thread.run_sync(start, port)
            assert it.stats().transport["reconnects"] >= 1
    finally:
        for process in filter(None, (first, second)):
            process.kill()
            process.communicate()
    assert [json.loads(answer)["n"] for answer in answers] == list(range(5_000))


async def test_a_server_that_stays_away_ends_what_waits_and_subscriptions() -> None:
    with running() as port:
        it = client(f"ws://127.0.0.1:{port}/echo", idempotent=True, max_reconnects=2, reconnect_delay=0.01)
        await it.__aenter__()
        await it.request("x")
    async with it.subscribe() as messages:
        with pytest.raises(TransportError) as failed:
            await it.request("y")
        assert isinstance(failed.value, (ConnectError, WebSocketClosed))
        with pytest.raises(PynectorError):
            await it.request("z")
        with pytest.raises(ConnectError):
            await messages.__anext__()
    await it.aclose()


async def test_a_subscription_goes_on_and_is_told_of_the_gap(url: Url) -> None:
    async with client(url("/abort-after?after=0"), reconnect_delay=0.01) as it, it.subscribe() as messages:
        with pytest.raises(WebSocketClosed):
            await it.request("x")
        assert await messages.__anext__() == Gap("reconnect", 0)


@pytest.mark.parametrize(
    ("frames", "kind", "code"),
    [
        pytest.param("8180000000", ProtocolError, 1002, id="a masked frame"),
        pytest.param("8102c328", ProtocolError, 1007, id="text that is no UTF-8"),
        pytest.param("0101c3800128", ProtocolError, 1007, id="fragments that are no UTF-8"),
        pytest.param("c10178", ProtocolError, 1002, id="a reserved bit"),
        pytest.param("830178", ProtocolError, 1002, id="an unknown opcode"),
        pytest.param("800178", ProtocolError, 1002, id="a continuation of nothing"),
        pytest.param("010178810178", ProtocolError, 1002, id="a message within a message"),
        pytest.param("09027878", ProtocolError, 1002, id="a ping in fragments"),
        pytest.param("897e007e" + "78" * 126, ProtocolError, 1002, id="a ping that is too long"),
        pytest.param("8801" + "03", ProtocolError, 1002, id="a close code of one byte"),
        pytest.param("8802" + "03e7", ProtocolError, 1002, id="a close code that there is not"),
        pytest.param("827f" + "ff" * 8, ProtocolError, 1002, id="a length beyond all bounds"),
        pytest.param("827f0000000000001001", ResponseTooLarge, 1009, id="a message that is too long"),
        pytest.param(
            "027e0800" + "78" * 2048 + "007e0801" + "78" * 2049, ResponseTooLarge, 1009, id="fragments too long"
        ),
    ],
)
@pytest.mark.parametrize("cut", [False, True])
async def test_a_peer_that_breaks_the_protocol(
    url: Url, frames: str, kind: type[PynectorError], code: int, cut: bool
) -> None:
    # With a good frame before it the bad one comes in the middle of what is read.
    frames = "810161" + frames if cut else frames
    case = uuid.uuid4().hex
    async with client(url(f"/raw?case={case}"), max_message_bytes=4096) as it:
        answers = await it.batch_request([(frames, {}), ("b", {}), ("c", {})], timeout=20)
        if cut:
            assert answers.pop(0) == b"a"
        assert [isinstance(error, (kind, WebSocketClosed)) for error in answers] == [True] * len(answers), answers
        assert isinstance(answers[0], kind)
        assert not pool_of(it).requests.connections
    async with client(url("/last-code")) as it:
        assert await it.request(case) == b"%d" % code


async def test_a_compressed_bomb_is_too_large(echo_url: str) -> None:
    if "aiohttp" in echo_url:
        pytest.skip("it does not compress")
    async with client(echo_url, compression="deflate", max_message_bytes=10_000) as it:
        with pytest.raises(PynectorError) as failed:
            await it.request("x" * 1_000_000)
        assert isinstance(failed.value, (ResponseTooLarge, WebSocketClosed))


async def test_a_peer_that_does_not_answer_pings_is_given_up() -> None:
    """The server's process is stopped, so its socket stays open and nothing comes."""
    process, port = start(0)
    try:
        options = {"ping_interval": 0.1, "ping_timeout": 2.5, "max_reconnects": 0}
        async with client(f"ws://127.0.0.1:{port}/silent", **options) as it:
            async with anyio.create_task_group() as group:
                errors: list[PynectorError] = []

                async def ask() -> None:
                    try:
                        await it.request("x")
                    except PynectorError as error:
                        errors.append(error)

                group.start_soon(ask)
                await anyio.sleep(3)
                # Pings were answered so far.
                assert errors == []
                os.kill(process.pid, signal.SIGSTOP)
            assert isinstance(errors[0], WebSocketClosed)
            assert errors[0].code == 1011
    finally:
        process.kill()
        process.communicate()
