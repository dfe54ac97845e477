"""Each endpoint, on uvloop in another process and on asyncio in this one."""

from __future__ import annotations

import gzip
import http.client
import json
import time
import zlib
from typing import Any

import pytest

import pynector.testing
from pynector.testing.endpoints import ENDPOINTS

PATTERN = b"0123456789abcdef"
TEXT = "pynector " * 200

# For what no loop and no socket can make a difference to.
ON_ONE_LOOP = pytest.mark.parametrize("client", ["thread"], indirect=True)


# Echoing


@pytest.mark.parametrize("text", ["0", "12345", "a-b", "a%20b", "a/b", "x" * 100])
def test_id_echoes_its_text(client: Any, text: str) -> None:
    status, headers, body = client.request(f"/id/{text}")
    assert (status, body) == (200, text.encode())
    assert headers.items() == [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Length", str(len(text))),
    ]


def test_id_without_text_is_not_found(client: Any) -> None:
    assert client.request("/id/")[0] == 404


@pytest.mark.parametrize("delay", ["0.05", ".05-0.06"])
def test_id_waits_for_delay(client: Any, delay: str) -> None:
    start = time.monotonic()
    assert client.body(f"/id/7?delay={delay}") == b"7"
    assert time.monotonic() - start >= 0.045


def test_id_fails_for_multiples(client: Any) -> None:
    statuses = [client.request(f"/id/{n}?fail=3")[0] for n in range(1, 7)]
    assert statuses == [200, 200, 503, 200, 200, 503]


def test_id_fails_by_checksum_of_a_text(client: Any) -> None:
    expected = 503 if zlib.crc32(b"word") % 2 == 0 else 200
    assert client.request("/id/word?fail=2")[0] == expected


@ON_ONE_LOOP
@pytest.mark.parametrize("query", ["delay=x", "delay=1-", "delay=-1", "fail=x", "fail=-1"])
def test_id_refuses_a_bad_parameter(client: Any, query: str) -> None:
    status, _, body = client.request(f"/id/1?{query}")
    assert status == 400
    assert b"expected" in body


def test_echo_returns_body_and_content_type(client: Any) -> None:
    status, headers, body = client.request("/echo", "POST", body=b"\0\xff", headers={"Content-Type": "x/y"})
    assert (status, body, headers["Content-Type"]) == (200, b"\0\xff", "x/y")


def test_echo_has_a_default_content_type(client: Any) -> None:
    status, headers, body = client.request("/echo")
    assert (status, body, headers["Content-Type"]) == (200, b"", "application/octet-stream")


def test_inspect_tells_what_was_received(http1: Any) -> None:
    target = "/inspect/a%20b?x=1&x=%C3%A4&empty="
    seen = http1.json(target, "PUT", body=b"\xe4", headers={"X-Mixed-Case": " caf\xe9 "})
    assert ["X-Mixed-Case", "caf\xe9"] in seen.pop("headers")
    assert isinstance(seen.pop("connection"), int)
    assert seen == {
        "method": "PUT",
        "target": target,
        "path": "/inspect/a%20b",
        "query": [["x", "1"], ["x", "ä"], ["empty", ""]],
        "body": "\xe4",
        "http_version": "HTTP/1.1",
    }


def test_inspect_numbers_connections(http1: Any) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", http1.port)
    numbers = []
    for _ in range(2):
        connection.request("GET", "/inspect")
        numbers.append(json.loads(connection.getresponse().read())["connection"])
    connection.close()
    numbers.append(http1.json("/inspect")["connection"])
    assert numbers[0] == numbers[1]
    assert numbers[2] > numbers[1]


# Time, status and header fields


def test_delay_answers_later(client: Any) -> None:
    start = time.monotonic()
    assert client.body("/delay/0.05") == b"0.05"
    assert time.monotonic() - start >= 0.045


