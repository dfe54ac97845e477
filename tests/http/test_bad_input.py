"""What may not go on the wire is a ConfigurationError that names its argument, and nothing is sent."""

from __future__ import annotations

import io
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scripted import ScriptedServer, answer

from inside import transport_of
from pynector import ConfigurationError, HTTPRequest, Pynector

Play = Callable[..., ScriptedServer]

CIRCULAR: list[Any] = []
CIRCULAR.append(CIRCULAR)
DEEP: list[Any] = []
for _ in range(100_000):
    DEEP = [DEEP]

CLOSED, RELEASED = io.BytesIO(), memoryview(b"")
CLOSED.close()
RELEASED.release()

# A name for the case, what is given beside path="/", and a word of the message.
REQUESTS: list[tuple[str, Any, dict[str, Any], str]] = [
    *(
        (f"header name {name!r}", None, {"headers": {name: "v"}}, "headers: .* header name")
        for name in ("", "a b", "a:", "a\r\nb", "a\n", "a\0", "ä", "\u2028", "a\t", '"a"')
    ),
    *(
        (f"header value {value!r}", None, {"headers": {"X-Secret": value}}, "headers: the value of 'X-Secret'")
        for value in ("a\r\nEvil: 1", "a\n", "a\r", "a\0b", "€", "a\x7f", "\x1b")
    ),
    ("header number", None, {"headers": {"X": 1}}, "headers: the value of 'X' must be str, not int"),
    ("header name number", None, {"headers": {1: "x"}}, "headers: a name must be str, not int"),
    ("headers no pairs", None, {"headers": 5}, "headers must be a dict"),
    ("headers triples", None, {"headers": [("a", "b", "c")]}, "headers must be a dict"),
    ("length", b"abc", {"headers": {"Content-Length": "2"}}, "headers: Content-Length"),
    ("length of nothing", None, {"headers": {"content-length": "5"}}, "headers: Content-Length"),
    ("two lengths", b"abc", {"headers": [("content-length", "3"), ("Content-Length", "4")]}, "Content-Length"),
    ("chunked", b"abc", {"headers": {"Transfer-Encoding": "chunked"}}, "headers must not hold Transfer-Encoding"),
    ("two hosts", None, {"headers": [("Host", "a"), ("host", "b")]}, "headers must not hold Host twice"),
    *(
        (f"path {path!r}", None, {"path": path}, "path")
        for path in (
            "/a\nb",
            "/a\r\nX: 1",
            "/a\0",
            "/a?b\x1fc",
            "/\ud800",
            "/?\ud800",
            "/\t",
            "/\x7f",
            "http://host/x",
            5,
        )
    ),
    ("path with a space before a URL", None, {"path": " http://host/x"}, "path must be a path"),
    *(
        (f"url {url!r}", None, {"path": None, "url": url}, "url")
        for url in (
            " http://host/",
            "http://ho st/",
            "http://us er@host/",
            "http://host :80/",
            "http://host:80 /",
            "http://host /",
            "http://host/\n",
            "ftp://host/",
            "http:///x",
            "http://host:0/",
            "http://host:99999/",
            "http://host:port/",
            "http://ho<st/",
            "http://ho%73t/",
            "http://a..b/",
            f"http://{'a' * 64}.example/",
            "http://[::1/",
            "http://[fe80::zz]/",
            "http://\u2100.example/",
            "http://ex\u2028ample/",
            "http://ä\ud800/",
            "http://a\\b/",
            b"http://host/",
        )
    ),
    ("path and url", None, {"url": "/x"}, "a path or a url, not both"),
    *(
        (f"method {method!r}", None, {"method": method}, "method must")
        for method in ("", "GET /", "G\r\nET", "GÉT", 5, b"GET", "CONNECT", "connect")
    ),
    ("params number", None, {"params": 5}, "params must be a dict"),
    ("params object", None, {"params": {"a": object()}}, "params: a value must be str"),
    ("params bytes", None, {"params": {"a": b"b"}}, "params: a value must be str"),
    ("params surrogate", None, {"params": {"a": "\ud800"}}, "params has a character"),
    ("params name surrogate", None, {"params": {"\ud800": "a"}}, "params has a character"),
    ("params no pairs", None, {"params": "a=b"}, "params must be a dict"),
    ("json nan", {"a": float("nan")}, {}, "json cannot be encoded"),
    ("json object", [object()], {}, "json cannot be encoded"),
    ("json surrogate", {"a": "\ud800"}, {}, "json cannot be encoded"),
    ("json circular", None, {"json": CIRCULAR}, "json cannot be encoded"),
    ("json deep", None, {"json": DEEP}, "json cannot be encoded"),
    ("json keys", None, {"json": {(1, 2): 3}}, "json cannot be encoded"),
    ("text surrogate", "\ud800", {}, "content is not valid Unicode"),
    ("content number", None, {"content": 5}, "content must be str, bytes-like, a file open in binary mode, or an iter"),
    ("content dict", None, {"content": {"a": b"b"}}, "content must be str, .*, not dict"),
    ("content set", None, {"content": {b"a"}}, "content must be str, .*, not set"),
    ("content numbers", None, {"content": [b"a", 5]}, "content must give bytes, not int"),
    ("content text file", None, {"content": io.StringIO("a")}, "content must be .*binary mode.*, not StringIO"),
    ("content closed file", None, {"content": CLOSED}, "content cannot be read: .*closed file"),
    ("content released", None, {"content": RELEASED}, "content cannot be read: .*released memoryview"),
    ("data text file", io.StringIO("a"), {}, "content must be .*binary mode.*, not StringIO"),
    ("files text file", None, {"files": {"a": io.StringIO("a")}}, "files: 'a' must be .*binary mode.*, not StringIO"),
    ("files closed file", None, {"files": {"a": CLOSED}}, "files: 'a' cannot be read: .*closed file"),
    ("form number", {"path": "/", "data": 5}, {}, "data must be a dict"),
    ("form surrogate", {"path": "/", "data": {"a": "\udfff"}}, {}, "data has a character"),
    ("form text surrogate", {"path": "/", "data": "\udfff"}, {}, "not valid Unicode"),
    ("files kind", None, {"files": {"a": ("b", b"", "c/d\r\nEvil: 1")}}, "files: the value of 'Content-Type'"),
    ("files header", None, {"files": [("a", ("b", b"", None, {"X": "c\r\nEvil: 1"}))]}, "files: the value of 'X'"),
    ("files header name", None, {"files": {"a": ("b", b"", None, {"X\n": ""})}}, "files: .* is not a header name"),
    ("files number", None, {"files": {"a": 5}}, "files: 'a' must be str, bytes-like, .*, not int"),
    ("files inner", None, {"files": {"f": ("a.pem", 5)}}, "files: 'f' must be str, bytes-like, .* not int"),
    ("files tuple", None, {"files": {"a": ("b",)}}, "files cannot be encoded"),
    ("files long tuple", None, {"files": {"a": ("b", b"", None, None, 5)}}, "files cannot be encoded"),
    ("files file name", None, {"files": {"a": (5, b"")}}, "files cannot be encoded"),
    ("files no dict", None, {"files": 5}, r"files must be a dict, or a list of \(name, file\) pairs"),
    ("files list", None, {"files": ["a.pem"]}, r"files must be a dict, or a list of \(name, file\) pairs"),
    ("files text", None, {"files": {"f": "a.pem"}}, r"files: 'f' may be a path or a text: give open\(path, 'rb'\), or"),
    ("files path", None, {"files": [("f", Path("a.pem"))]}, "files: 'f' may be a path or a text"),
    ("files name", None, {"files": {"a": ("\ud800", b"")}}, "files cannot be encoded"),
    ("two bodies", None, {"json": 1, "content": b""}, "one body, not both json and content"),
    ("json and form", HTTPRequest(json=1, data={"a": 1}), {}, "one body, not both json and data"),
    ("body twice", b"data", {"content": b"option"}, "data is the body already, so the option 'content'"),
    ("data set", {1, 2}, {}, "data must be a dict, list, str, bytes, HTTPRequest or None, .*, not set"),
    ("data number", 5, {}, "data must be a dict"),
    ("unknown key", {"method": "get", "path": "/", "heders": {}}, {}, "unknown key 'heders': did you mean 'headers'"),
    ("unknown key 5", {"method": "POST", "url": "/", 5: {}}, {}, "unknown key 5: known are"),
    ("unknown option", None, {"heder": {}}, "no option 'heder': did you mean 'headers'"),
    ("as_response", None, {"as_response": 1}, "as_response must be True or False"),
    ("raise_for_status", None, {"raise_for_status": None}, "raise_for_status must be"),
    ("max_redirects", None, {"max_redirects": -1}, "max_redirects must be"),
    ("max_response_bytes", None, {"max_response_bytes": 1.5}, "max_response_bytes must be"),
    ("cookies text", None, {"cookies": "a=b"}, "cookies must be a dict"),
    *(
        (f"cookie {name!r} {value!r}", None, {"cookies": {name: value}}, "cookies: ")
        for name, value in (("a b", ""), ("", ""), (1, ""), ("a", 1), ("a", "b;c"), ("a", "b\r\nc"), ("a", "€"))
    ),
    *(
        (f"auth {auth!r}", None, {"auth": auth}, "auth")
        for auth in (5, "", ("a",), ("a", 5), ("a:b", "c"), ("\ud800", ""), "a\r\nEvil: 1", "a\0", "€", b"token")
    ),
]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("data", "options", "message"), [case[1:] for case in REQUESTS], ids=[case[0] for case in REQUESTS]
)
async def test_a_request_that_cannot_be_sent_is_not(
    play: Play, engine: str, data: Any, options: dict[str, Any], message: str
) -> None:
    server = play([answer(b"sent after all")])
    given = {} if isinstance(data, dict) and "method" in data else {"path": "/"}
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        with pytest.raises(ConfigurationError, match=message) as caught:
            await client.request(data, **{**given, **options})
        (in_batch,) = await client.batch_request([(data, {**given, **options})])
    assert isinstance(in_batch, ConfigurationError)
    assert str(in_batch).startswith(str(caught.value))
    assert isinstance(caught.value, ValueError)
    assert (server.connections, server.received) == ([], b"")


