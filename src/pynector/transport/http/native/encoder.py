"""Writes the usual requests of a client: what they have in common is encoded once."""

import re
from collections.abc import Callable
from typing import Any

from .exchange import LONG

COMPILED = not __file__.endswith(".py")

# RFC 3986: what may stand in a path and query as it is, without percent-encoded parts.
PLAIN = b"!$&'()*+,-./0123456789:;=?@ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~"
TABLE = bytes(1 if code in PLAIN else 0 for code in range(128))
_PATTERN = re.compile("/[" + re.escape(PLAIN.decode()) + "]*")

# RFC 9110 section 5.6.2: what a field's name is made of.
TOKEN = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
TOKEN_TABLE = bytes(1 if code in TOKEN else 0 for code in range(128))
_NAME = re.compile("[" + re.escape(TOKEN.decode()) + "]+")
# RFC 9110 section 5.5, but only ASCII, and without the white space around it that would be taken away.
_VALUE = re.compile("(?:[!-~](?:[ -~]*[!-~])?)?")

# RFC 3986 section 2.3; what else is in a query's names and values is percent-encoded.
UNRESERVED = b"-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~"
_UNRESERVED = re.compile("[" + re.escape(UNRESERVED.decode()) + "]*")
ESCAPED = [chr(code) if code in UNRESERVED else f"%{code:02X}" for code in range(256)]
SAFE_TABLE = bytes(1 if code in UNRESERVED else 0 for code in range(128))

# Longer integers take a closer look: past some length Python does not say them in digits.
MOST = 1 << 63

# What frames a message, where it goes, and whether another follows, is not for headers to say without a closer look;
# and with a Range another coding is asked for.
_FRAMING = frozenset({"connection", "host", "content-length", "range", "transfer-encoding"})

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# RFC 9110 section 8.6: these are expected to have a body, so an empty one is said.
WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


class RequestEncoder:
    """Encodes the usual requests to one origin: a method, a path, and perhaps headers, parameters and JSON.

    It leaves all others to its caller.

    Args:
        base: The base URL's path: the target of a request without one, and what comes before the path of any other.
        head: The common header fields of a request without a body.
        json_head: Those of a request with JSON; Content-Length is added.
        dumps: Encodes JSON.
    """

    __slots__ = ("_dumps", "_head", "_json_lines", "_json_text", "_lines", "_stem", "_text", "_without_path")

    def __init__(
        self, base: str, head: list[tuple[str, str]], json_head: list[tuple[str, str]], dumps: Callable[[Any], bytes]
    ) -> None:
        self._without_path = base
        self._stem = base.rstrip("/")
        self._lines = _by_name(head)
        self._text = "".join(self._lines.values())
        self._json_lines = _by_name(json_head)
        self._json_text = "".join(self._json_lines.values())
        # The request that is sent most often costs no more than this.
        self._head = f" HTTP/1.1\r\n{self._text}\r\n".encode("latin-1")
        self._dumps = dumps

    def encode(self, data: object, options: Any = None, place: Any = None) -> Any:
        """Give a request's bytes, those of a long body apart; or None if it is not for this.

        Args:
            data: What describes the request, or is its JSON.
            options: Its options; only method, path, headers and params are looked at.
            place: Path and query of its absolute URL, which `data` has; or None.

        Raises:
            Exception: What `dumps` raises.
        """
        if type(data) is not dict:
            return self._data(data, options) if type(data) is list else None
        described = data
        path = described.get("path") if place is None else place
        if path is None:
            if "url" in described or "method" in described or "path" in described:
                return None
            return self._data(described, options)
        if type(path) is not str or not is_path(path):
            return None
        if not options:
            size = len(described)
            if size == 1 or (size == 2 and described.get("method") == "GET"):
                return b"".join((b"GET ", (self._stem + path).encode("ascii"), self._head))
        return self._described(described, self._stem + path, options)

    def _described(self, described: Any, target: str, options: Any) -> Any:
        """Encode what `data` describes, which has a place."""
        size = len(described) - 1
        headers = described.get("headers")
        if headers is not None:
            size -= 1
        params = described.get("params")
        if params is not None:
            size -= 1
        if options:
            if options.get("method") is not None or options.get("path") is not None:
                return None
            more = options.get("headers")
            if more is not None:
                if headers is not None:
                    return None
                headers = more
            more = options.get("params")
            if more is not None:
                if params is not None:
                    return None
                params = more
        has_json = "json" in described
        method = described.get("method")
        if method is None:
            method = "POST" if has_json else "GET"
        else:
            size -= 1
        if size != (1 if has_json else 0):
            return None
        return self._written(method, target, headers, params, described.get("json"), has_json)

    def _data(self, value: object, options: Any) -> Any:
        """Encode data that is JSON, and is sent as the options say."""
        if not options:
            return self._written("POST", self._without_path, None, None, value, True)
        path = options.get("path")
        target = self._without_path
        if path is not None:
            if type(path) is not str or not is_path(path):
                return None
            target = self._stem + path
        method = options.get("method")
        if method is None:
            method = "POST"
        return self._written(method, target, options.get("headers"), options.get("params"), value, True)

    def _written(self, method: Any, target: str, headers: Any, params: Any, value: object, has_json: bool) -> Any:
        if type(method) is not str or method not in _METHODS or (has_json and method not in WITH_BODY):
            return None
        if params is not None:
            query = self._query(params)
            if query is None:
                return None
            if query:
                joint = "" if target.endswith("?") else "&" if "?" in target else "?"
                target = target + joint + query
        fields = self._json_text if has_json else self._text
        if headers is not None:
            fields = self._fields(headers, self._json_lines if has_json else self._lines, fields)
            if fields is None:
                return None
        start = method + " " + target + " HTTP/1.1\r\n" + fields
        if not has_json:
            end = "Content-Length: 0\r\n\r\n" if method in WITH_BODY else "\r\n"
            return (start + end).encode("latin-1")
        body = self._dumps(value)
        whole_head = (start + "Content-Length: " + str(len(body)) + "\r\n\r\n").encode("latin-1")
        return (whole_head, body) if len(body) >= LONG else whole_head + body

    def _query(self, params: Any) -> Any:
        """Give parameters as a query, or None if they need a closer look."""
        if type(params) is not dict:
            return None
        pairs = []
        for name, value in params.items():
            if type(name) is not str:
                return None
            for one in value if type(value) is list or type(value) is tuple else (value,):
                text = text_of(one)
                if text is None:
                    return None
                try:
                    pairs.append(escaped(name) + "=" + escaped(text))
                except UnicodeEncodeError:
                    return None
        return "&".join(pairs)

    def _fields(self, headers: Any, common: Any, text: str) -> Any:
        """Give the header fields of a request with some of its own, or None if they need a closer look.

        Args:
            headers: Its own. They take the place of common ones of their name; None takes one away.
            common: The common ones by name in lower case, each as its line.
            text: These lines as one.
        """
        if type(headers) is not dict:
            return None
        own: dict[str, str] = {}
        replaces = False
        for name, value in headers.items():
            if type(name) is not str or not is_field(name, "" if value is None else value):
                return None
            lower = name.lower()
            if lower in _FRAMING or lower in own:
                return None
            if lower in common:
                replaces = True
            own[lower] = "" if value is None else name + ": " + value + "\r\n"
        if replaces:
            text = "".join([own.pop(lower, line) for lower, line in common.items()])
        return text + "".join(own.values())


