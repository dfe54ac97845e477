"""Proxies: which one, what it is told, and what an error through it says."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable, Iterator
from importlib.util import find_spec
from typing import Any

import pytest
import trustme
from scripted import ScriptedServer, answer, eventually

from proxyserver import Proxy
from pynector import (
    ConfigurationError,
    ConnectError,
    Pynector,
    PynectorError,
    TimeoutError,
    TooManyRedirects,
    TransportError,
)
from pynector.transport.http.urls import parse_url
from pynector.transport.net.environment import NamedProxies
from pynector.transport.net.hosts import is_local

Play = Callable[..., ScriptedServer]

SECRET = "hunter2"


@pytest.fixture(scope="module")
def certified() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Contexts of a server on this machine, and of clients that trust it."""
    ca = trustme.CA()
    serving, trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    ca.issue_cert("127.0.0.1").configure_cert(serving)
    ca.configure_trust(trusting)
    return serving, trusting


@pytest.fixture(params=["httpx", "native"])
def engine(request: pytest.FixtureRequest) -> str:
    """The engines, as those who speak HTTP/1.1 with the proxies of these tests."""
    return str(request.param)


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with Proxy() as running:
        yield running


def as_proxy(server: ScriptedServer, user: str = "") -> str:
    return server.url.replace("://", f"://{user}")


@pytest.mark.anyio
async def test_a_proxy_is_asked_for_the_whole_url_as_it_was_written(play: Play, engine: str) -> None:
    server = play([answer(b"1"), answer(b"moved", "302 Found", "Location: /b/./c"), answer(b"2")])
    through = as_proxy(server, f"us%20er:{SECRET}@")
    async with Pynector(base_url="http://service.example/a/../b?x=%41", proxy=through, http_engine=engine) as client:
        assert [await client.request(None), await client.request(b"body")] == [b"1", b"2"]
    lines = [request.split(b"\r\n")[0] for request in server.requests]
    assert lines[0] == b"GET http://service.example/a/../b?x=%41 HTTP/1.1"
    assert [line.split(b" ")[0] for line in lines] == [b"GET", b"POST", b"GET"]
    for request in server.requests:
        assert b"proxy-authorization: basic dxmgzxi6ahvudgvymg==" in request.lower()
        assert b"host: service.example\r\n" in request.lower()
    assert len(server.connections) == 1


