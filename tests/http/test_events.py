"""Server-sent events: how a stream is read, and how one that ends is gone on with."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import ScriptedServer, answer

from pynector import (
    ConfigurationError,
    ConnectionLost,
    HTTPStatusError,
    ProtocolError,
    Pynector,
    PynectorError,
    ServerSentEvent,
    TimeoutError,
)
from pynector import eventstream as eventstreams
from pynector.transport.http import events as reading
from pynector.transport.http.events import EventParser

Play = Callable[..., ScriptedServer]

KIND = "Content-Type: text/event-stream; charset=utf-8"

# From the examples of the standard, and what its rules say beyond them.
STREAMS = [
    ("data: YHOO\ndata: +2\ndata: 10\n\n", [("YHOO\n+2\n10", "message", "")]),
    (
        ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
        [("first event", "message", "1"), ("second event", "message", ""), (" third event", "message", "")],
    ),
    ("data\n\ndata\ndata\n\ndata:", [("", "message", ""), ("\n", "message", "")]),
    ("data:test\n\ndata: test\n\n", [("test", "message", "")] * 2),
    ("event: add\rdata: 1\r\revent: gone\r\n\r\ndata: 2\r\n\r\n", [("1", "add", ""), ("2", "message", "")]),
    ("\ufeffdata: ä\n\n", [("ä", "message", "")]),
    ("id: 1\nid: 2\0\ndata: x\n\n", [("x", "message", "1")]),
    ("id: 7\n\ndata: x\n\n", [("x", "message", "7")]),
    ("Data: x\nunknown: y\n data: z\n\n", []),
    ("data: not ended\n", []),
    ("", []),
]


def parsed(pieces: list[bytes]) -> list[tuple[str, str, str]]:
    parser = EventParser()
    return [(event.data, event.event, event.id) for piece in pieces for event in parser.feed(piece)]


@pytest.mark.parametrize(("text", "events"), STREAMS)
@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_a_stream_is_read(text: str, events: list[tuple[str, str, str]], size: int) -> None:
    data = text.encode()
    assert parsed([data[at : at + size] for at in range(0, len(data), size)]) == events


@given(
    text=st.lists(st.sampled_from(["data: a", "data", "id: 1", "event: e", ": c", "", "", "ä"]), max_size=12),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    cuts=st.lists(st.integers(0, 200), max_size=8),
)
@settings(max_examples=300)
def test_cuts_make_no_difference(text: list[str], end: str, cuts: list[int]) -> None:
    whole = "".join(line + end for line in text)
    data = whole.encode()
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [data[first:last] for first, last in itertools.pairwise(edges)]
    assert parsed(pieces) == parsed([whole.replace(end, "\n").encode()])


def test_a_return_ends_a_line_at_once() -> None:
    parser = EventParser()
    assert [event.data for event in parser.feed(b"data: 1\r\r")] == ["1"]
    assert parser.feed(b"\ndata: 2\r\n") == []
    assert [event.data for event in parser.feed(b"\r\n")] == ["2"]


def test_the_time_to_wait() -> None:
    parser = EventParser()
    (event,) = parser.feed(b"retry: 10\nretry: 1x\nretry: \ndata: x\n\n")
    assert (event.retry, parser.retry) == (10, 10)
    (event,) = parser.feed(b"data: x\n\n")
    assert (event.retry, parser.retry) == (None, 10)


def test_an_id_counts_with_its_event() -> None:
    parser = EventParser("0")
    assert parser.feed(b"id: 1\ndata: x\n") == []
    assert parser.last_id == "0"
    assert parser.feed(b"\n")[0].id == parser.last_id == "1"


def test_an_event_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_OF_AN_EVENT", 100)
    parser = EventParser()
    for _ in range(9):
        parser.feed(b"data: 1234\n\n" * 5)
    with pytest.raises(ProtocolError, match="longer than"):
        parser.feed(b"data: 1234" * 11)


# Over HTTP


@pytest.fixture(params=["auto"])
def engine(request: pytest.FixtureRequest) -> str:
    """They stand above the engines."""
    return str(request.param)


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What is waited before the server is asked again; nothing of it really."""
    waited: list[float] = []
    real = anyio.sleep

    async def sleep(seconds: float) -> None:
        waited.append(seconds)
        await real(0)

    monkeypatch.setattr(eventstreams.anyio, "sleep", sleep)
    return waited


def sent(*events: str, length: bool = False) -> bytes:
    return answer("".join(events).encode(), "200 OK", KIND, "Connection: close", length=length)


async def all_of(client: Pynector, *args: Any, **options: Any) -> list[ServerSentEvent]:
    async with client.events(*args, **options) as events:
        return [event async for event in events]


END = answer(b"", "204 No Content", length=False)


@pytest.mark.anyio
async def test_a_stream_gives_its_events(play: Play, engine: str) -> None:
    server = play([sent("data: 1\n\n", "data: 2\n\ndata: 3", length=True)])
    async with Pynector(base_url=server.url, http_engine=engine) as client, client.stream({"path": "/"}) as response:
        assert [event.data async for event in response.iter_events()] == ["1", "2"]


