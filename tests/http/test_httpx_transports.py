"""The transports for httpx and httpx2: what their clients see is what they see over a transport of their own."""

from __future__ import annotations

import asyncio
import copy
import importlib
import json
import pickle
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any

import anyio.lowlevel
import pytest
import trustme
from scripted import ScriptedServer, answer, chunked, eventually

from loops import BACKENDS, runners
from pynector.errors import ConfigurationError
from pynector.integrations.heads import quick_headers
from pynector.integrations.responses import QuickResponse, quick_or_plain
from pynector.testing import LoopbackServer

pytestmark = pytest.mark.anyio

Play = Callable[..., ScriptedServer]


@pytest.fixture(params=BACKENDS)
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    """Runs an async test on every event loop that the native engine has."""
    return request.param


@pytest.fixture
def package(anyio_backend: Any) -> Any:
    """One of the packages on asyncio's own loop, the other on others: nothing here is about both."""
    is_other = anyio_backend != BACKENDS[0].values[0] and find_spec("httpx2") is not None
    return importlib.import_module("httpx2" if is_other else "httpx")


@pytest.fixture
def transport_class(package: Any) -> Any:
    """The transport for it."""
    return importlib.import_module(f"pynector.integrations.{package.__name__}").PynectorTransport


@pytest.fixture
async def client(package: Any, transport_class: Any) -> AsyncIterator[Any]:
    """A client over the transport."""
    async with package.AsyncClient(transport=transport_class()) as connected:
        yield connected


async def test_what_the_client_sends_goes_on_the_wire_as_it_is(client: Any, package: Any, play: Play) -> None:
    server = play([answer(), answer()])
    await client.get(f"{server.url}/a%20b?c=d", headers=[("X-One", "1"), ("x-TWO", "2"), ("X-One", "3")])
    client.cookies = {"c": "d"}
    await client.post(server.url, json={"a": 1})
    first, second = server.requests
    lines = first.split(b"\r\n")
    assert lines[0] == b"GET /a%20b?c=d HTTP/1.1"
    assert lines[1] == b"Host: 127.0.0.1:%d" % server.port
    assert lines[-5:] == [b"X-One: 1", b"x-TWO: 2", b"X-One: 3", b"", b""]
    names = [line.partition(b":")[0].lower() for line in second.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]]
    assert sorted(names) == sorted(set(names))
    assert {b"cookie", b"content-length", b"content-type"} < set(names)
    assert first.count(b"User-Agent: python-%b/" % package.__name__.encode()) == 1


async def test_what_comes_is_given_as_it_is(client: Any, play: Play) -> None:
    head = ("X-One:  1 ", "x-TWO: 2", "X-One: 3", "Set-Cookie: a=b", "Set-Cookie: c=d")
    server = play([answer(b"body", "299 Fine By Me", *head)])
    response = await client.get(server.url)
    raw = [(name, value) for name, value in response.headers.raw if name.lower() != b"content-length"]
    assert raw == [
        (b"X-One", b"1"),
        (b"x-TWO", b"2"),
        (b"X-One", b"3"),
        (b"Set-Cookie", b"a=b"),
        (b"Set-Cookie", b"c=d"),
    ]
    assert (response.status_code, response.reason_phrase, response.http_version) == (299, "Fine By Me", "HTTP/1.1")
    assert (response.content, dict(client.cookies)) == (b"body", {"a": "b", "c": "d"})


async def test_the_transport_keeps_no_cookies_and_follows_nothing(
    package: Any, transport_class: Any, play: Play
) -> None:
    server = play([answer(b"", "302 Found", "Location: /next", "Set-Cookie: a=b"), answer(), answer()])
    async with transport_class() as transport:
        for _ in range(2):
            request = package.Request("GET", server.url)
            response = await transport.handle_async_request(request)
            await response.aread()
    assert b"ookie" not in server.received
    assert (response.status_code, len(server.requests)) == (200, 2)


async def test_redirects_and_codings_are_the_clients(client: Any, server: LoopbackServer) -> None:
    response = await client.get(f"{server.url}/redirect/2", follow_redirects=True)
    assert ([hop.status_code for hop in response.history], response.text) == ([302, 302], "done")
    async with client.stream("GET", f"{server.url}/compressed/gzip") as response:
        raw = [piece async for piece in response.aiter_raw()]
    assert b"".join(raw).startswith(b"\x1f\x8b")
    assert (await client.get(f"{server.url}/compressed/gzip")).json()["coding"] == "gzip"


