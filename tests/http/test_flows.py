"""Auth flows of httpx and httpx2, on every engine."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import anyio
import httpx
import pytest
from scripted import ScriptedServer, answer, eventually

from loops import PACKAGES
from pynector import (
    ConnectError,
    HTTPStatusError,
    Pynector,
    PynectorError,
    ResponseTooLarge,
    TimeoutError,
    TransportError,
)
from pynector.testing import LoopbackServer
from pynector.transport.http.transport import HTTPTransport

pytestmark = pytest.mark.anyio

Play = Callable[..., ScriptedServer]

SECRET = "hunter2"
CHALLENGE = answer(
    b"who are you?", "401 Unauthorized", 'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth", algorithm=MD5'
)


class Flow:
    """An auth flow made of a generator function, whose requests need not be of httpx's own class."""

    def __init__(self, steps: Callable[[Any], AsyncIterator[Any]]) -> None:
        self.async_auth_flow = steps


async def ask(client: Pynector, way: str, data: Any, **options: Any) -> bytes:
    if way == "request":
        answered: bytes = await client.request(data, **options)
        return answered
    async with client.stream(data, **options) as response:
        return await response.read()


@pytest.mark.parametrize("way", ["request", "stream"])
@pytest.mark.parametrize("content", [None, b"body", bytes(100_000)], ids=["none", "small", "large"])
async def test_digest_sends_the_same_again(play: Play, engine: str, content: bytes | None, way: str) -> None:
    server = play([CHALLENGE, answer(b"welcome")])
    async with Pynector(base_url=server.url, http_engine=engine, auth=httpx.DigestAuth("user", SECRET)) as client:
        data = {"method": "PUT", "path": "/a/../b?x=%41", "content": content}
        assert await ask(client, way, data) == b"welcome"
    first, second = server.requests
    assert first.split(b"\r\n")[0] == second.split(b"\r\n")[0] == b"PUT /a/../b?x=%41 HTTP/1.1"
    assert b"authorization" not in first.lower()
    assert b'digest username="user"' in second.lower()
    assert first.partition(b"\r\n\r\n")[2] == second.partition(b"\r\n\r\n")[2] == (content or b"")


@pytest.mark.parametrize("way", ["request", "stream"])
async def test_what_can_be_sent_once_is_answered_by_the_first_answer(play: Play, way: str) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"once"

    server = play([CHALLENGE, answer(b"never")])
    async with Pynector(base_url=server.url, auth=httpx.DigestAuth("user", SECRET)) as client:
        with pytest.raises(HTTPStatusError) as caught:
            await ask(client, way, {"method": "PUT", "path": "/", "content": body()})
        assert caught.value.status_code == 401
    assert len(server.requests) == 1


async def test_what_can_be_read_anew_is_sent_whole_again(play: Play) -> None:
    class Again:
        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield b"always "
            yield b"the same"

    server = play([CHALLENGE, answer(b"welcome")])
    async with Pynector(base_url=server.url, auth=httpx.DigestAuth("user", SECRET)) as client:
        assert await client.request({"method": "PUT", "path": "/", "content": Again()}) == b"welcome"
    bodies = [request.partition(b"\r\n\r\n")[2] for request in server.requests]
    assert bodies == [b"7\r\nalways \r\n8\r\nthe same\r\n0\r\n\r\n"] * 2


async def test_a_flow_may_read_the_body_it_is_to_sign(play: Play) -> None:
    class Signing(httpx.Auth):
        requires_request_body = True

        def auth_flow(self, request: Any) -> Any:
            request.headers["X-Signature"] = request.content.decode().upper()
            yield request

    async def body() -> AsyncIterator[bytes]:
        yield b"on"
        yield b"ce"

    server = play([answer(b"ok")])
    async with Pynector(base_url=server.url, auth=Signing()) as client:
        assert await client.request({"method": "PUT", "path": "/", "content": body()}) == b"ok"
    assert b"X-Signature: ONCE\r\n" in server.requests[0]
    assert b"once" in server.requests[0].partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize("way", ["request", "stream"])
