"""The answer to a request."""

from __future__ import annotations

import copyreg
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from ...errors import HTTPStatusError
from ..json_text import from_json
from .headers import Headers
from .links import links_of
from .lookup import field_in
from .text import text_of
from .urls import base_of, without_secrets


@dataclass(frozen=True, repr=False)
class RawResponse:
    """A response as an engine gives it: its body is not decoded.

    Attributes:
        status: The status code.
        headers: Its header fields.
        body: The whole body.
        http_version: "HTTP/1.1" or the like.
    """

    status: int
    headers: Headers
    body: bytes
    http_version: str

    def __repr__(self) -> str:
        return f"<RawResponse {self.status}, {len(self.headers)} header fields, {len(self.body)} bytes>"


class Response:
    """The whole answer to a request.

    Attributes:
        status_code: The status, 100 to 999.
        content: The body, decoded.
        http_version: "HTTP/1.0", "HTTP/1.1" or "HTTP/2".
        elapsed: Seconds from the start of the request to the end of the body, redirects included.
        attempts: How many times the request was sent to get this answer, 1 or more.
        history: The redirects that were followed to it, first to last, without their bodies.
    """

    __slots__ = (
        "_headers",
        "_origin",
        "_url",
        "attempts",
        "content",
        "elapsed",
        "history",
        "http_version",
        "status_code",
    )

    def __init__(
        self,
        status_code: int,
        headers: Headers,
        content: bytes,
        url: object,
        http_version: str = "HTTP/1.1",
        elapsed: float = 0.0,
        attempts: int = 1,
        history: tuple[Response, ...] = (),
    ) -> None:
        self.status_code = status_code
        self.content = content
        # Read, or made text, when they are asked for, which those of most answers never are.
        self._headers: Any = headers
        self._url: Any = url
        self._origin: Any = None
        self.http_version = http_version
        self.elapsed = elapsed
        self.attempts = attempts
        self.history = history

    def __reduce__(self) -> tuple[Any, ...]:
        of_this = (self.status_code, self.headers, self.content, self.url, self.http_version, self.elapsed)
        state = (of_this, self.attempts, self.history, getattr(self, "__dict__", None))
        return copyreg.__newobj__, (type(self),), state  # type: ignore[attr-defined]

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        of_this, self.attempts, self.history, of_subclass = state
        self._origin = None
        self.status_code, self._headers, self.content, self._url, self.http_version, self.elapsed = of_this
        if of_subclass:
            vars(self).update(of_subclass)

    def __repr__(self) -> str:
        return f"<Response {self.status_code} {self.reason_phrase}, {len(self.content)} bytes>".replace(" ,", ",")

    @property
    def headers(self) -> Headers:
        """The header fields, a mapping without regard to case."""
        return _headers_of(self)

    @headers.setter
    def headers(self, headers: Headers) -> None:
        _replace_headers(self, headers)

    @property
    def url(self) -> str:
        """The URL that answered, after redirects, without the user."""
        return _url_of(self)

    @property
    def reason_phrase(self) -> str:
        """The status in words, or "" for an unknown one."""
        return reason_phrase(self.status_code)

    @property
    def ok(self) -> bool:
        """Whether the status is below 400."""
        return self.status_code < 400

    @property
    def links(self) -> dict[str, dict[str, str]]:
        """What its Link fields say (RFC 8288), by relation type: the absolute "url", and parameters by name."""
        return links_of(self.headers, self.url)

    def raise_for_status(self) -> Response:
        """Return the response itself.

        Raises:
            HTTPStatusError: If the status is 400 or above.
        """
        if self.ok:
            return self
        raise status_error(self, without_secrets(self.url))

    @property
    def text(self) -> str:
        """The body as text, by the Content-Type's charset, else UTF-8; what is not valid becomes U+FFFD."""
        return text_of(self.content, content_type_of(self))

    def json(self) -> Any:
        """Parse the body as JSON.

        Raises:
            JSONError: If it is not JSON, which is a ValueError, too.
        """
        return from_json(self.content, self._what)

    def _what(self) -> str:
        return f"the body of status {self.status_code} from {without_secrets(self.url)}"


# Any thread may ask for these. They are no methods: to those the attributes are C's, and without a GIL only who reads
# from outside reads under the object's lock.


def _headers_of(response: Any) -> Headers:
    found = response._headers
    if type(found) is bytes:
        response._headers = found = Headers.of_head(found)
    headers: Headers = found
    return headers


def _replace_headers(response: Any, headers: Headers) -> None:
    response._headers = headers


def _url_of(response: Any) -> str:
    url = response._url
    if type(url) is bytes:
        response._url = url = base_of(response._origin) + url.decode("ascii")
    return str(url)


def response_as_sent(
    status: int,
    head: bytes,
    content: bytes,
    origin: tuple[str, str, int],
    target: bytes,
    version: str,
    elapsed: float,
    history: tuple[Response, ...],
) -> Response:
    """Return a response of what has come, before anybody has asked for more than that.

    Args:
        status: Its status code.
        head: Its status line and header fields, which a parser has found valid.
        content: Its body.
        origin: Scheme, host and port that answered.
        target: Path and query, as they were sent.
        version: The HTTP version, "1.1" or the like.
        elapsed: Seconds that it took.
        history: The redirects before it.
    """
    response = Response.__new__(Response)
    response.status_code = status
    response.content = content
    response._headers = head
    response._url, response._origin = target, origin
    response.http_version = "HTTP/1.1" if version == "1.1" else "HTTP/" + version
    response.elapsed = elapsed
    response.attempts = 1
    response.history = history
    return response


def content_type_of(response: Response) -> str:
    """Return the value of a response's Content-Type, or "", without reading all its fields where that is not needed."""
    found = response._headers
    value = field_in(found, b"content-type") if type(found) is bytes else found.first_look("content-type")
    return value or ""


def status_error(response: Response, request: str) -> HTTPStatusError:
    """Return the error that a response with a status of 400 or above stands for, to the request of this name."""
    phrase = f"{response.status_code} {response.reason_phrase}".strip()
    return HTTPStatusError(f"the server answered {phrase}", response=response, request=request)


def reason_phrase(status: int) -> str:
    """Give a status in words, or "" for an unknown one."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""
