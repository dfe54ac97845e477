"""Request bodies: JSON, forms, multipart files and raw ones, encoded to bytes and their Content-Type."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Mapping
from typing import Any
from urllib.parse import quote_plus, urlencode

from ...errors import ConfigurationError, PynectorError, TransportError, text_of
from ..json_text import Dumps, json_with, to_json
from .headers import header_pairs
from .urls import param_pairs

Body = tuple["bytes | AsyncIterable[bytes] | None", "str | None"]
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
    if isinstance(content, (bytes, bytearray, memoryview)):
        return bytes(content), None
    if isinstance(content, AsyncIterable):
        return content, None
    raise ConfigurationError(f"content must be str, bytes or an async iterator of bytes, not {type(content).__name__}")


async def checked_pieces(body: AsyncIterable[bytes]) -> AsyncGenerator[bytes, None]:
    """Give what a body from an async iterator is made of, without empty pieces.

    Raises:
        ConfigurationError: If it gives anything but bytes.
    """
    pieces = aiter(body)
    try:
        async for piece in pieces:
            if not isinstance(piece, (bytes, bytearray, memoryview)):
                raise ConfigurationError(f"content must give bytes, not {type(piece).__name__}")
            if data := bytes(piece):
                yield data
    finally:
        # What stopped in the middle would wait for the garbage collector otherwise.
        if hasattr(pieces, "aclose"):
            await pieces.aclose()


def failed_upload(error: BaseException) -> TransportError:
    """Return the error of a request whose body could not be sent as a whole: its head, and perhaps more, has left."""
    said = str(error) if isinstance(error, PynectorError) else f"{type(error).__name__}: {text_of(error)}"
    problem = TransportError(f"the body could not be sent: {said}", phase="write", sent="partial")
    problem.transient = False
    problem.__cause__ = error
    return problem


def encode_form(data: Any) -> Body:
    """Encode an application/x-www-form-urlencoded body from a dict or pairs; str and bytes are taken as they are."""
    kind = "application/x-www-form-urlencoded"
    if isinstance(data, (str, bytes)):
        return encode_raw(data)[0], kind
    pairs = param_pairs(data, "data")
    return urlencode(pairs, quote_via=quote_plus).encode("ascii"), kind


def encode_multipart(data: Any, files: Any, headers: Any = None) -> Body:
    """Encode a multipart/form-data body, as httpx does it, with the boundary that the request's own headers say."""
    from .httpx_module import httpx

    pairs = header_pairs(headers, "headers")
    kinds = [(name, value) for name, value in pairs if value and name.lower() == "content-type"]
    fields: dict[str, list[str]] = {}
    for name, value in param_pairs(data, "data"):
        fields.setdefault(name, []).append(value)
    try:
        files = _checked_files(files)
        request = httpx.Request("POST", "http://localhost", data=fields, files=files, headers=kinds)
        return request.read(), request.headers["content-type"]
    except ConfigurationError:
        raise
    except (TypeError, ValueError, AttributeError, OSError, RuntimeError) as error:
        raise ConfigurationError(f"files cannot be encoded: {error}") from error


def _checked_files(files: Any) -> list[tuple[Any, Any]]:
    """Give the files by name; httpx writes their own header fields as they are, whatever is in them."""
    pairs = list(files.items() if isinstance(files, Mapping) else files)
    for _, file in pairs:
        if isinstance(file, tuple):
            for kind in file[2:3]:
                header_pairs({"Content-Type": kind}, "files")
            for own in file[3:4]:
                header_pairs(own, "files")
    return pairs
