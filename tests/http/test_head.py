"""What is taken without the parser means the same as with it, and nothing else is taken."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from line import told

from pynector.transport.http.native.redirected import location_in

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
    scanned = told([wire], True, plain=plain, head=head, limit=limit)
    assert scanned == told([wire], False, plain=plain, head=head, limit=limit)


@given(st.binary(max_size=80))
def test_no_bytes_are_taken_that_the_parser_refuses(tail: bytes) -> None:
    wire = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n" + tail
    assert told([wire], True) == told([wire], False)


@pytest.mark.parametrize("before", range(10))
def test_no_byte_of_a_value_is_taken_that_the_parser_refuses_wherever_it_stands(before: int) -> None:
    # Values are looked through eight bytes at a time.
    for code in range(256):
        value = b"x\t" * (before % 2) + b"x" * before + bytes([code]) + b"\ty" * 8
        wire = b"HTTP/1.1 200 OK\r\nServer: " + value + b"\r\nContent-Length: 2\r\n\r\nab"
        assert told([wire], True) == told([wire], False), code


@pytest.mark.parametrize("scans", [True, False])
@pytest.mark.parametrize("size", [1, 1000, 65536, 300_000])
def test_a_body_that_comes_in_pieces_is_whole(scans: bool, size: int) -> None:
    body = bytes(index % 251 for index in range(size))
    wire = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + body
    for cut in (len(wire) - size, len(wire) - size + 1, len(wire) - 1):
        answered, gone = told([wire[:cut], wire[cut:]], scans)
        assert answered == ("answered", 200, b"", body, False, True, -1)
        assert gone == ("gone",)


@pytest.mark.parametrize("scans", [True, False])
@pytest.mark.parametrize("size", [10, 300_000])
def test_a_connection_with_bytes_after_the_end_is_not_used_again(scans: bool, size: int) -> None:
    body = bytes(index % 251 for index in range(size))
    wire = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + body + b"HTTP/1.1 200 OK\r\n\r\n"
    answered, _ = told([wire[:60], wire[60:]], scans)
    assert answered == ("answered", 200, b"", body, False, False, -1)


def test_a_large_body_ends_as_every_bytes_object_does() -> None:
    # The byte behind its end was overwritten by what came after it, and C code relies on it.
    size = 70_000
    wire = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size + b"1" * size + b"1"
    answered, _ = told([wire[:50], wire[50:]])
    body = answered[3]
    assert len(body) == size
    assert len(str(int(body[-20:]))) == 20
    assert float(body[-5:]) == 11111.0


@pytest.mark.parametrize(
    ("fields", "location"),
    [
        (b"\r\nLOCATION: \t/a b \r\nX: y", b"/a b"),
        (b"\r\nX: y\r\nLast-Modified: z\r\nlocation:/z", b"/z"),
        (b"\r\nlocation:", b""),
        (b"", None),
        (b"\r\nLocations: /a\r\nX-Location: /b", None),
        (b"\r\nLocation: /a\r\nX: y\r\nlocation: /b", None),
    ],
)
def test_a_location_is_found_if_there_is_one(fields: bytes, location: bytes | None) -> None:
    assert location_in(b"HTTP/1.1 302 Found" + fields) == location
