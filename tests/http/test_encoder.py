"""Requests that the native engine's encoder writes: the same bytes as by the long way, or none."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import nullcontext
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import ScriptedServer, answer

from pynector import ConfigurationError, HTTPRequest, Pynector
from pynector.testing import LoopbackServer
from pynector.transport.http.native import encoder as encoders
from pynector.transport.http.native.encoder import RequestEncoder
from pynector.transport.http.native.wire import encode_request, encoder_for
from pynector.transport.http.options import HTTPOptions
from pynector.transport.http.request import prepare
from pynector.transport.http.response import Response
from pynector.transport.http.transport import HTTPTransport

CLIENTS: list[dict[str, Any]] = [
    {"base_url": "http://example.com"},
    {"base_url": "https://me:p%C3%A9@example.com:8443/stem/"},
    {"base_url": "http://[::1]:80/a?own=1&q", "headers": {"X-A": "1", "accept": "x"}, "cookies": {"k": "1", "c": "2"}},
    {"base_url": "http://example.com/?", "params": {"p": ["a", "b"], "q": "c d"}, "auth": "token"},
    {
        "base_url": "http://example.com/stem",
        "params": [("z", 1)],
        "headers": {"Host": "other", "Accept": None, "Content-Type": "x/y", "authorization": "of headers"},
    },
    {"base_url": "http://example.com/b", "auth": ("me", "\u00e9"), "headers": {"Cookie": "of=headers"}},
]

TEXT = st.text('aZ09-._~/?#&=+ %;,"\\:\u00e9\t\ud800', max_size=5)
NAMES = st.sampled_from(["X-A", "x-a", "Authorization", "Host", "Accept", "Cookie", "Content-Type", "X-B"])
VALUES = st.sampled_from(["v", "", "a b", " a", "\u00e9", "a\r\nb", None, 1])
HEADERS = st.dictionaries(NAMES, VALUES, max_size=3) | st.lists(st.tuples(NAMES, VALUES), max_size=3)
SCALARS = st.one_of(
    TEXT,
    st.integers(),
    st.floats(),
    st.sampled_from([True, False, None, Decimal("1.50"), uuid.UUID(int=7), date(2026, 1, 2), time(3, 4), object()]),
    st.just(datetime(2026, 1, 2, 3, 4, 5)),
)
PARAMETERS = st.sampled_from(["p", "q", "own", "a b", ""]) | TEXT
VALUE = SCALARS | st.lists(SCALARS, max_size=2) | st.tuples(SCALARS)
PARAMS = st.dictionaries(PARAMETERS, VALUE, max_size=3) | st.lists(st.tuples(PARAMETERS, VALUE), max_size=3)
COOKIES = st.dictionaries(st.sampled_from(["k", "c", "a", "a b"]), TEXT, max_size=2)
PATHS = st.one_of(
    TEXT.map(lambda text: "/" + text),
    st.sampled_from(["", "/", "/a?", "/a?b=c", "?b", "no-slash", "/a/../b", "/a%20b", "/a%2", "//x", 5]),
)
JSON = st.sampled_from([None, 1, [1], {"a": "\u00e9"}, {}, "s", float("nan")])
CONTENT = st.sampled_from(["", "text", "\u00e9", "\ud800", b"", b"\xff\r\n\r\n", "http://x/y", bytearray(b"b"), 1])
BODIES = {"json": JSON, "content": CONTENT, "data": PARAMS | CONTENT}
METHODS = st.sampled_from(["GET", "get", "POST", "put", "DELETE", "HEAD", "PATCH", "TRACE", "Get", "QUERY", 1, None])
FIELDS: dict[str, Any] = {
    "method": METHODS,
    "path": PATHS,
    "params": PARAMS,
    "headers": HEADERS,
    "cookies": COOKIES,
}
AUTH = st.one_of(
    st.sampled_from([None, "token", ("me", "secret"), ("a:b", "c"), "", ("only",), ["me", "secret"]]),
    TEXT,
    st.tuples(TEXT, TEXT),
)


def fields(most_bodies: int, more: dict[str, Any]) -> Any:
    """Give dicts of some of a request's fields, with at most so many bodies."""
    of_body = st.sampled_from(sorted(BODIES)).flatmap(lambda name: st.fixed_dictionaries({name: BODIES[name]}))
    bodies = st.lists(of_body, max_size=most_bodies)
    own = st.fixed_dictionaries({}, optional={**FIELDS, **more})
    return st.builds(lambda own, bodies: {**own, **{n: v for body in bodies for n, v in body.items()}}, own, bodies)


