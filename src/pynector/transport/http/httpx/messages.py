"""Requests in the terms of httpcore, and in those of httpx for an auth flow."""

from __future__ import annotations

from typing import Any

from ..native.encoder import WITH_BODY
from ..request import PreparedRequest
from ..urls import PORTS, URL
from .module import httpcore, httpx
from .upload import Upload

Fields = list[tuple[bytes, bytes]]


def fields_of(request: PreparedRequest) -> Fields:
    """Give the header fields of a request as they go on the wire."""
    pairs = list(request.headers)
    names = {name.lower() for name, _ in pairs}
    if "host" not in names:
        pairs.insert(0, ("Host", request.url.authority))
    if request.has_stream:
        if "content-length" not in names:
            pairs.append(("Transfer-Encoding", "chunked"))
    elif request.body or request.method in WITH_BODY:
        pairs.append(("Content-Length", str(request.size)))
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in pairs]


def to_httpcore(method: str, url: URL, fields: Fields, body: Any, trace: Any) -> Any:
    """Give httpcore's request.

    Args:
        method: The method; its case matters (RFC 9110 section 9.1).
        url: Where it goes; its target is sent as it is.
        fields: Its header fields.
        body: Its body: bytes, or an async iterable of them.
        trace: Told of its events.
    """
    # A proxy is told no port where it is the scheme's own.
    port = None if url.port == PORTS.get(url.scheme) else url.port
    where = httpcore.URL(scheme=url.scheme, host=url.host, port=port, target=url.target)
    content = _Whole(body) if isinstance(body, bytes) and body else body
    return httpcore.Request(method, where, headers=fields, content=content, extensions={"trace": trace})


def to_httpx(request: PreparedRequest, upload: Upload | None) -> Any:
    """Give httpx's request, for an auth flow."""
    body: Any = request.body if upload is None else upload
    message = httpx.Request(request.method, str(request.url), headers=fields_of(request), content=body)
    message.method = request.method
    if upload is not None:
        # httpx wraps it in a generator, and would leave that in the middle.
        message.stream = _Body(upload)
    return message


def from_httpx(message: Any, request: PreparedRequest, url: Any, trace: Any) -> tuple[Any, URL]:
    """Give httpcore's request for a message of an auth flow, and where it goes.

    Args:
        message: What the flow wants to be sent.
        request: The request that the flow is for.
        url: That request's URL as httpx has it, which may differ in what need not be encoded.
        trace: Told of its events.
    """
    where = request.url
    if message.url != url:
        scheme, host, port, target = (
            message.url.raw_scheme,
            message.url.raw_host,
            message.url.port,
            message.url.raw_path,
        )
        where = URL(scheme.decode(), host.decode(), port or PORTS.get(scheme.decode(), 0), target.decode())
    try:
        body = message.content
    except httpx.RequestNotRead:
        body = message.stream
    return to_httpcore(message.method, where, message.headers.raw, body, trace), where


class _Whole:
    """A body that is one piece. No async generator: httpcore may leave it in the middle."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def __aiter__(self) -> _Whole:
        return _Whole(self._body)

    async def __anext__(self) -> bytes:
        body, self._body = self._body, b""
        if not body:
            raise StopAsyncIteration
        return body


class _Body(httpx.AsyncByteStream):
    """An upload as httpx's kind of stream."""

    def __init__(self, upload: Upload) -> None:
        self.upload = upload

    def __aiter__(self) -> Any:
        return aiter(self.upload)
