"""Cookies that are kept, with persist_cookies=True, by the policy of http.cookiejar, strict about hosts."""

from __future__ import annotations

from dataclasses import replace
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

from .headers import Headers
from .request import PreparedRequest
from .urls import URL


class KeptCookies:
    """A jar: answers fill it, and requests are given what is theirs of it.

    A cookie without a domain is for its host alone, and none is for a whole second level such as co.uk (RFC 6265
    section 5.3).
    """

    def __init__(self) -> None:
        self._jar = CookieJar(
            DefaultCookiePolicy(strict_domain=True, strict_ns_domain=DefaultCookiePolicy.DomainStrictNonDomain)
        )

    def added_to(self, request: PreparedRequest) -> PreparedRequest:
        """Return a request with those that belong to it, unless it has one of the same name."""
        asking = _Asking(request.url)
        self._jar.add_cookie_header(asking)  # type: ignore[arg-type]
        if not asking.cookies:
            return request
        own = [part for name, value in request.headers if name.lower() == "cookie" for part in value.split("; ")]
        names = {cookie.partition("=")[0] for cookie in own}
        kept = [cookie for cookie in asking.cookies.split("; ") if cookie.partition("=")[0] not in names]
        others = [pair for pair in request.headers if pair[0].lower() != "cookie"]
        return replace(request, headers=[*others, ("Cookie", "; ".join([*own, *kept]))])

    def take(self, url: URL, headers: Headers) -> None:
        """Keep what an answer from a URL sets."""
        if headers.first_look("set-cookie") is not None:
            self._jar.extract_cookies(_Answer(headers), _Asking(url))  # type: ignore[arg-type]


class _Asking:
    """A request, as far as a jar asks for it: the caller's own, and so never a third party's.

    Attributes:
        cookies: The Cookie header that it is given.
    """

    unverifiable = False

    def __init__(self, url: URL) -> None:
        self.type = url.scheme
        self.host = url.authority
        self.origin_req_host = url.host
        self.cookies = ""
        self._url = str(url)

    def get_full_url(self) -> str:
        return self._url

    def get_header(self, name: str, default: Any = None) -> Any:
        return default

    def has_header(self, name: str) -> bool:
        return False

    def add_unredirected_header(self, name: str, value: str) -> None:
        self.cookies = value


class _Answer:
    """An answer, as far as a jar asks for it."""

    def __init__(self, headers: Headers) -> None:
        self._headers = headers

    def info(self) -> _Answer:
        return self

    def get_all(self, name: str, default: list[str]) -> list[str]:
        return self._headers.get_list(name) or default
