"""The target of a request, path and query, where it can be written without a closer look."""

import re
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from urllib.parse import quote
from uuid import UUID

from .writer import LONGEST, Writer, escaped

COMPILED = not __file__.endswith(".py")

# RFC 3986: what may stand in a path and query as it is, without percent-encoded parts.
PLAIN = b"!$&'()*+,-./0123456789:;=?@ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~"
TABLE = bytes(1 if code in PLAIN else 0 for code in range(128))
_PATTERN = re.compile("/[" + re.escape(PLAIN.decode()) + "]*")
# Percent signs begin an encoded part, and there are no control characters.
_ENCODABLE = re.compile(r"/(?:[^%\x00-\x1f\x7f\ud800-\udfff]|%[0-9A-Fa-f]{2})*")


def is_path(path: str) -> bool:
    """Say whether a text is a path that may go on the wire as it is."""
    if COMPILED:
        return len(path) > 0 and path[0] == "/" and is_of(path, TABLE)  # type: ignore[name-defined] # noqa: F821
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
    if (type(value) is int and -LONGEST < value < LONGEST) or type(value) is float:
        return str(value)
    if value is None:
        return ""
    if type(value) is Decimal or type(value) is UUID:
        return str(value)
    if type(value) is datetime or type(value) is date or type(value) is time:
        return value.isoformat()
    return None


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


def put_params(writer: Writer, joint: str, params: Any) -> bool:
    """Put a dict's parameters behind a target, and say whether it could be done; see `parts_of`.

    Args:
        writer: Where to.
        joint: What stands before the first one.
        params: The dict.
    """
    try:
        for name, value in params.items():
            if type(name) is not str:
                return False
            if type(value) is list or type(value) is tuple:
                for one in value:
                    if not _put(writer, joint, name, one):
                        return False
                    joint = "&"
            elif _put(writer, joint, name, value):
                joint = "&"
            else:
                return False
    except UnicodeEncodeError:
        return False
    return True


def _put(writer: Writer, joint: str, name: str, value: Any) -> bool:
    """Put one parameter, and say whether it could be done."""
    writer.put_name(joint, name)
    if type(value) is int:
        return writer.put_number(value)
    text = text_of(value)
    if text is None:
        return False
    writer.put_escaped(text)
    return True
