"""The target of a request, path and query, where it can be written without a closer look."""

import re
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from urllib.parse import quote
from uuid import UUID

COMPILED = not __file__.endswith(".py")

# RFC 3986: what may stand in a path and query as it is, without percent-encoded parts.
PLAIN = b"!$&'()*+,-./0123456789:;=?@ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~"
TABLE = bytes(1 if code in PLAIN else 0 for code in range(128))
_PATTERN = re.compile("/[" + re.escape(PLAIN.decode()) + "]*")
# Percent signs begin an encoded part, and there are no control characters.
_ENCODABLE = re.compile(r"/(?:[^%\x00-\x1f\x7f\ud800-\udfff]|%[0-9A-Fa-f]{2})*")

# RFC 3986 section 2.3; what else is in a query's names and values is percent-encoded.
UNRESERVED = b"-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~"
_UNRESERVED = re.compile("[" + re.escape(UNRESERVED.decode()) + "]*")
ESCAPED = [chr(code) if code in UNRESERVED else f"%{code:02X}" for code in range(256)]
SAFE_TABLE = bytes(1 if code in UNRESERVED else 0 for code in range(128))

# Longer integers take a closer look: past some length Python does not say them in digits.
MOST = 1 << 63


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


def encoded_path(path: Any) -> Any:
    """Return a path as it goes on the wire, perhaps with a query, or None if it needs a closer look."""
    if type(path) is not str:
        return None
    if is_path(path):
        return path
    path, _, fragment = path.partition("#")
    if _ENCODABLE.fullmatch(path) is None or _ENCODABLE.fullmatch(f"/{fragment}") is None:
        return None
    return quote(path, safe="!$%&'()*+,-./:;=?@_~")


def text_of(value: Any) -> Any:
    """Return the value of a parameter as text, or None if it needs a closer look."""
    if type(value) is str:
        return value
    if type(value) is bool:
        return "true" if value else "false"
    if (type(value) is int and -MOST < value < MOST) or type(value) is float:
        return str(value)
    if value is None:
        return ""
    if type(value) is Decimal or type(value) is UUID:
        return str(value)
    if type(value) is datetime or type(value) is date or type(value) is time:
        return value.isoformat()
    return None


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


def parts_of(params: Any) -> Any:
    """Return what a dict or pairs come to in a query, by name, or None if they need a closer look."""
    parts: dict[str, str] = {}
    try:
        if type(params) is dict:
            for name, value in params.items():
                if not _add(parts, name, value):
                    return None
            return parts
        if type(params) is list:
            for pair in params:
                if type(pair) is not tuple or len(pair) != 2 or not _add(parts, pair[0], pair[1]):
                    return None
            return parts
    except UnicodeEncodeError:
        pass
    return None


def _add(parts: dict[str, str], name: Any, value: Any) -> bool:
    """Add a parameter, which may have several values, and say whether it could be."""
    if type(name) is not str:
        return False
    if type(value) is list or type(value) is tuple:
        for one in value:
            if not _add_one(parts, name, one):
                return False
        return True
    return _add_one(parts, name, value)


def _add_one(parts: dict[str, str], name: str, value: Any) -> bool:
    text = text_of(value)
    if text is None:
        return False
    part = f"{escaped(name)}={escaped(text)}"
    if name in parts:
        part = f"{parts[name]}&{part}"
    parts[name] = part
    return True
