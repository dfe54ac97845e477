"""Attempts to connect: they are for somebody, go on where they were left, and heed what the server asks for."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import anyio
import pytest

from inside import pool_of
from leaks import pending
from pynector import ConnectError, PynectorError, TimeoutError, WebSocketClosed
from pynector.transport.websocket import Gap, reconnecting
from wsservers import Url, client, listening, shake_hands, until

pytestmark = pytest.mark.anyio


class Failing:
    """A server that ends its first connections when a message comes, and has none after them.

    Args:
        good: How many it has.
        answer: What later handshakes are answered with; None: with nothing.
        frame: What a message is answered with before the end.
    """

    def __init__(self, good: int = 1, answer: bytes | None = None, frame: bytes = b"") -> None:
        self.asked: list[float] = []
        self._kept: list[socket.socket] = []
        self._good = good
        self._answer = answer
        self._frame = frame

    def serve(self, connection: socket.socket) -> None:
        self.asked.append(time.monotonic())
        if len(self.asked) <= self._good:
            shake_hands(connection)
            connection.recv(4096)
            connection.sendall(self._frame)
            connection.close()
        elif self._answer is not None:
            connection.recv(4096)
            connection.sendall(self._answer)
            connection.close()
        else:
            connection.setblocking(False)
            self._kept.append(connection)

    def is_left(self) -> bool:
        """Say whether all connections that it keeps waiting have ended."""
        return all(map(_has_ended, self._kept))


def _has_ended(connection: socket.socket) -> bool:
    try:
        while connection.recv(4096):
            pass
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


@contextmanager
def failing(*args: Any, **options: Any) -> Iterator[tuple[Failing, str]]:
    server = Failing(*args, **options)
    with listening(server.serve) as port:
        yield server, f"ws://127.0.0.1:{port}/"


@contextmanager
def black_hole() -> Iterator[str]:
    """A port that takes no connection more, and says nothing."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        kept = []
        for _ in range(4):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
            kept.append(one)
        try:
            yield f"ws://127.0.0.1:{listener.getsockname()[1]}/"
        finally:
            for one in kept:
                one.close()


async def lost(it: Any) -> None:
    """Lose the connection."""
    with pytest.raises(WebSocketClosed):
        await it.request("x", 20)


@pytest.mark.parametrize("kind", ["accepts and says nothing", "accepts nothing"])
async def test_the_next_request_has_its_own_time(kind: str) -> None:
    hole = black_hole() if kind == "accepts nothing" else failing(0)
    with hole as found:
        url = found if isinstance(found, str) else found[1]
        it = client(url, open_timeout=None)
        for _ in range(2):
            with anyio.move_on_after(0.1):
                await it.request("given up")
            with pytest.raises(TimeoutError) as failed:
                await it.request("late", 0.1)
        with anyio.fail_after(20), pytest.raises(TimeoutError) as failed:
            await it.request("next", 0.3)
        assert failed.value.sent == "none"
        await it.aclose()


async def test_what_nobody_waits_for_is_ended() -> None:
    with failing() as (server, url):
        async with client(url, open_timeout=None) as it:
            await lost(it)
            pool = pool_of(it)
            before = pending()
            for _ in range(2):
                with anyio.move_on_after(0.1):
                    await it.request("given up")
                with pytest.raises(TimeoutError):
                    await it.request("late", 0.1)
            with anyio.fail_after(20), pytest.raises(TimeoutError):
                await it.request("next", 0.3)
            assert pool.reconnecting.under_way == 0
            # The timer of a request that has ended may be one less by now.
            await until(lambda: pending() <= before)
            await until(server.is_left)


async def test_a_subscription_wants_them_until_it_is_closed() -> None:
    with failing() as (server, url):
        async with client(url, open_timeout=None) as it:
            pool = pool_of(it)
            async with it.subscribe():
                await lost(it)
                with pytest.raises(TimeoutError):
                    await it.request("late", 0.1)
                await until(lambda: len(server.asked) == 2)
                assert pool.reconnecting.under_way == 1
            await until(lambda: not pool.reconnecting.under_way)
            # The next one begins anew.
            with pytest.raises(TimeoutError):
                await it.request("late", 0.1)
            await until(lambda: len(server.asked) == 3)


