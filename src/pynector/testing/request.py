"""HTTP/1.1 requests as bytes: the head, the two body framings and their limits."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

HEAD_LIMIT = 65536
"""The largest request head in bytes, and the largest trailer section."""

_CHUNK_LINE_LIMIT = 4096
_CACHEABLE_BLOCK = 1024

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_FIELD = re.compile(rb"(" + _TOKEN + rb"):([^\x00-\x08\x0a-\x1f\x7f]*)")
_REQUEST_LINE = re.compile(rb"(" + _TOKEN + rb") ([\x21\x22\x24-\x7e]+) (HTTP/1\.[01])")
_LENGTH = re.compile(rb"[0-9]{1,18}")
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\x00-\x08\x0a-\x1f\x7f]*)?")


class BadRequestError(Exception):
    """A request that breaks the protocol.

    Attributes:
        status: The status to answer with before the connection is closed.
    """

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class Headers(NamedTuple):
    """The header fields of a request and what they say about its framing.

    Attributes:
        fields: Name and value of each field as received.
        hosts: How many Host fields there are.
        content_length: Size of the body in bytes, None when no field says it.
        chunked: Whether the body comes in chunks.
        close: Whether the client wants the connection closed after the answer.
        expect_continue: Whether the client waits for 100 Continue before its body.
        content_type: Value of the Content-Type field, empty when there is none.
        plain: Whether nothing here bears on a GET request by HTTP/1.1 or its answer.
        never_indexed: Names of the fields that HTTP/2's compression must not remember.
    """

    fields: tuple[tuple[bytes, bytes], ...]
    hosts: int
    content_length: int | None
    chunked: bool
    close: bool
    expect_continue: bool
    content_type: bytes
    plain: bool
    never_indexed: tuple[bytes, ...] = ()


def parse_headers(block: bytes) -> Headers:
    r"""Parse header lines, each of which ends with CRLF.

    Raises:
        BadRequestError: A line is malformed, or the framing fields contradict each other.
    """
    # A client sends the same few blocks again and again: the cache makes the full check of
    # each field as cheap as one dict lookup. Its size in bytes must stay bounded.
    if len(block) > _CACHEABLE_BLOCK:
        return _parse_headers(block)
    return _parse_headers_cached(block)


def _parse_headers(block: bytes) -> Headers:
    fields = tuple(map(_parse_field, block.split(b"\r\n")[:-1]))
    values: dict[bytes, list[bytes]] = {}
    for name, value in fields:
        values.setdefault(name.lower(), []).append(value)
    content_length = _content_length(values.get(b"content-length", []))
    chunked = _is_chunked(values.get(b"transfer-encoding", []))
    if chunked and content_length is not None:
        raise BadRequestError("both Content-Length and Transfer-Encoding")
    hosts = len(values.get(b"host", []))
    close = b"close" in _tokens(values.get(b"connection", []))
    return Headers(
        fields=fields,
        hosts=hosts,
        content_length=content_length,
        chunked=chunked,
        close=close,
        expect_continue=b"100-continue" in _tokens(values.get(b"expect", [])),
        content_type=values.get(b"content-type", [b""])[0],
        plain=hosts == 1 and not (content_length or chunked or close),
    )


_parse_headers_cached = lru_cache(maxsize=512)(_parse_headers)


def _parse_field(line: bytes) -> tuple[bytes, bytes]:
    match = _FIELD.fullmatch(line)
    if match is None:
        raise BadRequestError("malformed header field")
    return match[1], match[2].strip(b" \t")


def _tokens(values: Iterable[bytes]) -> list[bytes]:
    return [token.strip(b" \t").lower() for value in values for token in value.split(b",")]


def _content_length(values: list[bytes]) -> int | None:
    if not values:
        return None
    if len(values) > 1 or not _LENGTH.fullmatch(values[0]):
        raise BadRequestError("malformed Content-Length")
    return int(values[0])


def _is_chunked(values: list[bytes]) -> bool:
    if not values:
        return False
    if _tokens(values) != [b"chunked"]:
        raise BadRequestError("unknown Transfer-Encoding")
    return True


class Request:
    """One request; its body is filled in when it has arrived.

    Attributes:
        method: The method as received.
        target: The request target as received.
        http_version: "HTTP/1.1", "HTTP/1.0" or "HTTP/2".
        headers: The parsed header fields.
        connection: The number of the connection, counted from 1.
        stream: The number of HTTP/2's stream, 0 where there is none.
        body: The body without its transfer coding.
        path: The path of the target, not decoded.
        endpoint: The first segment of the path.
        argument: The rest of the path after the first segment.
        query: Decoded names and values of the query.
    """

    __slots__ = (
        "argument",
        "body",
        "connection",
        "endpoint",
        "headers",
        "http_version",
        "method",
        "path",
        "query",
        "stream",
        "target",
    )

    def __init__(self, method: str, target: str, http_version: str, headers: Headers, connection: int = 0) -> None:
        self.method = method
        self.target = target
        self.http_version = http_version
        self.headers = headers
        self.connection = connection
        self.stream = 0
        self.body = b""
        self.path, query = _split_target(target)
        self.endpoint, _, self.argument = self.path[1:].partition("/")
        self.query = parse_qsl(query, keep_blank_values=True) if query else []

    @property
    def close(self) -> bool:
        """Whether the connection ends with the answer to this request."""
        return self.headers.close or self.http_version == "HTTP/1.0"

    def parameter(self, name: str, default: str) -> str:
        """Return the first value of a query parameter."""
        for key, value in self.query:
            if key == name:
                return value
        return default


def _split_target(target: str) -> tuple[str, str]:
    if target.startswith("/"):
        path, _, query = target.partition("?")
        return path, query
    parts = urlsplit(target)
    return parts.path or "/", parts.query


def parse_request(line: bytes, headers: Headers, connection: int = 0) -> Request:
    """Make a request of its request line (without CRLF) and its parsed header fields.

    Raises:
        BadRequestError: The line is malformed, or Host is missing or repeated.
    """
    match = _REQUEST_LINE.fullmatch(line)
    if match is None:
        raise BadRequestError("malformed request line")
    method, target, version = (part.decode("ascii") for part in match.groups())
    if not (target.startswith(("/", "http://", "https://")) or (target == "*" and method == "OPTIONS")):
        raise BadRequestError("malformed request target")
    if headers.hosts > 1 or (headers.hosts == 0 and version == "HTTP/1.1"):
        raise BadRequestError("exactly one Host field is required")
    if headers.chunked and version == "HTTP/1.0":
        raise BadRequestError("Transfer-Encoding in an HTTP/1.0 request")
    try:
        return Request(method, target, version, headers, connection)
    except ValueError as error:
        raise BadRequestError("malformed request target") from error


class LengthBody:
    """Collects a body of known size."""

    def __init__(self, length: int) -> None:
        self._left = length
        self._parts: list[bytes] = []
        self.done = not length

    def feed(self, data: bytes, pos: int) -> int:
        """Take what belongs to the body from `data[pos:]`; return the position after it."""
        part = data[pos : pos + self._left]
        self._parts.append(part)
        self._left -= len(part)
        self.done = not self._left
        return pos + len(part)

    def content(self) -> bytes:
        """Return the bytes of the body received so far."""
        return b"".join(self._parts)


class ChunkedBody:
    """Collects a body in chunked transfer coding; its trailer section is checked and dropped."""

    def __init__(self) -> None:
        self._left = 0
        self._line = bytearray()
        self._parts: list[bytes] = []
        self._trailer_size = 0
        self._take_line = self._take_size
        self.done = False

    def feed(self, data: bytes, pos: int) -> int:
        """Take what belongs to the body from `data[pos:]`; return the position after it.

        Raises:
            BadRequestError: The chunked coding is malformed or a limit is exceeded.
        """
        while pos < len(data) and not self.done:
            if self._left:
                part = data[pos : pos + self._left]
                self._parts.append(part)
                self._left -= len(part)
                pos += len(part)
            else:
                pos = self._feed_line(data, pos)
        return pos

    def content(self) -> bytes:
        """Return the bytes of the body received so far."""
        return b"".join(self._parts)

    def _feed_line(self, data: bytes, pos: int) -> int:
        end = data.find(b"\n", pos) + 1 or len(data)
        self._line += data[pos:end]
        if len(self._line) > _CHUNK_LINE_LIMIT:
            raise BadRequestError("line too long in a chunked body")
        if self._line.endswith(b"\n"):
            line = bytes(self._line)
            self._line.clear()
            if not line.endswith(b"\r\n"):
                raise BadRequestError("bare LF in a chunked body")
            self._take_line(line[:-2])
        return end

    def _take_size(self, line: bytes) -> None:
        match = _CHUNK_SIZE.fullmatch(line)
        if match is None:
            raise BadRequestError("malformed chunk size")
        self._left = int(match[1], 16)
        self._take_line = self._take_chunk_end if self._left else self._take_trailer

    def _take_chunk_end(self, line: bytes) -> None:
        if line:
            raise BadRequestError("chunk longer than its size")
        self._take_line = self._take_size

    def _take_trailer(self, line: bytes) -> None:
        self._trailer_size += len(line)
        if self._trailer_size > HEAD_LIMIT:
            raise BadRequestError("trailer section too large", 431)
        if line:
            _parse_field(line)
        else:
            self.done = True
