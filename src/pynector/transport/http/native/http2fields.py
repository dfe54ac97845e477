"""Header fields as HTTP/2 has them (RFC 9113 section 8), made of a request, and made to a head as the rules know it."""

from typing import Any

from ngh2 import NeverIndexedHeader

from . import head as heads
from . import http2settings
from .exchange import space_after
from .head import number

COMPILED = not __file__.endswith(".py")

# Anew, so that they are C's own numbers here.
OVERHEAD = http2settings.OVERHEAD
GZIPPED, ENCODED = heads.GZIPPED, heads.ENCODED
NO_LENGTH = -1

# Where the path stands among the fields of a request.
PATH = 2

# The most blocks of header fields, and single ones, that are remembered.
MOST_BLOCKS = 256
MOST_LINES = 1024

# RFC 9113 section 8.2.2: they are about a connection of HTTP/1.1.
CONNECTION_SPECIFIC = frozenset(
    {b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade", b"http2-settings"}
)

# RFC 7541 section 7.1.3: what whoever shares a connection might guess is not compressed.
SECRET = frozenset({b"authorization", b"proxy-authorization", b"api-key", b"x-api-key"})
SHORT_SECRET = 20


class RequestFields:
    """Makes the header fields of encoded requests to one origin; what they have in common is made once.

    Args:
        scheme: "http" or "https".

    Attributes:
        end: Where the body begins of the request that was last asked for.
    """

    __slots__ = ("_known", "_lines", "_method", "_path", "_rest", "_scheme", "_usual", "end")

    def __init__(self, scheme: str) -> None:
        self._scheme = (b":scheme", scheme.encode("ascii"))
        # By the method, and what a head has behind its target: lists in which only the path changes.
        self._known: dict[tuple[bytes, bytes], list[Any]] = {}
        self._lines: dict[bytes, Any] = {}
        # Those of the last request: many are alike.
        self._method = self._rest = self._path = b"-"
        self._usual: list[Any] = []
        self.end = 0

    def of(self, payload: bytes) -> list[Any]:
        """Return the header fields of a request, which hold until the next one's are asked for.

        Args:
            payload: The request as HTTP/1.1 has it.
        """
        data, start = payload, space_after(payload, 0) + 1
        end = space_after(payload, start)
        if not (payload.startswith(self._rest, end) and payload.startswith(self._method)):
            self._turn_to(payload[: start - 1], payload[end : payload.find(b"\r\n\r\n", end) + 4])
        self.end = end + len(self._rest)
        if end - start != len(self._path) or not payload.startswith(self._path, start):
            self._path = data[start:end]
        fields = self._usual
        if fields[PATH][1] is not self._path:
            fields[PATH] = (b":path", self._path)
        return fields

    def _turn_to(self, method: bytes, rest: bytes) -> None:
        """Take the fields of requests with this method, and this behind the target."""
        known = self._known.get((method, rest))
        if known is None:
            known = [(b":method", method), self._scheme, (b":path", b""), *self._read(rest)]
            _remember(self._known, MOST_BLOCKS, (method, rest), known)
        self._method, self._rest, self._usual = method + b" ", rest, known

    def _read(self, rest: bytes) -> list[Any]:
        """Return the fields of the lines of a head, the authority first."""
        fields: list[Any] = []
        for line in rest.split(b"\r\n")[1:-2]:
            field = self._lines.get(line)
            if field is None:
                field = _field(line)
                _remember(self._lines, MOST_LINES, line, field)
            if not field:
                continue
            if field[0] == b":authority":
                fields.insert(0, field)
            else:
                fields.append(field)
        return fields


def _field(line: bytes) -> Any:
    """Return a header field's name and value, or () if it has no meaning in HTTP/2."""
    name, _, value = line.partition(b":")
    name, value = name.lower(), value.strip(b" \t")
    if name == b"host":
        return b":authority", value
    if name in CONNECTION_SPECIFIC or (name == b"te" and value.lower() != b"trailers"):
        return ()
    if name in SECRET or (name == b"cookie" and len(value) < SHORT_SECRET):
        return NeverIndexedHeader(name, value)
    return name, value


def _remember(known: Any, most: int, key: Any, value: Any) -> None:
    if len(known) >= most:
        # Where most are new, none is worth being looked for that is the oldest.
        known.clear()
    known[key] = value


class ResponseFields:
    """What the header fields of the response come to that was read last.

    Attributes:
        status: The status code.
        length: The body's length in bytes as they say, or NO_LENGTH.
        encoded: Whether the body has a content coding; see Head.
        leads_on: Whether there is a Location.
        size: How long they are, each with what RFC 9113 section 6.5.2 adds (bytes).
    """

    __slots__ = ("encoded", "leads_on", "length", "size", "status")

    def __init__(self) -> None:
        self.status = 0
        self.length = NO_LENGTH
        self.encoded = 0
        self.leads_on = False
        self.size = 0

    def read(self, headers: Any) -> None:
        """Look through header fields, which the library has found valid, for those that matter here."""
        self.status, self.length, self.encoded, self.leads_on = 0, NO_LENGTH, 0, False
        size = 0
        for name, value in headers:
            length = len(name)
            size += length + len(value) + OVERHEAD
            if length == 7:
                if name == b":status":
                    self.status = number(value, 0, len(value))
            elif length == 8:
                if name == b"location":
                    self.leads_on = self.leads_on or len(value) > 0
            elif length == 14:
                if name == b"content-length":
                    said = number(value, 0, len(value))
                    self.length = int(value) if said == NO_LENGTH else said
            elif length == 16 and name == b"content-encoding":
                is_gzip = self.encoded == 0 and value.lower() == b"gzip"
                self.encoded = GZIPPED if is_gzip else ENCODED
        self.size = size


def head_of(headers: Any) -> bytes:
    """Return header fields as the head of a response in HTTP/1.1."""
    if COMPILED:
        return joined_fields(headers)  # type: ignore[name-defined,no-any-return] # noqa: F821
    lines = [b"HTTP/2 " + headers[0][1]]
    lines += [b"%b: %b" % (name, value) for name, value in headers[1:]]
    return b"\r\n".join(lines)