async def test_whoever_wants_one_next_waits_no_longer_and_no_shorter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a request with a short timeout would begin the wait anew each time, or one with none the attempts."""
    waits: list[int] = []
    monkeypatch.setattr(reconnecting, "wait_before", lambda attempt, scale: waits.append(attempt) or 1.0)
    with failing(answer=b"HTTP/1.1 502 Bad Gateway\r\n\r\n") as (server, url):
        async with client(url) as it:
            await lost(it)
            for _ in range(8):
                with pytest.raises(TimeoutError):
                    await it.request("impatient", 0.1)
            await until(lambda: len(server.asked) == 2)
            # The first attempt is made at once.
            assert waits == [1]
            with anyio.fail_after(20):
                while len(server.asked) < 3:
                    with pytest.raises(TimeoutError):
                        await it.request("impatient", 0.1)
    _, second, third = server.asked
    assert third - second > 0.5


async def test_where_there_are_others_an_attempt_may_come_to_its_end(url: Url) -> None:
    """The next request may want it."""
    async with client(url("/close-after?after=1&code=1000"), connections=2, reconnect_delay=0.01) as it:
        pool = pool_of(it)
        assert await it.request("x") == b"x"
        await lost(it)
        # It goes on the other one, and is the last to want something.
        assert await it.request("z") == b"z"
        await until(lambda: len(pool.requests.connections) == 2)


async def test_closing_ends_them() -> None:
    with failing() as (server, url):
        it = client(url, open_timeout=None)
        async with it, anyio.create_task_group() as tasks:
            await lost(it)
            tasks.start_soon(_refused, it)
            await until(lambda: len(server.asked) == 2)
            pool = pool_of(it)
            await it.aclose()
            assert pool.reconnecting.under_way == 0
            assert not pool.reconnecting._makings


async def _refused(it: Any) -> None:
    with pytest.raises(PynectorError):
        await it.request("x")


# What the server asks for


CLOSE_1013 = b"\x88\x02\x03\xf5"


async def test_after_try_again_later_the_first_attempt_waits() -> None:
    with failing(good=2, frame=CLOSE_1013) as (server, url):
        async with client(url, reconnect_delay=1.0) as it:
            with pytest.raises(WebSocketClosed) as failed:
                await it.request("x", 20)
            assert (failed.value.code, failed.value.transient) == (1013, True)
            with pytest.raises(WebSocketClosed):
                await it.request("y", 20)
    assert 0.45 < server.asked[1] - server.asked[0] < 10


@pytest.mark.parametrize("status", [b"429 Too Many Requests", b"503 Service Unavailable"])
async def test_retry_after_is_heeded(status: bytes) -> None:
    answer = b"HTTP/1.1 " + status + b"\r\nRetry-After: 1\r\nSet-Cookie: a=secret\r\n\r\n"
    with failing(answer=answer) as (server, url):
        async with client(url, reconnect_delay=0.01, max_reconnects=2) as it, it.subscribe() as messages:
            await lost(it)
            with pytest.raises(ConnectError, match=r"status (429|503)") as failed:
                await messages.__anext__()
            response = failed.value.response
            assert response is not None
            assert (response.status_code, response.headers["retry-after"]) == (int(status[:3]), "1")
            assert "secret" not in repr(response)
    assert server.asked[1] - server.asked[0] < 0.9
    assert 0.9 < server.asked[2] - server.asked[1] < 10


async def test_retries_heed_it_too() -> None:
    answer = b"HTTP/1.1 503 Busy\r\nretry-after: 1\r\n\r\n"
    with failing(0, answer=answer) as (server, url), pytest.raises(ConnectError, match="status 503") as failed:
        await client(url).request_with_retry("x", max_retries=2, retry_delay=0)
    assert failed.value.attempts == 2
    assert 0.9 < server.asked[1] - server.asked[0] < 10


@pytest.mark.parametrize("asked", [b"never", b"-5", b"", b"Thu, 01 Jan 1970 00:00:00 GMT"])
async def test_what_cannot_be_heeded_is_not(asked: bytes) -> None:
    answer = b"HTTP/1.1 503 Busy\r\nRetry-After: " + asked + b"\r\n\r\n"
    with failing(answer=answer) as (server, url):
        async with client(url, reconnect_delay=0.01, max_reconnects=2) as it, it.subscribe() as messages:
            await lost(it)
            with pytest.raises(ConnectError):
                await messages.__anext__()
    assert server.asked[2] - server.asked[1] < 0.9


async def test_nobody_can_ask_for_too_long() -> None:
    refused = ConnectError("no")
    refused.response = _Answer("1000000000")
    assert reconnecting.asked_for(refused, 1.0) == reconnecting.LONGEST_ASKED
    assert reconnecting.asked_for(WebSocketClosed(code=1013), 1e308) == reconnecting.LONGEST_WAIT
    assert 0.5 <= reconnecting.asked_for(WebSocketClosed(code=1013), 1.0) <= 1.0
    assert reconnecting.asked_for(WebSocketClosed(code=1012), 1.0) == 0.0


class _Answer:
    status_code = 503

    def __init__(self, retry_after: str) -> None:
        self.headers = {"retry-after": retry_after}


async def test_a_gap_is_told_of_after_a_wait_too() -> None:
    with failing(good=2, frame=CLOSE_1013) as (_, url):
        async with client(url, reconnect_delay=0.1, max_reconnects=1) as it, it.subscribe() as messages:
            await lost(it)
            assert await messages.__anext__() == Gap("reconnect", 0)
