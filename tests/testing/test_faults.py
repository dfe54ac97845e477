"""Each endpoint that misbehaves over HTTP/2: what comes on the wire, and that the server is none the worse for it."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from typing import Any

import hpack
import pytest
from h2raw import RawClient, connect

from pynector.testing.endpoints import ENDPOINTS
from pynector.testing.http2 import frames

pytestmark = pytest.mark.parametrize("client", ["http2"], indirect=True)


@pytest.fixture
def h2(client: Any) -> Iterator[RawClient]:
    """A connection whose settings are agreed on. All streams of it have ended when it has."""
    with connect(client.port) as connection:
        connection.get("/id/1")
        yield connection
    client.wait_for(open_streams=0, in_flight=0, open_connections=0)


def kinds(h2: RawClient, stream: int) -> list[str]:
    """The types of the frames that came on a stream, one for each run of one type."""
    names = {number: name for name, number in frames.TYPES.items()}
    return [names[kind] for kind, _ in itertools.groupby(frame.kind for frame in h2.frames if frame.stream == stream)]


def goes_on(h2: RawClient) -> bool:
    """Whether the connection answers as if nothing had been."""
    return h2.get("/id/7") == b"7" and h2.get("/echo") == b""


# What all of them have in common


def test_over_http_1_they_are_misdirected(client: Any) -> None:
    for name, endpoint in ENDPOINTS.items():
        if name.startswith("h2-"):
            answer = client.raw(b"GET /%b/ping HTTP/1.0\r\n\r\n" % name.encode())
            assert answer.startswith(b"HTTP/1.1 421 "), endpoint


def test_after_some_times_they_answer(client: Any, h2: RawClient) -> None:
    path = "/h2-reset?code=refused_stream&times=2&key=a"
    for _ in range(2):
        assert h2.next(frames.RST_STREAM, h2.request(path)).code == 7
    assert h2.get(path) == b"3"
    assert h2.next(frames.RST_STREAM, h2.request(path.replace("=a", "=b"))).code == 7


def test_they_may_be_late(client: Any, h2: RawClient) -> None:
    start = time.monotonic()
    h2.next(frames.RST_STREAM, h2.request("/h2-reset?delay=0.05"))
    assert time.monotonic() - start >= 0.045


@pytest.mark.parametrize(
    "path",
    [
        "/h2-reset?code=no",
        "/h2-reset?at=no",
        "/h2-goaway?graceful=no",
        "/h2-settings?enable_push=no",
        "/h2-settings?max_frame_size=1",
        "/h2-goaway?last=2",
        "/h2-mute/no",
        "/h2-frame?type=256",
        "/h2-block/no",
    ],
)
def test_a_parameter_that_cannot_be(client: Any, h2: RawClient, path: str) -> None:
    status, _, body = h2.response(h2.request(path))
    assert (status, b"xpected" in body or b"nvalid" in body) == (400, True)
    assert goes_on(h2)


@pytest.mark.parametrize("path", ["/status/413?early=1", "/h2-length?early=1&says=5", "/stats?early=1"])
def test_early_answers_come_before_the_body_of_the_request(client: Any, h2: RawClient, path: str) -> None:
    stream = h2.head(path, "POST")
    h2.response(stream)
    client.wait_for(open_streams=1)
    h2.data(stream, b"late", end=True)
    client.wait_for(open_streams=0)
    assert goes_on(h2)


# Within the rules


@pytest.mark.parametrize(
    ("query", "expected", "code"),
    [
        ("", ["rst_stream"], 8),
        ("?at=head&code=internal_error", ["headers", "rst_stream"], 2),
        ("?at=body&code=99", ["headers", "data", "rst_stream"], 99),
        ("?at=end&code=no_error&early=1", ["headers", "data", "rst_stream"], 0),
    ],
)
def test_reset(client: Any, h2: RawClient, query: str, expected: list[str], code: int) -> None:
    stream = h2.head(f"/h2-reset{query}", "POST", end="early" not in query)
    assert h2.next(frames.RST_STREAM, stream).code == code
    assert kinds(h2, stream) == expected
    assert goes_on(h2)


def test_goaway_lets_what_is_below_finish(client: Any, h2: RawClient) -> None:
    below = h2.request("/delay/0.05")
    this = h2.request("/h2-goaway")
    above = h2.request("/id/3")
    assert h2.next(frames.GOAWAY).number == this
    assert h2.response(this)[2] == b"goaway"
    assert h2.response(below)[2] == b"0.05"
    h2.to_end()
    assert kinds(h2, above) == []


def test_goaway_below_has_not_looked_at_the_request(client: Any, h2: RawClient) -> None:
    hanging = h2.request("/delay/0.05")
    this = h2.request("/h2-goaway?last=below&code=enhance_your_calm&debug=calm")
    goaway = h2.next(frames.GOAWAY)
    assert (goaway.number, goaway.code, goaway.payload[8:]) == (hanging, 11, b"calm")
    assert h2.response(hanging)[2] == b"0.05"
    h2.to_end()
    assert kinds(h2, this) == []


@pytest.mark.parametrize(("last", "number"), [("none", 0), ("all", 2**31 - 1), ("1", 1)])
def test_goaway_and_the_end(client: Any, h2: RawClient, last: str, number: int) -> None:
    h2.request(f"/h2-goaway?last={last}&close=1&code=internal_error")
    goaway = h2.to_end()[-1]
    assert (goaway.number, goaway.code) == (number, 2)


def test_goaway_twice_and_in_good_order(client: Any, h2: RawClient) -> None:
    this = h2.request("/h2-goaway?graceful=0.05")
    assert h2.next(frames.GOAWAY).number == 2**31 - 1
    late = h2.request("/delay/0.1")
    assert h2.next(frames.GOAWAY).number == late
    assert h2.response(this)[2] == b"goaway"
    assert h2.response(late)[2] == b"0.1"
    h2.to_end()


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("at", ["start", "head", "body", "end", "frame"])
def test_die(client: Any, h2: RawClient, at: str, how: str) -> None:
    other = h2.request("/hang")
    this = h2.request(f"/h2-die?at={at}&how={how}")
    h2.to_end()
    assert kinds(h2, other) == []
    if how == "close":
        expected = {"start": [], "head": ["headers"], "frame": ["headers"]}
        assert kinds(h2, this) == expected.get(at, ["headers", "data"])
        assert len(h2.rest()) == (491 if at == "frame" else 0)


def test_settings_change_and_change_back(client: Any, h2: RawClient) -> None:
    this = h2.request("/h2-settings?max_concurrent_streams=0&initial_window_size=1&header_table_size=0&for=0.02")
    assert h2.next(frames.SETTINGS).payload == bytes.fromhex("0001 00000000 0003 00000000 0004 00000001")
    assert h2.next(frames.SETTINGS).payload == bytes.fromhex("0001 00001000 0003 00000080 0004 00100000")
    assert h2.response(this)[2] == b"settings"
    assert goes_on(h2)


def test_settings_flood(client: Any, h2: RawClient) -> None:
    assert h2.get("/h2-settings?count=1000") == b"settings"
    assert len([frame for frame in h2.frames if frame.kind == frames.SETTINGS and not frame.flags]) == 1001
    assert goes_on(h2)


def test_settings_shrink_a_window_that_is_used(client: Any, h2: RawClient) -> None:
    upload = h2.head("/h2-hold?for=0.05", "POST")
    h2.data(upload, bytes(10_000))
    assert h2.get("/h2-settings?initial_window_size=5000") == b"settings"
    assert h2.next(frames.WINDOW_UPDATE, upload).number
    h2.data(upload, b"x", end=True)
    assert h2.response(upload)[2] == b"10001"


@pytest.mark.parametrize("what", ["ping", "settings", "window_update"])
def test_mute(client: Any, h2: RawClient, what: str) -> None:
    stream = h2.head("/echo", "POST")
    assert h2.get(f"/h2-mute/{what}") == b"mute"
    seen = len(h2.frames)
    h2.send(frames.frame(frames.PING, 0, 0, bytes(8)))
    h2.send(frames.frame(frames.SETTINGS, 0, 0))
    for _ in range(40):
        h2.data(stream, bytes(16384))
    h2.data(stream, b"", end=True)
    h2.response(stream)
    came = {frame.kind for frame in h2.frames[seen:] if not frame.flags or frame.stream == 0}
    assert {frames.PING, frames.SETTINGS, frames.WINDOW_UPDATE} - came == {frames.TYPES[what]}


def test_mute_all(client: Any) -> None:
    with connect(client.port) as h2:
        assert h2.get("/h2-mute/all") == b"mute"
        h2.request("/id/1")
        h2.request("/hang")
        client.wait_for(open_streams=1)
        h2.patience(0.02)
        with pytest.raises(TimeoutError):
            h2.to_end()


def test_hold(client: Any, h2: RawClient) -> None:
    held, never = h2.head("/h2-hold?for=3", "POST"), h2.head("/h2-hold", "POST")
    for stream in (held, never):
        h2.data(stream, bytes(16384) * 1)
        for _ in range(62):
            h2.data(stream, bytes(16384))
    other = h2.request("/echo", "POST", b"others go on")
    assert h2.response(other)[2] == b"others go on"
    assert kinds(h2, held) == []
    assert h2.next(frames.WINDOW_UPDATE, held).number == 63 * 16384
    h2.data(held, b"x", end=True)
    assert h2.response(held)[2] == str(63 * 16384 + 1).encode()
    assert kinds(h2, never) == []
    h2.reset(never)
    client.wait_for(open_streams=0)


@pytest.mark.parametrize("says", ["10", "3", "-1"])
def test_length(client: Any, h2: RawClient, says: str) -> None:
    status, fields, body = h2.response(h2.request(f"/h2-length?says={says}"))
    assert (status, dict(fields)["content-length"], body) == (200, says, b"01234")
    assert goes_on(h2)


def test_endless(client: Any, h2: RawClient) -> None:
    stream = h2.request("/endless?size=1000")
    assert h2.next(frames.HEADERS, stream).fields == [(":status", "200"), ("content-type", "application/octet-stream")]
    for _ in range(1000):
        assert len(h2.next(frames.DATA, stream).payload) <= 16384
    h2.reset(stream)
    assert goes_on(h2)


# Outside of them


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("stream=0&payload=78", frames.frame(frames.DATA, 0, 0, b"x")),
        ("stream=1001&size=1", frames.frame(frames.DATA, 0, 1001, b"\0")),
        ("type=window_update&payload=00000000", frames.frame(frames.WINDOW_UPDATE, 0, 3, bytes(4))),
        ("type=window_update&stream=0&payload=7fffffff&count=2", frames.frame(8, 0, 0, b"\x7f\xff\xff\xff") * 2),
        ("type=settings&flags=1", frames.frame(frames.SETTINGS, 1, 0)),
        ("type=ping&size=8&count=1000", frames.frame(frames.PING, 0, 0, bytes(8)) * 1000),
        ("type=250&flags=255&stream=2147483647&size=20000", frames.frame(250, 255, 2**31 - 1, bytes(20000))),
    ],
)
def test_frame(client: Any, h2: RawClient, query: str, expected: bytes) -> None:
    seen = len(h2.frames)
    # What the client answers to it would not be right.
    h2.acks.clear()
    assert h2.get(f"/h2-frame?{query}") == b"frame"
    written = b"".join(frames.frame(f.kind, f.flags, f.stream, f.payload) for f in h2.frames[seen:])
    assert written.startswith(expected)
    assert goes_on(h2)


@pytest.mark.parametrize("at", ["start", "head", "body", "end"])
def test_a_frame_comes_in_its_place(client: Any, h2: RawClient, at: str) -> None:
    seen = len(h2.frames)
    stream = h2.request(f"/h2-frame?type=250&at={at}")
    h2.get("/id/1")
    written = [frame.kind for frame in h2.frames[seen:] if frame.stream == stream]
    assert written.index(250) == {"start": 0, "head": 1, "body": 2, "end": 2}[at]
    assert len(written) == (4 if at == "body" else 3)


def test_frames_without_an_end(client: Any, h2: RawClient) -> None:
    stream = h2.request("/h2-frame?count=0&at=head&interval=0")
    for _ in range(1000):
        assert h2.next(frames.DATA, stream).payload == b""
    h2.reset(stream)
    assert goes_on(h2)


def test_fields_are_those_of_the_query(client: Any, h2: RawClient) -> None:
    status, fields, body = h2.response(h2.request("/h2-fields?X-Upper=1&connection=close&te=a%0D%0Ab&%20=&times=9"))
    assert (status, body) == (200, b"fields")
    assert fields == [("X-Upper", "1"), ("connection", "close"), ("te", "a\r\nb"), (" ", "")]
    stream = h2.request("/h2-fields?a=b&:status=204&:other=c")
    assert h2.next(frames.HEADERS, stream).fields == [("a", "b"), (":status", "204"), (":other", "c")]
    assert goes_on(h2)


def test_trailers_are_those_of_the_query(client: Any, h2: RawClient) -> None:
    stream = h2.request("/h2-trailers?x=1&:status=200")
    assert h2.response(stream)[2] == b"trailers"
    assert h2.frames[-1].fields == [("x", "1"), (":status", "200")]
    assert goes_on(h2)


def test_informational(client: Any, h2: RawClient) -> None:
    stream = h2.request("/h2-informational?count=3")
    assert h2.response(stream)[::2] == (200, b"informational")
    heads = [frame.fields[0][1] for frame in h2.frames if frame.stream == stream and frame.fields]
    assert heads == ["103", "103", "103", "200"]
    assert h2.next(frames.HEADERS, h2.request("/h2-informational?status=100&end=1")).ends


def test_push(client: Any, h2: RawClient) -> None:
    stream = h2.request("/h2-push?answer=1")
    assert h2.response(stream)[2] == b"push"
    assert kinds(h2, stream) == ["push_promise", "headers", "data"]
    assert kinds(h2, 2) == ["headers"]
    assert h2.frames[-4].number == 2


@pytest.mark.parametrize("size", [0, 1000])
def test_continuation(client: Any, h2: RawClient, size: int) -> None:
    stream = h2.request(f"/h2-continuation?count=500&size={size}&end=1")
    status, fields, body = h2.response(stream)
    assert (status, len(fields), body) == (200, 500 if size else 0, b"continuation")
    assert len([frame for frame in h2.frames if frame.kind == frames.CONTINUATION]) == 501
    assert goes_on(h2)
    open_ended = h2.request("/h2-continuation?count=5")
    h2.until(lambda frame: len([f for f in h2.frames if (f.stream, f.kind) == (open_ended, frames.CONTINUATION)]) == 5)
    assert not h2.frames[-1].flags


def test_large(client: Any, h2: RawClient) -> None:
    status, fields, body = h2.response(h2.request("/h2-large?count=300&size=500"))
    assert (status, body, sum(len(value) for _, value in fields)) == (200, b"large", 150_000)
    assert goes_on(h2)


def test_bomb(client: Any, h2: RawClient) -> None:
    seen = len(h2.frames)
    status, fields, body = h2.response(h2.request("/h2-bomb?size=8388608"))
    assert (status, body, sum(len(n) + len(v) + 32 for n, v in fields)) == (200, b"bomb", 8388608)
    assert sum(len(frame.payload) for frame in h2.frames[seen:]) < 10_000


def test_block(client: Any, h2: RawClient) -> None:
    assert h2.next(frames.HEADERS, h2.request("/h2-block/88")).fields == [(":status", "200")]
    h2.request("/h2-block/80")
    with pytest.raises(hpack.InvalidTableIndexError):
        h2.next(frames.HEADERS)


@pytest.mark.parametrize(("size", "padding"), [(0, 0), (1000, 255), (60_000, 1)])
def test_padded(client: Any, h2: RawClient, size: int, padding: int) -> None:
    stream = h2.request(f"/h2-padded?size={size}&padding={padding}")
    status, fields, body = h2.response(stream)
    assert (status, fields, len(body)) == (200, [("content-length", str(size))], size)
    assert {frame.payload[0] for frame in h2.frames if frame.stream == stream} == {padding}
    assert goes_on(h2)
