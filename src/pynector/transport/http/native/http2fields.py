"""Header fields as HTTP/2 has them (RFC 9113 section 8), made of a request, and made to a head as the rules know it."""

from typing import Any

from ngh2 import NeverIndexedHeader

from . import head as heads

COMPILED = not __file__.endswith(".py")

# Anew, so that they are C's own numbers here.
GZIPPED, ENCODED = heads.GZIPPED, heads.ENCODED
NO_LENGTH = -1

# The most blocks of header fields, and single ones, that are remembered.
MOST_BLOCKS = 256
MOST_LINES = 1024

# What RFC 9113 section 6.5.2 adds to the size of each header field (bytes).
OVERHEAD = 32

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
    """

    __slots__ = ("_blocks", "_lines", "_methods", "_scheme")

    def __init__(self, scheme: str) -> None:
        self._scheme = (b":scheme", scheme.encode("ascii"))
        self._methods: dict[bytes, tuple[bytes, bytes]] = {}
        self._blocks: dict[bytes, list[Any]] = {}
        self._lines: dict[bytes, Any] = {}

    def of(self, payload: bytes, end: int) -> list[Any]:
        """Return the header fields of a request.

        Args:
            payload: The request as HTTP/1.1 has it.
            end: Where the empty line behind its head begins.
        """
        first = payload.find(b" ")
        second = payload.find(b" ", first + 1)
        line = payload.find(b"\r\n", second)
        method = payload[:first]
        named = self._methods.get(method)
        if named is None:
            named = (b":method", method)
            if len(self._methods) < MOST_BLOCKS:
                self._methods[method] = named
        block = payload[line:end]
        known = self._blocks.get(block)
        if known is None:
            known = self._read(block)
        return [named, self._scheme, (b":path", payload[first + 1 : second]), *known]

    def _read(self, block: bytes) -> list[Any]:
        """Return the fields of the lines of a head, the authority first."""
        fields: list[Any] = []
        for line in block.split(b"\r\n"):
            field = self._lines.get(line)
            if field is None:
                if not line:
                    continue
                field = _field(line)
                _remember(self._lines, MOST_LINES, line, field)
            if not field:
                continue
            if field[0] == b":authority":
                fields.insert(0, field)
            else:
                fields.append(field)
        _remember(self._blocks, MOST_BLOCKS, block, fields)
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


def _remember(known: Any, most: int, key: bytes, value: Any) -> None:
    if len(known) >= most:
        # Where most are new, none is worth being looked for that is the oldest.
        known.clear()
    known[key] = value


class ResponseFields:
    """What the header fields of a response come to.

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
        size = 0
        for name, value in headers:
            length = len(name)
            size += length + len(value) + OVERHEAD
            if length == 7:
                if name == b":status":
                    self.status = int(value)
            elif length == 8:
                if name == b"location":
                    self.leads_on = self.leads_on or len(value) > 0
            elif length == 14:
                if name == b"content-length":
                    self.length = int(value)
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
