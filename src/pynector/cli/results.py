"""The lines of a batch's output: what became of each request."""

from __future__ import annotations

import json
from typing import Any

from ..dispatch.stream import BatchItem
from ..errors import HTTPStatusError, PynectorError
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
        said: dict[str, Any] = {"index": job.index}
        if job.key is not None:
            said["key"] = job.key
        said["method"] = method_of(item.request)
        said["url"] = self.url_of(item.request) if response is None else _url_before_redirects(response)
        if response is not None:
            said["status"] = response.status_code
        said["attempts"] = item.attempts
        said["seconds"] = round(item.elapsed, 6)
        if error is not None:
            said["error"] = _described(error)
        if response is None:
            return _text(said) + b"\n"
        if self._includes_headers:
            said["headers"] = response.headers.pairs()
        return _text(said)[:-1] + b"," + _body(response) + b"}\n"

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
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind.endswith(("/json", "+json")) and b"\n" not in content and b"\r" not in content and _is_json(content):
        return b'"json":' + content.strip()
    if kind.endswith(("/json", "+json")) and _is_json(content):
        return b'"json":' + _text(json.loads(content))
    try:
        text = content.decode(charset_of(response.headers))
    except (UnicodeError, LookupError):
        from base64 import b64encode

        return b'"base64":"' + b64encode(content) + b'"'
    return b'"text":' + _text(text)


def _is_json(content: bytes) -> bool:
    try:
        # Whoever reads the line may know no byte order mark, and no NaN.
        json.loads(content.decode(), parse_constant=_refused)
    except (ValueError, RecursionError):
        return False
    return True


def _refused(name: str) -> Any:
    raise ValueError(name)


def _text(value: Any) -> bytes:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    try:
        return text.encode()
    except UnicodeEncodeError:
        # Half a character, as "\ud800" in the input is.
        return json.dumps(value, separators=(",", ":")).encode()