DATA = st.one_of(
    fields(2, {"unknown": st.just(1)}),
    fields(1, {}).map(lambda given: {"path": "/a", **given}),
    st.sampled_from([None, b"raw", "text", "", "http://x/y", [1], bytearray(b"b"), {"a": 1}, {}]),
    fields(1, {}).map(lambda given: HTTPRequest(**{"path": "/a", **given})),
)
OPTIONS = st.one_of(st.just({}), fields(1, {"auth": AUTH, "as_response": st.just(True)}))


def long_way(data: Any, given: dict[str, Any], options: HTTPOptions) -> bytes | str:
    """Give the request's bytes as they are made where nothing is known of it."""
    try:
        return encode_request(prepare(data, given, options))
    except ConfigurationError as error:
        return str(error)


@settings(max_examples=800)
@given(client=st.sampled_from(CLIENTS), data=DATA, given_options=OPTIONS)
def test_what_is_encoded_is_what_the_long_way_makes_of_it(
    client: dict[str, Any], data: Any, given_options: dict[str, Any]
) -> None:
    options = HTTPOptions(client, "pynector")
    encoder = encoder_for(options, options.base)
    assert encoder is not None
    try:
        encoded = encoder.encode(data, given_options)
    except ConfigurationError as error:
        encoded = str(error)
    assert encoded is None or encoded == long_way(data, given_options, options)


USUAL: list[tuple[Any, dict[str, Any]]] = [
    ({"path": "/a b/\u00e9?x=%20"}, {}),
    ({"path": "/a", "method": "post"}, {}),
    ({"path": "/a", "params": [("a", 1), ("b", date(2026, 1, 2)), ("a", Decimal("1.5"))]}, {"params": {"c": None}}),
    ({"path": "/a", "headers": {"X-A": "1", "X-B": "2"}}, {"headers": [("x-a", "3"), ("x-a", "4")]}),
    ({"path": "/a", "content": "text"}, {}),
    ({"path": "/a", "content": b"raw"}, {"method": "PUT"}),
    ({"path": "/a", "data": {"a": [1, "b c"], "d": True}}, {}),
    ({"path": "/a", "data": [("a", 1), ("b", 2)]}, {}),
    ({"path": "/a", "json": 1}, {"json": None, "path": "/b"}),
    ({"path": "/a", "method": "DELETE", "json": [1]}, {}),
    ({"method": "GET"}, {}),
    ({"path": "/a", "cookies": {"a": "1"}}, {"auth": ("me", "secret")}),
    ({"path": "/a"}, {"auth": "token", "cookies": {}}),
    ({"path": "/a"}, {"auth": None, "as_response": True}),
    (None, {"path": "/a", "content": b"x"}),
    (None, {}),
    (b"raw", {"path": "/a"}),
    ("text", {"method": "PUT", "path": "/a"}),
    ([1], {"headers": {"X-A": "1"}, "cookies": {"a": "b"}}),
    ({"some": "json"}, {"auth": "token"}),
    (HTTPRequest(path="/a", headers={"X-A": "1"}, json=[1]), {"params": {"a": "b"}}),
]


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("request_", USUAL, ids=str)
def test_the_usual_forms_are_not_left_to_the_long_way(client: dict[str, Any], request_: tuple[Any, Any]) -> None:
    options = HTTPOptions(client, "pynector")
    encoder = encoder_for(options, options.base)
    assert encoder is not None
    data, given_options = request_
    assert encoder.encode(data, given_options) == long_way(data, given_options, options)


STRINGS = st.text() | st.text('"\\\\/\b\t\n\v\x1f\x7f\u00e9 a', max_size=5)
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    STRINGS,
    st.sampled_from([1 << 63, -1 << 63, (1 << 63) - 1, 1 - (1 << 63), 1e400, {1: 2}, [], {}, (), b"", object()]),
)
VALUES_OF_JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner) | st.dictionaries(STRINGS, inner) | st.tuples(inner, inner),
    max_leaves=8,
)


FEW = st.dictionaries(
    st.sampled_from(["X-A", "x-a", "Accept"]), st.sampled_from(["v", "w", None, "a\r\nb"]), max_size=3
)


