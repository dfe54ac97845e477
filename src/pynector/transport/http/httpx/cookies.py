"""Cookies that are kept, with persist_cookies=True."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..headers import Pair
from ..request import PreparedRequest
from .module import httpx


class KeptCookies:
    """A jar, which is filled and asked by httpx's rules."""

    def __init__(self) -> None:
        self._jar = httpx.Cookies()

    def added_to(self, request: PreparedRequest) -> PreparedRequest:
        """Give a request with those of the jar that belong to it, unless it has one of the same name."""
        probe = httpx.Request(request.method, str(request.url))
        self._jar.set_cookie_header(probe)
        kept = probe.headers.get("cookie", "").split("; ")
        own = [part for name, value in request.headers if name.lower() == "cookie" for part in value.split("; ")]
        names = {cookie.partition("=")[0] for cookie in own}
        cookies = [*own, *(cookie for cookie in kept if cookie.partition("=")[0] not in names)]
        if not any(cookies):
            return request
        others = [pair for pair in request.headers if pair[0].lower() != "cookie"]
        return replace(request, headers=[*others, ("Cookie", "; ".join(filter(None, cookies)))])

    def take(self, url: Any, status: int, headers: list[Pair]) -> None:
        """Keep what an answer from a URL sets."""
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        self._jar.extract_cookies(httpx.Response(status, headers=raw, request=httpx.Request("GET", str(url))))