async def test_a_flow_may_read_every_answer(play: Play, engine: str, way: str) -> None:
    seen: list[bytes] = []

    class Reading(httpx.Auth):
        requires_response_body = True

        def auth_flow(self, request: Any) -> Any:
            first = yield request
            seen.append(first.content)
            second = yield request
            seen.append(second.content)

    server = play([answer(b"first"), answer(b"second")])
    async with Pynector(base_url=server.url, http_engine=engine, auth=Reading()) as client:
        assert await ask(client, way, None) == b"second"
    assert seen == [b"first", b"second"]
    server = play([answer(bytes(100_000))])
    async with Pynector(base_url=server.url, http_engine=engine, auth=Reading(), max_response_bytes=1000) as client:
        with pytest.raises(ResponseTooLarge):
            await ask(client, way, None)


@pytest.mark.parametrize("way", ["request", "stream"])
async def test_a_flow_may_ask_elsewhere_first(play: Play, way: str) -> None:
    server, tokens = play([answer(b"welcome")]), play([answer(SECRET.encode())])

    async def fetching(request: Any) -> Any:
        response = yield httpx.Request("POST", f"{tokens.url}/token", content=b"me")
        request.headers["Authorization"] = (await response.aread()).decode()
        yield request

    async with Pynector(base_url=server.url, auth=Flow(fetching)) as client:
        assert await ask(client, way, {"path": "/x"}) == b"welcome"
    assert tokens.requests[0].startswith(b"POST /token HTTP/1.1\r\n")
    assert tokens.requests[0].endswith(b"\r\n\r\nme")
    assert f"Authorization: {SECRET}\r\n".encode() in server.requests[0]


@pytest.mark.parametrize("way", ["request", "stream"])
async def test_a_second_request_that_is_refused_does_not_undo_the_first(play: Play, way: str) -> None:
    refusing = play(listening=False)
    server = play([answer(b"1")])

    async def twice(request: Any) -> Any:
        yield request
        yield httpx.Request("GET", refusing.url)

    async with Pynector(base_url=server.url, auth=Flow(twice)) as client:
        with pytest.raises(ConnectError) as caught:
            await ask(client, way, {"method": "POST", "path": "/"})
    assert (caught.value.phase, caught.value.sent) == ("connect", "full")


def raising(when: str, error: BaseException) -> Any:
    async def steps(request: Any) -> Any:
        if when == "before":
            raise error
        yield request
        if when == "after":
            raise error

    return Flow(steps)


@pytest.mark.parametrize("way", ["request", "stream"])
@pytest.mark.parametrize(("when", "sent"), [("before", "none"), ("after", "full")])
async def test_what_a_flow_raises_is_one_error_of_the_request(
    play: Play, engine: str, when: str, sent: str, way: str
) -> None:
    server = play([answer(b"1")] * 3)
    error = LookupError("no token")
    async with Pynector(base_url=server.url, http_engine=engine, max_connections=1) as client:
        with pytest.raises(TransportError, match="LookupError: no token") as caught:
            await ask(client, way, {"method": "POST", "path": "/"}, auth=raising(when, error))
        assert (caught.value.sent, caught.value.transient) == (sent, False)
        assert caught.value.__cause__ is error
        assert caught.value.request == f"POST {server.url}/"
        with pytest.raises(TransportError) as caught:
            await ask(client, way, None, auth=raising(when, ConnectError("of another client", sent="none")))
        assert caught.value.sent == sent
        assert await client.request(None) == b"1"


@pytest.mark.parametrize("by", ["client", "request"])
async def test_a_cancellation_out_of_a_flow_is_an_error_of_its_request(play: Play, by: str) -> None:
    if anyio.get_cancelled_exc_class() is not asyncio.CancelledError:
        return  # trio lets nobody raise one.

    async def flow(request: Any) -> AsyncIterator[Any]:
        # As `await task` of something cancelled does.
        raise asyncio.CancelledError
        yield request

    server = play([answer(b"b")])
    mine = {"auth": Flow(flow)}
    async with Pynector(base_url=server.url, **(mine if by == "client" else {})) as client:
        options = mine if by == "request" else {}
        # Python 3.10 cannot tell it from one that was asked for.
        for way in ("request", "stream")[: 2 if sys.version_info >= (3, 11) else 1]:
            with anyio.fail_after(20), pytest.raises(TransportError, match=r"cancel|closed"):
                await ask(client, way, {"path": "/a"}, **options)
        if by == "request":
            with anyio.fail_after(20):
                first, second = await client.batch_request([({"path": "/a"}, options), ({"path": "/b"}, {})])
            assert isinstance(first, TransportError)
            assert second == b"b"


