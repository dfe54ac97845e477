"""Requests of httpx and its like as they go on the wire."""

import re
from typing import Any

from ..transport.http.native.relaying import Message
from ..transport.net.hosts import resolvable, without_zone
from .bodies import RequestBody

_PORTS = {"http": 80, "https": 443}

# RFC 9110 section 5.6.2 (token) and 5.5 (field-value), RFC 9112 section 3.2 (request-target).
_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
_TARGET = re.compile(rb"[\x21-\x7e]+")

# More digits than any body has bytes.
MOST_DIGITS = 18

# The most of each kind that is remembered, and how long one may be, and a whole block (bytes).
MOST = 1024
LONGEST = 256
LONGEST_BLOCK = 4096

SPECIAL = frozenset({b"host", b"content-length", b"transfer-encoding", b"connection"})


class InvalidMessage(ValueError):
    """A request cannot go on the wire; the text says why.

    Attributes:
        raised: The name of what the package raises for it.
    """

    raised = "LocalProtocolError"


class UnsupportedURL(InvalidMessage):
    """A request's URL is none of HTTP."""

    raised = "UnsupportedProtocol"


class Messages:
    """Makes messages of requests.

    Args:
        byte_stream: The package's class of bodies that are at hand.
    """

    __slots__ = ("_byte_stream", "_heads")

    def __init__(self, byte_stream: Any) -> None:
        self._byte_stream = byte_stream
        self._heads = Heads()

    def of(self, request: Any, server_name: Any) -> Any:
        """Return a request as the engine sends it, and what gives its body where that is not at hand, or None.

        Args:
            request: The package's.
            server_name: See Message; only for https.

        Raises:
            InvalidMessage: If it cannot go on the wire.
        """
        url, method, fields = request.url, request.method, request.headers.raw
        scheme, host, port = url.scheme, url.raw_host.decode("ascii"), url.port
        usual = _PORTS.get(scheme)
        if usual is None:
            raise UnsupportedURL(wrong_scheme(scheme))
        if not host:
            raise UnsupportedURL("Request URL is missing a host.")
        if ":" in host:
            host, fields = zoned(host, fields)
        block = self._heads.block(fields)
        extensions = request.extensions
        target = checked_target(extensions["target"]) if "target" in extensions else url.raw_path
        head = self._heads.head(method, target, block)
        body = self._content(request)
        source = None
        if body is None or block.is_chunked:
            body, source = b"", RequestBody(request.stream)
        elif len(body) != (block.length or 0):
            raise InvalidMessage(f"the body has {len(body)} bytes, and Content-Length says {block.length or 0}")
        message = Message(
            (scheme, host, usual if port is None else port),
            server_name if scheme == "https" else None,
            head,
            body,
            None if source is None else source.pieces(),
            block.length if block.is_chunked else block.length or 0,
            method == "HEAD",
            block.closes,
        )
        return message, source

    def _content(self, request: Any) -> Any:
        """Return a request's body; None if it is not at hand."""
        try:
            return request.content
        except RuntimeError:
            # It has not been read; but the client's own of what is redirected is at hand.
            return b"".join(request.stream) if isinstance(request.stream, self._byte_stream) else None


class Block:
    """The header fields of a request.

    Attributes:
        lines: As they go on the wire, each with its end, and the empty line behind them.
        length: What Content-Length says, or None.
        is_chunked: Whether Transfer-Encoding says so.
        closes: Whether the connection is not to be used again.
    """

    __slots__ = ("closes", "is_chunked", "length", "lines")

    def __init__(self, lines: bytes, length: Any, is_chunked: bool, closes: bool) -> None:
        self.lines = lines
        self.length = length
        self.is_chunked = is_chunked
        self.closes = closes


class Heads:
    """Encodes the heads of requests.

    Most of a client's are alike, and more of their fields are: what they come to is remembered.
    """

    __slots__ = ("_blocks", "_lines", "_starts")

    def __init__(self) -> None:
        self._blocks: dict[Any, Block] = {}
        self._lines: dict[Any, bytes] = {}
        self._starts: dict[str, bytes] = {}

    def block(self, fields: Any) -> Block:
        """Return header fields, pairs of bytes, checked and encoded in their order.

        Raises:
            InvalidMessage: If they cannot go on the wire.
        """
        key = tuple(fields)
        known = self._blocks.get(key)
        if known is None:
            known = block_of(key, [self._line(pair) for pair in key])
            if len(known.lines) <= LONGEST_BLOCK:
                remember(self._blocks, key, known)
        return known

    def head(self, method: str, target: bytes, block: Block) -> bytes:
        """Return the head of a request.

        Raises:
            InvalidMessage: If it cannot go on the wire.
        """
        start = self._starts.get(method)
        if start is None:
            start = start_of(method)
            remember(self._starts, method, start)
        return start + target + block.lines

    def _line(self, pair: Any) -> bytes:
        line = self._lines.get(pair)
        if line is None:
            line = line_of(pair[0], pair[1])
            if len(line) <= LONGEST:
                remember(self._lines, pair, line)
        return line


