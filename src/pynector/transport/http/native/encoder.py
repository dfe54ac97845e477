"""Writes the usual requests of a client: what they have in common is encoded once."""

import re
from collections.abc import Callable
from typing import Any

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
ESCAPED = [chr(code) if code in UNRESERVED else f"%{code:02X}" for code in range(128)]
SAFE_TABLE = bytes(1 if code in UNRESERVED else 0 for code in range(128))

# Longer integers take a closer look: past some length Python does not say them in digits.
MOST = 1 << 63

# What frames a message, where it goes, and whether another follows, is not for headers to say without a closer look;
# and with a Range another coding is asked for.
_FRAMING = ("connection", "host", "content-length", "range", "transfer-encoding")

_STARTS = {name: name.encode("ascii") + b" " for name in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")}
# RFC 9110 section 8.6: these are expected to have a body, so an empty one is said.
WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


class RequestEncoder:
    """Encodes the requests that are only a method, a path, and perhaps headers, parameters and JSON. It leaves all
    others to its caller.

    Args:
        base: The base URL's path: the target of a request without one, and what comes before the path of any other.
        head: The common header fields as they go on the wire, of a request without a body.
        json_head: Those of a request with JSON; Content-Length is added.
        dumps: Encodes JSON.
    """

    __slots__ = ("_dumps", "_fields", "_head", "_json_fields", "_stem", "_taken", "_without_path")

    def __init__(self, base: str, head: bytes, json_head: bytes, dumps: Callable[[Any], bytes]) -> None:
        self._without_path = base.encode("ascii")
        self._stem = self._without_path.rstrip(b"/")
        self._fields = b" HTTP/1.1\r\n" + head
        self._head = self._fields + b"\r\n"
        self._json_fields = b" HTTP/1.1\r\n" + json_head
        self._dumps = dumps
        common = (head + json_head).decode("latin-1").split("\r\n")
        self._taken = frozenset([*_FRAMING, *[line.partition(":")[0].lower() for line in common]])

    def encode(self, data: object, headers: Any = None, params: Any = None) -> Any:
        """Give a request's bytes, or None if it is not for this.

        Args:
            data: What describes the request, or is its JSON.
            headers: Header fields beside those of `data`, or None.
            params: Query parameters beside those of `data`, or None.

        Raises:
            Exception: What `dumps` raises.
        """
        if type(data) is not dict:
            return None
        described = data
        path = described.get("path")
        if path is None:
            if "url" in described or "method" in described or "path" in described:
                return None
            return self._written("POST", self._without_path, headers, params, described, True)
        if type(path) is not str or not is_path(path):
            return None
        target = path.encode("ascii")
        if headers is None and params is None:
            size = len(described)
            if size == 1 or (size == 2 and described.get("method") == "GET"):
                return b"".join((b"GET ", self._stem, target, self._head))
        return self._described(described, self._stem + target, headers, params)

    def _described(self, described: Any, target: bytes, headers: Any, params: Any) -> Any:
        size = len(described)
        own = described.get("headers")
        if own is not None:
            if headers is not None:
                return None
            headers = own
            size -= 1
        own = described.get("params")
        if own is not None:
            if params is not None:
                return None
            params = own
            size -= 1
        has_json = "json" in described
        method = described.get("method")
        if method is None:
            method = "POST" if has_json else "GET"
        else:
            size -= 1
        if size != (2 if has_json else 1):
            return None
        return self._written(method, target, headers, params, described.get("json"), has_json)

    def _written(self, method: Any, target: bytes, headers: Any, params: Any, value: object, has_json: bool) -> Any:
        start = _STARTS.get(method) if type(method) is str else None
        if start is None:
            return None
        if params is not None:
            query = self._query(params)
            if query is None:
                return None
            if query:
                joint = b"" if target.endswith(b"?") else b"&" if b"?" in target else b"?"
                target = target + joint + query
        extra = b""
        if headers is not None:
            extra = self._lines(headers)
            if extra is None:
                return None
        if not has_json:
            end = b"Content-Length: 0\r\n\r\n" if method in WITH_BODY else b"\r\n"
            return b"".join((start, target, self._fields, extra, end))
        if method not in WITH_BODY:
            return None
        body = self._dumps(value)
        length = b"Content-Length: %d\r\n\r\n" % len(body)
        return b"".join((start, target, self._json_fields, extra, length, body))

    def _query(self, params: Any) -> Any:
        """Give parameters as a query, or None if they need a closer look."""
        if type(params) is not dict:
            return None
        pairs = []
        for name, value in params.items():
            if type(value) is int and -MOST < value < MOST:
                value = str(value)
            if type(name) is not str or type(value) is not str or not (name.isascii() and value.isascii()):
                return None
            pairs.append(escaped(name) + "=" + escaped(value))
        return "&".join(pairs).encode("ascii")

    def _lines(self, headers: Any) -> Any:
        """Give header fields as they go on the wire, or None if they need a closer look."""
        if type(headers) is not dict:
            return None
        lines = []
        names = set()
        for name, value in headers.items():
            if type(name) is not str or type(value) is not str or not is_field(name, value):
                return None
            lower = name.lower()
            if lower in self._taken or lower in names:
                return None
            names.add(lower)
            lines.append(name + ": " + value + "\r\n")
        return "".join(lines).encode("ascii")


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


def escaped(text: str) -> str:
    """Percent-encode an ASCII name or value of a query."""
    if COMPILED:
        for character in text:
            if SAFE_TABLE[ord(character)] == 0:
                break
        else:
            return text
    elif _UNRESERVED.fullmatch(text) is not None:
        return text
    return "".join([ESCAPED[ord(character)] for character in text])


def is_field(name: str, value: str) -> bool:
    """Say whether a header field may go on the wire as it is."""
    if COMPILED:
        for character in name:
            if ord(character) >= 128 or TOKEN_TABLE[ord(character)] == 0:
                return False
        for character in value:
            if ord(character) < 32 or ord(character) > 126:
                return False
        return len(name) > 0 and value[:1] != " " and value[-1:] != " "
    return _NAME.fullmatch(name) is not None and _VALUE.fullmatch(value) is not None
