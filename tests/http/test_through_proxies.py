"""Through each kind of proxy it is the same as without one."""

from __future__ import annotations

import json
import logging
import os
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import anyio
import pytest
import trustme
from scripted import ScriptedServer, answer, eventually

from inside import transport_of
from loops import BACKENDS
from proxyserver import Proxy
from pynector import HTTPStatusError, Pynector, PynectorError, Response
from pynector.testing import LoopbackServer
from pynector.transport.net import tls
from resolver import Resolver, here

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("anyio_backend", BACKENDS)]

SECRET = "hunter2"


class Way(NamedTuple):
    """The scheme of a proxy, the scheme of the origin, and how the proxy knows the origin."""

    proxy: str
    origin: str
    host: str = "server.test"


WAYS = {
    "forwarded": Way("http", "http"),
    "forwarded over TLS": Way("https", "http"),
    "CONNECT": Way("http", "https"),
    "CONNECT over TLS": Way("https", "https"),
    "socks5h": Way("socks5h", "http"),
    "socks5h and TLS": Way("socks5h", "https"),
    "socks5": Way("socks5", "http", "127.0.0.1"),
    "socks4a": Way("socks4a", "http"),
    "socks4 and TLS": Way("socks4", "https", "127.0.0.1"),
}


class Certified(NamedTuple):
    """A server over TLS, the file of its authority, and what proxies show."""

    server: LoopbackServer
    authority: str
    context: ssl.SSLContext


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Certified]:
    folder, authority = tmp_path_factory.mktemp("certified"), trustme.CA()
    issued, context = authority.issue_cert("127.0.0.1", "server.test"), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issued.configure_cert(context)
    chain, key, trusted = (str(folder / name) for name in ("chain.pem", "key.pem", "ca.pem"))
    issued.cert_chain_pems[0].write_to_path(chain)
    issued.private_key_pem.write_to_path(key)
    authority.cert_pem.write_to_path(trusted)
    with LoopbackServer(http2=True, certfile=chain, keyfile=key) as server:
        yield Certified(server, trusted, context)


class Led(NamedTuple):
    """A proxy, the origin's URL, and the options of clients: those that go through the proxy, and those that do not."""

    proxy: Proxy
    url: str
    through: dict[str, Any]
    straight: dict[str, Any]


@contextmanager
def leading(way: Way, server: LoopbackServer, certified: Certified, user: str = "") -> Iterator[Led]:
    port = (certified.server if way.origin == "https" else server).url.rpartition(":")[2]
    password = SECRET.encode() if user and way.proxy.startswith("socks5") else None
    with Proxy(tls=certified.context if way.proxy == "https" else None, password=password) as proxy:
        url = f"{way.origin}://{way.host}:{port}"
        known = {"base_url": url, "verify": certified.authority}
        resolve = {f"{way.host}:{port}": "127.0.0.1"}
        yield Led(proxy, url, {**known, "proxy": proxy.url(way.proxy, user)}, {**known, "resolve": resolve})


@pytest.fixture(params=WAYS.values(), ids=WAYS)
def led(request: pytest.FixtureRequest, server: LoopbackServer, certified: Certified) -> Iterator[Led]:
    with leading(request.param, server, certified) as found:
        yield found


REQUESTS: list[tuple[Any, dict[str, Any]]] = [
    ({"path": "/id/1?a=%41&b=c%20d"}, {}),
    ({"path": "/id/2"}, {"as_response": True}),
    ({"method": "HEAD", "path": "/bytes/5"}, {"as_response": True}),
    ({"method": "POST", "path": "/echo", "json": {"a": [1, 2]}}, {}),
    ({"method": "PUT", "path": "/echo", "content": b"z" * 300_000}, {}),
    ({"path": "/bytes/300000"}, {}),
    ({"path": "/bytes/3000?chunked=1"}, {"as_response": True}),
    ({"path": "/compressed/gzip"}, {}),
    ({"path": "/redirect/3"}, {"as_response": True}),
    ({"path": "/redirect/3"}, {"as_response": True, "follow_redirects": False}),
    ({"method": "POST", "path": "/redirect/1", "json": {}}, {}),
    ({"path": "/redirect/3"}, {"max_redirects": 2}),
    ({"path": "/status/404"}, {}),
    ({"path": "/status/407"}, {}),
    ({"path": "/status/500"}, {"raise_for_status": False, "as_response": True}),
    ({"path": "/bytes/1000"}, {"max_response_bytes": 999}),
    ({"path": "/truncate/1000"}, {}),
    ({"path": "/close"}, {}),
    ({"path": "/extra"}, {}),
    ({"path": "/inspect", "headers": {"X-A": "b"}, "cookies": {"c": "d"}, "params": {"e": "f"}}, {"auth": ("u", "p")}),
]


