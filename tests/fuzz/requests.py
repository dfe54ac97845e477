"""Requests, encoded by each way there is, against a strict server and what was meant."""

from __future__ import annotations

import base64
import json
import re
from functools import cache
from typing import Any
from unittest.mock import patch
from urllib.parse import parse_qsl, unquote_to_bytes

from pynector import ConfigurationError, HTTPRequest
from pynector.transport.http.native import wire
from pynector.transport.http.options import HTTPOptions
from pynector.transport.http.request import METHODS, prepare
from pynector.transport.http.urls import URL, parse_url

from .builds import BUILDS
from .intents import CLIENTS, Intent, Upload, intent
from .server import CHUNKS, Read, read
from .source import Source

TOKENS = [b"\xff", b"\x01", b"\x02", b"\x03", b"\r\nX: y\r\n", b"\xc3\xa9", b"%", b"?", b"#", b"/", b" ", b"\0"]


def check(source: Source) -> None:
    """Raise unless each form of a request is refused, or all are one request with the meaning that it has."""
    meant = intent(source)
    outcomes = {name: outcome(meant, data, options) for name, data, options in meant.forms()}
    (form, first), *others = outcomes.items()
    for name, its in others:
        assert _without_boundary(its) == _without_boundary(first), (
            f"{meant}\nas {form} is {first!r}\nbut as {name} {its!r}"
        )
    if isinstance(first, bytes):
        check_meaning(meant, first)


def outcome(meant: Intent, data: Any, options: dict[str, Any]) -> bytes | str:
    """Give the bytes of a request, or "refused"; no other error may come, and the encoder must agree."""
    client = options_of(CLIENTS.index(meant.client))
    long: bytes | str
    try:
        long = wire.encode_request(prepare(data, options, client))
    except ConfigurationError:
        long = "refused"
    if "files" not in options:
        place = _place_of(data, options)
        encoders = encoders_of(CLIENTS.index(meant.client), None if place is None else place[0])
        for name, encoder in encoders.items():
            try:
                short = encoder.encode(data, options, None if place is None else place[1])
            except ConfigurationError:
                short = "refused"
            assert short is None or short == long, f"{meant}\nis {long!r}\nbut by the {name} encoder {short!r}"
    return long


@cache
def options_of(client: int) -> HTTPOptions:
    """Give the options of a client."""
    return HTTPOptions(CLIENTS[client], "pynector")


def _place_of(data: Any, options: dict[str, Any]) -> tuple[str, str] | None:
    """Give the start and the rest of a request's absolute URL, as Submitter does; None if it has none."""
    described = data if type(data) is dict else vars(data) if isinstance(data, HTTPRequest) else {}
    url = options.get("url") or described.get("url")
    if not isinstance(url, str) or not url.startswith("http") or url.find("/", 8) < 0:
        return None
    end = url.index("/", 8)
    return url[:end], url[end:]


@cache
def encoders_of(client: int, origin: str | None) -> dict[str, Any]:
    """Give its encoders, by build: of requests below its base URL, or of absolute URLs of an origin."""
    base = options_of(client).base
    if origin is not None:
        try:
            base = parse_url(origin + "/")._replace(target="")
        except ConfigurationError:
            return {}
        if base.userinfo is not None:
            return {}
    encoders = {name: _of_build(client, base, name) for name in BUILDS}
    return {name: encoder for name, encoder in encoders.items() if encoder is not None}


def _of_build(client: int, base: URL | None, name: str) -> Any:
    # encoder_for makes that of the build that runs.
    with patch.object(wire, "RequestEncoder", BUILDS[name].encoder.RequestEncoder):
        return wire.encoder_for(options_of(client), base)


def _without_boundary(seen: bytes | str) -> bytes | str:
    # That of a multipart body is another one each time.
    return BOUNDARY.sub(b"boundary", seen) if isinstance(seen, bytes) else seen


BOUNDARY = re.compile(rb"\b[0-9a-f]{32}\b")


# What was meant


def check_meaning(meant: Intent, sent: bytes) -> None:
    """Raise unless a server reads what was meant."""
    fields = meant.fields
    is_upload = isinstance(fields.get("content"), Upload)
    if is_upload:
        declared = re.search(rb"(?i)\r\ncontent-length: *(\d+)", sent)
        if declared is not None and len(declared[1]) > 2:
            return
        sent += b"x" * int(declared[1]) if declared is not None else CHUNKS
    request = read(sent)
    method = fields.get("method") or ("GET" if meant.body is None or fields.get(meant.body) is None else "POST")
    if "json" in fields:
        method = fields.get("method", "POST")
    assert request.method == (method.upper() if method.upper() in METHODS else method), request
    check_target(meant, request.target)
    check_fields(meant, request)
    if not is_upload:
        check_body(meant, request)
        check_decoded(meant, sent, request)


def check_decoded(meant: Intent, sent: bytes, request: Read) -> None:
    """Raise unless what was sent can be prepared again from its bytes."""
    base = options_of(CLIENTS.index(meant.client)).base
    assert base is not None
    origin = ("http", "other.example", 8080) if "url" in meant.fields else base.origin
    again = read(wire.encode_request(wire.decode_request(sent, origin)))
    assert again._replace(headers=sorted(again.headers)) == request._replace(headers=sorted(request.headers))


