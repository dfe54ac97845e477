"""HTTP/2 as the loopback server speaks it where it behaves: streams, windows, counts and refusals."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from h2raw import RawClient, connect

from pynector.testing.http2 import frames


@pytest.fixture
def h2(client: Any) -> Iterator[RawClient]:
    """A connection to a server whose counts are at zero."""
    with connect(client.port) as connection:
        yield connection
    client.wait_for(open_streams=0, in_flight=0, open_connections=0)


# On asyncio in this process, and on uvloop in another one.
pytestmark = pytest.mark.parametrize("client", ["http2", "process2"], indirect=True)


def asking(path: bytes) -> bytes:
    """Return the block of a request that has nothing but what it must."""
    return frames.block([(b":method", b"GET"), (b":scheme", b"http"), (b":path", path), (b":authority", b"a")])


# Requests


def test_the_settings_come_first(client: Any, h2: RawClient) -> None:
    settings = h2.receive()
    assert settings is not None
    assert (settings.kind, settings.payload[:6]) == (frames.SETTINGS, bytes.fromhex("0003 00000080"))


def test_a_slow_answer_does_not_hold_up_others(client: Any, h2: RawClient) -> None:
    slow = h2.request("/delay/0.05")
    fast = [h2.request(f"/id/{number}") for number in range(20)]
    for number, stream in enumerate(fast):
        assert h2.response(stream)[2] == str(number).encode()
    assert not [frame for frame in h2.frames if frame.stream == slow]
    assert h2.response(slow)[2] == b"0.05"


def test_inspect_tells_what_was_received(client: Any, h2: RawClient) -> None:
    stream = h2.request("/inspect?a=%20", "PUT", b"\xe4", x_field="1")
    seen = json.loads(h2.response(stream)[2])
    assert ["x-field", "1"] in seen["headers"]
    assert [":path", "/inspect?a=%20"] in seen["headers"]
    expected = {"method": "PUT", "query": [["a", " "]], "body": "\xe4", "http_version": "HTTP/2", "stream": 1}
    assert expected.items() <= seen.items()
    assert seen["never_indexed"] == []
    block = asking(b"/inspect") + b"\x10\x01x\x01y"
    h2.send(frames.headers(3, block, frames.END_STREAM))
    assert json.loads(h2.response(3)[2])["never_indexed"] == ["x"]


def test_a_body_is_echoed_whatever_the_windows(client: Any) -> None:
    with connect(client.port, credit=False, initial_window_size=1000) as h2:
        body = bytes(range(256)) * 20
        stream = h2.request("/echo", "POST", body)
        got = b""
        while len(got) < len(body):
            data = h2.next(frames.DATA, stream)
            got += data.payload
            assert len(data.payload) <= 1000
            h2.credit(0, len(data.payload))
            h2.credit(stream, len(data.payload))
        assert got == body


def test_a_client_gets_window_for_what_it_sends(client: Any, h2: RawClient) -> None:
    h2.next(frames.SETTINGS)
    stream = h2.head("/echo", "POST")
    for _ in range(3):
        for _ in range(64):
            h2.data(stream, bytes(16384))
        granted = 0
        while granted < 1 << 20:
            granted += h2.next(frames.WINDOW_UPDATE, stream).number
    h2.data(stream, b"", end=True)
    assert len(h2.response(stream)[2]) == 3 << 20


def test_an_upload_with_trailers(client: Any, h2: RawClient) -> None:
    stream = h2.head("/echo", "POST")
    h2.data(stream, b"body")
    h2.send(frames.headers(stream, frames.block([(b"x", b"y")]), frames.END_STREAM))
    assert h2.response(stream)[2] == b"body"


def test_expect_continue(client: Any, h2: RawClient) -> None:
    stream = h2.head("/echo", "POST", expect="100-continue")
    assert h2.next(frames.HEADERS, stream).fields == [(":status", "100")]
    h2.data(stream, b"body", end=True)
    assert h2.response(stream)[2] == b"body"


@pytest.mark.parametrize("path", ["/bytes/70000", "/id/1?delay=0.001"])
def test_head_has_no_body(client: Any, h2: RawClient, path: str) -> None:
    stream = h2.request(path, "HEAD")
    status, fields, body = h2.response(stream)
    assert (status, body) == (200, b"")
    assert "content-length" in dict(fields)


def test_truncate_sends_half_and_no_end(client: Any, h2: RawClient) -> None:
    h2.request("/truncate/100000")
    data = [frame for frame in h2.to_end() if frame.kind == frames.DATA]
    assert sum(len(frame.payload) for frame in data) == 50_000
    assert not data[-1].ends


def test_close_ends_all_streams(client: Any, h2: RawClient) -> None:
    h2.request("/hang")
    h2.request("/close")
    assert not [frame for frame in h2.to_end() if frame.stream]
    client.wait_for(in_flight=0, open_streams=0, requests=2)


def test_extra_has_junk_after_its_end(client: Any, h2: RawClient) -> None:
    assert h2.get("/extra") == b"extra"
    assert h2.read(18) == b"junk after the end"


# Counts


def test_streams_are_counted_until_they_end(client: Any, h2: RawClient) -> None:
    streams = [h2.request("/hang"), h2.head("/echo", "POST"), h2.request("/bytes/1000000000")]
    client.wait_for(open_streams=3, in_flight=2, requests=2, http2_connections=1)
    for stream in streams:
        h2.reset(stream)
    client.wait_for(open_streams=0, in_flight=0, requests=2, resets=3)


def test_streams_end_with_their_connection(client: Any) -> None:
    with connect(client.port) as h2:
        for path in ("/hang", "/drip/1000?interval=9", "/delay/1000", "/bytes/1000000000"):
            h2.request(path)
        client.wait_for(open_streams=4, in_flight=4)
    client.wait_for(open_streams=0, in_flight=0, open_connections=0, requests=4, resets=0)


def test_a_client_that_does_not_read_is_waited_for(client: Any, h2: RawClient) -> None:
    stream = h2.request("/bytes/30000000")
    client.wait_for(requests=1)
    # Far more than the buffers of both sockets hold, so it cannot have been sent.
    assert client.counts()["in_flight"] == 1
    assert len(h2.response(stream)[2]) == 30_000_000
    client.wait_for(in_flight=0)


def test_a_client_that_goes_away_is_let_go(client: Any, h2: RawClient) -> None:
    h2.get("/id/1")
    h2.send(frames.frame(frames.GOAWAY, 0, 0, bytes(8)))
    h2.to_end()
    client.wait_for(open_connections=0)


# Refusals


def test_a_head_that_is_too_large(client: Any, h2: RawClient) -> None:
    block = asking(b"/")
    block += frames.block([(b"x", b"y" * 60_000)] * 2)
    h2.send(frames.headers(1, block, frames.END_STREAM))
    assert h2.response(1)[0] == 431


@pytest.mark.parametrize("path", ["x", "http://["])
def test_a_target_that_is_none(client: Any, h2: RawClient, path: str) -> None:
    h2.send(frames.headers(1, asking(path.encode()), frames.END_STREAM))
    h2.next(frames.RST_STREAM)
    client.wait_for(open_streams=0, requests=0)


@pytest.mark.parametrize("data", [frames.frame(frames.DATA, 0, 1, b"x"), frames.frame(frames.PING, 0, 0, b"short")])
def test_what_breaks_the_protocol_ends_the_connection(client: Any, h2: RawClient, data: bytes) -> None:
    h2.send(data)
    assert h2.to_end()[-1].kind == frames.GOAWAY
    client.wait_for(open_connections=0)


def test_a_preface_that_goes_on_wrongly_ends_the_connection(client: Any) -> None:
    answer = client.raw(b"PRI * HTTP", b"/2.0\r\n\r\nXX\r\n\r\n")
    assert all(frame[3] in (frames.SETTINGS, frames.WINDOW_UPDATE) for frame in frames.split(answer))
    client.wait_for(open_connections=0)


def test_more_streams_than_agreed_are_refused(client: Any, h2: RawClient) -> None:
    h2.next(frames.SETTINGS)
    for _ in range(128):
        h2.request("/hang")
    stream = h2.request("/hang")
    assert h2.next(frames.GOAWAY).code or stream
    client.wait_for(open_streams=0)
