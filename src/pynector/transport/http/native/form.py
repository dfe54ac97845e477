"""What a request says, in a dict and as options, as far as it needs no closer look."""

from collections.abc import Callable
from typing import Any

from ..request import HTTPRequest
from .jsonbody import put_json
from .target import parts_of

# Bodies: none, bytes, JSON, text, a form.
NOTHING, RAW, JSON, TEXT, FORM = range(5)

# What a name says of a request: one of these, a body of some kind, or how the answer is taken.
UNKNOWN, METHOD, PATH, URL, PARAMS, HEADERS, COOKIES, AUTH, BODY = range(9)
SETTING = BODY + FORM + 1
SETTINGS = ("as_response", "raise_for_status", "follow_redirects", "max_redirects", "max_response_bytes")
MEANINGS = {
    "method": METHOD,
    "path": PATH,
    "url": URL,
    "params": PARAMS,
    "headers": HEADERS,
    "cookies": COOKIES,
    "auth": AUTH,
    "json": BODY + JSON,
    "content": BODY + RAW,
    "data": BODY + FORM,
    **{name: SETTING + number for number, name in enumerate(SETTINGS)},
}

CONTENT_TYPES = (None, None, "application/json", "text/plain; charset=utf-8", "application/x-www-form-urlencoded")
"""Of a request with that kind of body."""


class Form:
    """What a request says. What is None is not given.

    Attributes:
        method, path, url, cookies: As given.
        place: Path and query of its absolute URL.
        headers, params: Those of what describes it, or of its options where the former has none.
        more_headers, more_params: Those of its options, where both have some.
        has_auth: Whether there is the option `auth`.
        auth: The option.
        kind: What its body is.
        body: Its body, to be encoded.
        rest: Its body, encoded, where that is too long to be written behind the head; else b"".
        flags: What its options say of how the answer is taken: two bits each, in the order of SETTINGS.
        numbers: Those that are numbers: which, and the number.
    """

    __slots__ = (
        "auth",
        "body",
        "cookies",
        "flags",
        "has_auth",
        "headers",
        "kind",
        "method",
        "more_headers",
        "more_params",
        "numbers",
        "params",
        "path",
        "place",
        "rest",
        "url",
    )

    def has_own_fields(self) -> bool:
        """Say whether the request may have header fields that not all have."""
        return self.headers is not None or self.cookies is not None or self.has_auth

    def read(self, data: Any, options: Any) -> bool:
        """Take what data and options say, and say whether that needs no closer look."""
        self._clear()
        is_body = False
        if type(data) is dict:
            described = data
            if "path" in described or "url" in described or "method" in described:
                if not self._take(described, False):
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
        return not options or (type(options) is dict and self._take(options, True, is_body))

    def _clear(self) -> None:
        self.method: Any = None
        self.path: Any = None
        self.url: Any = None
        self.place: Any = None
        self.headers: Any = None
        self.more_headers: Any = None
        self.params: Any = None
        self.more_params: Any = None
        self.cookies: Any = None
        self.has_auth = False
        self.auth: Any = None
        self.kind = NOTHING
        self.body: Any = None
        self.rest = b""
        self.flags = 0
        self.numbers: tuple[Any, ...] = ()

    def _take(self, fields: Any, are_options: bool, has_body: bool = False) -> bool:
        """Take what fields say, and say whether there is nothing else.

        Args:
            fields: By name.
            are_options: Whether these are options, which win.
            has_body: Whether they must not say a body.
        """
        for name, value in fields.items():
            meaning = MEANINGS.get(name, UNKNOWN) if type(name) is str else UNKNOWN
            if meaning >= SETTING:
                if not are_options or not self._take_setting(meaning - SETTING, value):
                    return False
            elif meaning > BODY:
                # None is JSON, too.
                if value is not None or meaning == BODY + JSON:
                    if has_body or not self._take_body(meaning - BODY, value):
                        return False
                    has_body = True
            elif meaning == AUTH and are_options:
                self.has_auth = True
                self.auth = value
            elif meaning == UNKNOWN or meaning == AUTH:
                return False
            elif value is not None:
                self._take_field(meaning, value)
        return True

    def _take_field(self, meaning: int, value: Any) -> None:
        """Take what is neither a body nor a setting."""
        if meaning == PATH:
            self.path = value
        elif meaning == HEADERS:
            if self.headers is None:
                self.headers = value
            else:
                self.more_headers = value
        elif meaning == PARAMS:
            if self.params is None:
                self.params = value
            else:
                self.more_params = value
        elif meaning == METHOD:
            self.method = value
        elif meaning == URL:
            self.url = value
        else:
            self.cookies = value

    def _take_setting(self, number: int, value: Any) -> bool:
        """Take how the answer is taken, and say whether that needs no closer look."""
        flag = 1
        if type(value) is bool:
            flag = 3 if value else 2
        elif type(value) is int:
            self.numbers += (number, value)
            return True
        elif value is not None:
            return False
        self.flags |= flag << 2 * number
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

    def encoded_body(self, dumps: Callable[[Any], bytes], writer: Any) -> Any:
        """Return the body, or None if it needs a closer look.

        Args:
            dumps: Encodes JSON.
            writer: A Writer, where what is usual is written as `dumps` would, or None.
        """
        if self.kind == JSON:
            if writer is not None:
                writer.clear()
                if put_json(writer, self.body):
                    return writer.taken(b"")
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
