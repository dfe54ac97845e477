"""What a request says, in a dict and as options, as far as it needs no closer look."""

from collections.abc import Callable
from typing import Any

from ..request import HTTPRequest
from .target import parts_of

# Options that say how an answer is taken.
SETTINGS = frozenset({"as_response", "raise_for_status", "follow_redirects", "max_redirects", "max_response_bytes"})

# Options that describe a request.
FIELDS = frozenset({"method", "path", "url", "params", "headers", "json", "data", "content", "cookies", "auth"})

# Bodies: none, bytes, JSON, text, a form.
NOTHING, RAW, JSON, TEXT, FORM = range(5)

CONTENT_TYPES = (None, None, "application/json", "text/plain; charset=utf-8", "application/x-www-form-urlencoded")
"""Of a request with that kind of body."""


class Form:
    """What a request says. What is None is not given.

    Attributes:
        place: Path and query of its absolute URL, which is elsewhere.
        method, path, cookies: As given.
        headers, params: Those of what describes it, or of its options where the former has none.
        more_headers, more_params: Those of its options, where both have some.
        has_auth: Whether there is the option `auth`.
        auth: The option.
        kind: What its body is.
        body: Its body, to be encoded.
    """

    __slots__ = (
        "auth",
        "body",
        "cookies",
        "has_auth",
        "headers",
        "kind",
        "method",
        "more_headers",
        "more_params",
        "params",
        "path",
        "place",
    )

    def __init__(self, place: Any) -> None:
        self.place = place
        self.method: Any = None
        self.path: Any = None
        self.headers: Any = None
        self.more_headers: Any = None
        self.params: Any = None
        self.more_params: Any = None
        self.cookies: Any = None
        self.has_auth = False
        self.auth: Any = None
        self.kind = NOTHING
        self.body: Any = None

    def read(self, data: Any, options: Any) -> bool:
        """Take what data and options say, and say whether that needs no closer look."""
        is_body = False
        if type(data) is dict:
            if "path" in data or "url" in data or "method" in data:
                if not self._take(data, False):
                    return False
            else:
                is_body = self._take_body(JSON, data)
        elif type(data) is HTTPRequest:
            given = {name: value for name, value in vars(data).items() if value is not None}
            if not self._take(given, False):
                return False
        elif data is not None:
            kind = JSON if type(data) is list else RAW
            # It may be a URL in the wrong place.
            is_body = self._take_body(kind, data) and (type(data) is not str or "://" not in data)
            if not is_body:
                return False
        if options and not self._take(options, True, is_body):
            return False
        return self.place is None or self.path is None

    def _take(self, fields: Any, are_options: bool, has_body: bool = False) -> bool:
        """Take what fields say, and say whether there is nothing else.

        Args:
            fields: By name.
            are_options: Whether these are options, which win.
            has_body: Whether they must not say a body.
        """
        for name, value in fields.items():
            if type(name) is not str:
                return False
            kind = NOTHING
            if name == "json":
                kind = JSON
            elif value is None and name in FIELDS:
                if name == "auth":
                    if not are_options:
                        return False
                    self.has_auth = True
            elif name == "path":
                self.path = value
            elif name == "headers":
                if self.headers is None:
                    self.headers = value
                else:
                    self.more_headers = value
            elif name == "params":
                if self.params is None:
                    self.params = value
                else:
                    self.more_params = value
            elif name == "method":
                self.method = value
            elif name == "content":
                kind = RAW
            elif name == "data":
                kind = FORM
            elif name == "cookies":
                self.cookies = value
            elif name == "url":
                if self.place is None:
                    return False
            elif not are_options:
                return False
            elif name == "auth":
                self.has_auth = True
                self.auth = value
            elif name not in SETTINGS:
                return False
            if kind != NOTHING:
                if has_body or not self._take_body(kind, value):
                    return False
                has_body = True
        return True

    def _take_body(self, kind: int, value: Any) -> bool:
        """Take a body, and say whether it can be one."""
        if kind == RAW:
            if type(value) is str:
                kind = TEXT
            elif type(value) is not bytes:
                return False
        self.kind = kind
        self.body = value
        return True

    def encoded_body(self, dumps: Callable[[Any], bytes]) -> Any:
        """Return the body, or None if it needs a closer look; `dumps` encodes JSON."""
        if self.kind == JSON:
            return dumps(self.body)
        if self.kind == RAW:
            return self.body
        if self.kind == TEXT:
            try:
                return self.body.encode()
            except UnicodeEncodeError:
                return None
        parts = parts_of(self.body)
        # The pairs of one name stay where they are.
        if parts is None or (type(self.body) is list and len(parts) != len(self.body)):
            return None
        return "&".join(parts.values()).replace("%20", "+").encode("ascii")
