"""Redirects: the method, the body, and what may go to another origin."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from scripted import ScriptedServer, answer

from pynector import HTTPRequest, HTTPStatusError, ProtocolError, Pynector, TooManyRedirects
from pynector.testing import LoopbackServer

pytestmark = pytest.mark.anyio

Play = Callable[..., ScriptedServer]

BECOMES_GET = {(301, "POST"), (302, "POST"), (303, "POST"), (303, "PUT"), (303, "DELETE")}


def to(location: str, status: str = "302 Found") -> bytes:
    return answer(b"moved", status, f"Location: {location}")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
async def test_the_method_and_the_body_are_what_the_fetch_standard_says(
    client: Pynector, status: int, method: str
) -> None:
    body = None if method == "GET" else b"body"
    data = {"method": method, "path": f"/redirect/1?status={status}&to=/inspect", "content": body}
    seen = json.loads(await client.request(data, headers={"Content-Type": "text/x", "X-Kept": "1"}))
    headers = {name.lower(): value for name, value in seen["headers"]}
    becomes_get = (status, method) in BECOMES_GET
    assert seen["method"] == ("GET" if becomes_get else method)
    assert seen["body"] == ("" if becomes_get or body is None else "body")
    assert ("content-type" in headers, "content-length" in headers) == (not becomes_get, bool(seen["body"]))
    assert headers["x-kept"] == "1"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_head_stays_a_head(play: Play, engine: str, status: int) -> None:
    moved = answer(b"", f"{status} Moved", "Location: /there", "Content-Length: 5", length=False)
    server = play([moved, answer(b"", "200 OK", "Content-Length: 9", length=False)])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        response = await client.request(None, method="HEAD", path="/here", as_response=True)
    assert (response.content, response.headers["content-length"]) == (b"", "9")
    assert [request.split(b" HTTP")[0] for request in server.requests] == [b"HEAD /here", b"HEAD /there"]


@pytest.mark.parametrize("status", [300, 304, 305, 306, 399])
async def test_another_3xx_is_no_redirect(play: Play, engine: str, status: int) -> None:
    server = play([answer(b"", f"{status} Something", "Location: /there")])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        response = await client.request(None, as_response=True)
    assert (response.status_code, len(server.requests)) == (status, 1)


async def test_a_redirect_without_a_location_is_the_answer(play: Play, engine: str) -> None:
    server = play([answer(b"where?", "302 Found"), answer(b"here?", "302 Found", "Location: ")])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        assert [await client.request(None), await client.request(None)] == [b"where?", b"here?"]


async def test_follow_redirects_false_gives_the_redirect(server: LoopbackServer, engine: str) -> None:
    async with Pynector(base_url=server.url, http_engine=engine, follow_redirects=False) as client:
        response = await client.request({"path": "/redirect/2"}, as_response=True)
        assert (response.status_code, response.headers["location"]) == (302, "/redirect/1")
        assert await client.request({"path": "/redirect/2"}, follow_redirects=True) == b"done"


async def test_an_answer_has_its_redirects(client: Pynector, server: LoopbackServer) -> None:
    def told(answered: Any) -> list[Any]:
        return [(r.status_code, r.url, r.headers["location"], len(r.history), r.content) for r in answered.history]

    passed = [(302, f"{server.url}/redirect/{n}", f"/redirect/{n - 1}", 2 - n, b"") for n in (2, 1)]
    whole = await client.request({"path": "/redirect/2"}, as_response=True)
    assert told(whole) == told(pickle.loads(pickle.dumps(whole))) == passed
    assert told(await client.request({"path": "/redirect/2", "headers": {"X": "1"}}, as_response=True)) == passed
    assert 0 <= whole.history[0].elapsed <= whole.history[1].elapsed <= whole.elapsed
    async with client.stream({"path": "/redirect/2"}) as response:
        assert told(response) == passed
    with pytest.raises(HTTPStatusError) as caught:
        await client.request({"path": "/redirect/1?to=/status/404"})
    assert [r.url for r in caught.value.response.history] == [f"{server.url}/redirect/1?to=/status/404"]
    assert (await client.request({"path": "/id/1"}, as_response=True)).history == ()


async def test_redirects_are_followed_up_to_max_redirects(client: Pynector, server: LoopbackServer) -> None:
    assert await client.request({"path": "/redirect/20"}) == b"done"
    response = await client.request({"path": "/redirect/3"}, max_redirects=3, as_response=True)
    assert (response.content, response.url) == (b"done", f"{server.url}/redirect/0")
    for hops, limit in ((21, {}), (3, {"max_redirects": 2}), (1, {"max_redirects": 0})):
        with pytest.raises(TooManyRedirects, match="max_redirects") as caught:
            await client.request({"path": f"/redirect/{hops}?q=secret"}, **limit)
        assert (caught.value.phase, caught.value.sent, caught.value.transient) == ("body", "full", False)
        assert caught.value.request is not None
        assert "secret" not in str(caught.value)


async def test_a_loop_ends_in_an_error(client: Pynector) -> None:
    with pytest.raises(TooManyRedirects):
        await client.request({"path": "/redirect/1?to=" + quote("/redirect/1?to=%2Fredirect%2F20")}, max_redirects=5)


LOCATIONS = [
    ("/b", "/b"),
    ("b", "/dir/b"),
    ("../b", "/b"),
    ("?b=1", "/dir/a?b=1"),
    ("/b#fragment", "/b"),
    ("/b c", "/b%20c"),
    ("/b c?d e", "/b%20c?d%20e"),
    ("/next?", "/next?"),
    ("?", "/dir/a?"),
    ("/b%20c", "/b%20c"),
    (" /b \t", "/b"),
    ("/café".encode().decode("latin-1"), "/caf%C3%A9"),
    ("/caf\xe9", "/caf%C3%A9"),
    ("{url}/absolute?x=1", "/absolute?x=1"),
    ("//{host}/schemeless", "/schemeless"),
    ("{url}", "/"),
]


@pytest.mark.parametrize(("location", "target"), LOCATIONS, ids=str)
async def test_a_location_is_resolved_as_browsers_do(play: Play, engine: str, location: str, target: str) -> None:
    server = play()
    host = f"127.0.0.1:{server.port}"
    server.script([to(location.format(url=server.url, host=host)), answer(b"there")])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        assert await client.request({"path": "/dir/a?own=1"}) == b"there"
    assert [request.split(b" ")[1].decode() for request in server.requests] == ["/dir/a?own=1", target]


@pytest.mark.parametrize(
    "location",
    [
        "ftp://host/",
        "http:///x",
        "mailto:someone",
        "javascript:alert(1)",
        "https://",
        "http://[::1",
        "//[/",
        "http://h:x/",
    ],
)
async def test_a_location_that_is_no_http_url_is_the_server_s_fault(play: Play, engine: str, location: str) -> None:
    server = play([to(location)])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        with pytest.raises(ProtocolError, match="redirects to") as caught:
            await client.request({"path": "/here"})
    assert (caught.value.phase, caught.value.sent) == ("body", "full")
    assert caught.value.request == f"GET {server.url}/here"


LOCATIONS_TWICE = [("/next", "/next", True), ("/next", " /next\t", True), ("/next", "/other", False), ("", "/x", False)]


@pytest.mark.parametrize(("first", "second", "is_one"), LOCATIONS_TWICE, ids=repr)
@pytest.mark.parametrize("how", ["single", "batch", "stream", "retry"])
async def test_a_location_that_comes_twice_is_one_if_it_is_the_same(
    play: Play, engine: str, how: str, first: str, second: str, is_one: bool
) -> None:
    moved = answer(b"", "302 Found", f"Location: {first}", f"location: {second}")
    server = play([moved, answer(b"done")])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        seen: Any
        try:
            if how == "stream":
                async with client.stream({"path": "/"}) as response:
                    seen = await response.read()
            elif how == "batch":
                (seen,) = await client.batch_request([({"path": "/"}, {})])
            elif how == "retry":
                seen = await client.request_with_retry({"path": "/"}, max_retries=1)
            else:
                seen = await client.request({"path": "/"})
        except ProtocolError as error:
            seen = error
    if is_one:
        assert seen == b"done"
        assert [request.split(b" ")[1] for request in server.requests] == [b"/", b"/next"]
    else:
        assert isinstance(seen, ProtocolError)
        assert "sent Location twice" in str(seen)
        assert (seen.sent, seen.request) == ("full", f"GET {server.url}/")
        assert len(server.requests) == 1


SECRETS = {"Authorization": "Bearer t", "Cookie": "a=b", "api-key": "k", "X-Auth-Token": "x", "X-Any": "y"}
HARMLESS = {"Accept": "a/b", "Accept-Language": "de", "User-Agent": "me", "Content-Type": "c/d", "Range": "bytes=0-"}


def names_in(request: bytes) -> set[str]:
    return {line.partition(b":")[0].decode().lower() for line in request.split(b"\r\n\r\n")[0].split(b"\r\n")[1:]}


@pytest.mark.parametrize("options", [{}, {"redirect_headers": ["X-Any", "API-KEY"]}], ids=str)
async def test_what_may_be_a_credential_does_not_go_to_another_origin(
    play: Play, engine: str, options: dict[str, Any]
) -> None:
    other = play([to("/again", "307 Temporary Redirect"), answer(b"arrived")])
    server = play([to(other.url + "/x", "307 Temporary Redirect")])
    async with Pynector(base_url=server.url, http_engine=engine, headers=SECRETS, **options) as client:
        assert await client.request(b"body", headers={**HARMLESS, "Host": "first.example"}) == b"arrived"
    allowed = {"x-any", "api-key"} if options else set()
    for request in other.requests:
        names = names_in(request)
        assert {name for name in SECRETS if name.lower() in names} == {n for n in SECRETS if n.lower() in allowed}
        assert {name for name in HARMLESS if name.lower() in names} == set(HARMLESS)
        assert f"Host: 127.0.0.1:{other.port}\r\n".lower().encode() in request.lower()
        assert request.endswith(b"\r\n\r\nbody")
    assert len(other.requests) == 2


@pytest.mark.parametrize("auth", ["token", ("user", "password")], ids=repr)
async def test_auth_stays_with_its_origin(play: Play, engine: str, auth: Any) -> None:
    server, other = play(), play()
    server.script([to("/same"), to(other.url), answer(b"back")])
    other.script([to(server.url + "/back")])
    async with Pynector(base_url=server.url, http_engine=engine, auth=auth, cookies={"a": "b"}) as client:
        assert await client.request(None) == b"back"
    assert [{"authorization", "cookie"} <= names_in(request) for request in server.requests] == [True, True, False]
    assert [{"authorization", "cookie"} & names_in(request) for request in other.requests] == [set()]


async def test_the_same_origin_keeps_every_header(play: Play, engine: str) -> None:
    server = play([to("/x", "307 Temporary Redirect"), answer(b"arrived")])
    async with Pynector(base_url=server.url, http_engine=engine, headers=SECRETS) as client:
        assert await client.request(None, headers={"Host": "named.example"}) == b"arrived"
    assert names_in(server.requests[0]) == names_in(server.requests[1])
    assert server.requests[1].lower().count(b"host: named.example") == 1


async def test_a_user_in_a_location_is_neither_sent_nor_shown(play: Play, engine: str) -> None:
    server = play()
    location = server.url.replace("//", "//user:secret@") + "/x"
    server.script([to(location), answer(b"", "500 Error")])
    async with Pynector(base_url=server.url, http_engine=engine, raise_for_status=False) as client:
        response = await client.request(None, as_response=True)
    assert (response.status_code, response.url) == (500, f"{server.url}/x")
    assert "authorization" not in names_in(server.requests[1])


async def test_the_body_of_a_redirect_counts_against_nothing_but_its_own_limit(play: Play, engine: str) -> None:
    server = play([answer(b"x" * 900, "302 Found", "Location: /x"), answer(b"y" * 900)])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        assert await client.request(None, max_response_bytes=1000) == b"y" * 900


LOCATIONS = [
    "/a",
    "/a?b=c&d",
    "/a?",
    "a",
    "?q",
    "/a/../b",
    "/./a",
    "/a%20b",
    "/a b",
    "/\u00e9",
    "/a#b",
    "//{authority}/x",
    "http://{authority}/x?y=z",
    "HTTP://{authority}/x",
    "http://{authority}",
    "http://{authority}?q",
]


@pytest.mark.parametrize("location", LOCATIONS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize("engine", ["native"])
async def test_a_request_of_any_form_is_sent_on_as_the_same(
    play: Play, engine: str, location: str, method: str
) -> None:
    server = play([])
    where = location.format(authority=server.url.removeprefix("http://"))
    server.script([answer(b"", "302 Found", f"Location: {where}"), answer(b"")] * 2)
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        for data in ({"method": method, "path": "/from"}, HTTPRequest(method=method, path="/from")):
            await client.request(data, headers={"X-Own": "1"})
    (first, second), (third, fourth) = (server.requests[:2], server.requests[2:])
    assert (first, second) == (third, fourth)
    assert second != first
