"""Subscriptions after their end, and numbers that any thread may ask for."""

from __future__ import annotations

import threading
from typing import Any

import anyio
import pytest

from inside import transport_of
from pynector import ConnectError, PynectorError, WebSocketClosed
from wsservers import Url, client, running, until

pytestmark = pytest.mark.anyio


async def test_one_that_is_closed_says_so(url: Url) -> None:
    async with client(url("/echo")) as it:
        async with it.subscribe() as messages:
            await it.request("queued", one_way=True)
            await until(lambda: bool(messages._queue))
        for _ in range(2):
            with pytest.raises(PynectorError, match="the subscription is closed"):
                await messages.__anext__()
        with pytest.raises(PynectorError, match="the subscription is closed"):
            [message async for message in messages]
        assert await it.request("x") == b"x"
        # Again, which changes nothing.
        messages.close()


async def test_whoever_waits_when_it_is_closed_meets_the_end(url: Url) -> None:
    got: list[Any] = []

    async def listen(messages: Any) -> None:
        got.append([message async for message in messages])

    async with client(url("/echo")) as it, anyio.create_task_group() as tasks, it.subscribe() as messages:
        tasks.start_soon(listen, messages)
        await anyio.wait_all_tasks_blocked()
    assert got == [[]]


async def test_one_that_ended_with_its_client_ends_as_often_as_it_is_asked(url: Url) -> None:
    async with client(url("/echo")) as it, it.subscribe() as messages:
        await it.request("queued", one_way=True)
        await until(lambda: bool(messages._queue))
        await it.aclose()
        assert [message.content async for message in messages] == [b"queued"]
        for _ in range(2):
            assert [message async for message in messages] == []


async def test_an_end_by_an_error_is_an_error_of_its_own_for_each() -> None:
    with running() as port:
        it = client(f"ws://127.0.0.1:{port}/echo", max_reconnects=1, reconnect_delay=0.01)
        await it.__aenter__()
    errors: list[BaseException] = []
    async with it.subscribe() as one, it.subscribe() as other:
        for messages in (one, one, other):
            with pytest.raises((ConnectError, WebSocketClosed)) as failed:
                await messages.__anext__()
            errors.append(failed.value)
    assert len({id(error) for error in errors}) == 3
    assert len({str(error) for error in errors}) == 1
    await it.aclose()


async def test_any_thread_may_ask_for_numbers_at_any_time(url: Url) -> None:
    stop = threading.Event()
    problems: list[BaseException] = []
    totals: list[int] = []
    options: dict[str, Any] = {"connections": 3, "idempotent": True, "reconnect_delay": 0.001, "max_reconnects": 1000}
    it = client(url("/abort-after?after=3"), **options)
    transport = transport_of(it)

    def ask() -> None:
        try:
            while not stop.is_set():
                it.stats()
                transport.origins()
                totals.append(transport.counts()["reconnects"])
        except BaseException as error:
            problems.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        for _ in range(10):
            async with it, it.subscribe():
                answers = await it.batch_request([(f"{n}", {}) for n in range(30)], max_concurrency=10)
                assert answers == [b"%d" % n for n in range(30)]
                with anyio.move_on_after(0.001):
                    await it.request("x")
    finally:
        stop.set()
        await anyio.to_thread.run_sync(thread.join)
    assert problems == []
    # They never become fewer.
    assert totals == sorted(totals)
    assert totals[-1] <= transport.counts()["reconnects"]