@ON_ONE_LOOP
@pytest.mark.parametrize(("code", "body"), [(200, b"200 OK"), (404, b"404 Not Found"), (799, b"799 Unassigned")])
def test_status_has_a_body(client: Any, code: int, body: bytes) -> None:
    status, headers, content = client.request(f"/status/{code}")
    assert (status, content, headers["Retry-After"]) == (code, body, None)


@pytest.mark.parametrize("code", [204, 304])
def test_status_without_content_has_no_body(client: Any, code: int) -> None:
    status, headers, body = client.request(f"/status/{code}")
    assert (status, headers.items(), body) == (code, [], b"")


def test_status_with_retry_after(client: Any) -> None:
    assert client.request("/status/429?retry_after=7")[1]["Retry-After"] == "7"


@ON_ONE_LOOP
@pytest.mark.parametrize("path", ["/status/199", "/status/1000", "/status/x"])
def test_status_refuses_other_codes(client: Any, path: str) -> None:
    assert client.request(path)[0] == 400


def test_flaky_fails_at_first(client: Any) -> None:
    answers = [client.request("/flaky")[::2] for _ in range(4)]
    assert answers == [(503, b"1"), (503, b"2"), (200, b"3"), (200, b"4")]


def test_flaky_counts_per_key(client: Any) -> None:
    paths = [f"/flaky?key={key}&failures=1&status=429" for key in "aabb"]
    assert [client.request(path)[0] for path in paths] == [429, 200, 429, 200]


def test_redirect_counts_down(client: Any) -> None:
    status, headers, _ = client.request("/redirect/2")
    assert (status, headers["Location"]) == (302, "/redirect/1")
    assert client.body("/redirect/0") == b"done"


def test_redirect_keeps_its_query(client: Any) -> None:
    status, headers, _ = client.request("/redirect/1?status=308")
    assert (status, headers["Location"]) == (308, "/redirect/0?status=308")


def test_redirect_goes_to_a_url(client: Any) -> None:
    status, headers, _ = client.request("/redirect/1?to=http%3A%2F%2Fa.test%2F&status=307")
    assert (status, headers["Location"]) == (307, "http://a.test/")


@ON_ONE_LOOP
@pytest.mark.parametrize("query", ["to=%0D%0AX:y", "to=%E2%82%AC", "status=200"])
def test_redirect_refuses_a_bad_parameter(client: Any, query: str) -> None:
    assert client.request(f"/redirect/1?{query}")[0] == 400


def test_headers_are_those_of_the_query(client: Any) -> None:
    status, headers, body = client.request("/headers?Set-Cookie=a&Set-Cookie=b&X=caf%C3%A9")
    assert (status, body) == (200, b"headers")
    assert headers.get_all("Set-Cookie") == ["a", "b"]
    assert headers["X"] == "caf\xe9"
    assert headers["Content-Type"].startswith("text/plain")


def test_headers_may_replace_the_content_type(client: Any) -> None:
    headers = client.request("/headers?content-type=a/b")[1]
    assert headers.get_all("Content-Type") == ["a/b"]


@ON_ONE_LOOP
@pytest.mark.parametrize("query", ["a%20b=1", "=1", "a=%0A"])
def test_headers_refuses_what_is_no_field(client: Any, query: str) -> None:
    assert client.request(f"/headers?{query}")[0] == 400


# Bodies


