"""The lines of a batch's output: what became of each request."""

from __future__ import annotations

import json
import re
from json.encoder import encode_basestring as _quoted
from typing import TYPE_CHECKING, Any

from ..errors import HTTPStatusError, PynectorError
from ..transport.http.options import HTTPOptions
from ..transport.http.request import BODIES, prepare
from ..transport.http.response import Response, content_type_of
from ..transport.http.text import charset_in
from ..transport.http.urls import without_secrets
from .described import Job

if TYPE_CHECKING:
    from ..dispatch.item import Item


COMPILED = not __file__.endswith(".py")

# The most Content-Types that are remembered.
MOST_KINDS = 256

# JSON of more levels is left to be text: not everybody who reads the line could. As in cjson.pxd.
MOST_LEVELS = 512

# As they stand in a line.
_METHODS = {method: f'"{method}"' for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")}
_BODIES = tuple(BODIES)

# The byte order mark of UTF-8.
_MARK = b"\xef\xbb\xbf"


class Writer:
    """Makes a line of each result.

    Args:
        options: Those of the client.
        includes_headers: Whether the header fields of the answers are wanted.
    """

    __slots__ = ("_includes_headers", "_kinds", "_options")

    def __init__(self, options: HTTPOptions, includes_headers: bool) -> None:
        self._options = options
        self._includes_headers = includes_headers
        # Whether a body is JSON, and its charset, by Content-Type: most answers have one of a few.
        self._kinds: dict[str, tuple[bool, str]] = {}

    def line(self, job: Job, item: Item) -> bytes:
        """Return the line of a result."""
        error = item.error
        response: Any = item.result if error is None else getattr(error, "response", None)
        status = said = headers = body = ""
        if response is None:
            url = self.url_of(item.request)
        else:
            url = response.history[0].url if response.history else response.url
            status = f',"status":{response.status_code}'
            if self._includes_headers:
                headers = f',"headers":{_text(response.headers.pairs())}'
            body = self._body(response)
        if error is not None:
            said = f',"error":{_text(_described(error))}'
        # By hand: an encoder that is given the whole takes longer than all the rest of the line.
        key = "" if job.key is None else f',"key":{_text(job.key)}'
        method = method_of(item.request)
        quoted = _METHODS.get(method) or _quoted(method)
        micros = int(item.elapsed * 1e6 + 0.5)
        line = (
            f'{{"index":{job.number}{key},"method":{quoted},"url":{_quoted(url)}{status},"attempts":{item.attempts},'
            f'"seconds":{micros // 1000000}.{micros % 1000000:06d}{said}{headers}{body}}}\n'
        )
        # Half a character, as "\ud800" in the input is, is written like this in JSON, too.
        return line.encode("utf-8", "backslashreplace")

    def _body(self, response: Response) -> str:
        """Return a body's name and value: its JSON as it came, else its text, else base64."""
        content = response.content
        is_json, charset = self._kind(content_type_of(response))
        if is_json:
            value = _json_as_it_came(content)
            if value is not None:
                return f',"json":{value}'
        try:
            return f',"text":{_quoted(content.decode(charset))}'
        except (UnicodeError, LookupError):
            from base64 import b64encode

            return f',"base64":"{b64encode(content).decode()}"'

    def _kind(self, content_type: str) -> tuple[bool, str]:
        """Return whether a body is JSON, and its charset."""
        known = self._kinds.get(content_type)
        if known is None:
            if len(self._kinds) >= MOST_KINDS:
                self._kinds.clear()
            media_type = content_type.partition(";")[0].strip().lower()
            known = media_type.endswith(("/json", "+json")), charset_in(content_type)
            self._kinds[content_type] = known
        return known

    def url_of(self, request: dict[str, Any]) -> str:
        """Return where a request goes."""
        try:
            place = {name: value for name, value in request.items() if name in ("url", "path", "params")}
            return str(prepare(place, {}, self._options).url)
        except PynectorError:
            return without_secrets(str(request.get("url") or request.get("path") or ""))


def method_of(request: dict[str, Any]) -> str:
    """Return the method of a request."""
    method = request.get("method")
    if method:
        return str(method).upper()
    for name in _BODIES:
        if name in request:
            return "POST"
    return "GET"


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


def _json_as_it_came(content: bytes) -> Any:
    """Return JSON on one line, or None if it is none."""
    # Which whoever reads the line may not know, and others (Response.json, too) pass over.
    if content.startswith(_MARK):
        content = content[len(_MARK) :]
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return None
    if not is_json(content):
        return None
    # It has breaks between its tokens only, and around it.
    return text.strip(" \t\r\n").replace("\n", " ").replace("\r", " ")


def is_json(content: bytes) -> bool:
    """Say whether bytes of valid UTF-8 are JSON: whoever reads the line may know no byte order mark, and no NaN."""
    if COMPILED:
        return is_json_text(content)  # type: ignore[name-defined,no-any-return] # noqa: F821
    text = content.decode("utf-8").strip(" \t\r\n")
    try:
        _, end = _VALUE(text, 0)
    except (ValueError, RecursionError, StopIteration):
        return False
    return bool(end == len(text)) and _levels(text) <= MOST_LEVELS


def _levels(text: str) -> int:
    """Return of how many levels JSON is."""
    if text.count("[") + text.count("{") <= MOST_LEVELS:
        return 0
    level = most = 0
    for found in _BRACKET.findall(text):
        level += 1 if found in "[{" else -1 if found in "]}" else 0
        most = max(most, level)
    return most


def _refused(name: str) -> Any:
    raise ValueError(name)


_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*"|[][{}]')

# Made once, as dumps and loads would make them each time. An int may be longer than Python's may be.
_VALUE: Any = json.JSONDecoder(parse_constant=_refused, parse_int=str).scan_once  # type: ignore[attr-defined]
_text = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
