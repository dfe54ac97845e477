"""Requests of HTTP/2: from the fields of a block to what endpoints are asked with."""

from __future__ import annotations

from functools import lru_cache

from ..request import HEAD_LIMIT, BadRequestError, Headers, Request

Fields = tuple[tuple[bytes, bytes], ...]


def read_request(fields: Fields, connection: int, stream: int) -> Request:
    """Make a request of the fields that ngh2 has found to be well formed.

    Raises:
        BadRequestError: They are too many, or there is no path, as for CONNECT.
    """
    method = target = b""
    for name, value in fields:
        if name == b":path":
            target = value
        elif name == b":method":
            method = value
    if sum(len(name) + len(value) + 32 for name, value in fields) > HEAD_LIMIT:
        raise BadRequestError("request head too large", 431)
    try:
        request = Request(method.decode("ascii"), target.decode("ascii"), "HTTP/2", _headers(fields), connection)
    except ValueError as error:
        raise BadRequestError("malformed request target") from error
    if not target.startswith(b"/") and (target, method) != (b"*", b"OPTIONS"):
        raise BadRequestError("malformed request target")
    request.stream = stream
    return request


@lru_cache(maxsize=512)
def _headers(fields: Fields) -> Headers:
    values = dict(fields)
    length = values.get(b"content-length")
    return Headers(
        fields=fields,
        hosts=1,
        content_length=int(length) if length is not None else None,
        chunked=False,
        close=False,
        expect_continue=values.get(b"expect", b"").lower() == b"100-continue",
        content_type=values.get(b"content-type", b""),
        plain=False,
        # ngh2 gives such a field as a tuple of a class of its own.
        never_indexed=tuple(field[0] for field in fields if type(field) is not tuple),
    )
