"""HTTP/1.1 as the loopback server speaks it: framing, order, limits and refusals."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from pynector.testing import protocol, server
from pynector.testing.request import (
    BadRequestError,
    ChunkedBody,
    LengthBody,
    Request,
    parse_headers,
    parse_request,
)
from pynector.testing.state import ServerState

HOST = b"Host: a\r\n"
CLOSE = b"Connection: close\r\n"

# For what no loop and no socket can make a difference to, and what is patched in this process.
ON_ONE_LOOP = pytest.mark.parametrize("http1", ["thread"], indirect=True)


def get(path: bytes, *fields: bytes) -> bytes:
    return b"GET %b HTTP/1.1\r\n%b%b\r\n" % (path, HOST, b"".join(fields))


def read_exactly(sock: Any, size: int) -> bytes:
    data = b""
    while len(data) < size:
        data += sock.recv(size - len(data))
    return data


# Connections


def test_fast_path_answers_as_the_slow_one(http1: Any) -> None:
    # A field that bears on the connection keeps the fast path from being taken.
    slow = http1.raw(get(b"/id/42", CLOSE))
    with http1.connect() as sock:
        sock.sendall(get(b"/id/42"))
        expected = slow.replace(CLOSE, b"")
        assert read_exactly(sock, len(expected)) == expected


def test_connection_is_kept_until_close_is_asked_for(http1: Any) -> None:
    with http1.connect() as sock:
        for path in (b"/id/1", b"/echo", b"/id/1?delay=0.01", b"/status/204", b"/unknown"):
            sock.sendall(get(path))
            assert sock.recv(65536).startswith(b"HTTP/1.1 ")
        sock.sendall(get(b"/id/1", b"Connection: x, Close\r\n"))
        answer = b"".join(iter(lambda: sock.recv(65536), b""))
    assert b"Connection: close\r\n" in answer


def test_http_1_0_closes(http1: Any) -> None:
    answer = http1.raw(b"GET /id/1 HTTP/1.0\r\n\r\n")
    assert b"Connection: close\r\n" in answer


def test_responses_carry_no_date_and_no_server(http1: Any) -> None:
    assert set(http1.request("/unknown")[1]) == {"Content-Type", "Content-Length"}


@pytest.mark.parametrize("path", ["/id/5", "/bytes/100000", "/bytes/5?chunked=1", "/close-delimited/5", "/truncate/4"])
def test_head_gets_the_head_that_get_gets(http1: Any, path: str) -> None:
    def head_of(method: bytes) -> tuple[bytes, bytes]:
        answer = http1.raw(b"%b %b HTTP/1.1\r\n%b%b\r\n" % (method, path.encode(), HOST, CLOSE))
        head, _, body = answer.partition(b"\r\n\r\n")
        return head, body

    head, body = head_of(b"HEAD")
    assert body == b""
    assert head == head_of(b"GET")[0]


@pytest.mark.parametrize("family", ["tcp", "uds"])
def test_small_answers_are_not_held_back(family: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    nodelay: list[int] = []

    class Protocol(protocol.LoopbackProtocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            if family == "tcp":
                sock = transport.get_extra_info("socket")
                nodelay.append(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

    async def connect() -> bytes:
        path = str(tmp_path / "socket")
        listening = await server.listen(server.Listener(uds=path if family == "uds" else None), ServerState())
        reader, writer = await (
            asyncio.open_unix_connection(path)
            if family == "uds"
            else asyncio.open_connection("127.0.0.1", listening.port)
        )
        writer.write(get(b"/id/1", CLOSE))
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        listening.close()
        return answer

    monkeypatch.setattr(server, "LoopbackProtocol", Protocol)
    assert asyncio.run(connect()).endswith(b"\r\n\r\n1")
    assert [bool(value) for value in nodelay] == [True] * (family == "tcp")


def test_tls_and_the_control_port_in_this_process(ca: trustme.CA, certificates: dict[str, Any]) -> None:
    context = ssl.create_default_context()
    ca.configure_trust(context)
    ca.issue_cert("http1.test").configure_cert(context)
    state = ServerState()

    async def talk(port: int, tls: ssl.SSLContext | None, data: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
        writer.write(data)
        answer = await reader.readuntil(b"\r\n")
        writer.close()
        with suppress(ConnectionError, ssl.SSLError):
            await writer.wait_closed()
        return answer

    async def use() -> list[bytes]:
        listening = await server.listen(server.Listener(**certificates), state)
        answers = [
            await talk(listening.port, context, get(b"/id/1", CLOSE)),
            await talk(listening.port, context, b"x\r\n\r\n"),
            await talk(listening.control_port, None, get(b"/stats", CLOSE)),
        ]
        listening.close()
        while state.open_connections:  # noqa: ASYNC110 - the state is plain numbers
            await asyncio.sleep(0.001)
        return answers

    statuses = [line.split()[1] for line in asyncio.run(use())]
    assert statuses == [b"200", b"400", b"200"]
    assert state.connections == 2


# Pipelining


def test_pipelined_requests_are_answered_in_order(http1: Any) -> None:
    paths = [
        b"/id/1",
        b"/id/2?delay=0.02",
        b"/id/3",
        b"/drip/2?interval=0.01",
        b"/bytes/200000",
        b"/delay/0.01",
        b"/id/last",
    ]
    requests = b"".join(map(get, paths[:-1])) + get(paths[-1], CLOSE)
    answer = http1.raw(requests)
    marks = [b"\r\n\r\n1H", b"\r\n\r\n2H", b"\r\n\r\n3H", b"\r\n\r\n..H", b"\r\n\r\n0123456789"]
    positions = [answer.find(mark) for mark in [*marks, b"\r\n\r\n0.01H", b"\r\n\r\nlast"]]
    assert -1 not in positions
    assert positions == sorted(positions)
    assert answer.count(b"HTTP/1.1 200 OK") == len(paths)


def test_requests_may_arrive_in_any_pieces(http1: Any) -> None:
    requests = get(b"/id/1") + get(b"/echo") + get(b"/id/2", CLOSE)
    answer = http1.raw(*(requests[i : i + 1] for i in range(len(requests))))
    assert answer.count(b"HTTP/1.1 200 OK") == 3


def test_request_that_arrives_behind_a_delayed_one(http1: Any) -> None:
    with http1.connect() as sock:
        sock.sendall(get(b"/id/1?delay=0.1"))
        http1.wait_for(in_flight=1)
        sock.sendall(get(b"/id/2"))
        sock.sendall(get(b"/id/3", CLOSE))
        answer = b"".join(iter(lambda: sock.recv(65536), b""))
    assert answer.count(b"HTTP/1.1 200 OK") == 3


def test_many_requests_behind_a_delayed_one(http1: Any) -> None:
    # More than the server holds, so that it stops to read until the first one is answered.
    count = 8000
    requests = get(b"/id/first?delay=0.1") + get(b"/id/1") * count + get(b"/id/2", CLOSE)
    assert http1.raw(requests).count(b"HTTP/1.1 200 OK") == count + 2


def test_client_that_does_not_read_holds_up_its_requests(http1: Any) -> None:
    count = 300
    with http1.connect() as sock:
        sock.sendall(get(b"/bytes/60000") * count + get(b"/id/2", CLOSE))
        http1.wait_for(open_connections=1)
        assert http1.counts()["requests"] < count
        answer = b"".join(iter(lambda: sock.recv(1 << 20), b""))
    assert answer.count(b"HTTP/1.1 200 OK") == count + 1


def test_empty_line_before_a_request_is_ignored(http1: Any) -> None:
    answer = http1.raw(b"\r\n", b"\r\n" + get(b"/id/1") + b"\r\n" + get(b"/id/2", CLOSE))
    assert answer.count(b"HTTP/1.1 200 OK") == 2


# Bodies of requests


@pytest.mark.parametrize("step", [1, 7, 1000])
@pytest.mark.parametrize(
    ("fields", "body"),
    [
        (b"Content-Length: 10\r\n", b"0123456789"),
        (
            b"Transfer-Encoding: Chunked\r\n",
            b"4\r\n0123\r\n06;x=y\r\n456789\r\n0\r\nTrailer: 1\r\n\r\n",
        ),
    ],
)
def test_body_may_arrive_in_any_pieces(http1: Any, fields: bytes, body: bytes, step: int) -> None:
    request = b"POST /echo HTTP/1.1\r\n" + HOST + fields + b"\r\n" + body + get(b"/id/1", CLOSE)
    answer = http1.raw(*(request[i : i + step] for i in range(0, len(request), step)))
    first, _, second = answer.partition(b"\r\n\r\n0123456789")
    assert b"Content-Length: 10" in first
    assert second.endswith(b"\r\n\r\n1")


def test_large_body(http1: Any) -> None:
    body = bytes(3_000_000)
    assert http1.request("/echo", "POST", body=body)[2] == body


def test_chunked_body_from_http_client(http1: Any) -> None:
    assert http1.request("/echo", "POST", body=iter([b"ab", b"c"]), encode_chunked=True)[2] == b"abc"


def test_empty_body_of_announced_length(http1: Any) -> None:
    assert http1.request("/echo", "POST", body=b"")[2] == b""


def test_expect_100_continue(http1: Any) -> None:
    with http1.connect() as sock:
        head = b"POST /echo HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n"
        sock.sendall(head + HOST + CLOSE + b"\r\n")
        assert read_exactly(sock, 25) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(b"abc")
        answer = b"".join(iter(lambda: sock.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 200 OK")


def test_expect_100_continue_when_the_body_is_there(http1: Any) -> None:
    head = b"POST /echo HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n"
    assert http1.raw(head + HOST + CLOSE + b"\r\nabc").startswith(b"HTTP/1.1 200 OK")


# Targets


@pytest.mark.parametrize(
    ("line", "path"),
    [
        (b"GET http://a.test/inspect/x?q=1 HTTP/1.1", "/inspect/x"),
        (b"GET /inspect?q=1 HTTP/1.1", "/inspect"),
    ],
)
def test_target_forms(http1: Any, line: bytes, path: str) -> None:
    seen = json.loads(http1.raw(line + b"\r\n" + HOST + CLOSE + b"\r\n").partition(b"\r\n\r\n")[2])
    assert (seen["path"], seen["query"]) == (path, [["q", "1"]])


def test_asterisk_target(http1: Any) -> None:
    answer = http1.raw(b"OPTIONS * HTTP/1.1\r\n" + HOST + CLOSE + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 404 ")


# Refusals

MALFORMED = {
    "no request line": b"\x16\x03\x01\r\n\r\n",
    "two words": b"GET /\r\n" + HOST + b"\r\n",
    "two spaces": b"GET  / HTTP/1.1\r\n" + HOST + b"\r\n",
    "version": b"GET / HTTP/2.0\r\n" + HOST + b"\r\n",
    "bad method": b"G@T / HTTP/1.1\r\n" + HOST + b"\r\n",
    "relative target": b"GET id/1 HTTP/1.1\r\n" + HOST + b"\r\n",
    "fragment": b"GET /id/1#x HTTP/1.1\r\n" + HOST + b"\r\n",
    "raw utf-8": b"GET /id/\xc3\xa4 HTTP/1.1\r\n" + HOST + b"\r\n",
    "asterisk": b"GET * HTTP/1.1\r\n" + HOST + b"\r\n",
    "bad authority": b"GET http://[x/ HTTP/1.1\r\n" + HOST + b"\r\n",
    "no host": b"GET /id/1 HTTP/1.1\r\n\r\n",
    "two hosts": get(b"/id/1", HOST),
    "field without colon": get(b"/id/1", b"abc\r\n"),
    "space before colon": get(b"/id/1", b"A : b\r\n"),
    "folded field": get(b"/id/1", b"A: b\r\n c\r\n"),
    "empty name": get(b"/id/1", b": b\r\n"),
    "nul in value": get(b"/id/1", b"A: \0\r\n"),
    "bare lf": get(b"/id/1", b"A: b\nC: d\r\n"),
    "bare cr": get(b"/id/1", b"A: b\rC: d\r\n"),
    "length not a number": get(b"/echo", b"Content-Length: +1\r\n"),
    "length twice": get(b"/echo", b"Content-Length: 1\r\n" * 2),
    "length list": get(b"/echo", b"Content-Length: 1, 1\r\n"),
    "two framings": get(b"/echo", b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"),
    "unknown coding": get(b"/echo", b"Transfer-Encoding: gzip, chunked\r\n"),
    "chunked http/1.0": b"GET /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
}
MALFORMED_CHUNKS = {
    "no size": b"\r\n",
    "signed size": b"+1\r\na\r\n",
    "prefixed size": b"0x1\r\na\r\n",
    "huge size": b"1" * 16 + b"\r\n",
    "chunk too long": b"1\r\nab\r\n",
    "bare lf": b"1\na\n",
    "endless line": b"1;" + b"x" * 5000,
    "bad trailer": b"0\r\nabc\r\n\r\n",
}


@ON_ONE_LOOP
@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_request_is_refused(http1: Any, name: str) -> None:
    answer = http1.raw(MALFORMED[name] + get(b"/id/never"))
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"Connection: close\r\n" in answer
    assert b"never" not in answer
    assert http1.counts()["requests"] == 0


@ON_ONE_LOOP
@pytest.mark.parametrize("name", MALFORMED_CHUNKS)
def test_malformed_chunk_is_refused(http1: Any, name: str) -> None:
    request = get(b"/echo", b"Transfer-Encoding: chunked\r\n") + MALFORMED_CHUNKS[name]
    assert http1.raw(request).startswith(b"HTTP/1.1 400 Bad Request\r\n")


def test_requests_before_a_malformed_one_are_answered(http1: Any) -> None:
    answer = http1.raw(get(b"/id/1") + get(b"/delay/0.01") + b"x\r\n\r\n")
    assert answer.count(b"HTTP/1.1 200 OK\r\n") == 2
    assert answer.count(b"HTTP/1.1 400 Bad Request\r\n") == 1


@pytest.mark.parametrize("end", [b"", b"\r\n\r\n"], ids=["without end", "with end"])
def test_head_has_a_limit(http1: Any, end: bytes) -> None:
    request = b"GET /id/1 HTTP/1.1\r\n" + HOST + b"A: " + b"x" * 70_000 + end
    assert http1.raw(request).startswith(b"HTTP/1.1 431 ")


def test_head_has_a_limit_when_it_comes_in_pieces(http1: Any) -> None:
    pieces = [b"GET /id/1 HTTP/1.1\r\n" + HOST, *[b"A: " + b"x" * 4000 + b"\r\n"] * 17]
    assert http1.raw(*pieces).startswith(b"HTTP/1.1 431 ")


def test_head_within_the_limit(http1: Any) -> None:
    request = get(b"/id/1", b"A: " + b"x" * 65_000 + b"\r\n", CLOSE)
    assert http1.raw(request).startswith(b"HTTP/1.1 200 ")


def test_trailer_section_has_a_limit(http1: Any) -> None:
    request = get(b"/echo", b"Transfer-Encoding: chunked\r\n") + b"0\r\n"
    trailer = b"A: " + b"x" * 4000 + b"\r\n"
    assert http1.raw(request + trailer * 17).startswith(b"HTTP/1.1 431 ")


def test_data_behind_a_malformed_request_is_dropped(http1: Any) -> None:
    with http1.connect() as sock:
        sock.sendall(b"x\r\n\r\n")
        assert sock.recv(65536).startswith(b"HTTP/1.1 400 ")
        sock.sendall(get(b"/id/1"))
        assert sock.recv(65536) == b""
    http1.wait_for(open_connections=0, requests=0)


@ON_ONE_LOOP
def test_refused_client_that_stays_is_disconnected(http1: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "_LINGER", 0.05)
    with http1.connect() as sock:
        sock.sendall(b"x\r\n\r\n")
        http1.wait_for(connections=1, open_connections=0)


# The parts without a connection


@given(st.lists(st.binary(min_size=1)), st.lists(st.integers(1, 50), min_size=1))
def test_chunked_body_does_not_depend_on_the_pieces(chunks: list[bytes], steps: list[int]) -> None:
    data = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\nrest"
    body, taken, turn = ChunkedBody(), 0, 0
    while not body.done:
        piece = data[taken : taken + steps[turn % len(steps)]]
        taken += body.feed(piece, 0)
        turn += 1
    assert body.content() == b"".join(chunks)
    assert data[taken:] == b"rest"


@given(st.binary(), st.integers(0, 20))
def test_length_body_takes_what_is_its_own(data: bytes, length: int) -> None:
    body = LengthBody(length)
    assert body.feed(data, 0) == min(length, len(data))
    assert body.content() == data[:length]
    assert body.done == (len(data) >= length)


@given(st.binary())
def test_any_head_is_parsed_or_refused(data: bytes) -> None:
    with suppress(BadRequestError):
        assert isinstance(parse_request(data, parse_headers(HOST + data + b"\r\n")), Request)


def test_parameter_takes_the_first_value() -> None:
    request = Request("GET", "/id/1?a=1&a=2", "HTTP/1.1", parse_headers(b""))
    assert request.parameter("a", "") == "1"
    assert request.parameter("b", "x") == "x"