@pytest.mark.anyio
async def test_a_tunnel_carries_tls_and_the_proxy_sees_nothing_of_it(
    play: Play, engine: str, proxy: Proxy, certified: Any
) -> None:
    server = play([answer(b"1"), answer(b"2")], tls=certified[0])
    options: dict[str, Any] = {
        "proxy": proxy.url("http", f"user:{SECRET}@"),
        "verify": certified[1],
        "http_engine": engine,
    }
    async with Pynector(base_url=server.url, headers={"X-Key": SECRET}, **options) as client:
        assert [await client.request(None), await client.request({"path": f"/x?{SECRET}"})] == [b"1", b"2"]
    assert len(proxy.asked) == 1
    assert proxy.asked[0].startswith(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\n" % server.port)
    assert b"proxy-authorization" in proxy.asked[0].lower()
    assert SECRET.encode() not in proxy.asked[0]
    assert b"proxy-authorization" not in server.received.lower()


@pytest.mark.anyio
async def test_a_proxy_may_speak_tls(play: Play, engine: str, certified: Any) -> None:
    server = play([answer(b"1")], tls=certified[0])
    with Proxy(tls=certified[0]) as proxy:
        options: dict[str, Any] = {"proxy": proxy.url("https"), "http_engine": engine}
        async with Pynector(base_url=server.url, verify=certified[1], **options) as client:
            assert await client.request(None) == b"1"
        async with Pynector(base_url=server.url, **options) as client:
            with pytest.raises(ConnectError) as caught:
                await client.request(None)
    assert (caught.value.sent, caught.value.transient, caught.value.proxy_failed) == ("none", False, True)
    assert len(proxy.asked) == 1


async def failure(client: Pynector, **options: Any) -> Any:
    with pytest.raises(PynectorError) as caught:
        await client.request({"method": "POST", "path": f"/x?{SECRET}", "content": b"body"}, **options)
    assert SECRET not in str(caught.value)
    return caught.value


REFUSALS: dict[str, Any] = {
    "forbidden": answer(b"no", "403 Forbidden", f"Set-Cookie: a={SECRET}"),
    "unauthorized": answer(b"no", "407 Proxy Authentication Required"),
    "garbage": f"SSH-2.0 {SECRET}\r\n\r\n".encode(),
    "closed": "close",
    "reset": "reset",
    "hang": "hang",
    "closed in TLS": [b"HTTP/1.1 200 Connection established\r\n\r\n", "close"],
    "hang in TLS": [b"HTTP/1.1 200 Connection established\r\n\r\n", "hang"],
}


@pytest.mark.anyio
@pytest.mark.parametrize("name", REFUSALS)
async def test_what_a_proxy_does_not_pass_on_has_not_been_sent(play: Play, engine: str, name: str) -> None:
    through = play([REFUSALS[name]])
    options: dict[str, Any] = {"proxy": as_proxy(through, f"user:{SECRET}@"), "verify": False}
    async with Pynector(base_url="https://service.example", http_engine=engine, **options) as client:
        error = await failure(client, timeout=0.3 if "hang" in name else 10)
        assert (error.phase, error.sent) == ("tls" if "TLS" in name else "connect", "none")
        assert isinstance(error, TimeoutError if "hang" in name else TransportError)
        assert error.request == "POST https://service.example/x"
        assert await eventually(through.connections[0].ended.is_set)
    assert len(through.requests) == 1
    assert SECRET.encode() not in through.received


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("status", "times"),
    [("407 Proxy Authentication Required", 1), ("403 Forbidden", 1), ("502 Bad Gateway", 3), ("429 Slow Down", 3)],
)
async def test_a_tunnel_is_asked_for_again_where_the_answer_may_change(
    play: Play, engine: str, status: str, times: int
) -> None:
    through = play([f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode()])
    options: dict[str, Any] = {"proxy": as_proxy(through), "verify": False, "http_engine": engine}
    async with Pynector(base_url="https://service.example", **options) as client:
        with pytest.raises(ConnectError, match=status[:3]) as refused:
            await client.request_with_retry(None, retry_delay=0)
    assert (refused.value.transient, refused.value.attempts) == (times > 1, times)
    assert len(through.requests) == times


@pytest.mark.anyio
async def test_what_a_proxy_has_passed_on_may_have_arrived(
    play: Play, engine: str, proxy: Proxy, certified: Any
) -> None:
    server = play(["close"], tls=certified[0])
    options: dict[str, Any] = {"verify": certified[1], "http_engine": engine}
    async with Pynector(base_url=server.url, proxy=proxy.url("http"), **options) as client:
        error = await failure(client)
    assert (error.phase, error.sent) == ("headers", "full")
    async with Pynector(base_url="http://service.example", proxy=as_proxy(play(["close"])), **options) as client:
        error = await failure(client)
    assert (error.phase, error.sent) == ("headers", "full")


@pytest.mark.anyio
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_is_not_there_is_a_connect_error(play: Play, engine: str, scheme: str) -> None:
    # SOCKS needs a package there.
    for kind in ("http", "https") if engine == "httpx" else ("http", "https", "socks4a", "socks5h"):
        there = as_proxy(play(listening=False), f"user:{SECRET}@").replace("http", kind)
        options = {"proxy": there, "http_engine": engine}
        async with Pynector(base_url=f"{scheme}://service.example", verify=False, **options) as client:
            error = await failure(client)
        assert (type(error), error.phase, error.sent) == (ConnectError, "connect", "none")
        assert error.proxy_failed
    async with Pynector(base_url=play(listening=False).url, http_engine=engine) as client:
        assert not (await failure(client)).proxy_failed


# The environment