def state_of(response: Any) -> dict[str, Any]:
    """All that a response has, but for what no two have alike, and what its class makes when it decodes."""
    own = {"_decoder", "_elapsed", "_request", "extensions", "headers", "next_request", "stream"}
    state = {name: value for name, value in vars(response).items() if name not in own}
    assert response.elapsed.total_seconds() >= 0
    headers = [pair for pair in response.headers.multi_items() if pair[0] != "date"]
    read = (response.content, response.text, response.num_bytes_downloaded, response.has_redirect_location, headers)
    return state | {"type": type(response), "read": read}


def plain(transport_class: Any, package: Any) -> Any:
    """Return a transport over which the package's own classes do everything."""

    class Plain(transport_class):  # type: ignore[misc]
        response_class = package.Response
        headers_class = None

    return Plain()


PATHS = [
    "/id/7",
    "/bytes/100000",
    "/bytes/0",
    "/bytes/9?chunked=1",
    "/compressed/gzip",
    "/redirect/1",
    "/status/404",
    "/status/204",
]


@pytest.mark.parametrize("path", PATHS)
async def test_a_response_that_is_read_is_what_the_package_makes_of_it(
    client: Any, package: Any, transport_class: Any, server: LoopbackServer, path: str
) -> None:
    async with package.AsyncClient(transport=plain(transport_class, package)) as other:
        expected = await other.get(server.url + path)
    response = await client.get(server.url + path)
    assert transport_class.response_class is not package.Response
    assert type(response.headers) is transport_class.headers_class is not type(expected.headers)
    assert state_of(response) == state_of(expected)
    assert await response.aread() == expected.content
    assert [piece async for piece in response.aiter_bytes(5)] == [piece async for piece in expected.aiter_bytes(5)]
    again = pickle.loads(pickle.dumps(response))
    assert (type(again), again.content, again.headers) == (package.Response, response.content, response.headers)


