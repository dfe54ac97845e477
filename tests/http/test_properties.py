"""Whatever is given: a ConfigurationError, or exactly one well-formed request with that meaning."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pynector import ConfigurationError, Pynector
from pynector.transport.http.response import Headers, Response
from pynector.transport.http.urls import parse_url

pytestmark = pytest.mark.anyio

often = settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

# Hypothesis knows what is odd in Unicode; these are odd in HTTP.
odd = st.text(st.sampled_from("\r\n\t\0 :;,=/?#%&+.\\\"'@[]aZ0é€\u0130\ud800"), max_size=12)
wire = st.text(st.characters(codec="latin-1"), max_size=12)
texts = st.one_of(odd, st.text(max_size=12), wire)

RESERVED = {"host", "content-length", "transfer-encoding", "connection", "expect", "upgrade", "te", "trailer"}


async def sent(client: Pynector, data: Any, **options: Any) -> Any:
    """Give what the server understood, or None for a ConfigurationError; anything else fails the test."""
    try:
        answer = await client.request(data, as_response=True, raise_for_status=False, **options)
    except ConfigurationError:
        return None
    assert answer.status_code == 200, answer.text
    return json.loads(answer.content)


@often
@given(name=texts, value=texts)
@example(name="X-A", value=" \t padded \t ")
@example(name="Cookie", value="a=b\x85")
async def test_any_header(client: Pynector, name: str, value: str) -> None:
    if name.lower() in RESERVED:
        return
    seen = await sent(client, None, path="/inspect", headers={name: value})
    if seen is not None:
        values = [got for key, got in seen["headers"] if key.lower() == name.lower()]
        assert values == [value.strip(" \t")]
    else:
        assert not (name.isalnum() and name.isascii() and value.isprintable() and value.isascii())


@often
@given(path=texts)
@example("//host/path")
@example("/../x")
@example("/%zz%")
@example("?a?b")
@example("#")
async def test_any_path(client: Pynector, path: str) -> None:
    seen = await sent(client, {"path": f"/inspect/{path}"})
    if seen is None:
        assert any(c in path for c in "\ud800 \x7f") or any(c < " " for c in path) or not path.isprintable()
        return
    assert seen["connection"] > 0
    path, _, query = path.partition("#")[0].partition("?")
    assert unquote_to_bytes(seen["path"]) == unquote_to_bytes(f"/inspect/{path}")
    assert unquote_to_bytes(seen["target"][len(seen["path"]) + 1 :]) == unquote_to_bytes(query)
    assert seen["target"].isascii()


@often
@given(method=st.one_of(texts, st.sampled_from(["get", "Put", "purge", "M-SEARCH"])))
async def test_any_method(client: Pynector, method: str) -> None:
    if method.upper() == "HEAD":
        return
    seen = await sent(client, None, path="/inspect", method=method)
    if seen is not None:
        assert seen["method"].upper() == method.upper()
    else:
        assert not (method.isalpha() and method.isascii()) or method.upper() == "CONNECT"


@often
@given(params=st.lists(st.tuples(texts, st.one_of(texts, st.integers(), st.booleans(), st.none(), st.floats()))))
async def test_any_params(client: Pynector, params: list[tuple[str, Any]]) -> None:
    seen = await sent(client, None, path="/inspect?own=1", params=params)
    if seen is None:
        assert any("\ud800" <= c <= "\udfff" for name, value in params for c in name + str(value))
        return
    words = {None: "", True: "true", False: "false"}
    meant = [(n, words[v] if v is None or isinstance(v, bool) else str(v)) for n, v in params]
    assert sorted(map(tuple, seen["query"])) == sorted([("own", "1"), *meant])


@often
@given(cookies=st.dictionaries(texts, texts, max_size=3))
async def test_any_cookies(client: Pynector, cookies: dict[str, str]) -> None:
    seen = await sent(client, None, path="/inspect", cookies=cookies)
    if seen is not None:
        pairs = [value for name, value in seen["headers"] if name.lower() == "cookie"]
        assert pairs == (["; ".join(f"{n}={v}" for n, v in cookies.items())] if cookies else [])


@often
@given(body=st.one_of(st.binary(max_size=50), st.text(max_size=50)))
async def test_any_raw_body(client: Pynector, body: bytes | str) -> None:
    seen = await sent(client, body, path="/inspect")
    if seen is not None:
        assert seen["body"].encode("latin-1") == (body.encode() if isinstance(body, str) else body)


values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), texts),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
)


@often
@given(value=values)
async def test_any_json(client: Pynector, value: Any) -> None:
    seen = await sent(client, None, path="/inspect", json=value)
    if seen is None:
        with pytest.raises(ValueError, match=r"surrogates|Out of range"):
            json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    else:
        assert json.loads(seen["body"].encode("latin-1")) == value


@often
@given(auth=st.one_of(texts, st.tuples(texts, texts)))
async def test_any_auth(client: Pynector, auth: Any) -> None:
    seen = await sent(client, None, path="/inspect", auth=auth)
    if seen is not None:
        (header,) = [value for name, value in seen["headers"] if name.lower() == "authorization"]
        assert header.startswith("Basic " if isinstance(auth, tuple) else "Bearer")


@settings(max_examples=300)
@given(rest=texts)
@example("user:secret@host\u2100/")
@example("[::1]:80/")
@example("host:٣/")
def test_any_url_parses_or_is_refused(rest: str) -> None:
    try:
        url = parse_url(f"http://{rest}")
    except ConfigurationError:
        return
    assert (str(url).isascii(), url.host != "", 0 < url.port < 65536) == (True, True, True)
    assert parse_url(str(url)) == url._replace(userinfo=None)


@settings(max_examples=300)
@given(kind=st.one_of(wire, wire.map("text/plain; charset={}".format), wire.map("a/b; charset*{}".format)))
@example("text/plain; charset=idna")
@example("text/plain; charset=undefined")
@example("text/plain; charset=hex")
@example("text/plain; charset=utf-7\0")
@example("text/plain; charset*0*=utf-8''%ff; charset*1=x")
def test_no_content_type_keeps_the_text_from_being_read(kind: str) -> None:
    response = Response(200, Headers([("Content-Type", kind)]), b"caf\xc3\xa9 +AGE- \xff", "http://host/")
    assert isinstance(response.text, str)
