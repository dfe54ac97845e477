"""JSON as transports send it."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable
from typing import Any

from ..errors import ConfigurationError, JSONError

Dumps = Callable[[Any], "str | bytes"]
"""An encoder of the user's own."""


def _encoder() -> Callable[[Any], str]:
    encoder = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    make = getattr(json.encoder, "c_make_encoder", None)
    if make is None:
        return encoder.encode
    # What json.dumps makes anew at each call. Without markers a circle ends in a RecursionError.
    pieces = make(None, encoder.default, json.encoder.encode_basestring, None, ":", ",", False, False, False)
    return lambda value: "".join(pieces(value, 0))


to_json = _encoder()
"""Give a value as JSON, without spaces; it raises TypeError, ValueError or RecursionError for what JSON cannot say."""


def json_with(dumps: Dumps, value: Any) -> bytes:
    """Return a value as JSON by an encoder of the user's own.

    Raises:
        TypeError: If it gives neither str nor bytes.
        Exception: What it raises.
    """
    said: object = dumps(value)
    if isinstance(said, str):
        return str.encode(said)
    if isinstance(said, (bytes, bytearray, memoryview)):
        return bytes(said)
    raise TypeError(f"json_dumps must return str or bytes, not {type(said).__name__}")


def checked_dumps(value: Any, where: str) -> Dumps | None:
    """Accept a function that gives a value as JSON, or None."""
    if value is not None and (not callable(value) or inspect.iscoroutinefunction(value)):
        raise ConfigurationError(f"{where} must be a function that returns str or bytes, and none of async def")
    dumps: Dumps | None = value
    return dumps


# How much is shown of what is not JSON (bytes).
SHOWN = 60


def from_json(text: bytes, what: Callable[[], str]) -> Any:
    """Return what a text says as JSON.

    Args:
        text: The text.
        what: Says what it is, for the message.

    Raises:
        JSONError: If it is not JSON, or nested too deep.
    """
    try:
        return _parsed(text)
    except (ValueError, RecursionError) as error:
        shown = f"begins with {text[:SHOWN]!r}" if text else "is empty"
        raise JSONError(f"{what()} is not JSON: {error}; it {shown}") from error


_scan: Callable[[str, int], tuple[Any, int]] = json.JSONDecoder().scan_once  # type: ignore[attr-defined]


def _parsed(text: bytes) -> Any:
    # Of short texts json.loads takes most of its time to look how they are encoded, and for spaces around them. These
    # can be nothing but UTF-8 (RFC 4627 section 3).
    if text[:1] in (b"{", b"[") and text[1:2] != b"\0":
        said = text.decode("utf-8", "surrogatepass")
        try:
            value, end = _scan(said, 0)
        except StopIteration:
            # So it says where a value is missing.
            return json.loads(text)
        if not said[end:].strip(" \t\n\r"):
            return value
    return json.loads(text)


# A string, brackets in a row, a colon, or anything else that is not a space or a comma.
_STRING = rb'"[^"\\]*(?:\\.[^"\\]*)*"'
_PIECE = re.compile(rb"[\s,]*(" + _STRING + rb"|[\[\]{}]+|:|[^\s,:\"\[\]{}]+)", re.DOTALL)
_SCALAR = re.compile(rb"\s*(" + _STRING + rb"|-?\d{1,18}(?=[\s,}]))", re.DOTALL)

# The most bytes of a text that is looked through, for it is slow.
_MOST = 1 << 20


def scalar_of(text: bytes, name: str) -> str | int | None:
    """Return a member of an object that as a whole cannot be read, if it is a str or an int; else None."""
    name_in_json = json.dumps(name, ensure_ascii=False).encode()
    depth, place, before = 0, 0, b""
    while (found := _PIECE.match(text, place, _MOST)) is not None:
        piece, place = found[1], found.end()
        if piece == b":":
            if depth == 1 and before == name_in_json:
                return _scalar_at(text, place)
        elif piece[0] in b"[]{}":
            depth += piece.count(b"[") + piece.count(b"{") - piece.count(b"]") - piece.count(b"}")
        before = piece
    return None


def _scalar_at(text: bytes, place: int) -> str | int | None:
    found = _SCALAR.match(text, place)
    try:
        value: str | int | None = None if found is None else json.loads(found[1])
    except ValueError:
        return None
    return value
