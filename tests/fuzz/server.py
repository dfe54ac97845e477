"""A server's reading of a request, as strict as RFC 9112 lets one be."""

from __future__ import annotations

import re
from typing import NamedTuple

import h11

TCHAR = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]"
LINE = re.compile(rb"(%b+) (/(?:[!$&'()*+,\-./0-9:;=?@A-Z_a-z~]|%%[0-9A-Fa-f]{2})*) HTTP/1\.1" % TCHAR)
FIELD = re.compile(rb"(%b+): ?((?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?)" % TCHAR)

# An upload's body is sent after the head, by somebody else.
CHUNKS = b"4\r\nbody\r\n0\r\n\r\n"


class Read(NamedTuple):
    """A request as it was read.

    Attributes:
        method, target: Of the request line.
        headers: Names in small letters, and values.
        body: The body.
    """

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes

    def values(self, name: str) -> list[str]:
        """Give every value of a field."""
        return [value for key, value in self.headers if key == name]


def read(wire: bytes) -> Read:
    """Read the one request that these bytes must be; raise for anything else."""
    head, end, body = wire.partition(b"\r\n\r\n")
    assert end, "a head without an end"
    first, *lines = head.split(b"\r\n")
    found = LINE.fullmatch(first)
    assert found is not None, f"a bad request line: {first!r}"
    headers = []
    for line in lines:
        field = FIELD.fullmatch(line)
        assert field is not None, f"a bad header field: {line!r}"
        headers.append((field[1].decode("ascii").lower(), field[2].decode("latin-1")))
    request = Read(found[1].decode("ascii"), found[2].decode("ascii"), headers, body)
    request = request._replace(body=_body(request))
    _agrees_with_h11(wire, request)
    return request


def _body(request: Read) -> bytes:
    """Give the body; raise unless it ends where the request says, and says it once."""
    assert len(request.values("host")) == 1, "not one Host"
    lengths, codings = request.values("content-length"), request.values("transfer-encoding")
    assert len(lengths) + len(codings) <= 1, f"a body framed more than once: {lengths}, {codings}"
    if codings:
        assert codings == ["chunked"]
        assert request.body == CHUNKS
        return b"body"
    assert all(length.isascii() and length.isdigit() for length in lengths), f"no number: {lengths}"
    assert len(request.body) == int(lengths[0] if lengths else 0), "a body of another length than it says"
    return request.body


def _agrees_with_h11(wire: bytes, request: Read) -> None:
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 24)
    connection.receive_data(wire)
    events = []
    while True:
        event = connection.next_event()
        events.append(event)
        if event is h11.NEED_DATA or isinstance(event, h11.EndOfMessage):
            break
    first, *pieces, last = events
    assert isinstance(first, h11.Request)
    assert isinstance(last, h11.EndOfMessage), "h11 waits for more"
    assert connection.trailing_data[0] == b"", "h11 sees another request"
    assert (first.method.decode(), first.target.decode()) == (request.method, request.target)
    seen = [(name.decode(), value.decode("latin-1")) for name, value in first.headers]
    assert seen == request.headers
    assert b"".join(bytes(piece.data) for piece in pieces if isinstance(piece, h11.Data)) == request.body