async def test_what_a_flow_does_ends_with_its_transport(play: Play) -> None:
    begun = anyio.Event()

    async def flow(request: Any) -> AsyncIterator[Any]:
        begun.set()
        await anyio.sleep(30)
        yield request

    transport = HTTPTransport(base_url=play([]).url)
    await transport.connect()

    async def ask() -> None:
        # On the httpx engine the one who asks runs the flow, and may go on.
        with pytest.raises(TransportError, match="closed"):
            await transport.exchange({"path": "/"}, auth=Flow(flow))

    if transport.submit is None:
        await transport.disconnect()
        return
    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            await begun.wait()
            await transport.disconnect()


async def test_an_error_that_cannot_say_what_it_is_is_an_error_all_the_same(play: Play, engine: str) -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise ValueError("mute")

    async with Pynector(base_url=play().url, http_engine=engine, auth=raising("before", Mute())) as client:
        with pytest.raises(TransportError, match="Mute"):
            await client.request(None)


async def test_a_flow_that_sends_nothing_says_so(play: Play, engine: str) -> None:
    async def nothing(request: Any) -> Any:
        for never in ():
            yield never

    async with Pynector(base_url=play().url, http_engine=engine, auth=Flow(nothing)) as client:
        with pytest.raises(TransportError, match="sent nothing") as caught:
            await client.request(None)
    assert caught.value.sent == "none"


async def test_a_group_that_a_flow_raises_is_one_error(play: Play, engine: str) -> None:
    import anyio

    async def fail() -> None:
        raise LookupError("no token")

    async def steps(request: Any) -> Any:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(fail)
        yield request

    async with Pynector(base_url=play().url, http_engine=engine, auth=Flow(steps)) as client:
        results = await client.batch_request([(None, {})] * 2)
    assert all(isinstance(error, PynectorError) and not hasattr(error, "exceptions") for error in results)


async def test_the_end_of_a_batch_ends_a_flow(play: Play) -> None:
    async def once(message: Any) -> AsyncIterator[Any]:
        yield message

    server = play(["hang"])
    async with Pynector(base_url=server.url) as client:
        (error,) = await client.batch_request([({"path": "/"}, {"auth": Flow(once)})], timeout=0.2)
    assert isinstance(error, TimeoutError)
    assert error.sent != "none"


# What a flow is made with


def oauth(package: Any, tokens: str) -> Any:
    """Return a flow that fetches a token where it has none that holds."""

    class OAuth(package.Auth):  # type: ignore[misc,name-defined]
        requires_response_body = True
        token = "none"

        def auth_flow(self, request: Any) -> Any:
            assert type(request) is package.Request
            request.headers["Authorization"] = self.token
            response = yield request
            assert type(response) is package.Response
            if response.status_code == 401:
                granted = yield package.Request("POST", tokens, json={"refresh": response.text})
                self.token = request.headers["Authorization"] = granted.json()["token"]
                yield request

    return OAuth()


@pytest.mark.parametrize("engine", ["native", *PACKAGES], indirect=True)
async def test_each_package_has_flows_of_its_own_at_the_same_time(play: Play, engine: str) -> None:
    refused, granted = answer(b"you", "401 Unauthorized"), [answer(b'{"token": "%d"}' % n) for n in (1, 2)]
    asked: list[tuple[Any, ...]] = []

    async def use(package: str) -> None:
        kind = import_module(package)
        server, tokens = play([refused, answer(b"a"), refused, answer(b"b")]), play(granted)
        async with Pynector(base_url=server.url, http_engine=engine, auth=oauth(kind, tokens.url)) as client:
            assert [await ask(client, way, None) for way in ("request", "stream")] == [b"a", b"b"]
        server.script([CHALLENGE, answer(b"welcome")])
        async with Pynector(base_url=server.url, http_engine=engine, auth=kind.DigestAuth("user", SECRET)) as client:
            assert await client.request(None) == b"welcome"
        found = [re.search(rb"\r\n[aA]uthorization: (\w+)", request) for request in server.requests]
        asked.append(tuple(match and match[1] for match in found))

    async with anyio.create_task_group() as tasks:
        for package in PACKAGES:
            tasks.start_soon(use, package)
    assert asked == [(b"none", b"1", b"1", b"2", None, b"Digest")] * len(PACKAGES)