def test_a_config_error_never_shows_what_may_be_secret() -> None:
    for url in ("http://user:pa/ss@host/", "http://user:secret\u2100@host/", "http://user:secret@ho<st/"):
        with pytest.raises(ConfigurationError) as caught:
            Pynector(base_url=url)
        assert not {"pa", "secret"} & set(str(caught.value).replace("'", " ").split())
        assert "secret" not in str(caught.value)
    with pytest.raises(ConfigurationError) as caught:
        Pynector(proxy="http://user:secret@host:99999")
    assert "secret" not in str(caught.value)
    with pytest.raises(ConfigurationError) as caught:
        Pynector(headers={"Authorization": "se\ncret"})
    assert "cret" not in str(caught.value)


CLIENT_OPTIONS: list[tuple[str, Any, str]] = [
    *(("base_url", url, "base_url") for url in ("", 5, "/path", "ftp://host", "http://", "http://a b/", "http://h:x/")),
    ("headers", 5, "headers must be a dict"),
    ("headers", {"a b": "c"}, "headers: 'a b'"),
    ("params", 5, "params must be a dict"),
    *(("max_connections", value, "max_connections") for value in (0, -1, 1.5, True, "5")),
    *(("max_keepalive", value, "max_keepalive") for value in (-1, 1.5, True)),
    *(("keepalive_expiry", value, "keepalive_expiry") for value in (0, -1, float("nan"), True, None)),
    *(("http_engine", value, "http_engine must be one of auto, native, httpx") for value in ("curl", None, [])),
    *(("http2", value, "http2 must be True, False or") for value in (1, None, "yes")),
    *(("verify", value, "verify must be") for value in ("", None, 1, Path("/ca.pem"))),
    *(("cert", value, "cert must be") for value in (5, (), ("a", "b", "c", "d"), ("a", 1), ["a"])),
    *(("redirect_headers", value, "redirect_headers must be") for value in ("X-A", 5, ["a b"], [5], [b"a"], None)),
    *(
        ("proxy", value, "proxy must be the URL of a proxy")
        for value in ("", 5, "host:80", "ftp://host", "http://", "http://host:x", "http://host:0", "http://[::1")
    ),
    *(("proxy", value, "proxy must be the URL of a proxy") for value in ("http://a b", "http://a\n", "http://a/path")),
    *(("uds", value, "uds must be") for value in ("", 5)),
    *((name, 1, f"{name} must be True or False") for name in ("trust_env", "persist_cookies", "follow_redirects")),
]


