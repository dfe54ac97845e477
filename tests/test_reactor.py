"""Functions that trio calls."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any

import pytest

from pynector.callbacks import TrioLoop
from pynector.eventloop import ClientContext, Runtime

trio = pytest.importorskip("trio")

from pynector.reactor import MANY, running_reactor  # noqa: E402

variable: ContextVar[str] = ContextVar("variable", default="")


def run(test: Callable[[], Awaitable[None]]) -> None:
    """Run a test, after which no task of ours is left."""

    async def main() -> None:
        before = trio.lowlevel.current_statistics().tasks_living
        with trio.fail_after(20):
            await test()
            while trio.lowlevel.current_statistics().tasks_living > before:
                await trio.sleep(0.001)

    trio.run(main)


def test_functions_are_called_in_their_order_and_their_context() -> None:
    async def test() -> None:
        called: list[Any] = []

        def note(what: str) -> None:
            called.append((what, variable.get()))
            if what == "first":
                running_reactor().call_soon(note, "last")

        for what in ("first", "second"):
            variable.set(what)
            running_reactor().call_soon(note, what)
        variable.set("test")
        assert called == []
        while len(called) < 3:
            await trio.lowlevel.checkpoint()
        assert called == [("first", "first"), ("second", "second"), ("last", "first")]

    run(test)


def test_timers_go_off_in_time_unless_they_are_cancelled() -> None:
    async def test() -> None:
        reactor, called, done = running_reactor(), list[int](), trio.Event()
        now = trio.current_time()
        for number in (3, 1, 2):
            reactor.call_at(now + number / 100, called.append, number)
        timers = [reactor.call_at(now + 1000, called.append, 0) for _ in range(10 * MANY)]
        reactor.call_at(now + 0.04, done.set)
        for timer in timers[1:]:
            timer.cancel()
            timer.cancel()
        assert len(reactor._timers) < 3 * MANY
        await done.wait()
        assert trio.current_time() >= now + 0.04
        assert called == [1, 2, 3]
        assert timers[0].when() == now + 1000
        timers[0].cancel()

    run(test)


def test_what_fails_is_told_and_harms_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        done = trio.Event()
        for call in (lambda: 1 / 0, done.set):
            running_reactor().call_soon(call)
        await done.wait()

    run(test)
    assert [type(record.exc_info[1]) for record in caplog.records if record.exc_info] == [ZeroDivisionError]


def test_what_was_called_or_cancelled_is_not_kept() -> None:
    class Kept:
        def call(self) -> None:
            pass

    async def test() -> None:
        soon, timed, cancelled = Kept(), Kept(), Kept()
        known = [weakref.ref(one) for one in (soon, timed, cancelled)]
        reactor = running_reactor()
        reactor.call_soon(soon.call)
        reactor.call_at(trio.current_time(), timed.call)
        reactor.call_at(trio.current_time() + 1000, cancelled.call).cancel()
        del soon, timed, cancelled
        await trio.sleep(0.01)
        gc.collect()
        assert [ref() for ref in known] == [None] * 3

    run(test)


def test_nothing_is_called_in_a_run_that_is_over_or_in_the_next_one() -> None:
    reactors: list[Any] = []
    called: list[str] = []

    async def first() -> None:
        reactors.append(running_reactor())
        reactors[0].call_at(trio.current_time() + 1000, called.append, "timer")

    async def second() -> None:
        reactors[0].call_soon(called.append, "soon")
        reactors[0].call_at(0, called.append, "at")
        await trio.sleep(0.01)
        assert running_reactor() is not reactors[0]

    trio.run(first)
    reactors[0].call_soon(called.append, "between")
    trio.run(second)
    assert called == []


def test_one_task_waits_for_what_stands_for_a_future() -> None:
    async def test() -> None:
        make = Runtime.current().new_future
        there, coming, left = make(), make(), make()
        there.set_result(None)
        await there
        running_reactor().call_soon(coming.set_result, None)
        await coming
        assert coming.done()
        with trio.move_on_after(0.01):
            await left
        # As asyncio's that was cancelled with its waiter.
        assert left.done()

    run(test)


def test_tasks_are_ended_but_for_the_callers_own() -> None:
    async def test() -> None:
        loop, ended = TrioLoop(ClientContext()), list[str]()

        async def wait() -> None:
            try:
                await trio.sleep_forever()
            finally:
                ended.append("other")

        async def end() -> None:
            await loop.end()
            ended.append("own")

        loop.begin(wait())
        await loop.ended([loop.begin(end())])
        assert ended == ["other", "own"]

    run(test)


def test_work_is_done_in_another_thread_or_told_to_be_cancelled() -> None:
    async def test() -> None:
        loop, told, done = TrioLoop(ClientContext()), list[str](), trio.Event()
        loop.in_thread(lambda: told.append("worked"), done.set)
        await done.wait()
        never = trio.Event()
        work = loop.in_thread(lambda: told.append("never"), never.set)
        work.cancel()
        await never.wait()
        assert told == ["worked"]

    run(test)