def _by_name(fields: list[tuple[str, str]]) -> dict[str, str]:
    """Give header fields as they go on the wire, by name in lower case; those of one name are together."""
    lines: dict[str, str] = {}
    for name, value in fields:
        lines[name.lower()] = lines.get(name.lower(), "") + f"{name}: {value}\r\n"
    return lines


def is_path(path: str) -> bool:
    """Say whether a text is a path that may go on the wire as it is."""
    if COMPILED:
        if not path or path[0] != "/":
            return False
        for character in path:
            if ord(character) >= 128 or TABLE[ord(character)] == 0:
                return False
        return True
    return _PATTERN.fullmatch(path) is not None


def text_of(value: Any) -> Any:
    """Give the value of a parameter as text, or None if it needs a closer look."""
    if type(value) is str:
        return value
    if type(value) is bool:
        return "true" if value else "false"
    if (type(value) is int and -MOST < value < MOST) or type(value) is float:
        return str(value)
    return "" if value is None else None


def escaped(text: str) -> str:
    """Percent-encode a name or value of a query.

    Raises:
        UnicodeEncodeError: If it is not valid Unicode.
    """
    if COMPILED:
        for character in text:
            if ord(character) >= 128 or SAFE_TABLE[ord(character)] == 0:
                break
        else:
            return text
    elif _UNRESERVED.fullmatch(text) is not None:
        return text
    return "".join([ESCAPED[code] for code in text.encode()])


def is_field(name: str, value: Any) -> bool:
    """Say whether a header field may go on the wire as it is."""
    if type(value) is not str:
        return False
    text = value
    if COMPILED:
        for character in name:
            if ord(character) >= 128 or TOKEN_TABLE[ord(character)] == 0:
                return False
        for character in text:
            if ord(character) < 32 or ord(character) > 126:
                return False
        return len(name) > 0 and text[:1] != " " and text[-1:] != " "
    return _NAME.fullmatch(name) is not None and _VALUE.fullmatch(text) is not None