@given(st.lists(st.tuples(FEW, st.integers(1, 3), st.sampled_from([{}, {"json": 1}]), st.booleans())))
def test_header_fields_like_those_of_the_request_before_are_taken_for_no_others(requests: list[Any]) -> None:
    def new() -> RequestEncoder:
        return RequestEncoder("/", [("Host", "example.com"), ("Accept", "*/*")], lambda value: b"%d" % value)

    encoder = new()
    own: dict[str, Any] = {}
    for headers, times, body, is_the_same_dict in requests:
        if is_the_same_dict:
            own.clear()
            own.update(headers)
        data = {"path": "/", "headers": own if is_the_same_dict else headers, **body}
        for _ in range(times):
            assert encoder.encode(data) == new().encode(data)


@settings(max_examples=200)
@given(value=VALUES_OF_JSON)
def test_json_is_written_as_it_is_encoded(value: Any) -> None:
    options = HTTPOptions(CLIENTS[0], "pynector")
    # Where nothing is compiled another encoder is faster.
    with patch.object(encoders, "COMPILED", True, create=True):
        encoder = encoder_for(options, options.base)
    assert encoder is not None
    described = {"path": "/a", "json": value}
    try:
        encoded = encoder.encode(described)
    except ConfigurationError as error:
        encoded = str(error)
    assert encoded == long_way(described, {}, options)


def test_json_may_be_deep_or_go_in_a_circle() -> None:
    options = HTTPOptions(CLIENTS[0], "pynector")
    with patch.object(encoders, "COMPILED", True, create=True):
        encoder = encoder_for(options, options.base)
    assert encoder is not None
    deep: Any = "end"
    for _ in range(100):
        deep = {"a": [deep]}
    described = {"path": "/a", "json": deep}
    assert encoder.encode(described) == long_way(described, {}, options)
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises(ConfigurationError, match="json cannot be encoded"):
        encoder.encode({"path": "/a", "json": circle})
    # What was begun is gone, and a long text is left to the usual encoder.
    described = {"path": "/a", "json": ["x" * 100_000]}
    assert b"".join(encoder.encode(described)) == long_way(described, {}, options)


def test_what_encodes_json_may_ask_for_another_request_meanwhile() -> None:
    between = []

    def dumps(value: Any) -> bytes:
        between.append(encoder.encode({"path": "/other", "headers": {"X-A": "other"}}))
        between.append(encoder.encode({"path": "/other"}))
        return b"1"

    encoder = RequestEncoder("", [("Host", "example.com"), ("Accept", "*/*"), ("User-Agent", "pynector")], dumps)
    described = {"path": "/a", "json": 1, "headers": {"X-A": "1"}}
    head = b"POST /a HTTP/1.1\r\nHost: example.com\r\nAccept: */*\r\nUser-Agent: pynector\r\n"
    for _ in range(2):
        encoded = encoder.encode(described)
        assert encoded == head + b"Content-Type: application/json\r\nX-A: 1\r\nContent-Length: 1\r\n\r\n1"
    # These are left to the long way.
    assert between == [None] * 4


@pytest.mark.parametrize("count", [1, 300])
def test_no_number_of_names_and_no_length_is_too_much(count: int) -> None:
    options = HTTPOptions(CLIENTS[2], "pynector")
    encoder = encoder_for(options, options.base)
    assert encoder is not None
    for number in range(count):
        headers = {f"X-{number}": str(number), "ACCEPT": "y", f"x-{number}-{number}": "a", "Cookie": None}
        described = {"path": "/a", "headers": headers, "params": {"p": "\u00e9" * 40 * number}}
        assert encoder.encode(described) == long_way(described, {}, options)


class Dict(dict[str, Any]):
    """One whose class may do anything."""


class Str(str):
    __slots__ = ()


