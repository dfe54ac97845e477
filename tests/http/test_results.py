"""What a request gives: bytes, a Response, or an HTTPStatusError."""

from __future__ import annotations

import copy
import json
import pickle
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from scripted import ScriptedServer, answer, chunked

from pynector import HTTPStatusError, JSONError, Pynector, PynectorError, Response, TransportError
from pynector.testing import LoopbackServer
from pynector.transport.http.response import Headers

pytestmark = pytest.mark.anyio

Play = Callable[..., ScriptedServer]


async def test_the_result_is_the_body_as_bytes(client: Pynector) -> None:
    answered = await client.request(None, path="/id/5")
    assert (answered, type(answered)) == (b"5", bytes)


async def test_as_response_gives_a_response_for_one_request(
    client: Pynector, server: LoopbackServer, http_version: str
) -> None:
    response = await client.request({"path": "/id/5?q=1"}, as_response=True)
    assert (response.status_code, response.content, response.text) == (200, b"5", "5")
    assert (response.reason_phrase, response.http_version, response.attempts) == ("OK", http_version, 1)
    assert (response.json(), response.url) == (5, f"{server.url}/id/5?q=1")
    # Elsewhere the clock of uvloop counts whole milliseconds.
    assert 0 < response.elapsed < 60 or (sys.platform != "linux" and not response.elapsed)
    assert repr(response) == "<Response 200 OK, 1 bytes>"
    assert await client.request({"path": "/id/5"}) == b"5"


async def test_as_response_for_all_requests_of_a_client(server: LoopbackServer, engine: str) -> None:
    async with Pynector(base_url=server.url, http_engine=engine, as_response=True) as client:
        assert (await client.request({"path": "/id/1"})).content == b"1"
        assert await client.request({"path": "/id/1"}, as_response=False) == b"1"
        (response,) = await client.batch_request([({"path": "/id/2"}, {})])
        assert response.content == b"2"


async def test_headers_are_found_without_regard_to_case(client: Pynector) -> None:
    response = await client.request({"path": "/headers?Set-Cookie=a%3D1&X-A=v&Set-Cookie=b%3D2"}, as_response=True)
    headers = response.headers
    assert (headers["x-a"], headers["X-A"], headers.get("absent"), "SET-COOKIE" in headers) == ("v", "v", None, True)
    assert (headers["set-cookie"], headers.get_list("Set-Cookie")) == ("a=1, b=2", ["a=1", "b=2"])
    assert [value for name, value in headers.pairs() if name.lower() == "set-cookie"] == ["a=1", "b=2"]
    assert (len(headers), set(headers)) == (len(dict(headers)), {"set-cookie", "x-a", "content-type", "content-length"})
    assert "a=1" not in repr(headers)
    assert "set-cookie" in repr(headers)


@pytest.mark.parametrize(
    ("kind", "body", "text"),
    [
        ("text/plain; charset=latin-1", b"\xe9", "é"),
        ('text/plain; CHARSET="utf-16-le"', "é".encode("utf-16-le"), "é"),
        ("text/plain", "é".encode(), "é"),
        ("", "é".encode(), "é"),
        ("text/plain; charset=nonsense", "é".encode(), "é"),
        ("text/plain; charset=utf-8", b"\xff", "\ufffd"),
    ],
)
def test_text_is_decoded_by_the_charset_else_as_utf_8(kind: str, body: bytes, text: str) -> None:
    assert Response(200, Headers([("Content-Type", kind)]), body, "http://host/").text == text


def test_a_response_without_a_content_type_is_utf_8() -> None:
    response = Response(299, Headers(), "é".encode(), "http://host/")
    assert (response.text, response.reason_phrase, repr(response)) == ("é", "", "<Response 299, 2 bytes>")
    with pytest.raises(ValueError, match="Expecting value"):
        response.json()