def told(result: Any) -> Any:
    """Give what a caller learns from a result."""
    if isinstance(result, Response):
        fields = [(name, value) for name, value in result.headers.items() if name.lower() != "date"]
        return (result.status_code, fields, result.content, str(result.url), result.http_version)
    if isinstance(result, HTTPStatusError):
        return type(result), str(result), told(result.response)
    if isinstance(result, PynectorError):
        return type(result), str(result), getattr(result, "sent", None), result.request
    if result.startswith(b'{"method"'):
        return {name: value for name, value in json.loads(result).items() if name != "connection"}
    return bytes(result)


async def test_answers_are_the_same(led: Led) -> None:
    async with Pynector(**led.straight) as client:
        expected = [told(result) for result in await client.batch_request(REQUESTS)]
    async with Pynector(**led.through, http_engine="native") as client:
        assert [told(result) for result in await client.batch_request(REQUESTS)] == expected
        assert [told(result) for result in await client.batch_request(REQUESTS, max_concurrency=1)] == expected
    assert led.proxy.asked


async def test_each_of_many_requests_has_its_own_answer(led: Led) -> None:
    count = 500
    async with Pynector(**led.through) as client:
        results = await client.batch_request([({"path": f"/id/{n}"}, {}) for n in range(count)], max_concurrency=20)
        assert results == [b"%d" % n for n in range(count)]
        assert 0 < client.stats().connections["idle"] <= 20
    assert len(led.proxy.asked) <= (count if led.proxy.asked[0][:4] == b"GET " else 20)


