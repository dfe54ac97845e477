"""Cookies that are kept, with persist_cookies=True."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from email.utils import formatdate
from typing import Any

import pytest
from scripted import ScriptedServer, answer

from pynector import HTTPStatusError, Pynector
from pynector.transport.http.cookies import KeptCookies
from pynector.transport.http.headers import Headers
from pynector.transport.http.request import PreparedRequest
from pynector.transport.http.urls import parse_url

pytestmark = pytest.mark.anyio

Play = Callable[..., ScriptedServer]


def sent(request: bytes) -> set[bytes]:
    """The cookies of a request."""
    lines = [line.partition(b": ") for line in request.partition(b"\r\n\r\n")[0].split(b"\r\n")]
    found = [value for name, _, value in lines if name.lower() == b"cookie"]
    assert len(found) <= 1
    return set(found[0].split(b"; ")) if found else set()


def setting(*cookies: str, status: str = "200 OK", more: str = "Vary: *") -> bytes:
    return answer(b"", status, *(f"Set-Cookie: {cookie}" for cookie in cookies), more)


async def test_cookies_are_kept_where_that_is_wanted(play: Play, engine: str) -> None:
    server = play([answer(b"1", "200 OK", "Set-Cookie: a=1", "Set-Cookie: b=2; Path=/sub"), answer(b"2"), answer(b"3")])
    async with Pynector(base_url=server.url, http_engine=engine, persist_cookies=True, cookies={"own": "x"}) as client:
        await client.request(None)
        await client.request({"path": "/sub/x", "cookies": {"a": "mine"}})
        await client.request({"path": "/other"}, cookies={})
    lines = [[line for line in r.split(b"\r\n") if line.startswith(b"Cookie")] for r in server.requests]
    assert lines == [[b"Cookie: own=x"], [b"Cookie: own=x; a=mine; b=2"], [b"Cookie: own=x; a=1"]]


async def test_cookies_of_a_redirect_stay_with_their_host(play: Play, engine: str) -> None:
    server, other = play(), play([answer(b"there")])
    there = other.url.replace("127.0.0.1", "localhost")
    server.script([answer(b"", "302 Found", f"Location: {there}", "Set-Cookie: a=1"), answer(b"back")])
    async with Pynector(base_url=server.url, http_engine=engine, persist_cookies=True) as client:
        assert [await client.request(None), await client.request(None)] == [b"there", b"back"]
    assert b"Cookie" not in other.requests[0]
    assert b"Cookie: a=1\r\n" in server.requests[1]


async def test_no_cookie_is_kept_otherwise(play: Play, engine: str) -> None:
    server = play([answer(b"1", "200 OK", "Set-Cookie: a=1"), answer(b"2")])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        assert [await client.request(None), await client.request(None)] == [b"1", b"2"]
    assert b"cookie" not in server.received.lower()


async def test_every_kind_of_answer_fills_the_jar_and_every_kind_of_request_asks_it(play: Play, engine: str) -> None:
    class Flow:
        async def async_auth_flow(self, request: Any) -> AsyncIterator[Any]:
            yield request
            yield request

    server = play(
        [
            setting("a=1", status="302 Found", more="Location: /next"),
            setting("b=1", status="404 Not Found"),
            setting("c=1"),
            setting("d=1"),
            setting("e=1; Max-Age=0", "f=1", "g=1"),
            setting("f=; Expires=" + formatdate(0, usegmt=True)),
            answer(),
            answer(),
        ]
    )
    options: Any = {"base_url": server.url, "http_engine": engine, "max_connections": 1}
    async with Pynector(persist_cookies=True, **options) as client:
        with pytest.raises(HTTPStatusError):
            await client.request(None)
        async with client.stream(None) as response:
            await response.read()
        await client.request(None, auth=Flow())
        async with client.stream(None, auth=Flow()) as response:
            await response.read()
        assert await client.batch_request([({"path": "/", "headers": {"Cookie": "a=mine; own=1"}}, {})]) == [b"ok"]
    told = [b"".join(sorted(cookie[:1] for cookie in sent(request))) for request in server.requests]
    assert told == [b"", b"a", b"ab", b"abc", b"abcd", b"abcdfg", b"abcdg", b"abcdgo"]
    assert b"a=mine" in sent(server.requests[-1])


async def test_none_of_many_answers_at_a_time_loses_its_cookie(play: Play, engine: str) -> None:
    count = 40
    server = play()
    server.script(*([setting(f"c{n}={n}"), answer(), answer()] for n in range(count)))
    async with Pynector(base_url=server.url, http_engine=engine, persist_cookies=True, max_streams=1) as client:
        await client.batch_request([({"path": "/"}, {})] * count, max_concurrency=count)
        # One that was overtaken by another that was free again has carried nothing.
        set_by = [n for n, connection in enumerate(server.connections) if connection.requests]
        await client.request({"path": "/last"})
    (last,) = [request for request in server.requests if b"/last" in request]
    assert len(set_by) > 1
    assert sent(last) == {b"c%d=%d" % (n, n) for n in set_by}


@pytest.mark.parametrize(
    ("cookie", "of", "goes_to"),
    [
        ("a=1; HttpOnly", "http://one.example/x/y", ["http://one.example/x/z"]),
        ("a=1; Secure; Path=/", "https://one.example/", ["https://one.example/z", "https://one.example:8443/z"]),
        ("a=1; Path=/z", "http://one.example:8080/", ["http://one.example/z", "https://one.example/z"]),
        (
            "a=1; Domain=one.example; Path=/",
            "http://www.one.example/",
            ["http://one.example/", "http://b.one.example/"],
        ),
        ("a=1; Domain=two.example; Path=/", "http://one.example/", []),
        ("a=1; Domain=example; Path=/", "http://one.example/", []),
        ("a=1; Domain=co.uk; Path=/", "http://one.co.uk/", []),
        ("a=1; Path=/; Max-Age=0", "http://one.example/", []),
        ("a=1; Path=/; Expires=Thu, 01 Jan 2015 00:00:00 GMT", "http://one.example/", []),
        ("a=1; Path=/; Expires=Wed, 01 Jan 2098 00:00:00 GMT", "http://[::1]/", ["http://[::1]/z"]),
        ("a=1; Path=/; Port=80", "http://one.example/", ["http://one.example/", "http://one.example/z"]),
    ],
)
def test_a_cookie_goes_where_http_cookiejar_lets_it_go(cookie: str, of: str, goes_to: list[str]) -> None:
    never = ["http://two.example/z", "http://127.0.0.1/z", "http://two.co.uk/"]
    if "Domain" not in cookie:
        # Which are hosts of their own (RFC 6265 section 5.4).
        never += ["http://www.one.example/x/z", "https://www.one.example/z"]
    jar = KeptCookies()
    jar.take(parse_url(of), Headers([("Set-Cookie", cookie)]))
    asked = {url: jar.added_to(PreparedRequest("GET", parse_url(url), [])).headers for url in [*goes_to, *never]}
    assert asked == {**{url: [("Cookie", "a=1")] for url in goes_to}, **{url: [] for url in never}}