async def test_a_response_can_be_copied_and_pickled(
    client: Pynector, server: LoopbackServer, http_version: str
) -> None:
    response = await client.request({"path": "/headers?X-Name=1"}, as_response=True)
    for other in (pickle.loads(pickle.dumps(response)), copy.copy(response)):
        assert isinstance(other, Response)
        assert (other.status_code, other.url, other.content) == (200, f"{server.url}/headers?X-Name=1", b"headers")
        assert (other.http_version, other.elapsed, other.attempts) == (http_version, response.elapsed, 1)
        assert other.headers.pairs() == response.headers.pairs()
    assert response.headers is response.headers


class Page(Response):
    """A Response with something of its own."""

    def __init__(self, title: str) -> None:
        super().__init__(200, Headers([("A", "b")]), b"page", "http://host/")
        self.title = title


def test_a_response_of_a_subclass_can_be_copied_and_pickled() -> None:
    page = Page("one")
    for other in (pickle.loads(pickle.dumps(page)), copy.copy(page), copy.deepcopy(page)):
        assert (type(other), other.title, other.content, other.url) == (Page, "one", b"page", "http://host/")
        assert other.headers["a"] == "b"
    page.headers = Headers()
    assert not page.headers


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"<html>" + b"x" * 500, r"Expecting value: .*; it begins with b'<html>x{54}'$"),
        (b"", "Expecting value: .*; it is empty$"),
        (b"\xff\xfe\xfd", r"codec can't decode .*; it begins with b'\\xff\\xfe\\xfd'$"),
        (b"[" * 200_000, "recursion.*; it begins with "),
    ],
)
def test_what_is_not_json_is_told_with_status_url_and_first_bytes(body: bytes, said: str) -> None:
    response = Response(503, Headers(), body, "http://host/x?token=secret")
    with pytest.raises(JSONError, match=f"^the body of status 503 from http://host/x is not JSON: .*{said}") as caught:
        response.json()
    assert isinstance(caught.value, PynectorError)
    assert isinstance(caught.value, ValueError)


TEXTS = [
    "5",
    "{}",
    "[]",
    " [1] ",
    '{"a":1}\r\n',
    '[{"é": "€😀"}, 1.5, null]',
    "[1]x",
    "[1]\f",
    "{",
    "[",
    "[1,",
    '{"a":}',
    "{]",
    "",
]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le"])
def test_json_is_what_the_standard_library_makes_of_it(encoding: str) -> None:
    bodies = [text.encode(encoding) for text in TEXTS]
    bodies += [*[body[:place] for body in bodies for place in range(1, 4)], b'["\xff"]', b'["\xed\xa0\x80"]']
    for body in bodies:
        assert outcome_of(Response(200, Headers(), body, "http://host/").json) == outcome_of(partial(json.loads, body))


def outcome_of(parse: Callable[[], Any]) -> Any:
    """Return the value, or what is wrong, which a JSONError has for its cause."""
    try:
        return parse()
    except ValueError as error:
        return str(error.__cause__ or error)


@pytest.mark.parametrize("status", [400, 404, 500, 599, 999])
async def test_a_status_of_400_and_above_raises(client: Pynector, server: LoopbackServer, status: int) -> None:
    with pytest.raises(HTTPStatusError) as caught:
        await client.request({"path": f"/status/{status}?secret=1"})
    error = caught.value
    assert isinstance(error, TransportError)
    assert isinstance(error.response, Response)
    assert (error.status_code, error.response.status_code) == (status, status)
    assert error.response.content.startswith(str(status).encode())
    assert (error.phase, error.sent, error.transient) == ("body", "full", status in (500,))
    assert error.request == f"GET {server.url}/status/{status}"
    assert "secret" not in str(error)


async def test_a_status_error_survives_pickling_with_its_response(client: Pynector) -> None:
    with pytest.raises(HTTPStatusError) as caught:
        await client.request({"path": "/status/404"})
    other = pickle.loads(pickle.dumps(caught.value))
    assert (str(other), other.status_code, other.phase) == (str(caught.value), 404, "body")
    assert other.response.headers["content-type"] == caught.value.response.headers["content-type"]
    assert other.response.content == caught.value.response.content