@pytest.mark.parametrize(("name", "value", "message"), CLIENT_OPTIONS, ids=str)
def test_a_client_option_is_checked_when_the_client_is_made(name: str, value: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Pynector(**{name: value})


def test_a_unix_socket_and_a_proxy_exclude_each_other() -> None:
    with pytest.raises(ConfigurationError, match="uds and proxy"):
        Pynector(uds="/socket", proxy="http://host:1")


BAD_FILES = {"verify": "verify: '{path}' cannot be loaded", "cert": "cert '{path}' cannot be loaded"}


@pytest.mark.anyio
@pytest.mark.parametrize("option", BAD_FILES)
@pytest.mark.parametrize("kind", ["missing", "garbage", "empty folder", "nul"])
async def test_a_tls_file_that_cannot_be_used_is_named(
    tmp_path: Path, play: Play, engine: str, option: str, kind: str
) -> None:
    path = tmp_path / kind
    if kind == "garbage":
        path.write_text("no certificate")
    given = "\0" if kind == "nul" else str(path)
    server = play([answer()])
    if kind == "empty folder":
        path.mkdir()
        if option == "verify":
            # OpenSSL looks into a folder at the handshake only.
            await Pynector(base_url=server.url, http_engine=engine, verify=given).aclose()
            return
    with pytest.raises(ConfigurationError, match=option) as caught:
        async with Pynector(base_url=server.url.replace("http", "https"), http_engine=engine, **{option: given}) as c:
            await c.request(None)
    assert repr(given) in str(caught.value)
    assert server.received == b""


@pytest.mark.anyio
async def test_a_cert_beside_a_context_is_refused(engine: str) -> None:
    with pytest.raises(ConfigurationError, match="cert has no effect"):
        async with Pynector(
            base_url="https://127.0.0.1:9", http_engine=engine, verify=ssl.create_default_context(), cert="c.pem"
        ) as client:
            await client.request(None)


ENVIRONMENT = [
    ("HTTP2", "maybe", "must be one of 1, true"),
    ("MAX_CONNECTIONS", "many", "must be a whole number"),
    ("MAX_CONNECTIONS", "0", "at least 1"),
    ("KEEPALIVE_EXPIRY", "soon", "must be a number"),
    ("BASE_URL", "", "base_url|PYNECTOR_BASE_URL"),
    ("HTTP_ENGINE", "curl", "must be one of"),
]


@pytest.mark.parametrize(("name", "value", "message"), ENVIRONMENT)
def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str) -> None:
    monkeypatch.setenv(f"PYNECTOR_{name}", value)
    with pytest.raises(ConfigurationError, match=message) as caught:
        Pynector()
    assert f"PYNECTOR_{name}" in str(caught.value)


def test_the_environment_sets_what_arguments_do_not(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in {"VERIFY": "off", "CERT": "c.pem", "UDS": "/socket", "MAX_KEEPALIVE": "3"}.items():
        monkeypatch.setenv(f"PYNECTOR_{name}", value)
    options = transport_of(Pynector(max_keepalive=4)).options
    assert (options.tls._recipe[:2], options.uds, options.max_keepalive) == ((False, ("c.pem",)), "/socket", 4)
    monkeypatch.setenv("PYNECTOR_VERIFY", str(tmp_path))
    assert transport_of(Pynector()).options.tls._recipe.verify == str(tmp_path)
