"""Requests in the terms of httpcore."""

from __future__ import annotations

from typing import Any

from ..flows import fields_of
from ..request import PreparedRequest
from ..urls import PORTS


def to_httpcore(core: Any, request: PreparedRequest, body: Any, trace: Any) -> Any:
    """Give httpcore's request.

    Args:
        core: httpcore, or httpcore2.
        request: What to send; its target is sent as it is, and the case of its method matters (RFC 9110 section 9.1).
        body: Its body: bytes, or an async iterable of them.
        trace: Told of its events.
    """
    url = request.url
    # A proxy is told no port where it is the scheme's own.
    port = None if url.port == PORTS.get(url.scheme) else url.port
    where = core.URL(scheme=url.scheme, host=url.host, port=port, target=url.target)
    content = _Whole(body) if isinstance(body, bytes) and body else body
    return core.Request(request.method, where, headers=fields_of(request), content=content, extensions={"trace": trace})


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