def zoned(host: str, fields: list[tuple[bytes, bytes]]) -> tuple[str, list[tuple[bytes, bytes]]]:
    """Return an IPv6 address of a URL as the resolver takes it, and header fields as others may see them.

    A zone means something on this machine only, and nobody else is told of it (RFC 6874 section 4).

    Raises:
        InvalidMessage: If it cannot be one.
    """
    try:
        address = resolvable(host)
    except ValueError as error:
        raise InvalidMessage(f"{host!r} is not a valid host: {error}") from None
    if "%" in host:
        said, bare = f"[{host}]".encode("ascii"), f"[{without_zone(host)}]".encode("ascii")
        fields = [(name, value.replace(said, bare) if name.lower() == b"host" else value) for name, value in fields]
    return address, fields


def wrong_scheme(scheme: str) -> str:
    """Return what is said of a URL with a scheme, as httpcore says it."""
    if scheme:
        return f"Request URL has an unsupported protocol '{scheme}://'."
    return "Request URL is missing an 'http://' or 'https://' protocol."


def checked_target(target: Any) -> bytes:
    """Return what a request asks for instead of its URL's path and query.

    Raises:
        InvalidMessage: If it cannot go on the wire.
    """
    data = target.encode("ascii", "replace") if isinstance(target, str) else target
    if not isinstance(data, bytes):
        raise InvalidMessage(f"the extension target is bytes or a str, not {target!r}")
    if _TARGET.fullmatch(data) is None:
        raise InvalidMessage("the target may not go on the wire as it is")
    return data


def start_of(method: str) -> bytes:
    """Return what a request with a method begins with.

    Raises:
        InvalidMessage: If it is none.
    """
    data = method.encode("ascii", "replace")
    if _TOKEN.fullmatch(data) is None:
        raise InvalidMessage(f"{method!r} is not a method")
    if data == b"CONNECT":
        raise InvalidMessage("CONNECT makes a tunnel: give the transport proxy=")
    return data + b" "


def line_of(name: bytes, value: bytes) -> bytes:
    """Return a header field as it goes on the wire.

    Raises:
        InvalidMessage: If it may not.
    """
    if _TOKEN.fullmatch(name) is None:
        raise InvalidMessage(f"{name!r} is not the name of a header field")
    value = value.strip(b" \t")
    if _VALUE.fullmatch(value) is None:
        raise InvalidMessage(f"the value of {name!r} has a character that may not stand in a header field")
    return b"%b: %b\r\n" % (name, value)


def block_of(fields: Any, lines: list[bytes]) -> Block:
    """Return header fields, which are valid each, and what they say together of the request.

    Raises:
        InvalidMessage: If they contradict each other.
    """
    length: Any = None
    is_chunked, closes, hosts = False, False, 0
    for name, value in fields:
        lower = name.lower()
        if lower not in SPECIAL:
            continue
        if lower == b"host":
            hosts += 1
        elif lower == b"content-length":
            length = length_of(length, value.strip(b" \t"))
        elif lower == b"transfer-encoding":
            if is_chunked or value.strip(b" \t").lower() != b"chunked":
                raise InvalidMessage("of Transfer-Encodings a request may have one, chunked")
            is_chunked = True
        else:
            closes = closes or b"close" in [option.strip() for option in value.lower().split(b",")]
    if hosts != 1:
        raise InvalidMessage("a request has one header field Host")
    if is_chunked and length is not None:
        raise InvalidMessage("a request has either Content-Length or Transfer-Encoding")
    return Block(b" HTTP/1.1\r\n%b\r\n" % b"".join(lines), length, is_chunked, closes)


def length_of(before: Any, value: bytes) -> int:
    """Return what a Content-Length says, after another one perhaps.

    Raises:
        InvalidMessage: If it says something else than that, or nothing.
    """
    if not value.isdigit() or len(value) > MOST_DIGITS or (before is not None and before != int(value)):
        raise InvalidMessage("Content-Length is not a number of bytes")
    return int(value)


def remember(known: Any, key: Any, value: Any) -> None:
    """Keep a value under its key."""
    if len(known) >= MOST:
        # Where most are new, none is worth being looked for that is the oldest.
        known.clear()
    known[key] = value