async def test_raise_for_status_false_gives_the_answer(server: LoopbackServer, engine: str) -> None:
    async with Pynector(base_url=server.url, http_engine=engine, raise_for_status=False) as client:
        assert await client.request({"path": "/status/500"}) == b"500 Internal Server Error"
        with pytest.raises(HTTPStatusError):
            await client.request({"path": "/status/500"}, raise_for_status=True)
        assert (await client.request({"path": "/status/404"}, as_response=True)).status_code == 404


async def test_the_attempts_of_a_retried_request_are_counted(client: Pynector) -> None:
    path = f"/flaky?key={id(client)}&failures=2"
    response = await client.request_with_retry({"path": path}, retry_delay=0.0, as_response=True)
    assert (response.attempts, response.content) == (3, b"3")


async def test_a_head_has_headers_and_no_body(client: Pynector) -> None:
    response = await client.request({"method": "HEAD", "path": "/bytes/1000"}, as_response=True)
    assert (response.content, response.headers["content-length"]) == (b"", "1000")
    gzipped = await client.request({"method": "HEAD", "path": "/compressed/gzip"}, as_response=True)
    assert (gzipped.content, gzipped.headers["content-encoding"]) == (b"", "gzip")
    for options in ({}, {"params": {"a": 1}}, {"headers": {"a": "1"}}):
        assert await client.request({"method": "HEAD", "path": "/bytes/1000"}, **options) == b""
        assert await client.request({"path": "/id/1"}) == b"1"


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
async def test_an_answer_that_has_no_body_ends_with_its_head(play: Play, engine: str, status: str) -> None:
    bodiless = answer(b"", status, "Content-Encoding: gzip", length=False)
    server = play([bodiless, answer(b"", status, "ETag: x", length=False), answer(b"next")])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        response = await client.request(None, as_response=True)
        assert (response.status_code, response.content) == (int(status[:3]), b"")
        assert await client.request(None) == b""
        assert await client.request(None) == b"next"
    assert len(server.connections) == 1


async def test_informational_answers_before_the_answer_are_passed_over(play: Play, engine: str) -> None:
    early = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n"
    server = play([[early, answer(b"first")], [early + answer(b"second")]])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        response = await client.request(b"body", as_response=True, headers={"Expect": "100-continue"})
        assert (response.status_code, response.content, "link" in response.headers) == (200, b"first", False)
        assert await client.request(None) == b"second"
    assert len(server.connections) == 1


BODIES = [
    ("chunks", [answer(b"", "200 OK", "Transfer-Encoding: chunked", length=False), chunked(b"one", b"two")], b"onetwo"),
    (
        "extension and trailer",
        answer(b"", "200 OK", "Transfer-Encoding: chunked", length=False) + b"3;x=y\r\none\r\n0\r\nX-T: 1\r\n\r\n",
        b"one",
    ),
    ("no length", [answer(b"until the end", length=False), "close"], b"until the end"),
    ("http 1.0", [b"HTTP/1.0 200 OK\r\n\r\nold", "close"], b"old"),
    ("length in pieces", [*(bytes([b]) for b in answer(b"in pieces"))], b"in pieces"),
    ("no reason phrase", b"HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok", b"ok"),
    ("latin-1 header", answer(b"ok", "200 OK", "X-A: \xe9"), b"ok"),
    ("large", answer(b"x" * 3_000_000), b"x" * 3_000_000),
]


@pytest.mark.parametrize(("step", "body"), [case[1:] for case in BODIES], ids=[case[0] for case in BODIES])
async def test_a_body_is_read_whole_however_it_is_framed(
    play: Play, engine: str, http_version: str, step: Any, body: bytes
) -> None:
    server = play([step])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        response = await client.request(None, as_response=True)
    assert response.content == body
    assert response.http_version in (http_version, "HTTP/1.0")


async def test_a_large_body_is_sent_whole(client: Pynector) -> None:
    body = bytes(range(256)) * 16_384
    assert await client.request(body, path="/echo") == body
    assert len(json.loads(await client.request({"path": "/inspect", "json": ["x" * 1_000_000]}))["body"]) == 1_000_004