async def pieces(count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b"z" * 10_000


async def test_bodies_are_streamed_both_ways(led: Led) -> None:
    async with Pynector(**led.through, http_engine="native") as client:
        assert await client.request({"method": "POST", "path": "/echo", "content": pieces(50)}) == b"z" * 500_000
        async with client.stream({"path": "/bytes/5000000"}) as response:
            size = sum([len(piece) async for piece in response.iter_bytes()])
        assert size == 5_000_000
        async with client.stream({"path": "/endless"}) as response:
            async for _ in response.iter_bytes():
                break
        assert await client.request({"path": "/id/1"}) == b"1"


# HTTP/2


@pytest.mark.parametrize("scheme", ["http", "https", "socks5h"])
async def test_http2_is_agreed_on_through_a_tunnel(scheme: str, server: LoopbackServer, certified: Certified) -> None:
    with leading(Way(scheme, "https"), server, certified) as led:
        async with Pynector(**led.through, http2=True, as_response=True) as client:
            results: Any = await client.batch_request([({"path": f"/id/{n}"}, {}) for n in range(200)])
        assert [(result.http_version, result.content) for result in results] == [
            ("HTTP/2", b"%d" % n) for n in range(200)
        ]
        assert len(led.proxy.asked) <= 2


@pytest.mark.parametrize("scheme", ["http", "https", "socks4a"])
async def test_http2_in_clear_text_takes_a_tunnel(scheme: str, server: LoopbackServer, certified: Certified) -> None:
    with leading(Way(scheme, "http"), server, certified) as led:
        async with Pynector(**led.through, http2="only") as client:
            answered: Any = await client.request({"path": "/id/1"}, as_response=True)
        assert (answered.http_version, answered.content) == ("HTTP/2", b"1")
        (asked,) = led.proxy.asked
        assert asked[0] == 4 or asked.startswith(b"CONNECT server.test:")


# What is secret


@pytest.mark.parametrize("way", [way for way in WAYS.values() if "4" not in way.proxy], ids=str)
async def test_credentials_are_for_the_proxy_alone(
    way: Way, server: LoopbackServer, certified: Certified, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with leading(way, server, certified, f"us%C3%A9r:{SECRET}@" if "5" not in way.proxy else f"user:{SECRET}@") as led:
        async with Pynector(**led.through) as client:
            seen = json.loads(await client.request({"path": "/inspect"}))
            assert "proxy-authorization" not in {name.lower() for name, _ in seen["headers"]}
            with pytest.raises(HTTPStatusError) as failed:
                await client.request({"path": "/status/404"})
            shown = [str(failed.value), repr(failed.value), repr(client), repr(client.stats()), caplog.text]
            shown += [repr(transport_of(client)), repr(transport_of(client)._engine.pools.own)]
        if way.proxy.startswith("http"):
            assert b"proxy-authorization: basic dXPDqXI6aHVudGVyMg==".lower() in led.proxy.asked[0].lower()
        else:
            assert led.proxy.asked[0][3] == b"user"
    for text in shown:
        assert SECRET not in text
        assert "dXPDqXI6" not in text


async def test_a_proxy_authorization_of_the_users_own_stands_alone(
    server: LoopbackServer, certified: Certified
) -> None:
    with leading(WAYS["forwarded"], server, certified, f"user:{SECRET}@") as led:
        async with Pynector(**led.through, headers={"proxy-Authorization": "Bearer x"}) as client:
            await client.request(
                {"method": "POST", "path": "/echo", "content": b"\r\nproxy-authorization: none\r\n\r\n"}
            )
            await client.request({"path": "/id/1", "headers": {"Proxy-Authorization": None}})
        own, other = led.proxy.asked
    assert own.lower().count(b"\r\nproxy-authorization: ") == other.count(b"\r\nProxy-Authorization: Basic ") == 1


# The environment


async def test_each_origin_takes_its_own_way(
    server: LoopbackServer, certified: Certified, monkeypatch: pytest.MonkeyPatch
) -> None:
    Resolver(monkeypatch, here)
    ports = [running.url.rpartition(":")[2] for running in (server, certified.server)]
    plain, secure = f"http://server.test:{ports[0]}", f"https://server.test:{ports[1]}"
    straight = f"http://straight.test:{ports[0]}"
    with Proxy() as http, Proxy() as https:
        monkeypatch.setenv("HTTP_PROXY", http.url("http"))
        monkeypatch.setenv("https_proxy", https.url("socks5h"))
        monkeypatch.setenv("NO_PROXY", "straight.test")
        async with Pynector(base_url=straight, http_engine="native", verify=certified.authority) as client:
            urls = [f"{base}/id/{n}" for n in range(30) for base in (plain, secure, straight)]
            results = await client.batch_request([({"url": url}, {}) for url in urls])
            assert results == [url.rpartition("/")[2].encode() for url in urls]
            asked = len(http.asked), len(https.asked)
            assert asked[0] == 30
            assert 0 < asked[1] <= 30
            # There and back.
            back = f"/redirect/1?to={plain}/redirect/1?to={straight}/id/7"
            answered: Any = await client.request({"path": back}, as_response=True)
            assert (answered.content, str(answered.url)) == (b"7", f"{straight}/id/7")
            assert len(http.asked) == 31
            assert http.asked[-1].startswith(f"GET {plain}/redirect/1?to=".encode())


async def test_proxies_are_no_obstacle_to_the_native_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Pynector(base_url="http://a.example", proxy="socks4a://127.0.0.1:9") as client:
        assert transport_of(client)._engine.name == "native"
    monkeypatch.setenv("all_proxy", "http://127.0.0.1:9")
    async with Pynector(base_url="http://a.example") as client:
        assert transport_of(client)._engine.name == "native"


# TLS


async def test_connections_to_a_proxy_over_tls_end_with_the_files_of_its_authorities(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tls, "EVERY", 0.02)
    monkeypatch.setattr(tls, "FRESH", 0.0)
    authority, serving = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(serving)
    trusted, shown = str(tmp_path / "ca.pem"), str(tmp_path / "client.pem")

    def write(path: str) -> None:
        blob = (
            authority.cert_pem
            if path == trusted
            else authority.issue_cert("a@b.example").private_key_and_cert_chain_pem
        )
        blob.write_to_path(path + ".new")
        os.replace(path + ".new", path)

    write(trusted)
    write(shown)
    with ScriptedServer([answer()] * 9, tls=serving) as proxy:
        options: dict[str, Any] = {"proxy": proxy.url, "verify": trusted, "cert": shown, "keepalive_expiry": 60}
        async with Pynector(base_url="http://service.example", **options) as client:
            await client.request(None)
            # Which a proxy is not shown.
            write(shown)
            await anyio.sleep(0.1)
            await client.request(None)
            write(trusted)
            assert await eventually(proxy.connections[0].ended.is_set)
            await client.request(None)
        assert [len(used.requests) for used in proxy.connections] == [2, 1]