def test_only_what_is_exactly_of_its_type_is_taken() -> None:
    options = HTTPOptions(CLIENTS[0], "pynector")
    encoder = encoder_for(options, options.base)
    assert encoder is not None
    text = Str("a")
    forms: list[tuple[Any, dict[str, Any]]] = [
        (Dict(path="/a"), {}),
        ({"path": Str("/a")}, {}),
        ({"path": "/a", "method": Str("GET")}, {}),
        ({"path": "/a", "params": Dict(a="b")}, {}),
        ({"path": "/a", "params": {"a": text}}, {}),
        ({"path": "/a", "params": {text: "a"}}, {}),
        ({"path": "/a", "headers": Dict(a="b")}, {}),
        ({"path": "/a", "headers": {text: "b"}}, {}),
        ({"path": "/a", "headers": {"b": text}}, {}),
        ({"path": "/a", "cookies": {"b": text}}, {}),
        ({"path": "/a", "cookies": Dict(a="b")}, {}),
        ({"path": "/a", "content": text}, {}),
        ({"path": "/a", "data": {"a": text}}, {}),
        ({"path": "/a"}, {"auth": text}),
        ({"path": "/a"}, {"auth": (text, "b")}),
        (text, {}),
        ({"path": "/a", Str("json"): 1}, {}),
    ]
    for data, given_options in forms:
        assert encoder.encode(data, given_options) is None


@pytest.mark.anyio
async def test_a_query_or_a_fragment_right_after_the_host_is_no_path(play: Callable[..., ScriptedServer]) -> None:
    server = play([answer(b"1"), answer(b"2"), answer(b"3")])
    async with Pynector() as client:
        await client.request({"url": f"{server.url}?next=/private"})
        await client.request({"url": f"{server.url}#/private"})
        await client.request(None, url=f"{server.url}?next=/private")
    targets = [request.split(b" ")[1] for request in server.requests]
    assert targets == [b"/?next=/private", b"/", b"/?next=/private"]


class Adding:
    """A RequestObserver that sends a number along with each attempt, and keeps what it is told."""

    def __init__(self) -> None:
        self.seen: list[list[Any]] = []
        self.told: list[Any] = []

    def attempt(self, method: str, target: Any, headers: Any, size: int | None) -> list[tuple[str, str]]:
        self.seen.append([pair for pair in headers if pair[0].startswith("X-")])
        return [("X-Attempt", str(len(self.seen)))]

    def inside(self) -> Any:
        return nullcontext()

    def connected(self, peer: Any) -> None:
        self.told.append(peer[0])

    def head(self, status: int, http_version: str) -> None:
        self.told.append((status, http_version))

    def done(self) -> None:
        self.told.append("done")

    def failed(self, error: BaseException) -> None:
        self.told.append("failed")


@pytest.mark.anyio
async def test_what_an_observer_adds_is_sent_with_one_attempt_only(play: Callable[..., ScriptedServer]) -> None:
    server = play([answer(b"", "307 Moved", "Location: /there"), answer(b"here"), answer(b"whole")])
    observer = Adding()
    async with HTTPTransport(base_url=server.url) as transport:
        described = {"path": "/", "headers": {"X-A": "1"}, "content": "text", "cookies": {"a": "b"}}
        assert await transport.exchange(described, observer) == b"here"
        response = await transport.exchange({"path": "/"}, observer, as_response=True, auth="token")
        assert isinstance(response, Response)
        assert response.content == b"whole"
    own = [[line for line in request.split(b"\r\n") if line.startswith(b"X-")] for request in server.requests]
    assert own == [[b"X-A: 1", b"X-Attempt: 1"], [b"X-A: 1", b"X-Attempt: 2"], [b"X-Attempt: 3"]]
    assert observer.seen == [[("X-A", "1")], [("X-A", "1")], []]
    assert [status for status in observer.told if isinstance(status, tuple)] == [
        (307, "HTTP/1.1"),
        (200, "HTTP/1.1"),
        (200, "HTTP/1.1"),
    ]
    assert observer.told.count("done") == 3


@pytest.mark.parametrize("data", [{"path": "/a"}, {"url": "http://127.0.0.1:1/a"}, {"path": "/a", "json": 1}])
@pytest.mark.anyio
async def test_two_hosts_of_a_client_are_refused(server: LoopbackServer, engine: str, data: Any) -> None:
    async with Pynector(base_url=server.url, http_engine=engine, headers=[("Host", "a"), ("host", "b")]) as client:
        with pytest.raises(ConfigurationError, match="Host"):
            await client.request(data)


@pytest.mark.parametrize("control", ["\n", "\0", "\x7f"])
@pytest.mark.anyio
async def test_control_characters_are_refused_where_nobody_sees_them(
    server: LoopbackServer, engine: str, control: str
) -> None:
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        with pytest.raises(ConfigurationError):
            await client.request({"url": f"{server.url}/id/1#{control}"})