@pytest.mark.anyio
async def test_it_goes_on_after_the_last_event(play: Play, engine: str, waits: list[float]) -> None:
    server = play(
        [[sent("data: a\n\n", "id: 7\ndata: b\n\n"), "close"]],
        [[sent("retry: 20\n\n", "data: c\n\nid: 8\n"), "close"]],
        [[sent("data: d\n\n", "id: 9\n\n"), "close"]],
        [END],
    )
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        got = await all_of(client, "/news", headers={"X-Own": "1"})
    assert [(event.data, event.id) for event in got] == [("a", ""), ("b", "7"), ("c", "7"), ("d", "7")]
    assert [re.findall(rb"(?i)last-event-id: *(.*)\r\n", one) for one in server.requests] == [
        [],
        [b"7"],
        [b"7"],
        [b"9"],
    ]
    for one in server.requests:
        assert b"text/event-stream" in one
        assert re.search(rb"(?i)x-own: 1", one)
        assert one.startswith(b"GET /news ")
    assert waits == [3.0, 0.02, 0.02]


@pytest.mark.anyio
async def test_what_may_pass_is_waited_for(play: Play, engine: str, waits: list[float]) -> None:
    busy = answer(b"", "503 Busy", "Retry-After: 40", "Connection: close")
    server = play(
        [[sent("data: a\n\n"), "close"]],
        [[busy, "close"]],
        ["reset"],
        ["reset"],
        [[sent("data: b\n\n"), "close"]],
        [END],
    )
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        assert [event.data for event in await all_of(client, "/")] == ["a", "b"]
    assert waits[0] == 3.0
    assert waits[1] == 40.0
    assert waits[-1] == 3.0
    assert all(3.0 <= wait <= 24.0 for wait in waits[2:-1])


@pytest.mark.anyio
async def test_what_cannot_pass_is_raised(play: Play, engine: str, waits: list[float]) -> None:
    server = play([[sent("data: a\n\n"), "close"]], [answer(b"no", "404 Not Found")])
    async with Pynector(base_url=server.url, http_engine=engine) as client, client.events("/") as events:
        assert (await anext(events)).data == "a"
        with pytest.raises(HTTPStatusError, match="404"):
            await anext(events)
        with pytest.raises(StopAsyncIteration):
            await anext(events)
        assert events.last_event_id == ""


@pytest.mark.anyio
@pytest.mark.parametrize("options", [{"reconnect": False}, {"method": "POST", "json": {"prompt": "x"}}])
async def test_what_is_asked_once(play: Play, engine: str, waits: list[float], options: dict[str, Any]) -> None:
    server = play([[sent("data: a\n\n", "data: b\n\n"), "close"]])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        assert [event.data for event in await all_of(client, "/", **options)] == ["a", "b"]
    assert len(server.requests) == 1
    assert waits == []


@pytest.mark.anyio
async def test_a_post_that_is_cut_off_is_an_error(play: Play, engine: str) -> None:
    cut = answer(b"data: a\n\n", "200 OK", KIND, "Content-Length: 100", length=False)
    server = play([[cut, "close"]])
    async with Pynector(base_url=server.url, http_engine=engine) as client, client.events("/", method="POST") as events:
        assert (await anext(events)).data == "a"
        with pytest.raises(ConnectionLost):
            await anext(events)


@pytest.mark.anyio
async def test_silence_is_a_lost_connection(play: Play, engine: str, waits: list[float]) -> None:
    head = answer(b"data: a\n\n", "200 OK", KIND, length=False)
    server = play([[head, "hang"]], [[sent("data: b\n\n"), "close"]], [END])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        assert [event.data for event in await all_of(client, "/", idle_timeout=0.2)] == ["a", "b"]


@pytest.mark.anyio
async def test_a_head_that_does_not_come(play: Play, engine: str) -> None:
    server = play(["hang"])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        with pytest.raises(TimeoutError, match=r"within 0\.2 s"):
            await all_of(client, "/", 0.2)


@pytest.mark.anyio
async def test_another_content_type(play: Play, engine: str) -> None:
    server = play([answer(b"{}", "200 OK", "Content-Type: application/json")])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        with pytest.raises(ProtocolError, match=r"application/json.*GET"):
            await all_of(client, {"path": "/?secret=1"})


@pytest.mark.anyio
async def test_wrong_use() -> None:
    async with Pynector(base_url="http://127.0.0.1:1") as client:
        for wrong in ({"reconnect": 1}, {"idle_timeout": 0}, {"last_event_id": "1\n2"}, {"timeout": -1}):
            with pytest.raises(ConfigurationError, match=next(iter(wrong))):
                client.events("/", **wrong)
        with pytest.raises(PynectorError, match="async with` is missing"):
            async for _ in client.events("/"):
                pass


@pytest.mark.anyio
async def test_it_is_left_in_the_middle(play: Play, engine: str) -> None:
    server = play([[answer(b"data: a\n\n", "200 OK", KIND, length=False), "hang"]])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        async with client.events("/") as events:
            assert (await anext(events)).data == "a"
        with pytest.raises(StopAsyncIteration):
            await anext(events)
    assert server.connections[0].ended.wait(20)