async def test_a_flow_runs_anew_where_a_redirect_leads_and_stays_with_its_origin(play: Play, engine: str) -> None:
    other = play([answer(b"there")] * 2)
    there = answer(bytes(100), "307 Temporary Redirect", f"Location: {other.url}/there")
    server = play([answer(b"", "302 Found", "Location: /on"), CHALLENGE, there] * 2)
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        for way in ("request", "stream"):
            auth = httpx.DigestAuth("user", SECRET)
            assert await ask(client, way, {"path": "/"}, auth=auth) == b"there"
            assert b"authorization" not in other.received.lower()
    assert [b"authorization" in request.lower() for request in server.requests] == [False, False, True] * 2


async def test_what_a_flow_has_read_is_no_longer_a_body_that_can_be_sent_once(play: Play, engine: str) -> None:
    class Signing(httpx.DigestAuth):
        requires_request_body = True

    async def body() -> AsyncIterator[bytes]:
        yield b"once"

    server = play([CHALLENGE, answer(b"welcome")])
    async with Pynector(base_url=server.url, http_engine=engine, auth=Signing("user", SECRET)) as client:
        assert await client.request({"method": "PUT", "path": "/", "content": body()}) == b"welcome"


async def test_a_long_body_after_a_flow_goes_at_its_reader_s_pace(server: LoopbackServer, engine: str) -> None:
    async def once(request: Any) -> Any:
        yield request

    size = 5_000_000
    async with Pynector(base_url=server.url, http_engine=engine, auth=Flow(once), max_connections=1) as client:
        async with client.stream({"path": f"/bytes/{size}"}) as response:
            await anyio.sleep(0.05)
            assert len(await response.read()) == size
        assert len(await client.request({"path": f"/bytes/{size}"})) == size
        async with client.stream({"path": f"/bytes/{size}"}) as response:
            await anext(response.iter_raw())
        # What was left gives its place back.
        assert await client.request({"path": "/bytes/1"}) == b"0"


async def test_the_time_of_a_request_is_its_flow_s_too(server: LoopbackServer, engine: str) -> None:
    ended: list[str] = []

    async def slow(request: Any) -> Any:
        try:
            yield request
            await anyio.sleep(30)
        finally:
            ended.append("flow")
        yield request

    async with Pynector(base_url=server.url, http_engine=engine, auth=Flow(slow)) as client:
        for way in ("request", "stream"):
            with pytest.raises(TimeoutError, match=r"within 0\.5 s, while reading the body") as late:
                await ask(client, way, {"path": "/bytes/1"}, timeout=0.5)
            assert (late.value.phase, late.value.sent) == ("body", "full")
        with anyio.move_on_after(0.5):
            await client.request({"path": "/bytes/1"})
        assert await eventually(lambda: len(ended) == 3)
    assert client.stats().in_flight == 0


@pytest.mark.parametrize("engine", ["native", "httpx"], indirect=True)
async def test_a_flow_goes_through_a_proxy_and_its_cookies_are_the_hosts_own(play: Play, engine: str) -> None:
    async def fetching(request: Any) -> Any:
        yield httpx.Request("GET", "http://tokens.example/t")
        yield request

    # A connection each: to where the tokens are, and to the service.
    proxy = play(*([answer(b"", "200 OK", f"Set-Cookie: c={n}; Path=/"), answer()] for n in (1, 2)))
    options: Any = {"http_engine": engine, "proxy": proxy.url, "persist_cookies": True}
    async with Pynector(base_url="http://service.example/s", auth=Flow(fetching), **options) as client:
        assert [await client.request(None) for _ in range(2)] == [b"", b"ok"]
    asked = [(r.split(b" ")[1], re.findall(rb"(?i)\r\ncookie: (\S+)", r)) for r in proxy.requests]
    tokens, service = b"http://tokens.example/t", b"http://service.example/s"
    assert asked == [(tokens, []), (tokens, [b"c=1"]), (service, []), (service, [b"c=2"])]


WITHOUT = """
import asyncio, sys
from pynector import Pynector
async def main():
    async with Pynector(base_url=sys.argv[1]) as client:
        await client.request({"path": "/bytes/1"})
asyncio.run(main())
print(sorted({"httpx", "httpx2", "httpcore", "httpcore2", "http.cookiejar"} & sys.modules.keys()))
"""


def test_who_has_no_flow_and_keeps_no_cookies_loads_nothing_for_them(server: LoopbackServer) -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT, server.url], capture_output=True, text=True, timeout=600)
    assert (done.stdout, done.stderr) == ("[]\n" if find_spec("httptools") else done.stdout, "")
