"""Request bodies: JSON, forms, multipart files and raw ones, encoded to bytes and their Content-Type."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote_plus, urlencode

from ...causes import text_of
from ...errors import ConfigurationError, PynectorError, TransportError
from ..json_text import Dumps, json_with, to_json
from .multipart import encode_multipart
from .sources import Content, content_of
from .urls import param_pairs

Body = tuple["Content | None", "str | None"]
"""The bytes, or what gives them, None for no body; and the Content-Type, None for none."""


def encode_body(fields: dict[str, Any], dumps: Dumps | None = None) -> Body:
    """Encode the body that a request's fields describe: at most one of `json`, `content`, or `data` with `files`.

    Args:
        fields: The fields of HTTPRequest.
        dumps: The user's own encoder of JSON, or None.

    Raises:
        ConfigurationError: If there is more than one, or it cannot be encoded.
    """
    given = [name for name in ("json", "content", "data", "files") if name in fields]
    if len(given) > 1 and given != ["data", "files"]:
        raise ConfigurationError(f"a request has one body, not both {given[0]} and {given[1]}")
    if "json" in fields:
        return encode_json(fields["json"], dumps), "application/json"
    if fields.get("files"):
        return encode_multipart(fields.get("data"), fields["files"], fields.get("headers"))
    if fields.get("data") is not None:
        return encode_form(fields["data"])
    return encode_raw(fields.get("content"))


def encode_json(value: Any, dumps: Dumps | None = None) -> bytes:
    """Encode a JSON body, perhaps with an encoder of the user's own."""
    try:
        return to_json(value).encode() if dumps is None else json_with(dumps, value)
    except Exception as error:
        raise ConfigurationError(f"json cannot be encoded: {text_of(error)}") from error


def encode_raw(content: Any) -> Body:
    """Encode a raw body."""
    if content is None:
        return None, None
    if isinstance(content, str):
        try:
            return content.encode(), "text/plain; charset=utf-8"
        except UnicodeEncodeError as error:
            raise ConfigurationError(f"content is not valid Unicode: {error}") from None
    return content_of(content, "content"), None


def failed_upload(error: BaseException) -> TransportError:
    """Return the error of a request whose body could not be sent as a whole: its head, and perhaps more, has left."""
    said = str(error) if isinstance(error, PynectorError) else f"{type(error).__name__}: {text_of(error)}"
    problem = TransportError(f"the body could not be sent: {said}", phase="write", sent="partial", came_of="upload")
    problem.__cause__ = error
    return problem


def encode_form(data: Any) -> Body:
    """Encode an application/x-www-form-urlencoded body from a dict or pairs; str and bytes are taken as they are."""
    kind = "application/x-www-form-urlencoded"
    if isinstance(data, (str, bytes)):
        return encode_raw(data)[0], kind
    pairs = param_pairs(data, "data")
    return urlencode(pairs, quote_via=quote_plus).encode("ascii"), kind
