"""A request as a server would get it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qs

from ...transport.http.headers import Headers, Pair
from ...transport.http.urls import URL
from ...transport.json_text import from_json


class Asked:
    """One request, as often as it is sent: each attempt and each redirect is one of its own.

    Attributes:
        method: The method.
        headers: Its header fields, a mapping without regard to case.
        content: Its whole body.
    """

    __slots__ = ("_where", "content", "headers", "method")

    def __init__(self, method: str, where: URL, headers: Iterable[Pair], content: bytes) -> None:
        self.method = method
        self.headers = Headers(headers)
        self.content = content
        self._where = where

    def __repr__(self) -> str:
        return f"<Asked {self.method} {self._where.label}>"

    @property
    def where(self) -> URL:
        """The URL in its parts."""
        return self._where

    @property
    def url(self) -> str:
        """The whole URL, without the user."""
        return str(self._where)

    @property
    def host(self) -> str:
        """The host's name or address."""
        return self._where.host

    @property
    def path(self) -> str:
        """The path as it is sent, percent-encoded, without the query."""
        return self._where.target.partition("?")[0]

    @property
    def params(self) -> dict[str, list[str]]:
        """The query's parameters, decoded: the values by name."""
        return parse_qs(self._where.target.partition("?")[2], keep_blank_values=True)

    @property
    def text(self) -> str:
        """The body as text (UTF-8); what is not valid becomes U+FFFD."""
        return self.content.decode("utf-8", "replace")

    def json(self) -> Any:
        """Parse the body as JSON.

        Raises:
            JSONError: If it is not JSON.
        """
        return from_json(self.content, lambda: f"the body of {self.method} {self._where.label}")