@pytest.mark.parametrize("size", [0, 1, 1000, 65536, 65537, 1_000_000])
@pytest.mark.parametrize("query", ["", "?chunked=1"])
def test_bytes(client: Any, size: int, query: str) -> None:
    status, headers, body = client.request(f"/bytes/{size}{query}")
    assert (status, len(body)) == (200, size)
    assert body == (PATTERN * (size // 16 + 1))[:size]
    assert headers["Content-Length"] == (None if query else str(size))
    # HTTP/2 has no such coding, and needs none.
    assert headers["Transfer-Encoding"] == ("chunked" if query and client.version == 1 else None)


def test_bytes_chunked_to_a_client_of_http_1_0(http1: Any) -> None:
    answer = http1.raw(b"GET /bytes/5?chunked=1 HTTP/1.0\r\n\r\n")
    assert b"chunked" not in answer
    assert answer.endswith(b"\r\n\r\n01234")


def test_bytes_waits_for_a_slow_client(http1: Any) -> None:
    size = 30_000_000
    with http1.connect() as sock:
        sock.sendall(b"GET /bytes/%d HTTP/1.1\r\nHost: a\r\n\r\n" % size)
        http1.wait_for(requests=1)
        # Far more than the buffers of both sockets hold, so it cannot have been sent.
        assert http1.counts()["in_flight"] == 1
        received = sock.recv(1000)
        left = size - len(received.partition(b"\r\n\r\n")[2])
        while left:
            left -= len(sock.recv(1 << 20))
        http1.wait_for(in_flight=0)


def test_bytes_ends_when_the_client_leaves(http1: Any) -> None:
    with http1.connect() as sock:
        sock.sendall(b"GET /bytes/30000000 HTTP/1.1\r\nHost: a\r\n\r\n")
        http1.wait_for(in_flight=1)
    http1.wait_for(in_flight=0, open_connections=0)


def decompressed(coding: str, body: bytes) -> bytes:
    if coding == "raw-deflate":
        return zlib.decompress(body, -15)
    if coding == "deflate":
        return zlib.decompress(body)
    if coding == "stacked":
        return zlib.decompress(gzip.decompress(body))
    return gzip.decompress(body)


@pytest.mark.parametrize("size", [None, 0, 100_000])
@pytest.mark.parametrize(
    ("coding", "header"),
    [
        ("gzip", "gzip"),
        ("x-gzip", "x-gzip"),
        ("deflate", "deflate"),
        ("raw-deflate", "deflate"),
        ("gzip-members", "gzip"),
        ("stacked", "deflate, gzip"),
    ],
)
def test_compressed(client: Any, coding: str, header: str, size: int | None) -> None:
    query = "" if size is None else f"?size={size}"
    status, headers, body = client.request(f"/compressed/{coding}{query}")
    text = TEXT if size is None else "0" * size
    assert (status, headers["Content-Encoding"]) == (200, header)
    assert json.loads(decompressed(coding, body)) == {"coding": coding, "text": text}


def test_compressed_members_are_two(client: Any) -> None:
    decompressor = zlib.decompressobj(31)
    decompressor.decompress(client.body("/compressed/gzip-members"))
    assert decompressor.eof
    assert decompressor.unused_data.startswith(b"\x1f\x8b")


def test_compressed_truncated_is_cut_short(client: Any) -> None:
    body = client.body("/compressed/truncated")
    with pytest.raises(EOFError):
        gzip.decompress(body)


@ON_ONE_LOOP
@pytest.mark.parametrize("path", ["br", "gzip?size=x", f"gzip?size={2**30 + 1}"])
def test_compressed_refuses_a_bad_parameter(client: Any, path: str) -> None:
    assert client.request(f"/compressed/{path}")[0] == 400


def test_drip_sends_bytes_one_by_one(client: Any) -> None:
    start = time.monotonic()
    status, headers, body = client.request("/drip/4?interval=0.02")
    assert (status, headers["Content-Length"], body) == (200, "4", b"....")
    assert time.monotonic() - start >= 0.05


def test_drip_ends_when_the_client_leaves(http1: Any) -> None:
    with http1.connect() as sock:
        sock.sendall(b"GET /drip/1000?interval=9 HTTP/1.1\r\nHost: a\r\n\r\n")
        http1.wait_for(in_flight=1)
    http1.wait_for(in_flight=0, open_connections=0)


def test_close_delimited(http1: Any) -> None:
    answer = http1.raw(b"GET /close-delimited/17 HTTP/1.1\r\nHost: a\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert body == PATTERN + b"0"
    assert b"Connection: close" in head
    assert b"Content-Length" not in head


# Misbehaviour


def test_events_go_on_after_the_last_one(client: Any) -> None:
    assert client.body("/events/3?each=2") == b"retry: 1\n\nid: 1\ndata: event 1\n\nid: 2\ndata: event 2\n\n"
    _, _, rest = client.request("/events/3", headers={"Last-Event-ID": "2"})
    assert rest == b"retry: 1\n\nid: 3\ndata: event 3\n\n"
    assert client.request("/events/3", headers={"last-event-id": "3"})[0] == 204


def test_truncate_sends_half(http1: Any) -> None:
    answer = http1.raw(b"GET /truncate/100 HTTP/1.1\r\nHost: a\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"Content-Length: 100" in head
    assert len(body) == 50


def test_extra_has_junk_after_its_end(http1: Any) -> None:
    answer = http1.raw(b"GET /extra HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"Content-Length: 5" in head
    assert body == b"extrajunk after the end"


def test_hang_never_answers(http1: Any) -> None:
    with http1.connect() as sock:
        sock.sendall(b"GET /hang HTTP/1.1\r\nHost: a\r\n\r\n")
        http1.wait_for(in_flight=1)
        sock.settimeout(0.05)
        with pytest.raises(TimeoutError):
            sock.recv(1)
    http1.wait_for(in_flight=0)


def test_close_does_not_answer(http1: Any) -> None:
    assert http1.raw(b"GET /close HTTP/1.1\r\nHost: a\r\n\r\n") == b""
    http1.wait_for(in_flight=0, requests=1)


# Counts


def test_stats_counts_requests_and_connections(client: Any) -> None:
    for path in ("/id/1", "/echo", "/unknown"):
        client.request(path)
    client.wait_for(open_connections=0)
    expected = {
        "requests": 3,
        "in_flight": 0,
        "max_in_flight": 1,
        "connections": 3,
        "open_connections": 0,
        "http2_connections": 3 if client.version == 2 else 0,
        "open_streams": 0,
        "resets": 0,
    }
    assert client.counts() == expected
    # Asked on the main port, the question counts as a connection, but not as a request.
    also = {"http2_connections": 4, "open_streams": 1} if client.version == 2 else {}
    assert client.json("/stats") == expected | {"connections": 4, "open_connections": 1} | also


def test_stats_counts_what_is_in_flight_at_once(http1: Any) -> None:
    with http1.connect() as one, http1.connect() as two:
        for sock in (one, two):
            sock.sendall(b"GET /hang HTTP/1.1\r\nHost: a\r\n\r\n")
        http1.wait_for(in_flight=2)
        http1.request("/id/1")
        assert http1.counts()["max_in_flight"] == 3
    http1.wait_for(in_flight=0, max_in_flight=3)


def test_stats_forgets_a_delayed_request_whose_client_left(http1: Any) -> None:
    with http1.connect() as sock:
        sock.sendall(b"GET /delay/1000 HTTP/1.1\r\nHost: a\r\n\r\n")
        http1.wait_for(in_flight=1)
    http1.wait_for(in_flight=0, open_connections=0, requests=1)


def test_reset_keeps_what_is_open(http1: Any) -> None:
    http1.request("/flaky?failures=1")
    http1.wait_for(open_connections=0)
    with http1.connect() as sock:
        sock.sendall(b"GET /hang HTTP/1.1\r\nHost: a\r\n\r\n")
        http1.wait_for(in_flight=1)
        assert http1.body("/reset") == b"reset"
        http1.wait_for(requests=0, connections=0, open_connections=1, max_in_flight=1)
    assert http1.request("/flaky?failures=1")[0] == 503


# The list of endpoints


@pytest.mark.parametrize("path", ["/", "/unknown", "/bytes"])
def test_other_paths_are_not_found(client: Any, path: str) -> None:
    status, _, body = client.request(path)
    assert status == 404
    assert all(endpoint.usage.encode() in body for endpoint in ENDPOINTS.values())


def test_every_endpoint_is_documented() -> None:
    text = pynector.testing.__doc__ or ""
    assert [e.usage for e in ENDPOINTS.values() if f"`{e.usage}`" not in text] == []
