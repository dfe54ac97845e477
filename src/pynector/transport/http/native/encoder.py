"""Writes the usual requests of a client: what they have in common is encoded once."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .exchange import LONG
from .fields import cookie_line, credentials_line, lines_of, overlaid
from .form import CONTENT_TYPES, Form
from .target import encoded_path, is_path, parts_of

_USUAL = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
# As they may be given, and as they are sent.
_METHODS = {**{method: method for method in _USUAL}, **{method.lower(): method for method in _USUAL}}
# RFC 9110 section 8.6: these are expected to have a body, so an empty one is said.
WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


class CommonFields:
    """The header fields that a client's requests with one kind of body have in common.

    Args:
        lines: Those of all requests, by name in lower case, each as its line.
        kind: The Content-Type, or None.
        credentials: The line of the client's own credentials, or "".
        cookies: That of its cookies, or "".

    Attributes:
        unsigned: The lines without credentials and cookies, which a request may have anew.
        lines: All of them.
        text: These as one.
    """

    __slots__ = ("lines", "text", "unsigned")

    def __init__(self, lines: Mapping[str, str], kind: str | None, credentials: str, cookies: str) -> None:
        self.unsigned = dict(lines)
        if kind is not None:
            self.unsigned["content-type"] = f"Content-Type: {kind}\r\n"
        self.lines = self.signed(credentials, cookies)
        self.text = "".join(self.lines.values())

    def signed(self, credentials: str, cookies: str) -> dict[str, str]:
        """Return the lines with these of credentials and cookies."""
        lines = self.unsigned.copy()
        if credentials:
            lines["authorization"] = credentials
        if cookies:
            lines["cookie"] = cookies
        return lines


class RequestEncoder:
    """Encodes the usual requests to one origin. It leaves to its caller what needs a closer look.

    Args:
        base: The base URL's path and query: the target of a request without a path, and what comes before any other's.
        head: The header fields that all requests have in common.
        dumps: Encodes JSON.
        params: Query parameters of all requests.
        cookies: Cookies of all requests.
        credentials: The value of Authorization of all requests, or None.
        userinfo: That of a request that wants none of these, or None.
    """

    __slots__ = (
        "_common",
        "_cookie_line",
        "_cookies",
        "_credentials",
        "_dumps",
        "_head",
        "_is_short",
        "_parts",
        "_query",
        "_stem",
        "_userinfo",
        "_without_path",
    )

    def __init__(
        self,
        base: str,
        head: Iterable[tuple[str, str]],
        dumps: Callable[[Any], bytes],
        params: Iterable[tuple[str, str]] = (),
        cookies: Mapping[str, str] | None = None,
        credentials: str | None = None,
        userinfo: str | None = None,
    ) -> None:
        path, _, query = base.partition("?")
        self._without_path = base
        self._stem = path.rstrip("/")
        self._query = query
        self._parts = parts_of(list(params))
        self._cookies = dict(cookies or {})
        self._cookie_line = (
            f"Cookie: {'; '.join('='.join(pair) for pair in self._cookies.items())}\r\n" if cookies else ""
        )
        self._credentials = _authorization(credentials)
        self._userinfo = _authorization(userinfo)
        lines = _by_name(head)
        self._common = [CommonFields(lines, kind, self._credentials, self._cookie_line) for kind in CONTENT_TYPES]
        # The request that is sent most often costs no more than this.
        self._head = f" HTTP/1.1\r\n{self._common[0].text}\r\n".encode("latin-1")
        self._is_short = not query and not self._parts
        self._dumps = dumps

    def encode(self, data: object, options: Any = None, place: Any = None) -> Any:
        """Return a request's bytes, those of a long body apart; or None if it is not for this.

        Args:
            data: What describes the request, or is its body.
            options: Its options, of which those are known that say how the answer is taken.
            place: Path and query of its absolute URL, which `data` or the options have; or None.

        Raises:
            Exception: What `dumps` raises.
        """
        if self._is_short and not options and type(data) is dict:
            described = data
            size = len(described)
            if size == 1 or (size == 2 and _is_get(described.get("method"))):
                path = described.get("path") if place is None else place
                if type(path) is str and is_path(path):
                    return b"".join((b"GET ", (self._stem + path).encode("ascii"), self._head))
        form = Form(place)
        return self._written(form) if form.read(data, options) else None

    def _written(self, form: Form) -> Any:
        """Return a request's bytes, or None."""
        method: Any = "POST" if form.kind else "GET"
        if form.method is not None:
            method = _METHODS.get(form.method) if type(form.method) is str else None
        target = None if method is None else self._target(form)
        fields = None if target is None else self._fields(form)
        if fields is None:
            return None
        body = b""
        if form.kind:
            body = form.encoded_body(self._dumps)
            if body is None:
                return None
        length = f"Content-Length: {len(body)}\r\n" if body or method in WITH_BODY else ""
        head = f"{method} {target} HTTP/1.1\r\n{fields}{length}\r\n".encode("latin-1")
        if len(body) >= LONG:
            return head, body
        return head + body if body else head

    def _target(self, form: Form) -> Any:
        """Return path and query, or None."""
        path = form.path if form.place is None else form.place
        target = self._without_path
        if path is not None:
            path = encoded_path(path)
            if path is None:
                return None
            target = self._stem + path
            if self._query:
                before, _, own = target.partition("?")
                target = f"{before}?{self._query}&{own}" if own else f"{before}?{self._query}"
        if form.params is None and not self._parts:
            return target
        query = self._joined(form)
        if not query:
            return query if query is None else target
        joint = "" if target.endswith("?") else "&" if "?" in target else "?"
        return f"{target}{joint}{query}"

    def _joined(self, form: Form) -> Any:
        """Return the parameters as a query, those of the client first; or None."""
        parts = self._parts
        if form.params is not None:
            parts = parts_of(form.params)
            if parts is None:
                return None
            if self._parts:
                parts = {**self._parts, **parts}
        if form.more_params is not None:
            more = parts_of(form.more_params)
            if more is None:
                return None
            parts.update(more)
        return "&".join(parts.values())

    def _fields(self, form: Form) -> Any:
        """Return the header fields as they go on the wire, without Content-Length; or None."""
        common = self._common[form.kind]
        lines, text = common.lines, common.text
        if form.has_auth or form.cookies is not None:
            credentials, cookies = self._credentials, self._cookie_line
            if form.has_auth:
                credentials = self._userinfo if form.auth is None else credentials_line(form.auth)
            if form.cookies is not None:
                cookies = cookie_line(self._cookies, form.cookies)
            if credentials is None or cookies is None:
                return None
            lines = common.signed(credentials, cookies)
            text = "".join(lines.values())
        if form.headers is None:
            return text
        own = lines_of(form.headers)
        if own is not None and form.more_headers is not None:
            more = lines_of(form.more_headers)
            if more is None:
                return None
            for name in more:
                own.pop(name, None)
            own.update(more)
        return None if own is None else overlaid(lines, text, own)


def _is_get(method: Any) -> bool:
    return type(method) is str and method == "GET"


def _by_name(fields: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return header fields as they go on the wire, by name in lower case; those of one name are together."""
    lines: dict[str, str] = {}
    for name, value in fields:
        lines[name.lower()] = lines.get(name.lower(), "") + f"{name}: {value}\r\n"
    return lines


def _authorization(value: str | None) -> str:
    return f"Authorization: {value}\r\n" if value else ""
