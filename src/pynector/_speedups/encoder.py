"""Writes the plain requests of a client: what they have in common is encoded once."""

import re
from collections.abc import Callable
from typing import Any

COMPILED = not __file__.endswith(".py")

# RFC 3986: what may stand in a path and query as it is, without percent-encoded parts.
PLAIN = b"!$&'()*+,-./0123456789:;=?@ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~"
TABLE = bytes(1 if code in PLAIN else 0 for code in range(128))
_PATTERN = re.compile("[" + re.escape(PLAIN.decode()) + "]*")


class RequestEncoder:
    """Encodes the requests that are only a method, a path and perhaps JSON. It leaves all others to its caller.

    Args:
        base: The base URL's path: the target of a request without one, and what comes before the path of any other.
        head: The common header fields as they go on the wire, of a request without a body.
        json_head: Those of a request with JSON; Content-Length is added.
        dumps: Encodes JSON.
    """

    __slots__ = ("_dumps", "_head", "_json_head", "_stem", "_without_path")

    def __init__(self, base: str, head: bytes, json_head: bytes, dumps: Callable[[Any], bytes]) -> None:
        self._without_path = base.encode("ascii")
        self._stem = self._without_path.rstrip(b"/")
        self._head = b" HTTP/1.1\r\n" + head + b"\r\n"
        self._json_head = b" HTTP/1.1\r\n" + json_head + b"Content-Length: "
        self._dumps = dumps

    def encode(self, data: object) -> Any:
        """Give a request's bytes, or None if it is not a plain one.

        Raises:
            Exception: What `dumps` raises.
        """
        if type(data) is not dict:
            return None
        path = data.get("path")
        if path is None:
            if "url" in data or "method" in data or "path" in data:
                return None
            return self._with_json(b"POST ", self._without_path, data)
        if type(path) is not str or not path.startswith("/") or not is_plain(path):
            return None
        target = self._stem + path.encode("ascii")
        method = data.get("method")
        size = len(data)
        if size == 1 or (size == 2 and method == "GET"):
            return b"GET " + target + self._head
        if "json" not in data:
            return None
        if size == 2 or (size == 3 and method == "POST"):
            return self._with_json(b"POST ", target, data["json"])
        if size == 3 and (method == "PUT" or method == "PATCH"):
            return self._with_json(method.encode("ascii") + b" ", target, data["json"])
        return None

    def _with_json(self, method: bytes, target: bytes, value: object) -> bytes:
        body = self._dumps(value)
        return b"%b%b%b%d\r\n\r\n%b" % (method, target, self._json_head, len(body), body)


def is_plain(path: str) -> bool:
    """Say whether a path may go on the wire as it is."""
    if COMPILED:
        for character in path:
            if ord(character) >= 128 or TABLE[ord(character)] == 0:
                return False
        return True
    return _PATTERN.fullmatch(path) is not None
