"""multipart/form-data bodies (RFC 7578), whose files are read while they are sent."""

from __future__ import annotations

import mimetypes
import os
import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from ...errors import ConfigurationError
from .headers import header_pairs
from .sources import Content, content_of, joined
from .urls import param_pairs

_BOUNDARY = re.compile(r"multipart/form-data\b.*;[ \t]*boundary=(?:\"([^\"]+)\"|([^\s;\"]+))", re.IGNORECASE)

# As httpx has it: what HTML says, and other controls and the backslash, which servers unquote differently, too.
_ESCAPED = {code: f"%{code:02X}" for code in (*range(32), ord('"'))} | {ord("\\"): "\\\\"}


def encode_multipart(data: Any, files: Any, headers: Any = None) -> tuple[Content, str]:
    """Encode a form with files, with the boundary that the request's own headers say.

    Args:
        data: The other fields, which come first: a dict or pairs.
        files: A dict or pairs; each file its content, or (name, content[, content type[, headers]]).
        headers: The request's own headers.

    Returns:
        The body and its Content-Type.

    Raises:
        ConfigurationError: If it cannot be encoded.
    """
    kinds = [value for name, value in header_pairs(headers, "headers") if value and name.lower() == "content-type"]
    found = _BOUNDARY.match(kinds[-1]) if kinds else None
    boundary = os.urandom(16).hex() if found is None else found[1] or found[2]
    try:
        parts: list[Content] = []
        for name, value in param_pairs(data, "data"):
            parts.append(f"--{boundary}\r\n{_disposition(name)}\r\n\r\n{value}\r\n".encode())
        for name, file in _pairs(files):
            parts += _file(boundary, name, file)
        parts.append(f"--{boundary}--\r\n".encode())
    except ConfigurationError:
        raise
    except (TypeError, ValueError, AttributeError) as error:
        raise ConfigurationError(f"files cannot be encoded: {error}") from error
    return joined(parts), f"multipart/form-data; boundary={boundary}"


def _pairs(files: Any) -> list[tuple[Any, Any]]:
    try:
        return [(name, file) for name, file in (files.items() if isinstance(files, Mapping) else files)]
    except (TypeError, ValueError):
        raise ConfigurationError(
            "files must be a dict, or a list of (name, file) pairs; a file is its content, or a tuple "
            "(filename, content[, content type[, headers]])"
        ) from None


def _file(boundary: str, name: str, file: Any) -> list[Content]:
    """Return the parts of one file."""
    if isinstance(file, (str, os.PathLike)):
        raise ConfigurationError(
            f"files: {name!r} may be a path or a text: give open(path, 'rb'), or a text as (filename, text)"
        )
    given = file if isinstance(file, tuple) else (PurePath(str(getattr(file, "name", "upload"))).name, file)
    filename, content, kind, own = [*given, None, None][: max(4, len(given))]
    fields = [(name, value) for name, value in header_pairs(own, "files") if value is not None]
    if kind is None and filename:
        kind = mimetypes.guess_type(filename)[0] or "application/octet-stream"
    if kind is not None and not any(name.lower() == "content-type" for name, _ in fields):
        fields += [(name, value) for name, value in header_pairs({"Content-Type": kind}, "files") if value is not None]
    lines = [f"--{boundary}", _disposition(name, filename), *(f"{name}: {value}" for name, value in fields)]
    body = content.encode() if isinstance(content, str) else content_of(content, f"files: {name!r}", 0)
    return ["\r\n".join([*lines, "\r\n"]).encode(), body, b"\r\n"]


def _disposition(name: str, filename: str | None = None) -> str:
    line = f'Content-Disposition: form-data; name="{name.translate(_ESCAPED)}"'
    return f'{line}; filename="{filename.translate(_ESCAPED)}"' if filename else line
