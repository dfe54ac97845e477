"""The forms a request may take, and what they come to on the wire."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterable, Iterable, Mapping, Sized
from dataclasses import dataclass, replace
from typing import IO, TYPE_CHECKING, Any

from ...config import is_near, nearest
from ...errors import ConfigurationError
from .auth import cookie_pairs, split_auth
from .body import encode_body
from .headers import Pair, header_pairs, is_token, merged_headers
from .methods import METHODS
from .options import OPTION_NAMES, REQUEST_SETTINGS, HTTPOptions
from .sources import Source, is_content, is_one_shot, length_of
from .urls import URL, is_absolute, join_path, merged_params, param_pairs, parse_url, with_params, without_secrets

if TYPE_CHECKING:
    from ..contract import RequestObserver

FIELDS = (
    "method",
    "path",
    "url",
    "params",
    "headers",
    "json",
    "data",
    "content",
    "files",
    "cookies",
)
"""The names that describe a request, in a dict or as options."""

_KNOWN = frozenset(FIELDS)
_PLACES = frozenset({"method", "path", "url"})
BODIES = frozenset({"json", "data", "content", "files"})
_OPTIONS = frozenset(setting.name for setting in REQUEST_SETTINGS) | {"auth"}
_NAMES_OF_OPTIONS = _OPTIONS | {"timeout", "attempt_timeout"}

# The most digits of a Content-Length.
MOST_DIGITS = 18


@dataclass(frozen=True, repr=False)
class HTTPRequest:
    """A request, described; what is None is not given. As text it shows nothing that may be secret.

    Attributes:
        method: The method; default POST with a body, else GET.
        path: Path below the client's `base_url`; it may have a query of its own.
        url: Absolute URL, instead of `path`.
        params: Query parameters: a dict (a value may be a list), or pairs. They are added to the URL's own.
        headers: Header fields: a dict, or pairs. A value of None takes a default one away.
        json: A value to send as JSON.
        data: A form: a dict or pairs.
        content: A raw body: str, bytes-like, a file open in binary mode, or an iterator of bytes, async or not.
        files: Files of a multipart form: a dict or pairs, each file what `content` may be, or a tuple (file name,
            content[, content type[, headers]]); `data` gives the other fields.
        cookies: Cookies to send: a dict.
    """

    method: str | None = None
    path: str | None = None
    url: str | None = None
    params: Any = None
    headers: Any = None
    json: Any = None
    data: Any = None
    content: str | bytes | bytearray | memoryview | IO[bytes] | Iterable[bytes] | AsyncIterable[bytes] | None = None
    files: Any = None
    cookies: Mapping[str, str] | None = None

    def fields(self) -> dict[str, Any]:
        """Give what is given, by name."""
        given = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return {name: value for name, value in given.items() if value is not None}

    def __repr__(self) -> str:
        return f"HTTPRequest({', '.join(f'{name}={_shown(name, value)}' for name, value in self.fields().items())})"


@dataclass(frozen=True, repr=False)
class PreparedRequest:
    """A request as it goes on the wire.

    Attributes:
        method: A token.
        url: Where it goes.
        headers: Its header fields, Host not among them unless the caller gave it, nor Content-Length unless the body
            is read while it is sent.
        body: Its body, or what gives it, or None for none.
        auth: An httpx.Auth that sends it, or None.
    """

    method: str
    url: URL
    headers: list[Pair]
    body: bytes | AsyncIterable[bytes] | None = None
    auth: Any = None

    def __repr__(self) -> str:
        return f"<PreparedRequest {self.label}, headers {_names(self.headers)}, body {_size(self.body)}>"

    @property
    def label(self) -> str:
        """Method and URL without anything secret, for messages."""
        return f"{self.method} {self.url.label}"

    @property
    def has_stream(self) -> bool:
        """Whether its body is read while it is sent."""
        return isinstance(self.body, AsyncIterable)

    @property
    def is_one_shot(self) -> bool:
        """Whether its body can be read only once."""
        return is_one_shot(self.body)

    @property
    def closes(self) -> bool:
        """Whether it says that its connection is not to be used again (RFC 9112 section 9.6)."""
        values = [value.lower() for name, value in self.headers if name.lower() == "connection"]
        return any(option.strip() == "close" for value in values for option in value.split(","))

    @property
    def size(self) -> int | None:
        """The length of its body in bytes; None if it is not known before the body has been read."""
        if self.body is None or isinstance(self.body, bytes):
            return len(self.body or b"")
        return next((int(value) for name, value in self.headers if name.lower() == "content-length"), None)


def _shown(name: str, value: Any) -> str:
    """Show of a field what cannot be secret."""
    if name in BODIES:
        return _size(value)
    if name in ("headers", "params", "cookies"):
        return _names(value)
    return repr(without_secrets(value)) if isinstance(value, str) else f"<{type(value).__name__}>"


def _names(pairs: Any) -> str:
    if isinstance(pairs, (list, tuple)) and all(isinstance(pair, tuple) and len(pair) == 2 for pair in pairs):
        return f"<{', '.join(str(name) for name, _ in pairs)}>"
    return f"<{', '.join(map(str, pairs))}>" if isinstance(pairs, Mapping) else f"<{type(pairs).__name__}>"


def _size(body: Any) -> str:
    kind = type(body).__name__
    return f"<{kind} of {len(body)}>" if isinstance(body, Sized) else f"<{kind}>"


def request_fields(data: Any, options: Mapping[str, Any]) -> dict[str, Any]:
    """Give the fields that `data` and the options describe together; options win, headers and params are merged.

    Raises:
        ConfigurationError: If a name is unknown, or the two contradict each other.
    """
    fields = {name: options[name] for name in FIELDS if options.get(name) is not None}
    if "json" in options:
        fields["json"] = options["json"]
    described = _described(data)
    if described is None:
        if data is None:
            return fields
        if isinstance(data, str) and is_absolute(data) and _PLACES.isdisjoint(fields):
            raise ConfigurationError("data looks like a URL: give {'url': ...}, or content= to send it as a body")
        given = BODIES.intersection(fields)
        if given:
            raise ConfigurationError(
                f"data is the body already, so the option {sorted(given)[0]!r} cannot be; give data=None"
            )
        body = "json" if isinstance(data, (dict, list)) else "content"
        return {**fields, body: data}
    if "path" in fields and "url" in described and _PLACES.issuperset(described):
        raise ConfigurationError(
            "data describes a request to a url, and the option path= another: leave path= out, "
            "or give data as the option json= to send it as a JSON body"
        )
    if BODIES.intersection(fields):
        described = {name: value for name, value in described.items() if name not in BODIES}
    if "url" in fields or "path" in fields:
        described = {n: v for n, v in described.items() if n not in ("url", "path")}
    merged = {**described, **fields}
    if "headers" in described and "headers" in fields:
        merged["headers"] = merged_pairs(described["headers"], fields["headers"])
    if "params" in described and "params" in fields:
        merged["params"] = merged_params(
            param_pairs(described["params"], "params"), param_pairs(fields["params"], "params")
        )
    return merged


def merged_pairs(first: Any, second: Any) -> list[tuple[str, str | None]]:
    """Merge two sources of headers; those taken away by None stay so."""
    names = {name.lower() for name, _ in header_pairs(second, "headers")}
    kept = [pair for pair in header_pairs(first, "headers") if pair[0].lower() not in names]
    return [*kept, *header_pairs(second, "headers")]


def _described(data: Any) -> dict[str, Any] | None:
    """Give the fields that `data` describes, or None if it is a body, or nothing."""
    if isinstance(data, HTTPRequest):
        return data.fields()
    if isinstance(data, dict):
        if _PLACES.isdisjoint(data):
            return None
        unknown = [name for name in data if name not in _KNOWN]
        if not unknown:
            return {k: v for k, v in data.items() if v is not None or k == "json"}
        _refuse_doubtful(data, unknown)
        return None
    if data is None or isinstance(data, (list, str)) or is_content(data):
        return None
    raise ConfigurationError(
        f"data must be a dict, list, str, bytes, HTTPRequest or None, or what content= takes, not {type(data).__name__}"
    )


def _refuse_doubtful(data: dict[Any, Any], unknown: list[Any]) -> None:
    """Raise a ConfigurationError for a dict that is more likely a request with a mistake in it than a body."""
    method, path, url = (data.get(name) for name in ("method", "path", "url"))
    has_method = isinstance(method, str) and method.upper() in METHODS
    if has_method and not {"path", "url"}.isdisjoint(data):
        wrong, hint = unknown[0], nearest(str(unknown[0]), FIELDS)
    elif (isinstance(path, str) and path.startswith("/")) or (isinstance(url, str) and is_absolute(url)):
        doubtful = [name for name in unknown if name in _NAMES_OF_OPTIONS or is_near(str(name), FIELDS)]
        if not doubtful:
            return
        wrong = doubtful[0]
        hint = "it is an option: request(data, ...)"
        if wrong not in _NAMES_OF_OPTIONS:
            hint = nearest(str(wrong), FIELDS)
    else:
        return
    raise ConfigurationError(
        f"the request has an unknown key {wrong!r}: {hint} "
        "(to send this dict as a JSON body, give it as the option json=)"
    )


def check_option_names(options: Mapping[str, Any]) -> None:
    """Raise a ConfigurationError if an option of a request is unknown."""
    for name in options:
        if name not in _KNOWN and name not in _OPTIONS:
            hint = "it is an option of the client: Pynector(...)"
            if name not in OPTION_NAMES:
                hint = nearest(name, {"timeout", *_KNOWN, *_OPTIONS})
            raise ConfigurationError(f"a request has no option {name!r}: {hint}")


def prepare(data: Any, options: Mapping[str, Any], client: HTTPOptions) -> PreparedRequest:
    """Make the request that `data` and `options` describe, with the client's defaults; one that is made stays the same.

    Raises:
        ConfigurationError: If it is not valid.
    """
    if isinstance(data, PreparedRequest):
        return data
    if options:
        check_option_names(options)
    fields = request_fields(data, options)
    body, content_type = encode_body(fields, client.dumps_for(options))
    method = method_of(fields.get("method"), body)
    url = _url(fields, client)
    auth = options["auth"] if "auth" in options else client.auth_for(url)
    if url.userinfo is not None and auth is None:
        auth = tuple(url.userinfo.split(":", 1))
    credentials, flow = split_auth(auth)
    own = header_pairs(fields.get("headers"), "headers")
    headers = merged_headers(
        client.header_pairs,
        client.coding(own),
        [("Content-Type", content_type)] if content_type else [],
        [("Authorization", credentials)] if credentials else [],
        cookie_pairs(client.cookies, fields.get("cookies")),
        own,
    )
    return PreparedRequest(method, url, check_framing(headers, body), body, flow)


def observed(request: PreparedRequest, observer: RequestObserver | None) -> PreparedRequest:
    """Give a request as it is sent now, and tell its observer of the attempt."""
    if observer is None:
        return request
    body = request.body
    size = 0 if body is None else len(body) if isinstance(body, bytes) else None
    added = observer.attempt(request.method, request.url, request.headers, size)
    return replace(request, headers=[*request.headers, *added]) if added else request


def check_framing(headers: list[Pair], body: bytes | AsyncIterable[bytes] | None) -> list[Pair]:
    """Refuse headers that contradict the body; two readings of one message are how requests are smuggled."""
    kept = []
    length = length_of(body)
    for name, value in headers:
        lower = name.lower()
        if lower == "transfer-encoding":
            raise ConfigurationError("headers must not hold Transfer-Encoding: Pynector frames the body")
        if lower != "content-length":
            kept.append((name, value))
        elif length is None:
            # More digits than any body has bytes; Python reads only so many.
            if not (value.isascii() and value.isdigit() and len(value) <= MOST_DIGITS):
                raise ConfigurationError(f"headers: Content-Length must be a number of bytes, not {value!r}")
            kept.append((name, value))
        elif value != str(length):
            raise ConfigurationError(f"headers: Content-Length must be the body's length, {length}, not {value!r}")
    if isinstance(body, Source) and length is not None:
        kept.append(("Content-Length", str(length)))
    for single in ("Host", "Content-Length"):
        if sum(name.lower() == single.lower() for name, _ in kept) > 1:
            raise ConfigurationError(f"headers must not hold {single} twice")
    return kept


def label(data: Any, options: Mapping[str, Any], client: HTTPOptions) -> str:
    """Name a request, valid or not, by its method and its URL without user, query and fragment."""
    if isinstance(data, PreparedRequest):
        return data.label
    fields = request_fields(data, options)
    has_body = not BODIES.isdisjoint(fields)
    given = fields.get("method") or ("POST" if has_body else "GET")
    method = (given if isinstance(given, str) else str(given)).upper()
    try:
        return f"{method} {_url({k: fields[k] for k in ('path', 'url') if k in fields}, client).label}"
    except ConfigurationError:
        return f"{method} request"


def method_of(method: Any, body: object) -> str:
    """Return the method that a request says, or that fits its body.

    Raises:
        ConfigurationError: If it is none that can be sent.
    """
    if method is None:
        return "GET" if body is None else "POST"
    if not isinstance(method, str) or not is_token(method):
        raise ConfigurationError(f"method must be an HTTP method, not {method!r}")
    upper = method.upper()
    if upper == "CONNECT":
        raise ConfigurationError("method must not be CONNECT, which makes a tunnel: give the client proxy=")
    return upper if upper in METHODS else str.__str__(method)


def _url(fields: Mapping[str, Any], client: HTTPOptions) -> URL:
    path, url = fields.get("path"), fields.get("url")
    if path is not None and url is not None:
        raise ConfigurationError("a request has a path or a url, not both")
    for name, value in (("path", path), ("url", url)):
        if value is not None and not isinstance(value, str):
            raise ConfigurationError(f"{name} must be a str, not {type(value).__name__}")
    if url is not None and is_absolute(url):
        where = parse_url(url)
    else:
        where = _below_base(url if path is None else path, "url" if path is None else "path", client)
    return with_params(where, merged_params(client.param_pairs, param_pairs(fields.get("params"), "params")))


def _below_base(path: str | None, where: str, client: HTTPOptions) -> URL:
    if client.base is None:
        given = "" if path is None else f": {where} is {without_secrets(path)!r}"
        raise ConfigurationError(
            f"the request has no host{given}; give the client base_url=, or the request an absolute url"
        )
    if path is None:
        return client.base
    if is_absolute(path):
        raise ConfigurationError("path must be a path; an absolute URL goes into url")
    return join_path(client.base, path, where)
