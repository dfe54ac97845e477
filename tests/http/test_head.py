"""What is taken without the parser means the same as with it, and nothing else is taken."""

from __future__ import annotations

from typing import Any

import httptools
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pynector.transport.http.native.exchange import Exchange
from pynector.transport.http.native.http1 import Connection


class Recorder:
    """Takes note of what a connection tells."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def answered(
        self,
        connection: Any,
        exchange: Any,
        status: int,
        head: bytes,
        body: bytes,
        encoded: bool,
        reusable: bool,
        server_timeout: int,
    ) -> None:
        """Take note."""
        wanted = head if status >= 300 or encoded or not exchange.body_only else b""
        self.told.append(("answered", status, wanted, body, encoded, reusable, server_timeout))

    def failed(self, exchange: Any, problem: Any, phase: Any) -> None:
        """Take note."""
        self.told.append(("failed", phase))

    def lost(self, connection: Any, exchange: Any, error: Any, phase: Any, heard: bool) -> None:
        """Take note."""
        self.told.append(("lost", exchange is not None, phase, heard))


class Wire:
    """Stands where the event loop's transport does."""

    def __init__(self) -> None:
        self.aborted = False

    def write(self, data: bytes) -> None:
        """Do nothing."""

    def abort(self) -> None:
        """Take note."""
        self.aborted = True

    def close(self) -> None:
        """Do nothing."""

    def get_extra_info(self, name: str) -> Any:
        """Give what has a descriptor."""
        return self

    def fileno(self) -> int:
        """Give none."""
        return -1

    def get_write_buffer_size(self) -> int:
        """Give 0."""
        return 0


def outcome(pieces: list[bytes], scans: bool, *, plain: bool = True, head: bool = False, limit: int = -1) -> Any:
    """Give what one connection makes of pieces of bytes, one read each, and of their end."""
    recorder, wire = Recorder(), Wire()
    scratch = memoryview(bytearray(1 << 18))
    connection = Connection(httptools.HttpResponseParser, scratch, recorder)
    connection.scans = scans
    connection.connection_made(wire)
    exchange = Exchange(None, None, None, 0.0, None, 0, 0.0)
    exchange.body_only, exchange.is_head, exchange.limit = plain, head, limit
    connection.start(exchange)
    for piece in pieces:
        while piece and not wire.aborted:
            buffer = connection.get_buffer(-1)
            count = min(len(buffer), len(piece))
            buffer[:count] = piece[:count]
            piece = piece[count:]
            connection.buffer_updated(count)
    connection.eof_received()
    connection.connection_lost(None)
    return recorder.told, wire.aborted


NAMES = [
    "Content-Length",
    "content-length",
    "Content-Encoding",
    "Transfer-Encoding",
    "Connection",
    "Keep-Alive",
    "Upgrade",
    "Proxy-Connection",
    "Trailer",
    "Server",
    "X-\u00e9",
    "bad name",
    "",
]
VALUES = ["0", "3", "03", "+3", "3, 3", "99999999999999999999", "-1", "", "gzip", "chunked", "close", "keep-alive"]
VALUES += ["Close", "timeout=5", "timeout=5, max=3", "max=3, timeout=7", "timeout=", "timeout=x", "tab\there", "\x01"]
FIELD = st.tuples(st.sampled_from(NAMES), st.sampled_from(["", " ", "  ", "\t"]), st.sampled_from(VALUES))
STATUS_LINES = ["HTTP/1.1 200 OK", "HTTP/1.1 200 ", "HTTP/1.1 200", "HTTP/1.0 200 OK", "HTTP/1.1 404 Not Found"]
STATUS_LINES += ["HTTP/1.1 204 No Content", "HTTP/1.1 304 Not Modified", "HTTP/1.1 100 Continue", "HTTP/1.1 2x0 OK"]
STATUS_LINES += ["HTTP/1.1  200 OK", "http/1.1 200 OK", "HTTP/1.1 099 Odd", "HTTP/1.1 999 Odd", "HTTP/1.1 200 \x7f"]


@given(
    st.sampled_from(STATUS_LINES),
    st.lists(FIELD, max_size=4),
    st.sampled_from(["\r\n", "\r\n", "\r\n", "\n", "\r"]),
    st.sampled_from([b"", b"abc", b"abcd", b"ab"]),
    st.booleans(),
    st.booleans(),
    st.sampled_from([-1, 2, 3]),
)
@example("HTTP/1.1 200 OK", [("Content-Length", " ", "3")], "\r\n", b"abc", True, False, -1)
@example("HTTP/1.1 404 Not Found", [("Content-Length", " ", "3")], "\r\n", b"abc", True, False, -1)
@example("HTTP/1.1 200 OK", [("Content-Length", " ", "3")], "\r\n", b"ab", True, False, -1)
@example("HTTP/1.1 200 OK", [("Content-Length", " ", "3")], "\r\n", b"abcd", True, False, -1)
def test_a_scanned_response_is_what_the_parser_makes_of_it(
    status: str,
    fields: list[tuple[str, str, str]],
    newline: str,
    body: bytes,
    plain: bool,
    head: bool,
    limit: int,
) -> None:
    lines = [status, *(f"{name}:{space}{value}" for name, space, value in fields), "", ""]
    wire = newline.join(lines).encode("latin-1") + body
    scanned = outcome([wire], True, plain=plain, head=head, limit=limit)
    assert scanned == outcome([wire], False, plain=plain, head=head, limit=limit)


@given(st.binary(max_size=80))
def test_no_bytes_are_taken_that_the_parser_refuses(tail: bytes) -> None:
    wire = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" + tail
    assert outcome([wire], True) == outcome([wire], False)


@pytest.mark.parametrize("scans", [True, False])
@pytest.mark.parametrize("size", [1, 1000, 65536, 300_000])
def test_a_body_that_comes_in_pieces_is_whole(scans: bool, size: int) -> None:
    body = bytes(index % 251 for index in range(size))
    wire = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + body
    for cut in (len(wire) - size, len(wire) - size + 1, len(wire) - 1):
        told, aborted = outcome([wire[:cut], wire[cut:]], scans)
        assert told[0] == ("answered", 200, b"", body, False, True, -1)
        assert not aborted


@pytest.mark.parametrize("scans", [True, False])
@pytest.mark.parametrize("size", [10, 300_000])
def test_a_connection_with_bytes_after_the_end_is_not_used_again(scans: bool, size: int) -> None:
    body = bytes(index % 251 for index in range(size))
    wire = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + body + b"HTTP/1.1 200 OK\r\n\r\n"
    told, _ = outcome([wire[:60], wire[60:]], scans)
    assert told[0] == ("answered", 200, b"", body, False, False, -1)


def test_a_large_body_ends_as_every_bytes_object_does() -> None:
    # The byte behind its end was overwritten by what came after it, and C code relies on it.
    size = 70_000
    wire = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"1" * size + b"1"
    told, _ = outcome([wire[:50], wire[50:]], True)
    body = told[0][3]
    assert len(body) == size
    assert len(str(int(body[-20:]))) == 20
    assert float(body[-5:]) == 11111.0
