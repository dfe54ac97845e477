"""The forms a request may take, as the server sees them."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from scripted import ScriptedServer, answer

from inside import transport_of
from pynector import ConfigurationError, HTTPRequest, HTTPStatusError, Pynector
from pynector.testing import LoopbackServer

pytestmark = pytest.mark.anyio


async def inspect(client: Pynector, data: Any, **options: Any) -> SimpleNamespace:
    """Give what the server understood of a request; `options` must lead to /inspect."""
    seen = SimpleNamespace(**json.loads(await client.request(data, **options)))
    seen.values = [(name.lower(), value) for name, value in seen.headers]
    seen.headers = dict(seen.values)
    return seen


async def test_a_dict_with_a_method_and_a_path_describes_the_request(client: Pynector) -> None:
    seen = await inspect(client, {"method": "put", "path": "/inspect", "content": b"raw", "headers": {"X-A": "1"}})
    assert (seen.method, seen.target, seen.body, seen.headers["x-a"]) == ("PUT", "/inspect", "raw", "1")
    assert seen.headers["content-length"] == "3"


async def test_an_http_request_says_the_same_with_types(client: Pynector) -> None:
    request = HTTPRequest("DELETE", "/inspect", params={"a": [1, 2]}, json={"b": None}, cookies={"c": "d"})
    seen = await inspect(client, request)
    assert (seen.method, seen.query, json.loads(seen.body)) == ("DELETE", [["a", "1"], ["a", "2"]], {"b": None})
    assert (seen.headers["content-type"], seen.headers["cookie"]) == ("application/json", "c=d")


JSON_BODIES = [
    {"query": "data"},
    {},
    [1, "two", None],
    [],
    {"jsonrpc": "2.0", "method": "subtract", "params": [42, 23], "id": 1},
    {"jsonrpc": "2.0", "method": "get", "id": 1},
    {"url": "https://example.com", "title": "An example"},
    {"path": "/etc", "size": 3},
    {"json": 1},
]


@pytest.mark.parametrize("body", JSON_BODIES, ids=str)
async def test_any_other_dict_or_list_is_a_json_body(client: Pynector, body: Any) -> None:
    seen = await inspect(client, body, path="/inspect")
    assert (seen.method, json.loads(seen.body)) == ("POST", body)
    assert seen.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    "body",
    ["héllo", b"\x00\xff", bytearray(b"raw"), memoryview(b"view"), "", b""],
    ids=lambda body: f"{type(body).__name__}-{len(body)}",
)
async def test_text_and_bytes_are_a_raw_body(client: Pynector, body: Any) -> None:
    seen = await inspect(client, body, path="/inspect")
    expected = body.encode() if isinstance(body, str) else bytes(body)
    assert (seen.method, seen.body.encode("latin-1")) == ("POST", expected)
    assert seen.headers.get("content-type") == ("text/plain; charset=utf-8" if isinstance(body, str) else None)
    assert seen.headers["content-length"] == str(len(expected))


async def test_none_is_a_get_without_a_body(client: Pynector) -> None:
    seen = await inspect(client, None, path="/inspect")
    assert (seen.method, seen.body) == ("GET", "")
    assert not {"content-length", "content-type", "transfer-encoding"} & seen.headers.keys()


@pytest.mark.parametrize(
    ("described", "method"),
    [
        ({"path": "/inspect"}, "GET"),
        ({"path": "/inspect", "json": None}, "POST"),
        ({"path": "/inspect", "content": None}, "GET"),
        ({"path": "/inspect", "data": {"a": "b"}}, "POST"),
        ({"path": "/inspect", "method": "patch", "data": {"a": "b"}}, "PATCH"),
        ({"path": "/inspect", "method": "Purge"}, "Purge"),
    ],
    ids=str,
)
async def test_the_default_method_is_post_with_a_body_else_get(
    client: Pynector, described: dict[str, Any], method: str
) -> None:
    assert (await inspect(client, described)).method == method


async def test_json_none_is_the_json_null(client: Pynector) -> None:
    assert (await inspect(client, None, path="/inspect", json=None)).body == "null"


async def test_the_option_json_settles_doubt_about_a_dict(client: Pynector) -> None:
    body = {"method": "GET", "path": "/elsewhere", "unknown": 1}
    seen = await inspect(client, None, path="/inspect", json=body)
    assert (seen.method, json.loads(seen.body)) == ("POST", body)


async def test_options_win_over_data_and_headers_and_params_are_merged(client: Pynector) -> None:
    data = {
        "method": "PUT",
        "path": "/elsewhere",
        "headers": {"X-Both": "data", "X-Data": "1"},
        "params": {"both": "data", "data": "1"},
        "content": b"data",
    }
    options = {
        "method": "PATCH",
        "path": "/inspect",
        "headers": {"x-both": "option", "X-Option": "2"},
        "params": {"both": "option", "option": "2"},
        "json": {"option": True},
    }
    seen = await inspect(client, data, **options)
    assert (seen.method, seen.path, seen.body) == ("PATCH", "/inspect", '{"option":true}')
    assert [value for name, value in seen.values if name == "x-both"] == ["option"]
    assert (seen.headers["x-data"], seen.headers["x-option"]) == ("1", "2")
    assert sorted(map(tuple, seen.query)) == [("both", "option"), ("data", "1"), ("option", "2")]


async def test_an_option_url_replaces_the_path_in_data(client: Pynector, server: LoopbackServer) -> None:
    assert (await inspect(client, {"path": "/elsewhere"}, url=f"{server.url}/inspect")).path == "/inspect"


async def test_the_client_s_headers_params_and_cookies_are_defaults(server: LoopbackServer, engine: str) -> None:
    options: dict[str, Any] = {
        "headers": [("X-Many", "1"), ("X-Many", "2"), ("X-Kept", "k"), ("X-Gone", "g")],
        "params": {"kept": True, "changed": 1},
        "cookies": {"a": "1", "b": "2"},
    }
    async with Pynector(base_url=server.url, http_engine=engine, **options) as client:
        seen = await inspect(
            client, {"path": "/inspect"}, headers={"x-gone": None}, params={"changed": 2.5}, cookies={"b": "3"}
        )
    assert [value for name, value in seen.values if name == "x-many"] == ["1", "2"]
    assert (seen.headers["x-kept"], "x-gone" in seen.headers) == ("k", False)
    assert (seen.query, seen.headers["cookie"]) == ([["kept", "true"], ["changed", "2.5"]], "a=1; b=3")


@pytest.mark.parametrize(
    "form", [{"path": "/inspect"}, {"path": "/inspect", "content": iter([b""])}], ids=["usual", "other"]
)
async def test_the_client_s_cookies_are_those_it_was_made_with(
    server: LoopbackServer, engine: str, form: dict[str, Any]
) -> None:
    cookies = {"a": "1"}
    async with Pynector(base_url=server.url, http_engine=engine, cookies=cookies) as client:
        cookies["a"] = "2"
        assert (await inspect(client, form)).headers["cookie"] == "a=1"


async def test_none_takes_a_default_header_away(client: Pynector) -> None:
    seen = await inspect(client, {"path": "/inspect", "headers": {"Accept": None}}, headers={"user-agent": None})
    assert not {"accept", "user-agent"} & seen.headers.keys()
    assert "gzip" in seen.headers["accept-encoding"]


async def test_headers_may_be_latin_1_and_bytes(client: Pynector) -> None:
    seen = await inspect(client, None, path="/inspect", headers=[("X-Umlaut", "größe"), (b"X-Bytes", b"\xfc")])
    assert (seen.headers["x-umlaut"], seen.headers["x-bytes"]) == ("größe", "ü")


async def test_a_caller_s_own_content_length_and_host_are_sent_once(client: Pynector) -> None:
    seen = await inspect(client, b"abc", path="/inspect", headers={"Content-Length": "3", "Host": "other.example"})
    values = [pair for pair in seen.values if pair[0] in ("content-length", "host", ":authority")]
    assert sorted(name.replace(":authority", "host") for name, _ in values) == ["content-length", "host"]
    assert {value for _, value in values} == {"3", "other.example"}


# Bodies


async def test_form_data_is_url_encoded(client: Pynector) -> None:
    seen = await inspect(client, {"path": "/inspect", "data": {"a b": "ü&=", "n": [1, None]}})
    assert seen.body == "a+b=%C3%BC%26%3D&n=1&n="
    assert seen.headers["content-type"] == "application/x-www-form-urlencoded"


@pytest.mark.parametrize("data", ["a=1&b=%20", b"a=1&b=%20", [("a", 1), ("b", " ")]], ids=repr)
async def test_form_data_may_be_text_or_pairs(client: Pynector, data: Any) -> None:
    seen = await inspect(client, {"path": "/inspect", "data": data})
    assert seen.body.replace("+", "%20") == "a=1&b=%20"
    assert seen.headers["content-type"] == "application/x-www-form-urlencoded"


@pytest.mark.parametrize("data", [{"field": ["1", "2"]}, [("field", 1), ("field", "2")]], ids=repr)
async def test_files_make_a_multipart_form_with_the_fields_of_data(client: Pynector, data: Any) -> None:
    files = {"upload": ("a\r\n.txt", b"content", "text/plain")}
    seen = await inspect(client, {"path": "/inspect", "data": data, "files": files})
    kind, _, boundary = seen.headers["content-type"].partition("; boundary=")
    assert (seen.method, kind) == ("POST", "multipart/form-data")
    parts = seen.body.split(f"--{boundary}")
    assert len(parts) == 5
    assert 'name="field"\r\n\r\n1\r\n' in parts[1]
    assert 'name="field"\r\n\r\n2\r\n' in parts[2]
    assert 'name="upload"; filename="a%0D%0A.txt"' in parts[3]
    assert parts[3].endswith("\r\n\r\ncontent\r\n")


async def test_a_boundary_in_the_caller_s_content_type_is_the_body_s(client: Pynector) -> None:
    kind = "multipart/form-data; boundary=mine"
    seen = await inspect(client, {"path": "/inspect", "files": {"f": b"x"}, "headers": {"content-type": kind}})
    assert seen.headers["content-type"] == kind
    assert seen.body.startswith("--mine\r\n")
    assert seen.body.endswith("--mine--\r\n")


async def test_no_files_leave_a_plain_form(client: Pynector) -> None:
    seen = await inspect(client, {"path": "/inspect", "data": {"a": "1"}, "files": {}})
    assert (seen.body, seen.headers["content-type"]) == ("a=1", "application/x-www-form-urlencoded")


async def test_a_content_type_of_the_caller_goes_before_the_body_s(client: Pynector) -> None:
    seen = await inspect(client, {"a": 1}, path="/inspect", headers={"content-type": "application/vnd.api+json"})
    assert [value for name, value in seen.values if name == "content-type"] == ["application/vnd.api+json"]


# Credentials


def basic(pair: str) -> str:
    return "Basic " + base64.b64encode(pair.encode()).decode()


@pytest.mark.parametrize(
    ("auth", "header"),
    [(("user", "pä:ss"), basic("user:pä:ss")), ("abc.def", "Bearer abc.def"), (None, None)],
    ids=repr,
)
async def test_auth_is_basic_for_a_tuple_and_bearer_for_a_text(client: Pynector, auth: Any, header: str | None) -> None:
    assert (await inspect(client, None, path="/inspect", auth=auth)).headers.get("authorization") == header


async def test_auth_none_takes_the_client_s_away_for_one_request(server: LoopbackServer, engine: str) -> None:
    async with Pynector(base_url=server.url, http_engine=engine, auth="token") as client:
        assert (await inspect(client, None, path="/inspect")).headers["authorization"] == "Bearer token"
        assert "authorization" not in (await inspect(client, None, path="/inspect", auth=None)).headers


async def test_userinfo_in_the_url_becomes_basic_auth_and_stays_out_of_errors(
    server: LoopbackServer, engine: str
) -> None:
    base = server.url.replace("//", "//us%40er:s%3Acret@")
    async with Pynector(base_url=base, http_engine=engine) as client:
        seen = await inspect(client, None, path="/inspect")
        with pytest.raises(HTTPStatusError) as caught:
            await client.request({"url": f"{base}/status/500?q=s:cret"})
    assert seen.headers["authorization"] == basic("us@er:s:cret")
    assert str(caught.value) == f"the server answered 500 Internal Server Error [GET {server.url}/status/500]"
    assert caught.value.response is not None
    assert "cret@" not in caught.value.response.url


async def test_auth_of_the_request_goes_before_the_url_s(client: Pynector, server: LoopbackServer) -> None:
    url = server.url.replace("//", "//user@") + "/inspect"
    assert (await inspect(client, {"url": url})).headers["authorization"] == basic("user:")
    assert (await inspect(client, {"url": url}, auth="token")).headers["authorization"] == "Bearer token"


# URLs


@pytest.mark.parametrize(
    ("base", "request_", "target"),
    [
        ("", {"path": "/inspect"}, "/inspect"),
        ("", {"path": "inspect?a=1#fragment"}, "/inspect?a=1"),
        ("/", {"path": "/inspect"}, "/inspect"),
        ("/inspect", {"path": "/deep/er"}, "/inspect/deep/er"),
        ("/inspect/", {"path": "deep"}, "/inspect/deep"),
        ("/inspect", {"method": "GET"}, "/inspect"),
        ("/inspect", {"path": ""}, "/inspect"),
        ("/inspect", {"path": "/"}, "/inspect/"),
        ("/inspect", {"path": "?own=1"}, "/inspect?own=1"),
        ("/inspect?base=1", {"path": "/x?own=2", "params": {"p": "3"}}, "/inspect/x?base=1&own=2&p=3"),
        ("/inspect#fragment", {"url": "/x", "params": [("p", "ü &")]}, "/inspect/x?p=%C3%BC%20%26"),
        ("/inspect", {"path": "/a%2Fb%zz"}, "/inspect/a%2Fb%25zz"),
        ("/inspect", {"path": "/ä?ö=ü"}, "/inspect/%C3%A4?%C3%B6=%C3%BC"),
        ("/inspect", {"path": "/a b?c d=e f"}, "/inspect/a%20b?c%20d=e%20f"),
        ("/inspect/a b", {"path": "/c d", "params": {"e f": "g h"}}, "/inspect/a%20b/c%20d?e%20f=g%20h"),
        ("/inspect", {"path": "/x?"}, "/inspect/x?"),
        ("/inspect?", {"path": "/x"}, "/inspect/x"),
        ("/inspect", {"path": "//host/x"}, "/inspect//host/x"),
        ("/inspect", {"path": "/a/../b/./c"}, "/inspect/a/../b/./c"),
        ("/inspect", {"path": "/x?u=http://a/b?c=%26"}, "/inspect/x?u=http://a/b?c=%26"),
    ],
    ids=str,
)
async def test_path_query_and_params_are_joined_below_the_base(
    server: LoopbackServer, engine: str, base: str, request_: dict[str, Any], target: str
) -> None:
    async with Pynector(base_url=server.url + base, http_engine=engine) as client:
        assert (await inspect(client, request_)).target == target


TARGETS = {
    "/inspect/a b?c d": "/inspect/a%20b?c%20d",
    "/inspect/ä?ö": "/inspect/%C3%A4?%C3%B6",
    "/inspect?": "/inspect?",
    "/inspect/a/./../b": "/inspect/a/./../b",
}


@pytest.mark.parametrize("path", TARGETS)
@pytest.mark.parametrize("form", ["path", "url"])
async def test_a_target_goes_out_so_whatever_sends_it(
    client: Pynector, server: LoopbackServer, form: str, path: str
) -> None:
    data = {form: path if form == "path" else server.url + path}
    bodies = [await client.request(data), *await client.batch_request([(data, {}), (data, {"headers": {"X": "y"}})])]
    bodies.append(await client.request_with_retry(data))
    async with client.stream(data) as response:
        bodies.append(await response.read())
    assert [json.loads(body)["target"] for body in bodies] == [TARGETS[path]] * 5


@pytest.mark.parametrize(
    ("rest", "target"),
    [("?next=/y", "/?next=/y"), ("?/y", "/?/y"), ("#/y", "/"), ("?a#/y", "/?a"), ("/?next=/y", "/?next=/y"), ("", "/")],
)
async def test_a_query_or_a_fragment_of_a_url_without_a_path_is_no_path(
    play: Callable[..., ScriptedServer], engine: str, rest: str, target: str
) -> None:
    server = play([answer()] * 3)
    async with Pynector(http_engine=engine) as client:
        for more in ({"headers": {"X": "y"}}, {"json": 1}, {}):
            await client.request({"url": server.url + rest, **more})
    assert [request.split(b" ")[1].decode() for request in server.requests] == [target] * 3


async def test_an_absolute_url_needs_no_base(server: LoopbackServer, engine: str) -> None:
    async with Pynector(http_engine=engine) as client:
        seen = await inspect(client, {"url": f"{server.url.replace('http', 'HTTP')}/inspect?a=1#f", "params": {"b": 2}})
        with pytest.raises(ConfigurationError, match="base_url"):
            await client.request({"path": "/inspect"})
    assert seen.target == "/inspect?a=1&b=2"
    assert seen.headers.get("host", seen.headers.get(":authority")) == f"127.0.0.1:{server.port}"


async def test_send_and_receive_are_the_specification_s_pair(client: Pynector) -> None:
    from pynector import TransportError
    from pynector.transport.http import HTTPTransport

    transport: HTTPTransport = transport_of(client)
    with pytest.raises(TransportError, match="not connected"):
        await HTTPTransport(base_url="http://localhost").exchange(None)
    await transport.send({"path": "/id/7"})
    assert [chunk async for chunk in transport.receive()] == [b"7"]
    await transport.send({"path": "/id/8"}, as_response=True)
    assert [chunk async for chunk in transport.receive()] == [b"8"]
    with pytest.raises(TransportError, match="without a send"):
        await anext(transport.receive())


async def test_a_transport_is_a_context_manager_of_its_own(server: LoopbackServer, engine: str) -> None:
    from pynector.transport.http import HTTPTransport

    async with HTTPTransport(base_url=server.url, http_engine=engine) as transport:
        await transport.connect()
        assert await transport.exchange({"path": "/id/1"}) == b"1"
    await transport.disconnect()
