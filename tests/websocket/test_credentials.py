"""Header fields of a function's, asked for at each handshake, and credentials as for HTTP."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import socket
import sys
from collections.abc import Callable
from typing import Any

import anyio
import httpx
import pytest

from inside import transport_of
from pynector import ConfigurationError, ConnectError, Pynector, PynectorError, WebSocketClosed
from wsservers import Url, client, listening, shake_hands, until

pytestmark = pytest.mark.anyio

FAILURES: list[Callable[[], BaseException]] = [lambda: ValueError("s3cr3t")]
if sys.version_info >= (3, 11):
    # Before that nobody can tell a cancellation that was meant for another.
    FAILURES.append(asyncio.CancelledError)


async def sent(url: str, **options: Any) -> dict[str, str]:
    """Give the header fields that a handshake says."""
    async with client(url, **options) as it:
        return {name.lower(): value for name, value in json.loads(await it.request("x")).items()}


async def test_a_function_is_asked_at_each_handshake(url: Url) -> None:
    asked: list[int] = []

    def headers() -> dict[str, str]:
        asked.append(len(asked))
        return {"X-Token": f"{len(asked)}"}

    async with client(url("/abort-after?after=1"), headers=headers, connections=2, reconnect_delay=0.01) as it:
        assert len(asked) == 2
        assert await it.request("x") == b"x"
        with pytest.raises(WebSocketClosed):
            await it.request("y")
        async with it.subscribe():
            await until(lambda: len(asked) == 3)
    assert (await sent(url("/headers"), headers=headers))["x-token"] == "4"


async def test_it_may_have_to_be_awaited(url: Url) -> None:
    async def headers() -> list[tuple[str, str]]:
        await anyio.sleep(0.01)
        return [("X-Token", "later")]

    class Tokens:
        def __call__(self) -> Any:
            return headers()

    for given in (headers, Tokens()):
        assert (await sent(url("/headers"), headers=given))["x-token"] == "later"


async def test_a_default_field_may_be_taken_away(url: Url) -> None:
    got = await sent(url("/headers"), headers=lambda: {"Origin": None}, origin="https://a.example")
    assert "origin" not in got


async def test_waiting_for_it_counts_as_connecting(url: Url) -> None:
    async def headers() -> dict[str, str]:
        await anyio.sleep_forever()
        return {}

    with pytest.raises(ConnectError, match="open_timeout"):
        await client(url("/echo"), headers=headers, open_timeout=0.1).request("x", 20)


@pytest.mark.parametrize("awaited", [False, True])
@pytest.mark.parametrize("make", FAILURES)
async def test_one_that_fails_is_a_connection_that_cannot_be_made(
    url: Url, make: Callable[[], BaseException], awaited: bool
) -> None:
    async def later() -> None:
        raise make()

    def headers() -> Any:
        if awaited:
            return later()
        raise make()

    with pytest.raises(ConnectError, match=r"headers= failed: (ValueError|CancelledError)") as failed:
        await client(url("/echo"), headers=headers).request("x", 20)
    assert (failed.value.phase, failed.value.sent, failed.value.transient) == ("connect", "none", True)
    assert "s3cr3t" not in str(failed.value)


async def test_what_its_own_requests_had_sent_is_not_ours(url: Url) -> None:
    async def headers() -> Any:
        raise WebSocketClosed("of another", code=1008, sent="full")

    with pytest.raises(ConnectError) as failed:
        await client(url("/echo"), headers=headers).request("x", 20)
    assert (failed.value.sent, failed.value.transient) == ("none", False)


@pytest.mark.parametrize("given", [{"a b": "1"}, {"Upgrade": "x"}, {"X": "a\nb"}, 7, "text", [1]])
async def test_what_it_gives_is_checked(url: Url, given: Any) -> None:
    with pytest.raises(ConfigurationError, match="what headers= gives"):
        await client(url("/echo"), headers=lambda: given).request("x", 20)


async def test_and_is_not_asked_for_again_where_it_is_wrong(url: Url) -> None:
    """It will be wrong again."""
    asked = 0

    def headers() -> Any:
        nonlocal asked
        asked += 1
        return {} if asked == 1 else {"a b": "1"}

    async with client(url("/abort-after?after=0"), headers=headers, max_reconnects=9, reconnect_delay=0.01) as it:
        with pytest.raises(WebSocketClosed):
            await it.request("x")
        with pytest.raises(ConnectError, match="what headers= gives"):
            await it.request("y", 20)
    assert asked == 2


# auth=


@pytest.mark.parametrize(
    ("auth", "expected"),
    [
        (("user", "pa:ss"), "Basic dXNlcjpwYTpzcw=="),
        ("token", "Bearer token"),
        (httpx.BasicAuth("user", "pa:ss"), "Basic dXNlcjpwYTpzcw=="),
    ],
)
async def test_credentials_are_those_of_http(url: Url, auth: Any, expected: str) -> None:
    got = await sent(url("/headers"), auth=auth, headers={"X-One": "1", "authorization": "other"})
    assert (got["authorization"], got["x-one"]) == (expected, "1")
    assert got["host"].startswith("127.0.0.1:")


@pytest.mark.parametrize("auth", [("a", "b", "c"), ("us:er", "x"), 7, "", b"token", httpx.BasicAuth])
async def test_others_are_refused_at_once(auth: Any) -> None:
    with pytest.raises(ConfigurationError, match="auth"):
        client("ws://a/", auth=auth)


class Digest:
    """A server that asks for digest credentials (RFC 7616)."""

    def __init__(self, password: str) -> None:
        self.statuses: list[int] = []
        self._password = password

    def serve(self, connection: socket.socket) -> None:
        head = connection.recv(8192, socket.MSG_PEEK)
        if self._fits(head.decode()):
            self.statuses.append(101)
            shake_hands(connection)
        else:
            self.statuses.append(401)
            connection.recv(8192)
            connection.sendall(
                b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n"
                b'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth", algorithm=MD5\r\n\r\n'
            )
            connection.close()

    def _fits(self, head: str) -> bool:
        said = dict(re.findall(r'(\w+)="?([^",]+)"?', head.partition("Digest ")[2]))
        if not said:
            return False

        def md5(text: str) -> str:
            return hashlib.md5(text.encode()).hexdigest()

        first, second = md5(f"user:r:{self._password}"), md5(f"GET:{said['uri']}")
        return said["response"] == md5(f"{first}:n:{said['nc']}:{said['cnonce']}:auth:{second}")


async def test_a_flow_has_its_steps() -> None:
    server = Digest("pass")
    with listening(server.serve) as port:
        url = f"ws://127.0.0.1:{port}/path?query=1"
        async with client(url, auth=httpx.DigestAuth("user", "pass")) as it:
            assert await it.request("x", one_way=True) is None
    assert server.statuses == [401, 101]


async def test_a_flow_that_does_not_know_more_ends_with_the_refusal() -> None:
    server = Digest("another")
    with listening(server.serve) as port, pytest.raises(ConnectError, match="status 401") as failed:
        await client(f"ws://127.0.0.1:{port}/", auth=httpx.DigestAuth("user", "pass")).request("x", 20)
    assert server.statuses == [401, 401]
    assert failed.value.response is not None
    assert failed.value.response.status_code == 401


class Faulty(httpx.Auth):
    def __init__(self, at: int) -> None:
        self._at = at

    async def async_auth_flow(self, request: Any) -> Any:
        for step in range(3):
            if step == self._at:
                raise ValueError("s3cr3t")
            yield request


@pytest.mark.parametrize("at", [0, 1])
async def test_a_flow_that_fails_is_a_connection_that_cannot_be_made(at: int) -> None:
    fails = pytest.raises(ConnectError, match="auth= failed: ValueError")
    with listening(Digest("pass").serve) as port, fails as failed:
        await client(f"ws://127.0.0.1:{port}/", auth=Faulty(at)).request("x", 20)
    assert "s3cr3t" not in str(failed.value)


async def test_a_connection_whose_flow_fails_after_it_was_made_is_ended(url: Url) -> None:
    told: list[str] = []
    it = client(url("/echo"), auth=Faulty(1))
    transport_of(it).on_connection = lambda event, host, port: told.append(event)
    transport = transport_of(it)
    with pytest.raises(ConnectError):
        await transport.connect()
    await until(lambda: told == ["open", "close"])


async def test_a_client_with_credentials_can_be_copied(url: Url) -> None:
    import pickle

    it = client(url("/headers"), auth=("user", "pass"))
    again: Pynector = pickle.loads(pickle.dumps(it))
    async with again:
        assert b"Basic" in await again.request("x")
    with pytest.raises(PynectorError):
        await client("ws://127.0.0.1:9/", auth="token").request("x", 20)
