"""The lines of a batch's output: what became of each request."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any

from ..dispatch.item import BatchItem
from ..errors import HTTPStatusError, PynectorError
from ..transport.http.headers import Headers
from ..transport.http.options import HTTPOptions
from ..transport.http.request import BODIES, prepare
from ..transport.http.text import charset_of
from ..transport.http.urls import without_secrets
from .described import Job


class Writer:
    """Makes a line of each result.

    Args:
        options: Those of the client.
        includes_headers: Whether the header fields of the answers are wanted.
    """

    def __init__(self, options: HTTPOptions, includes_headers: bool) -> None:
        self._options = options
        self._includes_headers = includes_headers

    def line(self, job: Job, item: BatchItem) -> bytes:
        """Return the line of a result."""
        error = item.error
        response = item.result if error is None else getattr(error, "response", None)
        # Most of it by hand: an encoder takes longer than all the rest of the line.
        line = b'{"index":%d' % job.number
        if job.key is not None:
            line += b',"key":' + _text(job.key)
        url = self.url_of(item.request) if response is None else _url_before_redirects(response)
        line += b',"method":%b,"url":%b' % (_text(method_of(item.request)), _text(url))
        if response is not None:
            line += b',"status":%d' % response.status_code
        line += b',"attempts":%d,"seconds":%.6g' % (item.attempts, item.elapsed)
        if error is not None:
            line += b',"error":' + _text(_described(error))
        if response is not None:
            if self._includes_headers:
                line += b',"headers":' + _text(response.headers.pairs())
            line += b"," + _body(response)
        return line + b"}\n"

    def url_of(self, request: dict[str, Any]) -> str:
        """Return where a request goes."""
        try:
            place = {name: value for name, value in request.items() if name in ("url", "path", "params")}
            return str(prepare(place, {}, self._options).url)
        except PynectorError:
            return without_secrets(str(request.get("url") or request.get("path") or ""))


def method_of(request: dict[str, Any]) -> str:
    """Return the method of a request."""
    default = "GET" if BODIES.isdisjoint(request) else "POST"
    return str(request.get("method") or default).upper()


def _url_before_redirects(response: Any) -> str:
    first = response.history[0] if response.history else response
    return str(first.url)


def _described(error: PynectorError) -> dict[str, Any]:
    said = {"kind": type(error).__name__, "message": str(error)}
    for name in ("phase", "sent"):
        value = getattr(error, name, None)
        if value is not None:
            said[name] = value
    if isinstance(error, HTTPStatusError):
        # The line has the status already, and it is the whole answer's.
        said.pop("phase", None)
    return said


def _body(response: Any) -> bytes:
    """Return a body's name and value: its JSON as it came, else its text, else base64."""
    content: bytes = response.content
    is_json, charset = _kind(response.headers.first_look("content-type") or "")
    if is_json and _is_json(content):
        # Its line has one end.
        return b'"json":' + (_text(json.loads(content)) if _BREAK.search(content) else content.strip())
    try:
        return b'"text":' + _text(content.decode(charset))
    except (UnicodeError, LookupError):
        from base64 import b64encode

        return b'"base64":"' + b64encode(content) + b'"'


@lru_cache(maxsize=256)
def _kind(content_type: str) -> tuple[bool, str]:
    """Return whether a body is JSON, and its charset."""
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type.endswith(("/json", "+json")), charset_of(Headers([("Content-Type", content_type)]))


def _is_json(content: bytes) -> bool:
    try:
        # Whoever reads the line may know no byte order mark, and no NaN.
        _STRICT.decode(content.decode())
    except (ValueError, RecursionError):
        return False
    return True


def _refused(name: str) -> Any:
    raise ValueError(name)


# Made once, as dumps and loads would make them each time.
_STRICT = json.JSONDecoder(parse_constant=_refused)
_AS_IT_IS = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_IN_ASCII = json.JSONEncoder(separators=(",", ":"))
_BREAK = re.compile(rb"[\r\n]")


def _text(value: Any) -> bytes:
    try:
        return _AS_IT_IS.encode(value).encode()
    except UnicodeEncodeError:
        # Half a character, as "\ud800" in the input is.
        return _IN_ASCII.encode(value).encode()