async def test_a_client_that_puts_something_else_around_a_body_reads_it_itself(
    client: Any, package: Any, transport_class: Any, server: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = await client.get(f"{server.url}/id/7")
    assert transport_class.response_class.bound_class is not None
    monkeypatch.setattr(transport_class.response_class, "bound_class", None)
    assert state_of(await client.get(f"{server.url}/id/7")) == state_of(expected)


HEADERS: dict[str, list[tuple[bytes, bytes]]] = {
    "none": [],
    "text": [(b"X-One", b"1"), (b"x-TWO", b"2"), (b"X-One", b"3")],
    "UTF-8": [(b"X-One", "\u00e9".encode()), (b"X-Two", b"2")],
    "Latin-1": [(b"X-One", b"\xe9")],
    "secret": [(b"Authorization", b"secret")],
    "long": [(b"X-One", b"1" * 1000)],
}


def change(headers: Any) -> None:
    headers["X-One"] = "4"
    headers["New"] = "5"
    headers.pop("x-two", None)


def encode(headers: Any) -> None:
    headers.encoding = "cp037"


@pytest.mark.parametrize("fields", HEADERS)
@pytest.mark.parametrize("touch", [None, change, encode])
@pytest.mark.parametrize("name", ["httpx", "httpx2"])
def test_header_fields_are_what_the_package_makes_of_them(name: str, fields: str, touch: Any) -> None:
    package = pytest.importorskip(name)
    made = quick_headers(package)
    expected = package.Headers(HEADERS[fields])
    headers = made(HEADERS[fields])
    for each in (expected, headers):
        if touch is not None:
            touch(each)
    for _ in range(2):
        assert headers.multi_items() == expected.multi_items()
        for key in ("x-one", "X-ONE", "new", "X-Two", "\u212a", "authorization"):
            assert (key in headers) == (key in expected)
    assert (repr(headers), headers.raw, headers.items()) == (repr(expected), expected.raw, expected.items())
    assert headers == expected
    assert isinstance(headers, package.Headers)
    for again in (pickle.loads(pickle.dumps(headers)), copy.copy(headers), copy.deepcopy(headers), headers.copy()):
        assert (type(again), vars(again)) == (package.Headers, vars(pickle.loads(pickle.dumps(expected))))
    with pytest.raises(AttributeError):
        5 in headers  # noqa: B015


def test_a_package_that_keeps_header_fields_in_another_way_is_given_pairs() -> None:
    class Headers:
        def __init__(self, fields: Any) -> None:
            self._fields = fields

    assert quick_headers(SimpleNamespace(Headers=Headers)) is None


def test_a_package_that_keeps_a_body_elsewhere_reads_it_itself() -> None:
    class Response:
        def __init__(self, status: int, content: bytes) -> None:
            self.status, self._body, self._num_bytes_downloaded = status, content, 0

    class Quick(QuickResponse):
        package_class = Response

    assert quick_or_plain(Quick) is Response


async def test_a_response_that_is_not_to_be_read_says_so(client: Any, package: Any, server: LoopbackServer) -> None:
    async with client.stream("GET", f"{server.url}/id/7") as response:
        assert isinstance(response, package.Response)
        with pytest.raises(package.ResponseNotRead):
            response.content  # noqa: B018
        assert [piece async for piece in response.aiter_raw()] == [b"7"]
        with pytest.raises(package.StreamConsumed):
            await response.aread()
    async with client.stream("GET", f"{server.url}/id/7") as response:
        await response.aclose()
        with pytest.raises(package.StreamClosed):
            await response.aread()
    async with client.stream("GET", f"{server.url}/truncate/10") as response:
        with pytest.raises(package.RemoteProtocolError) as caught:
            await response.aread()
    assert caught.value.request is response.request
    assert response.is_closed


async def test_what_a_hook_puts_around_a_body_is_what_is_read(
    client: Any, package: Any, server: LoopbackServer
) -> None:
    class Doubled(package.AsyncByteStream):  # type: ignore[misc]
        def __init__(self, stream: Any) -> None:
            self._stream = stream

        async def __aiter__(self) -> AsyncIterator[bytes]:
            async for piece in self._stream:
                yield piece * 2

        async def aclose(self) -> None:
            await self._stream.aclose()

    async def wrap(response: Any) -> None:
        response.stream = Doubled(response.stream)

    client.event_hooks = {"response": [wrap]}
    assert (await client.get(f"{server.url}/id/7")).content == b"77"


async def test_bodies_stream_both_ways(client: Any, server: LoopbackServer) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for number in range(100):
            yield b"%04d" % number * 1000
            await anyio.lowlevel.checkpoint()

    async with client.stream("POST", f"{server.url}/echo", content=pieces()) as response:
        body = b"".join([piece async for piece in response.aiter_bytes()])
    assert body == b"".join(b"%04d" % number * 1000 for number in range(100))
    sized = await client.post(f"{server.url}/inspect", content=pieces(), headers={"Content-Length": "400000"})
    assert ["Content-Length", "400000"] in sized.json()["headers"]
    multipart = await client.post(f"{server.url}/inspect", files={"file": b"x" * 100_000})
    assert len(multipart.json()["body"]) > 100_000


async def test_a_large_body_that_is_at_hand_goes_whole(client: Any, server: LoopbackServer) -> None:
    body = bytes(range(256)) * 20_000
    assert (await client.post(f"{server.url}/echo", content=body)).content == body


FAILURES: dict[str, tuple[Any, str]] = {
    "no answer": (["hang"], "ReadTimeout"),
    "closed at once": (["close"], "RemoteProtocolError"),
    "reset": (["reset"], "ReadError"),
    "nonsense": ([b"nonsense\r\n\r\n"], "RemoteProtocolError"),
    "stops in the body": ([[b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", "hang"]], "ReadTimeout"),
    "closed in the body": ([[b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", "close"]], "RemoteProtocolError"),
    "reset in the body": ([[b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", "reset"]], "ReadError"),
    "a bad chunk": ([[b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno\r\n"]], "RemoteProtocolError"),
    "a switch of protocols": ([[b"HTTP/1.1 101 Other\r\nUpgrade: x\r\n\r\n"]], "RemoteProtocolError"),
}


@pytest.mark.parametrize("case", FAILURES)
async def test_a_failure_is_the_packages_most_specific(client: Any, package: Any, play: Play, case: str) -> None:
    script, name = FAILURES[case]
    server = play(script)
    with pytest.raises(package.RequestError) as caught:
        await client.get(server.url, timeout=0.3 if name == "ReadTimeout" else 20)
    assert type(caught.value) is getattr(package, name)
    assert caught.value.request.url.port == server.port
    assert await eventually(lambda: server.connections[0].ended.is_set())


async def test_no_connection_is_a_connect_error(client: Any, package: Any, play: Play) -> None:
    refused = play(listening=False)
    with pytest.raises(package.ConnectError):
        await client.get(refused.url)
    plain = play(greeting=b"this is no TLS")
    with pytest.raises(package.ConnectError):
        await client.get(plain.url.replace("http:", "https:"))


async def test_who_does_not_accept_is_a_connect_timeout(client: Any, package: Any, deaf: str) -> None:
    with pytest.raises(package.ConnectTimeout):
        await client.get(deaf, timeout=package.Timeout(30, connect=0.2))


async def test_no_free_connection_is_a_pool_timeout(package: Any, transport_class: Any, play: Play) -> None:
    held = threading.Event()
    server = play([[held, answer()], answer()])
    limits = package.Limits(max_connections=1)
    async with package.AsyncClient(transport=transport_class(limits=limits), timeout=30) as client:
        async with anyio.create_task_group() as group:
            group.start_soon(client.get, server.url)
            assert await eventually(lambda: server.connections)
            with pytest.raises(package.PoolTimeout):
                await client.get(server.url, timeout=package.Timeout(30, pool=0.1))
            held.set()
        assert (await client.get(server.url)).text == "ok"
    assert len(server.connections) == 1


async def test_who_does_not_read_is_a_write_timeout(client: Any, package: Any, play: Play) -> None:
    held = threading.Event()
    server = play([[held, answer()]], early=True)
    with pytest.raises(package.WriteTimeout):
        await client.post(server.url, content=bytes(1 << 24), timeout=package.Timeout(30, write=0.2))
    held.set()


async def test_times_are_between_bytes_and_none_is_another(client: Any, package: Any, server: LoopbackServer) -> None:
    # Longer together than any is alone.
    timeout = package.Timeout(connect=0.001, read=2.5, write=2.5, pool=0.001)
    await client.get(f"{server.url}/id/1")

    async def slowly() -> AsyncIterator[bytes]:
        for _ in range(3):
            await anyio.sleep(1)
            yield b"x"

    async with client.stream(
        "POST", f"{server.url}/drip/20?interval=0.15", content=slowly(), timeout=timeout
    ) as response:
        assert len(await response.aread()) == 20
    async with client.stream("GET", f"{server.url}/bytes/3000000", timeout=timeout) as response:
        pieces = response.aiter_raw()
        await anext(pieces)
        # Nobody waits for the next one while this one is looked at.
        await anyio.sleep(3)
        assert sum([len(piece) async for piece in pieces]) > 0


async def test_what_the_callers_body_raises_is_the_callers(client: Any, play: Play) -> None:
    async def failing() -> AsyncIterator[bytes]:
        yield b"x"
        raise LookupError("mine")

    server = play([answer()])
    with pytest.raises(LookupError, match="mine"):
        await client.post(server.url, content=failing())
    assert await eventually(lambda: server.connections and server.connections[0].ended.is_set())


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "scheme": ({"url": "ftp://127.0.0.1/"}, "UnsupportedProtocol"),
    "no host": ({"url": "http:///path"}, "UnsupportedProtocol"),
    "field": ({"headers": [(b"X", b"a\r\nB: c")]}, "LocalProtocolError"),
    "name": ({"headers": [(b"X: a", b"c")]}, "LocalProtocolError"),
    "two hosts": ({"headers": [(b"Host", b"a"), (b"Host", b"b")]}, "LocalProtocolError"),
    "method": ({"method": "G T"}, "LocalProtocolError"),
    "tunnel": ({"method": "CONNECT"}, "LocalProtocolError"),
    "length": ({"content": b"abc", "headers": {"Content-Length": "2"}}, "LocalProtocolError"),
    "coding": ({"content": b"abc", "headers": {"Transfer-Encoding": "gzip"}}, "LocalProtocolError"),
    "target": ({"extensions": {"target": b"/a b"}}, "LocalProtocolError"),
}


@pytest.mark.parametrize("case", BAD)
async def test_what_may_not_go_on_the_wire_does_not(client: Any, package: Any, play: Play, case: str) -> None:
    given, name = BAD[case]
    server = play([answer()])
    with pytest.raises(getattr(package, name)):
        await client.request(**{"method": "GET", "url": server.url, **given})
    assert server.connections == []


async def test_a_body_of_another_length_than_it_says_is_no_request(client: Any, package: Any, play: Play) -> None:
    async def short() -> AsyncIterator[bytes]:
        yield b"abc"

    server = play(["hang"])
    with pytest.raises(package.LocalProtocolError):
        await client.post(server.url, content=short(), headers={"Content-Length": "9"})


async def test_a_cancelled_request_leaves_nothing(client: Any, play: Play) -> None:
    server = play(["hang"], [[b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", "hang"]], [answer()])
    for count in (1, 2):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.get, server.url)
            assert await eventually(lambda: len(server.requests) == count)  # noqa: B023
            tasks.cancel_scope.cancel()
    assert await eventually(lambda: all(connection.ended.is_set() for connection in server.connections))
    assert (await client.get(server.url)).text == "ok"


# Of httpx, and of older releases of httpx2: trio hears of a generator of theirs that they do not close.
@pytest.mark.filterwarnings(r"ignore:Async generator 'httpx2?\._client\.BoundAsyncStream:ResourceWarning")
async def test_a_response_that_is_left_closes_its_connection_and_one_that_is_read_does_not(
    client: Any, play: Play
) -> None:
    half = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"
    server = play([answer(), [half, "hang"]], [answer()])
    await client.get(server.url)
    async with client.stream("GET", server.url) as response, aclosing(response.aiter_raw()) as pieces:
        await anext(pieces)
    assert await eventually(lambda: server.connections[0].ended.is_set())
    await client.get(server.url)
    assert [len(connection.requests) for connection in server.connections] == [2, 1]


async def test_a_connection_that_the_server_has_closed_is_not_used(client: Any, play: Play) -> None:
    server = play([[answer(), "close"]], [answer()])
    await client.post(server.url, content=b"1")
    assert await eventually(lambda: server.connections[0].ended.is_set())
    await client.post(server.url, content=b"2")
    assert len(server.connections) == 2


async def test_nothing_is_sent_twice_that_the_server_may_have_seen(client: Any, package: Any, play: Play) -> None:
    server = play([answer(), "close"], [answer()])
    await client.get(server.url)
    with pytest.raises(package.RemoteProtocolError):
        await client.get(server.url)
    assert len(server.requests) == 2


async def test_a_connection_that_cannot_be_made_is_tried_again_where_that_is_asked_for(
    package: Any, transport_class: Any, play: Play
) -> None:
    refused = play(listening=False)
    started = anyio.current_time()
    async with package.AsyncClient(transport=transport_class(retries=2)) as client:
        with pytest.raises(package.ConnectError):
            await client.get(refused.url)
    assert anyio.current_time() - started > 0.4


async def test_extensions_of_a_request_and_of_its_response(client: Any, play: Play) -> None:
    told: list[str] = []

    async def trace(name: str, info: dict[str, Any]) -> None:
        told.append(name)

    server = play([answer(b"", "200 OK")])
    response = await client.options(server.url, extensions={"target": b"*", "trace": trace})
    assert server.requests[0].startswith(b"OPTIONS * HTTP/1.1\r\n")
    assert told[0] == "http11.send_request_headers.started"
    assert told[-1] == "http11.response_closed.complete"
    stream = response.extensions["network_stream"]
    assert stream.get_extra_info("server_addr") == ("127.0.0.1", server.port)
    assert stream.get_extra_info("ssl_object") is None
    assert stream.get_extra_info("nothing") is None


async def test_an_observed_failure_is_traced(client: Any, package: Any, play: Play) -> None:
    told: list[str] = []

    async def trace(name: str, info: dict[str, Any]) -> None:
        told.append(name)

    server = play(["close"])
    with pytest.raises(package.RemoteProtocolError):
        await client.get(server.url, extensions={"trace": trace})
    assert told[-1] == "http11.receive_response_headers.failed"


async def test_what_is_in_flight_fails_when_the_transport_is_closed(
    package: Any, transport_class: Any, play: Play
) -> None:
    server = play(["hang"])
    transport = transport_class()
    client = package.AsyncClient(transport=transport)
    async with anyio.create_task_group() as group:

        async def send() -> None:
            with pytest.raises(package.ReadError):
                await client.get(server.url)

        group.start_soon(send)
        assert await eventually(lambda: server.requests)
        await transport.aclose()
    await client.aclose()


async def test_a_proxy_is_told_who_asks_and_nobody_else_is(package: Any, transport_class: Any, play: Play) -> None:
    server = play([answer()])
    proxy = package.Proxy(server.url, auth=("us er", "p@ss"))
    async with package.AsyncClient(transport=transport_class(proxy=proxy)) as client:
        response = await client.get("http://service.example/path")
    assert server.requests[0].startswith(b"GET http://service.example/path HTTP/1.1\r\n")
    assert b"Proxy-Authorization: Basic dXMgZXI6cEBzcw==" in server.requests[0]
    assert "Proxy-Authorization" not in response.request.headers


async def test_a_server_is_asked_for_itself_through_a_proxy(package: Any, transport_class: Any, play: Play) -> None:
    server = play([answer()])
    async with package.AsyncClient(transport=transport_class(proxy=server.url)) as client:
        await client.options("http://service.example:81", extensions={"target": b"*"})
    assert server.requests[0].startswith(b"OPTIONS http://service.example:81 HTTP/1.1\r\n")


async def test_no_time_at_all_is_a_timeout(client: Any, package: Any, play: Play) -> None:
    server = play(["hang"])
    for seconds in (0, -1):
        with pytest.raises(package.ReadTimeout):
            await client.get(server.url, timeout=package.Timeout(30, read=seconds))


async def test_proxies_of_the_environment_count_where_that_is_asked_for(
    package: Any, transport_class: Any, play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = play([answer(b"through")])
    monkeypatch.setenv("http_proxy", server.url)
    async with package.AsyncClient(transport=transport_class()) as client:
        with pytest.raises(package.ConnectError):
            await client.get("http://service.invalid/")
    async with package.AsyncClient(transport=transport_class(trust_env=True)) as client:
        assert (await client.get("http://service.invalid/")).text == "through"
    assert len(server.requests) == 1


async def test_a_proxy_that_is_not_there_is_a_connect_error(package: Any, transport_class: Any, play: Play) -> None:
    # As over the packages' own.
    for url in ("http://service.example/", "https://service.example/"):
        async with package.AsyncClient(transport=transport_class(proxy=play(listening=False).url)) as client:
            with pytest.raises(package.ConnectError):
                await client.get(url)


async def test_a_proxy_that_makes_no_tunnel_is_a_proxy_error(package: Any, transport_class: Any, play: Play) -> None:
    server = play([answer(b"", "407 Proxy Authentication Required")])
    async with package.AsyncClient(transport=transport_class(proxy=package.URL(server.url))) as client:
        with pytest.raises(package.ProxyError, match="407"):
            await client.get("https://service.example/")


async def test_tls_asks_for_the_name_that_it_is_told(package: Any, transport_class: Any, play: Play) -> None:
    ca = trustme.CA()
    serving, trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    ca.issue_cert("service.example").configure_cert(serving)
    ca.configure_trust(trusting)
    server = play([answer()], tls=serving)
    async with package.AsyncClient(transport=transport_class(verify=trusting)) as client:
        with pytest.raises(package.ConnectError, match="certificate"):
            await client.get(server.url)
        response = await client.get(server.url, extensions={"sni_hostname": "service.example"})
        stream = response.extensions["network_stream"]
        assert stream.get_extra_info("ssl_object").version().startswith("TLS")
        assert stream.get_extra_info("is_readable") is False
    assert stream.get_extra_info("is_readable") is True


async def test_the_names_that_tls_asks_for_share_the_connections_that_there_may_be(
    package: Any, transport_class: Any, play: Play
) -> None:
    asked: list[str | None] = []
    ca = trustme.CA()
    serving, trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    serving.sni_callback = lambda connection, name, context: asked.append(name)
    ca.issue_cert("*.service.example").configure_cert(serving)
    ca.configure_trust(trusting)
    server = play([answer()] * 3, tls=serving)
    limits = package.Limits(max_connections=2)
    async with package.AsyncClient(transport=transport_class(verify=trusting, limits=limits)) as client:
        for name in [f"{letter}.service.example" for letter in "aabacd"]:
            await client.get(server.url, extensions={"sni_hostname": name})
        # Those of one name have one; to make room for others, what is idle is closed.
        assert asked == [f"{letter}.service.example" for letter in "abcd"]
        assert await eventually(lambda: sum(not each.ended.is_set() for each in server.connections) == 2)
        assert [len(each.requests) for each in server.connections] == [3, 1, 1, 1]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("timeout", 5),
        ("timeout", {"read": "5"}),
        ("timeout", {"pool": []}),
        ("timeout", {"connect": float("nan")}),
        ("trace", "print"),
        ("target", 5),
        ("target", ["/"]),
        ("sni_hostname", 5),
        ("sni_hostname", b"service.example"),
        ("sni_hostname", "service.example:443"),
        ("sni_hostname", ["service.example"]),
    ],
)
async def test_extensions_that_cannot_be_are_refused(client: Any, package: Any, name: str, value: Any) -> None:
    with pytest.raises(package.LocalProtocolError, match=name):
        await client.get("https://127.0.0.1:9", extensions={name: value})


async def test_extensions_of_none_say_nothing(client: Any, play: Play) -> None:
    server = play([answer()])
    response = await client.get(server.url, extensions=dict.fromkeys(("timeout", "trace", "sni_hostname")))
    assert response.text == "ok"


async def test_a_zone_is_for_this_machine_and_for_nobody_else(
    client: Any, package: Any, transport_class: Any, play: Play
) -> None:
    server = play([answer()])
    async with package.AsyncClient(transport=transport_class(proxy=server.url)) as proxied:
        await proxied.get("http://[fe80::1%25lo]:81/path")
    start, host = server.requests[0].split(b"\r\n")[:2]
    assert (start, host) == (b"GET http://[fe80::1]:81/path HTTP/1.1", b"Host: [fe80::1]:81")
    with pytest.raises(package.ConnectError, match="no connection"):
        await client.get("http://[fe80::1%25nothing-here]/")


async def test_port_0_is_none(client: Any, package: Any) -> None:
    with pytest.raises(package.ConnectError):
        await client.get("http://127.0.0.1:0/")


async def test_arguments_that_cannot_be_are_refused(package: Any, transport_class: Any) -> None:
    wrong: dict[str, Any] = {
        "base_url": "http://x",
        "local_address": "127.0.0.1",
        "http1": False,
        "proxy": "nothing",
        "retries": "3",
        "limits": 5,
        "socket_options": 5,
    }
    for name, value in wrong.items():
        with pytest.raises(ConfigurationError, match=name):
            transport_class(**{name: value})
    with pytest.raises(ConfigurationError, match="retries"):
        transport_class(retries=-1)


@pytest.mark.parametrize("run", runners())
def test_a_transport_survives_its_loop(run: Callable[[Any], Any], server: LoopbackServer) -> None:
    httpx = importlib.import_module("httpx")
    client = httpx.AsyncClient(transport=importlib.import_module("pynector.integrations.httpx").PynectorTransport())
    found: list[int] = []

    async def get() -> None:
        found.append((await client.get(f"{server.url}/id/1")).status_code)

    for _ in range(3):
        run(get())
    run(client.aclose())
    assert found == [200, 200, 200]


def test_a_transport_serves_two_loops_at_a_time(server: LoopbackServer) -> None:
    httpx = importlib.import_module("httpx")
    transport = importlib.import_module("pynector.integrations.httpx").PynectorTransport()

    async def get() -> int:
        response = await transport.handle_async_request(httpx.Request("GET", f"{server.url}/inspect"))
        return int(json.loads(await response.aread())["connection"])

    first, second = asyncio.new_event_loop(), asyncio.new_event_loop()
    try:
        connections = [loop.run_until_complete(get()) for loop in (first, second, first, second)]
        assert connections[:2] == connections[2:]
    finally:
        for loop in (first, second):
            loop.run_until_complete(transport.aclose())
            loop.close()


async def test_auth_flows_and_hooks_are_the_clients(client: Any, package: Any, server: LoopbackServer) -> None:
    seen: list[Any] = []

    async def note(message: Any) -> None:
        seen.append([kind for kind in ("Request", "Response") if isinstance(message, getattr(package, kind))])

    client.event_hooks = {"request": [note], "response": [note]}
    told = await client.get(f"{server.url}/inspect", auth=("user", "pass"))
    assert ["Authorization", "Basic dXNlcjpwYXNz"] in told.json()["headers"]
    assert seen == [["Request"], ["Response"]]


async def test_a_chunked_answer_and_one_without_a_length_end_where_they_do(client: Any, play: Play) -> None:
    first = answer(chunked(b"ab", b"cd"), "200 OK", "Transfer-Encoding: chunked", length=False)
    server = play([first, [answer(b"all", length=False), "close"]])
    assert (await client.get(server.url)).content == b"abcd"
    assert (await client.get(server.url)).content == b"all"


async def test_over_http2(package: Any, transport_class: Any, server: LoopbackServer) -> None:
    pytest.importorskip("ngh2")
    async with package.AsyncClient(transport=transport_class(http1=False, http2=True)) as client:
        response = await client.post(f"{server.url}/inspect", content=b"abc", headers={"X-Name": "value"})
        told = json.loads(response.content)
        assert (response.http_version, response.reason_phrase, told["body"]) == ("HTTP/2", "OK", "abc")
        assert ["x-name", "value"] in told["headers"]
        with pytest.raises(package.ReadTimeout):
            await client.get(f"{server.url}/hang", timeout=0.5)
        with pytest.raises(package.RemoteProtocolError):
            await client.get(f"{server.url}/close")
        large = bytes(1 << 20)
        assert (await client.post(f"{server.url}/echo", content=large)).content == large


@pytest.fixture(params=["httpx", "httpx2"])
def sync_client(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A synchronous client over the transport for it, of each package."""
    package = pytest.importorskip(request.param)
    transport = importlib.import_module(f"pynector.integrations.{request.param}").PynectorSyncTransport()
    with package.Client(transport=transport) as connected:
        connected.package = package
        yield connected


def test_a_synchronous_client_streams_both_ways(sync_client: Any, server: LoopbackServer) -> None:
    pieces = [b"%04d" % number * 1000 for number in range(50)]
    assert sync_client.post(f"{server.url}/echo", content=iter(pieces)).content == b"".join(pieces)
    with sync_client.stream("GET", f"{server.url}/bytes/3000000") as response:
        assert sum(map(len, response.iter_raw())) == 3_000_000
    with sync_client.stream("GET", f"{server.url}/endless") as response:
        assert next(response.iter_raw())
    assert sync_client.get(f"{server.url}/redirect/1", follow_redirects=True).text == "done"


@pytest.mark.parametrize("path", PATHS)
def test_a_synchronous_response_that_is_read_is_what_the_package_makes_of_it(
    sync_client: Any, server: LoopbackServer, path: str
) -> None:
    package = sync_client.package
    transport_class: Any = importlib.import_module(f"pynector.integrations.{package.__name__}").PynectorSyncTransport
    relay_class = transport_class.relay_class

    class Plain(transport_class):  # type: ignore[misc]
        @staticmethod
        def relay_class() -> Any:
            return plain(relay_class, package)

    with package.Client(transport=Plain()) as other:
        expected = other.get(server.url + path)
    with sync_client.stream("GET", server.url + path) as response:
        is_coded = "content-encoding" in response.headers
        assert type(response) is (package.Response if is_coded else relay_class.response_class)
        assert response.read() == expected.content
    assert state_of(response) == state_of(expected)
    assert response.read() == expected.content


def test_a_synchronous_response_that_is_not_to_be_read_says_so(sync_client: Any, server: LoopbackServer) -> None:
    package = sync_client.package
    with sync_client.stream("GET", f"{server.url}/id/7") as response:
        assert list(response.iter_raw()) == [b"7"]
        with pytest.raises(package.StreamConsumed):
            response.read()
    with sync_client.stream("GET", f"{server.url}/id/7") as response:
        response.close()
        with pytest.raises(package.StreamClosed):
            response.read()
    response = sync_client.send(sync_client.build_request("GET", f"{server.url}/truncate/10"), stream=True)
    with pytest.raises(package.RemoteProtocolError) as caught:
        response.read()
    assert caught.value.request is response.request
    assert response.is_closed


def test_a_synchronous_client_is_told_what_fails(sync_client: Any, server: LoopbackServer, play: Play) -> None:
    told: list[str] = []

    def trace(name: str, info: dict[str, Any]) -> None:
        told.append(name)

    package = sync_client.package
    with pytest.raises(package.ReadTimeout):
        sync_client.get(f"{server.url}/hang", timeout=0.2, extensions={"trace": trace})
    assert told[-1] == "http11.receive_response_headers.failed"
    with pytest.raises(package.RemoteProtocolError):
        sync_client.get(f"{server.url}/truncate/100")

    def failing() -> Iterator[bytes]:
        yield b"x"
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        sync_client.post(play([answer()]).url, content=failing())


def test_a_synchronous_response_outlives_its_transport_without_a_thread(
    sync_client: Any, server: LoopbackServer
) -> None:
    response = sync_client.send(sync_client.build_request("GET", f"{server.url}/endless"), stream=True)
    sync_client.close()
    response.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "pynector.blocking"]


def test_a_synchronous_response_gives_what_came_before_it_failed(sync_client: Any, play: Play) -> None:
    server = play([[b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345", "close"]])
    for _ in range(20):
        with sync_client.stream("GET", server.url) as response:
            pieces = response.iter_raw()
            assert next(pieces) == b"12345"
            with pytest.raises(sync_client.package.RemoteProtocolError):
                next(pieces)


def test_what_is_read_of_a_synchronous_response_after_its_transport_begins_no_thread(
    sync_client: Any, server: LoopbackServer
) -> None:
    whole = sync_client.send(sync_client.build_request("GET", f"{server.url}/bytes/10"), stream=True)
    endless = sync_client.send(sync_client.build_request("GET", f"{server.url}/endless"), stream=True)
    sync_client.close()
    assert len(whole.read()) == 10
    with pytest.raises(sync_client.package.TransportError):
        endless.read()
    endless.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "pynector.blocking"]
