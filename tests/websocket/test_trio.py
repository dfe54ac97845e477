"""What trio does with the tasks that nobody waits for."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from pynector.callbacks import TrioLoop
from pynector.eventloop import ClientContext
from wsservers import Url, client

pytest.importorskip("trio")


def on_trio(run: Callable[[], Any]) -> Any:
    return anyio.run(run, backend="trio")


def test_a_client_that_is_never_closed_ends_with_the_run(url: Url) -> None:
    async def forgetful() -> None:
        it = client(url("/echo"), connections=3)
        assert await it.request("x") == b"x"

    on_trio(forgetful)
    # A socket that was left open would warn, and warnings are errors.
    gc.collect()


def test_a_client_outlives_a_run(url: Url) -> None:
    it = client(url("/echo"))

    async def use() -> None:
        assert await it.batch_request([(f"{n}", {}) for n in range(100)]) == [b"%d" % n for n in range(100)]

    on_trio(use)
    on_trio(use)
    on_trio(it.aclose)


def test_ten_thousand_at_once_and_half_of_them_cancelled(url: Url) -> None:
    async def main() -> None:
        async with client(url("/echo"), connections=4) as it:
            answers: dict[int, bytes] = {}

            async def ask(number: int, scope: anyio.CancelScope) -> None:
                with scope:
                    answers[number] = await it.request(f"{number}")

            async with anyio.create_task_group() as tasks:
                scopes = [anyio.CancelScope() for _ in range(10_000)]
                for number, scope in enumerate(scopes):
                    tasks.start_soon(ask, number, scope)
                await anyio.lowlevel.checkpoint()
                for scope in scopes[::2]:
                    scope.cancel()
            assert all(answers[number] == b"%d" % number for number in range(1, 10_000, 2))
            assert await it.request("after") == b"after"

    on_trio(main)


def test_a_task_that_fails_is_told_of(caplog: pytest.LogCaptureFixture) -> None:
    async def fail() -> None:
        raise ValueError("this one")

    async def main() -> None:
        loop = TrioLoop(ClientContext())
        loop.spawn(fail)
        timer = loop.call_at(loop.time(), lambda: 1 / 0)
        loop.call_at(loop.time() + 1e6, fail).cancel()
        await anyio.sleep(0.05)
        assert timer.when() <= loop.time()

    on_trio(main)
    told = [type(record.exc_info[1]) for record in caplog.records if record.exc_info]
    assert sorted(told, key=str) == [ValueError, ZeroDivisionError]
