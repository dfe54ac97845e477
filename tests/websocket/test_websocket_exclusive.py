"""The transport on trio: one request at a time on each connection."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pynector import (
    ConfigurationError,
    ConnectError,
    ProtocolError,
    RemoteError,
    ResponseTooLarge,
    TimeoutError,
    WebSocketClosed,
)
from pynector.transport.websocket import Message
from wsservers import Url, certificate, client, running, start, stop

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> Any:
    return ("trio", {})


@pytest.mark.parametrize("connections", [1, 4])
async def test_each_answer_is_its_own(echo_url: str, connections: int) -> None:
    messages: list[Any] = [f"n {n} \u00e9" if n % 2 else b"\x00\xff%d" % n for n in range(400)]
    async with client(echo_url, connections=connections) as it:
        answers = await it.batch_request([(message, {}) for message in messages])
        assert answers == [m.encode() if isinstance(m, str) else m for m in messages]
        assert it.stats().connections == {"active": 0, "idle": connections}
        assert await it.request("t", as_response=True) == Message(b"t", True)


async def test_large_and_fragmented_messages(url: Url) -> None:
    large = "x" * (16 << 20)
    async with client(url("/fragments"), compression="deflate") as it:
        assert await it.request(large) == large.encode()


async def test_json_rpc(url: Url) -> None:
    pushed: list[Any] = []
    async with client(url("/rpc"), correlation="id", on_message=pushed.append) as it:
        call = {"jsonrpc": "2.0", "method": "add", "params": [1, 2]}
        assert json.loads(await it.request(call))["result"] == 3
        assert json.loads(await it.request({**call, "method": "notify", "params": [2]}))["result"] == "notified"
        assert [message.json()["params"] for message in pushed] == [[0], [1]]
        with pytest.raises(RemoteError):
            await it.request({**call, "method": "none"})
        await it.request({**call, "method": "unknown"})
        assert it._lifecycle.transport.counts() == {"late": 1, "unclaimed": 0, "reconnects": 0}


async def test_a_late_answer_is_nobodys(url: Url) -> None:
    async with client(url("/late-first")) as it:
        with pytest.raises(TimeoutError) as late:
            await it.request("late", 0.1)
        assert (late.value.phase, late.value.sent) == ("headers", "full")
        assert await it.request("next") == b"next"
        results = await it.batch_request([("a", {"timeout": 0.1}), ("b", {})])
        assert results[1] == b"b"


@pytest.mark.parametrize(("code", "transient"), [(1008, False), (1011, True)])
async def test_a_close_code_is_told(url: Url, code: int, transient: bool) -> None:
    async with client(url(f"/close-after?after=1&code={code}")) as it:
        assert await it.request("a") == b"a"
        with pytest.raises(WebSocketClosed) as told:
            await it.request("b")
        assert (told.value.code, told.value.reason, told.value.transient) == (code, "said so", transient)
        assert await it.request("again") == b"again"
        assert it._lifecycle.transport.counts()["reconnects"] == 1


async def test_idempotent_requests_are_sent_again(url: Url) -> None:
    async with client(url("/abort-after?after=10"), idempotent=True, connections=3, reconnect_delay=0.01) as it:
        answers = await it.batch_request([(f"{n}", {}) for n in range(100)])
    assert answers == [b"%d" % n for n in range(100)]
    async with client(url("/abort-after?after=0")) as it:
        with pytest.raises(WebSocketClosed):
            await it.request("x")


@pytest.mark.parametrize(
    ("frame", "error"),
    [
        ("8102ffff", ProtocolError),  # text that is no UTF-8
        ("c1026869", ProtocolError),  # a reserved bit
        ("8182000000006869", ProtocolError),  # masked by a server
        ("827f0000000000100000", ResponseTooLarge),
        ("880203e8", WebSocketClosed),
    ],
)
async def test_a_peer_that_breaks_the_protocol(url: Url, frame: str, error: type[Exception]) -> None:
    async with client(url("/raw"), max_message_bytes=1000) as it:
        with pytest.raises(error):
            await it.request(frame, 10)


async def test_a_connection_that_died_idle_is_not_used() -> None:
    process, port = start(0)
    try:
        async with client(f"ws://127.0.0.1:{port}/echo", max_reconnects=2, reconnect_delay=0.01) as it:
            assert await it.request("a") == b"a"
            stop(process)
            with pytest.raises(ConnectError):
                await it.request("b")
            process, _ = start(port)
            assert await it.request("c") == b"c"
    finally:
        stop(process)


async def test_no_connection(url: Url) -> None:
    with pytest.raises(ConnectError, match="no connection"):
        await client("ws://127.0.0.1:9/").request("x")
    async with client(url("/abort-after?after=0"), max_reconnects=0) as it:
        with pytest.raises(WebSocketClosed):
            await it.request("x")
        with pytest.raises(ConnectError, match="max_reconnects is 0"):
            await it.request("x")


async def test_over_tls_the_server_is_verified(tmp_path: Path) -> None:
    chain, key, trusted = certificate(tmp_path)
    with running(files=(chain, key)) as port:
        url = f"wss://127.0.0.1:{port}/echo"
        async with client(url, verify=trusted) as it:
            assert await it.batch_request([(f"{n}", {}) for n in range(20)]) == [b"%d" % n for n in range(20)]
        with pytest.raises(ConnectError) as failed:
            await client(url).request("x")
        assert (failed.value.phase, failed.value.transient) == ("tls", False)


async def test_what_it_cannot_do_is_said(url: Url) -> None:
    async with client(url("/echo")) as it:
        with pytest.raises(ConfigurationError, match="on_message"):
            async with it.subscribe():
                pass
        results = await it.batch_request([(object(), {}), ("x", {"other": 1}), ("y", {})])
    assert Counter(type(result) for result in results) == {ConfigurationError: 2, bytes: 1}