@pytest.mark.anyio
async def test_the_environment_names_proxies_by_scheme(
    play: Play, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYNECTOR_HTTP_ENGINE", engine)
    server, direct = play([answer(b"through")]), play([answer(b"direct")])
    monkeypatch.setenv("http_proxy", as_proxy(server).removeprefix("http://"))
    monkeypatch.setenv("no_proxy", "other.example, .sub.service.example")
    async with Pynector(base_url="http://service.example") as client:
        assert await client.request(None) == b"through"
        # Never for this machine, and for a redirect's target as for any other.
        server.script([answer(b"moved", "302 Found", f"Location: {direct.url}/there")])
        assert await client.request({"url": f"http://localhost:{direct.port}/"}) == b"direct"
    monkeypatch.delenv("http_proxy")
    monkeypatch.setenv("all_proxy", as_proxy(server))
    server.script([answer(b"through")])
    async with Pynector(base_url="http://service.example") as client:
        assert await client.request(None) == b"through"
    async with Pynector(base_url="http://name.invalid", trust_env=False) as client:
        with pytest.raises(ConnectError):
            await client.request(None)


@pytest.mark.anyio
@pytest.mark.parametrize(
    "value", [f"ftp://user:{SECRET}@host", f"http://user:{SECRET}@host:x", "http://", "http://[::1"]
)
async def test_a_wrong_variable_is_named_and_not_quoted(
    play: Play, engine: str, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("https_proxy", value)
    server = play([answer(b"1")])
    async with Pynector(http_engine=engine) as client:
        for send in (_whole, _streamed):
            with pytest.raises(ConfigurationError, match="https_proxy") as caught:
                await send(client, "https://service.example")
            assert SECRET not in str(caught.value)
        # What it does not concern goes on.
        assert await client.request({"url": server.url}) == b"1"
    with pytest.raises(ConfigurationError, match="https_proxy"):
        await Pynector(base_url="https://service.example", http_engine=engine).request(None)


@pytest.mark.anyio
async def test_httpx_speaks_socks_5_alone_and_with_its_package() -> None:
    for scheme in ("socks4", *(() if find_spec("socksio") else ("socks5",))):
        client = Pynector(base_url="https://a.example", proxy=f"{scheme}://a:{SECRET}@127.0.0.1:9", http_engine="httpx")
        with pytest.raises(ConfigurationError, match="socksio") as caught:
            await client.request(None)
        assert SECRET not in str(caught.value)


def test_in_a_cgi_script_http_proxy_is_a_header_field(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:8")
    assert NamedProxies().proxy_for("http", "a.example", 80) is not None
    monkeypatch.setenv("REQUEST_METHOD", "GET")
    assert NamedProxies().proxy_for("http", "a.example", 80) is None
    assert NamedProxies().proxy_for("https", "a.example", 443) is not None
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:7")
    assert NamedProxies().proxy_for("http", "a.example", 80) is not None


@pytest.mark.parametrize(
    ("entry", "url", "expected"),
    [
        ("*", "http://a.example", True),
        ("", "http://a.example", False),
        ("a.example", "http://a.example", True),
        ("a.example", "http://x.a.example", True),
        ("a.example", "http://xa.example", False),
        (".a.example", "http://a.example", False),
        (".a.example", "http://x.a.example", True),
        ("*.a.example", "http://x.a.example", True),
        ("a.example:8080", "http://a.example:8080", True),
        ("a.example:8080", "http://a.example", False),
        ("a.example", "http://a.example.:80", True),
        ("http://a.example", "http://a.example", True),
        ("https://a.example", "http://a.example", False),
        ("all://a.example", "https://a.example", True),
        ("10.0.0.0/8", "http://10.1.2.3", True),
        ("10.0.0.0/8", "http://11.1.2.3", False),
        ("10.1.2.3", "http://10.1.2.3:8080", True),
        ("10.1.2.3:80", "http://10.1.2.3:8080", False),
        ("fe80::/10", "http://[fe80::1]", True),
        ("fe80::1", "http://[fe80::1]", True),
        ("[fe80::1]", "http://[fe80::1]", True),
        ("[fe80::1]:8080", "http://[fe80::1]:8080", True),
        ("10.0.0.0/99", "http://10.0.0.1", False),
        ("://", "http://a.example", False),
        ("*.", "http://a.example", False),
        ("*:8080", "http://a.example:8080", True),
        ("*:8080", "http://a.example", False),
        ("*.a.example", "http://a.example", False),
        ("A.Example", "http://a.example", True),
        ("a.example.", "http://a.example", True),
        ("a.example:443", "https://a.example", True),
        ("2001:db8::/32", "http://[2001:db8:1::1]", True),
        ("[2001:db8::]/32", "http://[2001:db8:1::1]", False),
        ("[2001:db8::1]:8080", "http://[2001:db8::1]", False),
        ("2001:DB8:0::1", "http://[2001:db8::1]", True),
        ("10.0.0.0/8:8080", "http://10.1.2.3:8080", True),
        ("10.0.0.0/8:8080", "http://10.1.2.3", False),
        ("10.0.0.0/8", "http://10.example", False),
        ("x.example, a.example ,y.example", "http://a.example", True),
        ("x.example a.example", "http://a.example", True),
        (",, ,", "http://a.example", False),
        ("Müller.example", "http://x.müller.example", True),
        (".müller.example", "http://xn--mller-kva.example", False),
        ("a\u2060\u0338", "http://a", False),
    ],
)
def test_what_no_proxy_means(monkeypatch: pytest.MonkeyPatch, entry: str, url: str, expected: bool) -> None:
    monkeypatch.setenv("all_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", entry)
    assert (NamedProxies().proxy_for(*parse_url(url).origin) is None) is expected


@pytest.mark.parametrize(
    ("host", "local"),
    [
        *((name, True) for name in ("localhost", "localhost.", "127.0.0.1", "127.9.9.9", "::1")),
        *((name, False) for name in ("0.0.0.0", "10.0.0.1", "localhost.example", "::2")),
    ],
)
def test_what_is_this_machine(host: str, local: bool) -> None:
    assert is_local(host) is local


# A client of this machine, where the environment names a proxy


async def _whole(client: Pynector, url: str, **options: Any) -> bytes:
    (answered,) = await client.batch_request([({"url": url}, options)], raise_on_error=True)
    return bytes(answered)


async def _streamed(client: Pynector, url: str, **options: Any) -> bytes:
    async with client.stream({"url": url}, **options) as response:
        return bytes(await response.read())


@pytest.mark.anyio
@pytest.mark.parametrize("send", [_whole, _streamed])
async def test_a_client_of_this_machine_takes_the_proxy_for_all_else(
    play: Play, engine: str, monkeypatch: pytest.MonkeyPatch, send: Callable[..., Awaitable[bytes]]
) -> None:
    through, direct = (play([answer(body, "200 OK", "Connection: close")]) for body in (b"through", b"direct"))
    monkeypatch.setenv("http_proxy", as_proxy(through))
    async with Pynector(base_url=f"http://localhost:{direct.port}", http_engine=engine) as client:
        assert await send(client, f"http://127.0.0.1:{direct.port}/a") == b"direct"
        assert await send(client, "http://service.example/b") == b"through"
        direct.script([answer(b"", "302 Found", "Location: http://service.example/c", "Connection: close")])
        assert await send(client, f"http://localhost:{direct.port}/d") == b"through"
        with pytest.raises(TooManyRedirects):
            await send(client, f"http://localhost:{direct.port}/e", max_redirects=0)
    assert all(request.startswith(b"GET http://service.example/") for request in through.requests)


@pytest.mark.anyio
@pytest.mark.parametrize("send", [_whole, _streamed])
async def test_what_the_proxy_fails_after_a_redirect_says_that_something_was_sent(
    play: Play, engine: str, monkeypatch: pytest.MonkeyPatch, send: Callable[..., Awaitable[bytes]]
) -> None:
    monkeypatch.setenv("http_proxy", as_proxy(play(listening=False)))
    direct = play([answer(b"", "302 Found", "Location: http://service.example/c")])
    async with Pynector(base_url=direct.url, http_engine=engine) as client:
        with pytest.raises(ConnectError, match=r"http://service\.example/c") as failed:
            await send(client, f"{direct.url}/d")
    assert (failed.value.phase, failed.value.sent) == ("connect", "full")
