"""A request as it goes on the wire."""

from __future__ import annotations

from collections.abc import AsyncIterable, Sequence
from functools import cached_property, partial
from typing import overload

from ...net.connect import Origin
from ..auth import cookie_pairs, split_auth
from ..body import encode_json
from ..headers import Pair
from ..options import HTTPOptions
from ..request import PreparedRequest
from ..urls import URL
from .encoder import WITH_BODY, RequestEncoder
from .exchange import LONG, Exchange

_FRAMING = frozenset({"connection", "content-length", "transfer-encoding"})


def put_request(exchange: Exchange, request: PreparedRequest) -> None:
    """Have an exchange send a request."""
    body = request.body
    if isinstance(body, bytes) and len(body) >= LONG:
        exchange.payload, exchange.body = encode_head(request), body
    else:
        exchange.payload, exchange.body = encode_request(request), b""


def encode_request(request: PreparedRequest) -> bytes:
    """Encode any request; of one with a body that is read while it is sent only the head."""
    head = encode_head(request)
    return head + request.body if isinstance(request.body, bytes) else head


def encode_head(request: PreparedRequest) -> bytes:
    """Encode the head of any request."""
    lines = [f"{request.method} {request.url.target} HTTP/1.1"]
    if not any(name.lower() == "host" for name, _ in request.headers):
        lines.append(f"Host: {request.url.authority}")
    lines += [f"{name}: {value}" for name, value in request.headers]
    body = request.body
    if isinstance(body, AsyncIterable):
        if request.size is None:
            lines.append("Transfer-Encoding: chunked")
    elif body or request.method in WITH_BODY:
        lines.append(f"Content-Length: {len(body or b'')}")
    return "\r\n".join([*lines, "\r\n"]).encode("latin-1")


def decode_request(payload: bytes, origin: Origin, long_body: bytes = b"") -> PreparedRequest:
    """Return the request that was encoded so, by `encode_request` or by RequestEncoder."""
    head, _, body = payload.partition(b"\r\n\r\n")
    line, *fields = head.decode("latin-1").split("\r\n")
    method, target, _ = line.split(" ")
    url = URL(*origin, target)
    host = ("Host", url.authority)
    pairs = [(name, value) for name, _, value in (field.partition(": ") for field in fields)]
    own = [pair for pair in pairs if pair[0].lower() != "content-length" and pair != host]
    return PreparedRequest(method, url, own, body or long_body or None)


class EncodedFields(Sequence[Pair]):
    """The header fields of an encoded request, which are read when somebody looks at them.

    Args:
        payload: The request.
        origin: Where it goes.
    """

    def __init__(self, payload: bytes, origin: Origin) -> None:
        self._payload = payload
        self._origin = origin

    @cached_property
    def _pairs(self) -> list[Pair]:
        return decode_request(self._payload, self._origin).headers

    def __len__(self) -> int:
        return len(self._pairs)

    @overload
    def __getitem__(self, index: int) -> Pair: ...

    @overload
    def __getitem__(self, index: slice) -> list[Pair]: ...

    def __getitem__(self, index: int | slice) -> Pair | list[Pair]:
        return self._pairs[index]


def request_of(exchange: Exchange) -> PreparedRequest:
    """Return the request of an exchange: what was sent, whatever has become of the caller's objects."""
    if exchange.request is None:
        payload = exchange.payload
        if exchange.added:
            # It belongs to one attempt.
            payload = payload.replace(b"\r\n%b\r\n" % exchange.added, b"\r\n\r\n", 1)
        exchange.request = decode_request(payload, exchange.pool.origin, exchange.body)
    request: PreparedRequest = exchange.request
    return request


def encode_fields(fields: list[Pair]) -> bytes:
    """Encode header fields that have been found valid, each with its end of line."""
    return "".join([f"{name}: {value}\r\n" for name, value in fields]).encode("latin-1")


def encoder_for(options: HTTPOptions, base: URL | None) -> RequestEncoder | None:
    """Return the encoder of a client's requests below a URL, or None if the client's own settings leave it none."""
    if base is None or options.persist_cookies or any(name.lower() in _FRAMING for name, _ in options.header_pairs):
        return None
    userinfo = None if base.userinfo is None else tuple(base.userinfo.split(":", 1))
    auth = options.auth_for(base)
    credentials, flow = split_auth(userinfo if auth is None else auth)
    if flow is not None:
        return None
    cookie_pairs(options.cookies)
    hosts = sum(name.lower() == "host" for name, _ in options.header_pairs)
    if hosts > 1:
        # RFC 9112 section 3.2: it is an error.
        return None
    host = [] if hosts else [("Host", base.authority)]
    dumps = options.dumps_for({})
    return RequestEncoder(
        base.target,
        [*host, *options.header_pairs],
        encode_json if dumps is None else partial(encode_json, dumps=dumps),
        options.param_pairs,
        options.cookies,
        credentials,
        split_auth(userinfo)[0],
        dumps is None,
    )
