"""Writes the usual requests of a client: what they have in common is encoded once."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from .exchange import LONG
from .fields import CommonFields, Fields, cookie_line, credentials_line
from .form import CONTENT_TYPES, Form
from .target import encoded_path, is_path, parts_of, put_params
from .writer import Writer

COMPILED = not __file__.endswith(".py")

_USUAL = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
# As they may be given, and as they are sent.
_METHODS = {**{method: method for method in _USUAL}, **{method.lower(): method for method in _USUAL}}
# RFC 9110 section 8.6: these are expected to have a body, so an empty one is said.
WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


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
        is_usual_json: Whether what `dumps` gives is what `to_json` would.
    """

    __slots__ = (
        "_common",
        "_cookie_line",
        "_cookies",
        "_credentials",
        "_dumps",
        "_fields",
        "_head",
        "_is_short",
        "_json",
        "_parts",
        "_query",
        "_stem",
        "_userinfo",
        "_without_path",
        "_writer",
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
        is_usual_json: bool = False,
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
        self._fields = Fields()
        self._common = [
            CommonFields(
                self._fields,
                lines if kind is None else {**lines, "content-type": f"Content-Type: {kind}\r\n"},
                self._credentials,
                self._cookie_line,
            )
            for kind in CONTENT_TYPES
        ]
        # The request that is sent most often costs no more than this.
        self._head = f" HTTP/1.1\r\n{self._common[0].text}\r\n"
        self._is_short = not query and not self._parts
        self._dumps = dumps
        # The standard library's is faster than any in Python.
        self._json = Writer() if is_usual_json and COMPILED else None
        # None while a request is written.
        self._writer: Any = Writer()

    def encode(self, data: object, options: Any = None, place: Any = None) -> Any:
        """Return a request's bytes, with those of a long body apart; or None if it is not for this.

        Args:
            data: What describes the request, or is its body.
            options: Its options, of which those are known that say how the answer is taken.
            place: Path and query of its absolute URL, which `data` or the options have; or None.

        Raises:
            Exception: What `dumps` raises.
        """
        payload = None if options or place is not None else self.short(data)
        if payload is not None:
            return payload
        form = Form.__new__(Form)
        if not form.read(data, options):
            return None
        form.place = place
        payload = self.written(form)
        return (payload, form.rest) if form.rest else payload

    def short(self, data: object) -> Any:
        """Return the bytes of a GET of a path and no more, or None if the request is another."""
        if not self._is_short or type(data) is not dict:
            return None
        described, writer = data, self._writer
        size = len(described)
        if writer is not None and (size == 1 or (size == 2 and _is_get(described.get("method")))):
            path = described.get("path")
            if type(path) is str and is_path(path):
                writer.clear()
                writer.put("GET ")
                writer.put(self._stem)
                writer.put(path)
                writer.put(self._head)
                return writer.taken(b"")
        return None

    def written(self, form: Form) -> Any:
        """Return a request's bytes, or None if it is not for this; a long body is the form's `rest` then.

        Raises:
            Exception: What `dumps` raises.
        """
        writer = self._writer
        if writer is None:
            # What encodes JSON is the caller's own code, and sends another request.
            return None
        self._writer = None
        writer.clear()
        try:
            return self._whole(writer, form)
        finally:
            self._writer = writer

    def _whole(self, writer: Writer, form: Form) -> Any:
        """Return a request's bytes, or None."""
        method: Any = "POST" if form.kind else "GET"
        if form.method is not None:
            method = _METHODS.get(form.method) if type(form.method) is str else None
            if method is None:
                return None
        writer.put(method)
        writer.put(" ")
        if not self._put_target(writer, form):
            return None
        writer.put(" HTTP/1.1\r\n")
        if not self._put_fields(writer, form):
            return None
        body: Any = b""
        if form.kind:
            body = form.encoded_body(self._dumps, self._json)
            if body is None:
                return None
        if body or method in WITH_BODY:
            writer.put("Content-Length: ")
            writer.put_number(len(body))
            writer.put("\r\n")
        writer.put("\r\n")
        if len(body) >= LONG:
            form.rest, body = body, b""
        return writer.taken(body)

    def _put_target(self, writer: Writer, form: Form) -> bool:
        """Put path and query, and say whether it could be done."""
        if (form.url is not None) != (form.place is not None) or (form.place is not None and form.path is not None):
            return False
        target, path = self._without_path, form.path if form.place is None else form.place
        if path is not None:
            target = encoded_path(path)
            if target is None:
                return False
            if self._query:
                before, _, own = target.partition("?")
                target = f"{before}?{self._query}&{own}" if own else f"{before}?{self._query}"
            writer.put(self._stem)
        writer.put(target)
        if form.params is None and not self._parts:
            return True
        joint = "" if target.endswith("?") else "&" if "?" in target else "?"
        if type(form.params) is dict and form.more_params is None and not self._parts:
            return put_params(writer, joint, form.params)
        query = self._joined(form)
        if query:
            writer.put(joint)
            writer.put(query)
        return query is not None

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

    def _put_fields(self, writer: Writer, form: Form) -> bool:
        """Put the header fields without Content-Length, and say whether it could be done."""
        common = self._common[form.kind]
        if form.has_auth or form.cookies is not None:
            credentials, cookies = self._credentials, self._cookie_line
            if form.has_auth:
                credentials = self._userinfo if form.auth is None else credentials_line(form.auth)
            if form.cookies is not None:
                cookies = cookie_line(self._cookies, form.cookies)
            if credentials is None or cookies is None:
                return False
            common = common.signed(credentials, cookies)
        is_repeated = type(form.headers) is dict and form.more_headers is None and common.repeats(form.headers)
        if is_repeated and common.repeated:
            writer.put(common.repeated)
            return True
        fields, start = self._fields, writer.size()
        fields.begin()
        if form.headers is not None and not fields.say(form.headers):
            return False
        if form.more_headers is not None and not fields.say(form.more_headers):
            return False
        fields.put(writer, common)
        if is_repeated:
            common.repeated = writer.since(start)
        return True


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
