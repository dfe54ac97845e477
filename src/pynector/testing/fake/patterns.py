"""Which requests an answer is for."""

from __future__ import annotations

import re
from typing import Any

from ...errors import ConfigurationError
from .asked import Asked


class Pattern:
    """Says which requests are meant.

    Args:
        where: A path ("/items/*"), or a URL ("https://*.example.com/*"), in which each `*` stands for any text, a
            slash, too; one with a "?" has the query, too, and without one the query does not matter. Or a compiled
            regular expression, which is searched for in the URL. None: any.
        method: The method; None: any.
        host: The host, `*` standing for any text; None: any.

    Raises:
        ConfigurationError: If one of them is not valid.
    """

    def __init__(self, where: str | re.Pattern[str] | None, method: str | None, host: str | None) -> None:
        for name, value in (("method", method), ("host", host)):
            if value is not None and not isinstance(value, str):
                raise ConfigurationError(f"{name} must be a str or None, not {value!r}")
        self._method = None if method is None else method.upper()
        self._host = None if host is None else _glob(host.lower())
        self._where = _where(where)
        shown = where.pattern if isinstance(where, re.Pattern) else where
        self._said = " ".join(filter(None, (self._method, host, shown))) or "anything"
        self._is_path = isinstance(where, str) and where.startswith("/")
        self._has_query = isinstance(where, re.Pattern) or (isinstance(where, str) and "?" in where)

    def __str__(self) -> str:
        return self._said

    def fits(self, asked: Asked) -> bool:
        """Say whether a request is meant."""
        if self._method is not None and self._method != asked.method.upper():
            return False
        if self._host is not None and not self._host.fullmatch(asked.host):
            return False
        text = asked.where.target if self._is_path else asked.url
        return self._where.search(text if self._has_query else text.partition("?")[0]) is not None


def _where(where: Any) -> re.Pattern[str]:
    if where is None:
        return re.compile("")
    if isinstance(where, re.Pattern) and isinstance(where.pattern, str):
        return re.compile(where.pattern, where.flags)
    if not isinstance(where, str) or not (where.startswith("/") or "://" in where):
        raise ConfigurationError(
            f"where must be a path with a slash before it, a URL, a regular expression or None, not {where!r}"
        )
    return _glob(where)


def _glob(text: str) -> re.Pattern[str]:
    return re.compile(r"\A" + ".*".join(map(re.escape, text.split("*"))) + r"\Z", re.DOTALL)