def check_target(meant: Intent, target: str) -> None:
    """Raise unless the path and the query are those that were meant."""
    base = options_of(CLIENTS.index(meant.client)).base
    assert base is not None
    stem, _, own = base.target.partition("?")
    asked = str(meant.fields.get("path", meant.fields.get("url")))
    if "url" in meant.fields:
        stem, own, asked = "", "", "/" + asked.split("/", 3)[3]
    path, _, query = asked.partition("#")[0].partition("?")
    expected = stem.rstrip("/") + "/" + path.removeprefix("/") if path else stem or "/"
    seen, _, seen_query = target.partition("?")
    assert unquote_to_bytes(seen) == unquote_to_bytes(expected), (seen, expected)
    pairs = parse_qsl(seen_query, keep_blank_values=True)
    replaced = {name for name, _ in _pairs_of(meant.fields.get("params"))}
    kept = [pair for pair in _pairs_of(meant.client.get("params")) if pair[0] not in replaced]
    added = sorted(kept + _pairs_of(meant.fields.get("params")))
    # What the caller wrote himself, he encoded himself.
    text = "&".join(part for part in (own, query) if part)
    if re.fullmatch(r"[\w=&]*", text, re.ASCII):
        assert sorted(pairs) == sorted(parse_qsl(text, keep_blank_values=True) + added), (target, added)
    else:
        assert all(pair in pairs for pair in added), (target, added)


def _pairs_of(params: Any) -> list[tuple[str, str]]:
    words = {None: "", True: "true", False: "false"}
    items = params.items() if isinstance(params, dict) else params or []
    pairs = [(name, one) for name, value in items for one in (value if isinstance(value, list) else [value])]
    return [(n, words[v] if v is None or isinstance(v, bool) else str(v)) for n, v in pairs]


def check_fields(meant: Intent, request: Read) -> None:
    """Raise unless the header fields are exactly those that were meant."""
    expected: dict[str, list[str] | None] = {"user-agent": ["pynector"], "accept": ["*/*"], "accept-encoding": None}
    fields = meant.fields
    expected["host"] = None
    _overlay(expected, meant.client.get("headers"))
    kinds = {"json": "application/json", "data": "application/x-www-form-urlencoded", "files": None}
    if "files" in fields:
        expected["content-type"] = None
    elif isinstance(fields.get("content"), str):
        expected["content-type"] = ["text/plain; charset=utf-8"]
    elif meant.body in kinds:
        kind = kinds[meant.body]
        expected["content-type"] = [kind] if kind else None
    credentials = _credentials(meant)
    if credentials:
        expected["authorization"] = [credentials]
    cookies = {**meant.client.get("cookies", {}), **fields.get("cookies", {})}
    if cookies:
        expected["cookie"] = ["; ".join(f"{name}={value}".strip(" \t") for name, value in cookies.items())]
    _overlay(expected, fields.get("headers"))
    framing = {"content-length", "transfer-encoding"}
    assert {name for name, _ in request.headers} - framing == {n for n in expected if n not in framing}, request
    for name, values in expected.items():
        if values is not None and name not in framing:
            assert request.values(name) == values, (name, request.values(name), values)


def _overlay(expected: dict[str, list[str] | None], headers: Any) -> None:
    pairs = list(headers.items() if isinstance(headers, dict) else headers or [])
    for name in {name.lower() for name, _ in pairs}:
        values = [value.strip(" \t") for key, value in pairs if key.lower() == name and value is not None]
        expected.pop(name, None)
        if values:
            expected[name] = values


def _credentials(meant: Intent) -> str | None:
    # Those of a client are its own origin's.
    its_own = None if "url" in meant.fields else meant.client.get("auth")
    auth = meant.auth if meant.has_auth else its_own
    if auth is None and "@" in meant.client["base_url"] and "url" not in meant.fields:
        auth = ("me", "pass\u00e9")
    if auth is None:
        return None
    if isinstance(auth, str):
        return f"Bearer {auth}".strip(" \t")
    return "Basic " + base64.b64encode(f"{auth[0]}:{auth[1]}".encode()).decode()


def check_body(meant: Intent, request: Read) -> None:
    """Raise unless the body says what was meant."""
    body, fields = request.body, meant.fields
    if "json" in fields:
        assert json.loads(body) == fields["json"]
    elif "files" in fields:
        check_parts(fields, request)
    elif "content" in fields:
        content = fields["content"]
        assert body == (content.encode() if isinstance(content, str) else content)
    elif "data" in fields:
        assert parse_qsl(body.decode("ascii"), keep_blank_values=True) == _pairs_of(fields["data"])
    else:
        assert body == b""


PART = re.compile(
    rb'Content-Disposition: form-data; name="[^"\r\n]*"(; filename="[^"\r\n]*")?\r\n'
    rb"(Content-Type: [^\r\n]*\r\n)?\r\n(?s:(.*))\r\n"
)


def check_parts(fields: dict[str, Any], request: Read) -> None:
    """Raise unless a multipart body has the parts that were meant, and no header field beside theirs."""
    kind, *others = request.values("content-type")
    boundary = kind.partition("boundary=")[2].encode()
    if others or not boundary or not kind.startswith("multipart/form-data"):
        # The caller says that it is something else.
        return
    first, *parts = request.body.split(b"--" + boundary)
    assert first == b""
    assert parts.pop() == b"--\r\n"
    contents = []
    for part in parts:
        found = PART.fullmatch(part.removeprefix(b"\r\n"))
        assert found is not None, f"a bad part: {part!r}"
        contents.append(found[3])
    expected = [value.encode() for value in fields.get("data", {}).values()]
    expected += [file[1] for file in fields["files"].values()]
    assert contents == expected
