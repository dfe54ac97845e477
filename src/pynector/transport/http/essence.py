"""What an HTTP request says: its method, its URL and its body, before they are encoded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..essence import essence_of
from .request import HTTPRequest

# Credentials, which header fields and cookies may be, are others in another run.
_SAID = ("method", "path", "url", "params", "json", "data", "content", "files")
_PLACES = frozenset(_SAID[:3])


def request_essence(data: Any, options: Mapping[str, Any], base: object) -> bytes:
    """Return bytes that are the same for requests that are described in the same way; see `essence_of`.

    Args:
        data: See HTTPTransport.exchange.
        options: See there.
        base: The client's base URL, or None.
    """
    described: Any = data
    if isinstance(data, HTTPRequest):
        described = [getattr(data, name) for name in _SAID]
    elif isinstance(data, dict) and not _PLACES.isdisjoint(data):
        described = [*map(data.get, _SAID)]
    return essence_of([str(base), described, [*map(options.get, _SAID)] if options else None])
