"""Writes the plain requests of a client: what they have in common is encoded once."""

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

# What frames a message, and where it goes, is not for headers to say without a closer look.
_FRAMING = ("host", "content-length", "transfer-encoding")


class RequestEncoder:
    """Encodes the requests that are only a method, a path, perhaps headers, and perhaps JSON. It leaves all others to
    its caller.

    Args:
        base: The base URL's path: the target of a request without one, and what comes before the path of any other.
        head: The common header fields as they go on the wire, of a request without a body.
        json_head: Those of a request with JSON; Content-Length is added.
        dumps: Encodes JSON.
    """

    __slots__ = ("_dumps", "_fields", "_head", "_json_head", "_stem", "_taken", "_without_path")

    def __init__(self, base: str, head: bytes, json_head: bytes, dumps: Callable[[Any], bytes]) -> None:
        self._without_path = base.encode("ascii")
        self._stem = self._without_path.rstrip(b"/")
        self._fields = b" HTTP/1.1\r\n" + head
        self._head = self._fields + b"\r\n"
        self._json_head = b" HTTP/1.1\r\n" + json_head
        self._dumps = dumps
        common = (head + json_head).decode("latin-1").split("\r\n")
        self._taken = frozenset([*_FRAMING, *[line.partition(":")[0].lower() for line in common]])

    def encode(self, data: object, headers: Any = None) -> Any:
        """Give a request's bytes, or None if it is not a plain one.

        Args:
            data: What describes the request, or is its JSON.
            headers: Header fields beside those of `data`, or None.

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
            extra = b"" if headers is None else self._lines(headers)
            return None if extra is None else self._with_json(b"POST ", self._without_path, extra, data)
        if type(path) is not str or not is_plain(path):
            return None
        target = path.encode("ascii")
        size = len(described)
        if headers is None and (size == 1 or (size == 2 and described.get("method") == "GET")):
            return b"".join((b"GET ", self._stem, target, self._head))
        method = described.get("method")
        target = self._stem + target
        own = described.get("headers")
        if own is not None:
            if headers is not None:
                return None
            headers = own
            size -= 1
        extra = b""
        if headers is not None:
            extra = self._lines(headers)
            if extra is None:
                return None
            if size == 1 or (size == 2 and method == "GET"):
                return b"GET " + target + self._fields + extra + b"\r\n"
        if "json" not in described:
            return None
        if size == 2 or (size == 3 and method == "POST"):
            return self._with_json(b"POST ", target, extra, described["json"])
        if size == 3 and (method == "PUT" or method == "PATCH"):
            return self._with_json(method.encode("ascii") + b" ", target, extra, described["json"])
        return None

    def _with_json(self, method: bytes, target: bytes, extra: bytes, value: object) -> bytes:
        body = self._dumps(value)
        return b"%b%b%b%bContent-Length: %d\r\n\r\n%b" % (method, target, self._json_head, extra, len(body), body)

    def _lines(self, headers: Any) -> Any:
        """Give header fields as they go on the wire, or None if they need a closer look."""
        if type(headers) is not dict:
            return None
        lines = ""
        names = set()
        for name, value in headers.items():
            if type(name) is not str or type(value) is not str or not is_field(name, value):
                return None
            lower = name.lower()
            if lower in self._taken or lower in names:
                return None
            names.add(lower)
            lines += name + ": " + value + "\r\n"
        return lines.encode("ascii")


def is_plain(path: str) -> bool:
    """Say whether a text is a path that may go on the wire as it is."""
    if COMPILED:
        if not path or path[0] != "/":
            return False
        for character in path:
            if ord(character) >= 128 or TABLE[ord(character)] == 0:
                return False
        return True
    return _PATTERN.fullmatch(path) is not None


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
