"""What limits and retries have to know of HTTP requests before they are encoded, and of their answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ...errors import HTTPStatusError, PynectorError
from .essence import request_essence
from .headers import header_pairs
from .options import HTTPOptions
from .ratelimit import pause_asked_for
from .request import BODIES, FIELDS, HTTPRequest, PreparedRequest
from .response import Response
from .urls import is_absolute, parse_url

IDEMPOTENCY_KEY = "Idempotency-Key"

_DESCRIBING = frozenset(FIELDS)

_DRAWN = frozenset({"files"})

# The most starts of URLs whose origins are remembered.
_MOST = 4096


class HTTPTraits:
    """See RequestTraits.

    Args:
        options: The client's.
    """

    def __init__(self, options: HTTPOptions) -> None:
        self._options = options
        self._own = None if options.base is None else _named(options.base.origin)
        self._known: dict[str, str | None] = {}

    def origin(self, data: Any, options: Mapping[str, Any]) -> str | None:
        """See RequestTraits."""
        if type(data) is dict and "url" not in data and "url" not in options:
            return self._own
        if isinstance(data, PreparedRequest):
            return _named(data.url.origin)
        url = _said("url", data, options)
        if not isinstance(url, str) or not is_absolute(url):
            return self._own
        end = url.find("/", 8)
        start = url[:end] if end > 0 else url
        if start in self._known:
            return self._known[start]
        try:
            origin: str | None = _named(parse_url(start).origin)
        except PynectorError:
            origin = None
        if len(self._known) >= _MOST:
            del self._known[next(iter(self._known))]
        self._known[start] = origin
        return origin

    def method(self, data: Any, options: Mapping[str, Any]) -> str:
        """See RequestTraits."""
        if isinstance(data, PreparedRequest):
            return data.method
        method = _said("method", data, options)
        if isinstance(method, str):
            return method.upper()
        has_body = any(options.get(name) is not None for name in BODIES)
        if not has_body and isinstance(data, dict) and data.keys() <= _DESCRIBING:
            has_body = any(data.get(name) is not None for name in BODIES)
        elif not has_body:
            has_body = data is not None and not isinstance(data, HTTPRequest)
        return "POST" if has_body else "GET"

    def options_for_attempts(
        self, options: Mapping[str, Any], whole: bool
    ) -> tuple[dict[str, Any], Callable[[Any, Any], Any] | None]:
        """See RequestTraits."""
        settings = self._options.for_request(options)
        own = {**options}
        if not settings["raise_for_status"]:
            own["raise_for_status"] = True
        if whole and not settings["as_response"]:
            own["as_response"] = True
        if own == options:
            return own, None
        may_raise, as_response = settings["raise_for_status"], settings["as_response"]

        def final(call: Any, outcome: Any) -> Any:
            if isinstance(outcome, HTTPStatusError) and not may_raise and isinstance(outcome.response, Response):
                outcome.response.attempts = outcome.attempts
                outcome = outcome.response
            return outcome.content if not as_response and isinstance(outcome, Response) else outcome

        return own, final

    def is_plain(self, options: Mapping[str, Any]) -> bool:
        """See RequestTraits."""
        return "raise_for_status" not in options and "as_response" not in options

    def made_anew_by(self, options: Mapping[str, Any]) -> frozenset[str] | None:
        """See RequestTraits: a form of several parts has a border that is drawn, and whoever encodes JSON may count."""
        return None if options.get("files") is not None or self._options.dumps_for(options) is not None else _DRAWN

    def essence(self, data: Any, options: Mapping[str, Any]) -> bytes:
        """See RequestTraits."""
        return request_essence(data, options, self._options.base)

    def with_idempotency_key(self, data: Any, options: Mapping[str, Any], key: str) -> Mapping[str, Any]:
        """See RequestTraits."""
        given = header_pairs(_said("headers", data, {}), "headers") + header_pairs(options.get("headers"), "headers")
        if any(name.lower() == IDEMPOTENCY_KEY.lower() for name, _ in given):
            return options
        own = header_pairs(options.get("headers"), "headers")
        return {**options, "headers": [*own, (IDEMPOTENCY_KEY, key)]}

    def pause_asked_for(self, outcome: Any, wall_now: float) -> float:
        """See RequestTraits."""
        answer = outcome.response if isinstance(outcome, HTTPStatusError) else outcome
        if not isinstance(answer, Response):
            return 0.0
        return pause_asked_for(answer.status_code, answer.headers, wall_now)


def _named(origin: tuple[str, str, int]) -> str:
    scheme, host, port = origin
    return f"{scheme}://{host}:{port}"


def _said(name: str, data: Any, options: Mapping[str, Any]) -> Any:
    """Return what the options, or else a request that is described, say of something; None for nothing."""
    value = options.get(name)
    if value is None:
        if isinstance(data, HTTPRequest):
            return getattr(data, name)
        if isinstance(data, dict) and data.keys() <= _DESCRIBING:
            return data.get(name)
    return value
