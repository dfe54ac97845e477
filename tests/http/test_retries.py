"""Requests that are sent again: what they send, what they repeat, and what they come to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import anyio
import pytest
from scripted import ScriptedServer, answer

from pynector import HTTPStatusError, Pynector, PynectorError, TimeoutError

Play = Callable[..., ScriptedServer]

pytestmark = pytest.mark.anyio

BUSY = answer(b"later", "503 Busy")


class Anew:
    """A body that can be read as often as one likes."""

    def __init__(self) -> None:
        self.readers = 0

    async def _read(self) -> AsyncIterator[bytes]:
        self.readers += 1
        yield b"the "
        yield b"body"

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._read()


async def once() -> AsyncIterator[bytes]:
    yield b"the "
    yield b"body"


def body_of(request: bytes) -> bytes:
    """Return the body of a request, out of its chunks."""
    head, _, body = request.partition(b"\r\n\r\n")
    if b"chunked" not in head:
        return body
    pieces, rest = [], body
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        pieces.append(rest[: int(size, 16)])
        rest = rest[int(size, 16) + 2 :]
    return b"".join(pieces)


@pytest.mark.parametrize("length", [None, "8"])
async def test_a_body_that_can_be_read_once_is_sent_once(play: Play, engine: str, length: str | None) -> None:
    server = play([BUSY] * 3)
    request: dict[str, Any] = {"method": "PUT", "path": "/", "content": once()}
    if length is not None:
        request["headers"] = {"Content-Length": length}
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        with pytest.raises(HTTPStatusError) as failed:
            await client.request_with_retry(request, 3, 0.001)
    assert failed.value.status_code == 503
    assert [body_of(request) for request in server.requests] == [b"the body"]


@pytest.mark.parametrize("length", [None, "8"])
async def test_a_body_that_can_be_read_anew_is_sent_again_whole(play: Play, engine: str, length: str | None) -> None:
    server = play([BUSY, BUSY, answer(b"done")])
    body = Anew()
    request: dict[str, Any] = {"method": "PUT", "path": "/", "content": body}
    if length is not None:
        request["headers"] = {"Content-Length": length}
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        assert await client.request_with_retry(request, 3, 0.001) == b"done"
    assert body.readers == 3
    assert [body_of(request) for request in server.requests] == [b"the body"] * 3


@pytest.mark.parametrize("status", ["307 Again", "308 Always"])
async def test_a_redirect_may_have_a_body_that_can_be_read_anew(play: Play, engine: str, status: str) -> None:
    server = play([answer(b"", status, "Location: /there"), answer(b"done")], [answer(b"done")])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        assert await client.request({"method": "PUT", "path": "/", "content": Anew()}) == b"done"
    assert [body_of(request) for request in server.requests] == [b"the body"] * 2


async def test_a_dead_connection_s_upload_goes_again_if_it_can_be_read_anew(play: Play, engine: str) -> None:
    server = play([answer(), "close"], [answer(b"done")])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        await client.request({"path": "/"})
        assert await client.request({"method": "PUT", "path": "/", "content": Anew()}) == b"done"
    assert body_of(server.requests[-1]) == b"the body"


async def test_each_attempt_sends_the_same(play: Play, engine: str) -> None:
    request: dict[str, Any] = {"method": "POST", "path": "/", "json": {"n": 1}, "params": iter([("a", "1")])}

    def spoil() -> None:
        request["json"]["n"] = object()
        request["path"] = 7

    server = play([[spoil, BUSY], BUSY, answer(b"done")])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        assert await client.request_with_retry(request, 3, 0.001) == b"done"
    assert len(set(server.requests)) == 1
    assert server.requests[0].startswith(b"POST /?a=1 ")


@pytest.mark.parametrize("as_response", [False, True])
async def test_statuses_are_repeated_though_they_are_no_errors(play: Play, engine: str, as_response: bool) -> None:
    server = play([BUSY, BUSY, answer(b"gone", "404 Not Found")])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        options = {"raise_for_status": False, "as_response": as_response}
        last = await client.request_with_retry({"path": "/"}, 4, 0.001, **options)
    assert len(server.requests) == 3
    if as_response:
        assert (last.status_code, last.content, last.attempts) == (404, b"gone", 3)
    else:
        assert last == b"gone"


async def test_the_last_answer_is_given_when_no_attempt_is_left(play: Play, engine: str) -> None:
    server = play([BUSY] * 3)
    async with Pynector(base_url=server.url, http_engine=engine, raise_for_status=False, as_response=True) as client:
        last = await client.request_with_retry({"path": "/"}, 3, 0.001)
    assert (last.status_code, last.content, last.attempts) == (503, b"later", 3)


async def test_an_attempt_that_hangs_is_repeated(play: Play, engine: str) -> None:
    server = play(["hang"], ["hang"], [answer(b"done")])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        with anyio.fail_after(20):
            assert await client.request_with_retry({"path": "/"}, 9, 0.001, attempt_timeout=0.3) == b"done"
    # On a machine that pauses an answer may be late, too.
    assert len(server.requests) >= 3


async def test_an_attempt_that_hangs_is_not_repeated_past_the_whole_time(play: Play, engine: str) -> None:
    server = play(["hang"])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        with anyio.fail_after(20), pytest.raises(TimeoutError) as late:
            await client.request_with_retry({"path": "/"}, 100, 0.001, attempt_timeout=0.2, timeout=0.7)
    assert 2 <= late.value.attempts <= 4
    assert late.value.sent == "full"


async def test_the_last_error_says_how_many_attempts_there_were(play: Play, engine: str) -> None:
    server = play([BUSY] * 4)
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        with pytest.raises(HTTPStatusError, match="the last of 3 attempts") as failed:
            await client.request_with_retry({"path": "/"}, 3, 0.001)
        assert failed.value.attempts == 3
        with pytest.raises(HTTPStatusError) as single:
            await client.request({"path": "/"}, timeout=2)
        assert "attempts" not in str(single.value)


@pytest.mark.parametrize("wrong", [0, -1, float("nan"), "1", True])
async def test_a_wrong_time_for_an_attempt_is_refused(engine: str, wrong: Any) -> None:
    async with Pynector(base_url="http://127.0.0.1:9", http_engine=engine) as client:
        with pytest.raises(PynectorError, match="attempt_timeout"):
            await client.request_with_retry({"path": "/"}, attempt_timeout=wrong)
