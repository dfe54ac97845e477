"""What a caller means by a request, and the forms in which he may say it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

from pynector import HTTPRequest

from .source import Source, flag, pick

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "QUERY", "get", "M-SEARCH", "CONNECT"]
PATHS = [
    "/a",
    "/",
    "",
    "/a/b?c=d",
    "/%41%2f%zz",
    "?",
    "/?",
    "a",
    "//b",
    "/../c",
    "/#d",
    "/\u00e9",
    "/a b",
    "/a\r\nB: c",
]
NAMES = [
    "X-A",
    "x-a",
    "Host",
    "Content-Length",
    "Transfer-Encoding",
    "Content-Type",
    "Cookie",
    "Authorization",
    "Accept",
    "Connection",
    "Expect",
]
VALUES = ["4", "", "a b", " a\t", "chunked", "04", "close", "a\r\nB: c", "\u00e9", "4\x00"]
PARAMETERS: list[Any] = ["1", "", 1, -7, 2.5, True, False, None, ["a", 1, None], 1 << 70, "a&b=c d+%"]
CLIENTS: list[dict[str, Any]] = [
    {"base_url": "http://example.com"},
    {"base_url": "https://me:pass%C3%A9@example.com:8443/stem/"},
    {"base_url": "http://[::1]:80/a/b", "headers": {"X-A": "common", "user-agent": "me"}, "cookies": {"k": "1"}},
    {"base_url": "http://example.com/?own=1", "params": {"p": "common"}, "auth": "token"},
    {
        "base_url": "http://example.com/stem",
        "headers": {"Accept": None, "Content-Type": "x/y"},
        "auth": ("me", "\u00e9"),
    },
]


class Upload:
    """A body that comes piece by piece."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        raise NotImplementedError


@dataclass
class Intent:
    """What is meant.

    Attributes:
        client: The client's options.
        fields: What describes the request.
        auth: The option, if `has_auth`.
    """

    client: dict[str, Any]
    fields: dict[str, Any] = field(default_factory=dict)
    auth: Any = None
    has_auth: bool = False

    @property
    def body(self) -> str | None:
        """The name of the field that is the body, or None."""
        return next((name for name in ("json", "content", "data", "files") if name in self.fields), None)

    def forms(self) -> Iterator[tuple[str, Any, dict[str, Any]]]:
        """Give ways to say it, each with a name: data and options."""
        common = {"auth": self.auth} if self.has_auth else {}
        apart = {name: value for name, value in self.fields.items() if name in ("headers", "params")}
        rest = {name: value for name, value in self.fields.items() if name not in apart}
        yield "a dict", dict(self.fields), common
        yield "a dict and options", rest, {**common, **apart}
        yield "options", None, {**common, **self.fields}
        if None not in self.fields.values():
            yield "an HTTPRequest", HTTPRequest(**self.fields), common
        content = self.fields.get("content")
        if content is not None:
            yield "data and options", content, {**common, **{n: v for n, v in self.fields.items() if n != "content"}}


def intent(source: Source) -> Intent:
    """Choose what is meant."""
    meant = Intent(pick(source, CLIENTS))
    fields = meant.fields
    fields["path"] = _text(source, PATHS)
    if source.number(7) == 7:
        fields["url"] = "http://other.example:8080/" + fields.pop("path")
    if flag(source):
        fields["method"] = _text(source, METHODS)
    if flag(source):
        _choose_body(source, fields)
    if flag(source):
        fields["headers"] = _pairs(source, NAMES, VALUES, as_list=flag(source))
    if flag(source):
        fields["params"] = _pairs(source, ["p", "own", "a b", "", "\u00e9", "&"], PARAMETERS, as_list=flag(source))
    if source.number(3) == 3:
        fields["cookies"] = _pairs(source, ["k", "c", "a b"], ["1", "", "a;b", "a\r\nB: c", "\u00e9"])
    if source.number(3) == 3:
        meant.has_auth = True
        meant.auth = _auth(source)
    return meant


def _choose_body(source: Source, fields: dict[str, Any]) -> None:
    kind = source.number(6)
    if kind == 0:
        fields["json"] = _json(source, 3)
    elif kind == 1:
        fields["content"] = source.text()
    elif kind == 2:
        fields["content"] = source.text().encode(errors="replace") + b"\r\n\xff"
    elif kind == 3:
        fields["data"] = _pairs(source, ["p", "a b", "&"], PARAMETERS, as_list=flag(source))
    elif kind == 4:
        fields["content"] = Upload()
    else:
        fields["files"] = {_text(source, ["f", 'a"b', "a\r\nB: c"]): _file(source)}
        if flag(source):
            fields["data"] = {_text(source, ["p", 'a"b', "a\r\nB: c"]): source.text()}


def _file(source: Source) -> Any:
    name, content = _text(source, ["n", 'a"b', "a\r\nB: c"]), source.text().encode(errors="replace")
    if not flag(source):
        return name, content
    return name, content, _text(source, ["text/plain", "a/b\r\nC: d", "\u00e9"])


def _auth(source: Source) -> Any:
    kind = source.number(2)
    if kind == 0:
        return None
    return source.text() if kind == 1 else (source.text(), source.text())


def _json(source: Source, depth: int) -> Any:
    kind = source.number(8 if depth else 6)
    if kind < 4:
        return [None, 1, -2.5e300, True][kind]
    if kind < 7:
        return [source.text(), float("nan"), 1 << 80][kind - 4]
    if kind == 7:
        return [_json(source, depth - 1) for _ in range(source.number(3))]
    return {source.text(): _json(source, depth - 1) for _ in range(source.number(3))}


def _pairs(source: Source, names: list[str], values: list[Any], as_list: bool = False) -> Any:
    pairs = [(_text(source, names), _text(source, values)) for _ in range(source.number(3))]
    return pairs if as_list else dict(pairs)


def _text(source: Source, usual: list[Any]) -> Any:
    """Choose one of the usual ones, or any text."""
    which = source.number(len(usual))
    return usual[which] if which < len(usual) else source.text()
