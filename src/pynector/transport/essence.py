"""What a request says, in bytes that serve to find out whether it is the same in another run of the program."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def essence_of(value: Any) -> bytes:
    """Return bytes that are the same for equal values of JSON, bytes and their like, and never raise.

    What can only be read once, as a file, and objects of other types count by their type's name.
    """
    try:
        text = _encode(value)
    except (ValueError, RecursionError):
        # Circular, or nested too deeply: it cannot be sent either.
        return b""
    return text.encode("utf-8", "surrogatepass")


def _in_other_words(value: Any) -> Any:
    if isinstance(value, (bytes, bytearray)):
        return value.decode("latin-1")
    if isinstance(value, memoryview):
        return value.tobytes().decode("latin-1")
    if isinstance(value, Mapping):
        return dict(value)
    return type(value).__qualname__


_encode = json.JSONEncoder(skipkeys=True, ensure_ascii=False, separators=(",", ":"), default=_in_other_words).encode
