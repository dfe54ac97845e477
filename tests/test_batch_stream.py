"""Results that are taken one by one while the batch goes on, on transports of each kind."""

from __future__ import annotations

import asyncio
import copy
import gc
import itertools
import pickle
import sqlite3
import sys
import weakref
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from pynector import (
    BatchItem,
    CheckpointError,
    ConfigurationError,
    HTTPStatusError,
    Pynector,
    PynectorError,
    Rate,
    RetryPolicy,
    TimeoutError,
    TransportError,
)
from pynector.callbacks import running_loop
from pynector.dispatch import resultfile
from pynector.dispatch.sources import Feed
from pynector.eventloop import ClientContext
from pynector.testing import LoopbackServer
from transports import ImmediateSubmit

pytestmark = pytest.mark.anyio

Open = Callable[..., Pynector]


class Exchanging:
    """Answers with what it is given, after as many seconds as the option `wait` says, and counts."""

    def __init__(self) -> None:
        self.in_flight = self.most = self.asked = 0

    async def connect(self) -> None: ...

    async def disconnect(self) -> None: ...

    async def exchange(self, data: Any, /, wait: float = 0.0, fails: bool = False) -> Any:
        self.asked += 1
        self.in_flight += 1
        self.most = max(self.most, self.in_flight)
        try:
            await anyio.sleep(wait)
        finally:
            self.in_flight -= 1
        if fails:
            raise ValueError(f"no {data}")
        return data


class Submitting(Exchanging):
    """The same, by callbacks."""

    def submit(self, data: Any, options: Any, deadline: float, completion: Any, token: int) -> Any:
        loop = running_loop(ClientContext())
        self.asked += 1
        self.in_flight += 1
        self.most = max(self.most, self.in_flight)

        def end() -> None:
            self.in_flight -= 1
            if options.get("fails"):
                completion.fail(token, ValueError(f"no {data}"))
            else:
                completion.succeed(token, data)

        outer = self

        class Given:
            timer = loop.call_at(loop.time() + options.get("wait", 0.0), end)

            def cancel(self) -> None:
                self.timer.cancel()
                outer.in_flight -= 1

        return Given()


@pytest.fixture(params=[Exchanging, Submitting], ids=["exchange", "submit"])
def transport(request: pytest.FixtureRequest) -> Any:
    return request.param()


def numbers(count: int, **options: Any) -> list[tuple[int, dict[str, Any]]]:
    return [(number, dict(options)) for number in range(count)]


async def take(results: Any, into: list[Any]) -> None:
    async for item in results:
        into.append(item)


async def later(entries: list[Any], closed: list[str]) -> AsyncIterator[Any]:
    try:
        for entry in entries:
            await anyio.lowlevel.checkpoint()
            yield entry
    finally:
        closed.append("closed")


def now(entries: list[Any], closed: list[str]) -> Iterator[Any]:
    try:
        yield from entries
    finally:
        closed.append("closed")


@pytest.mark.parametrize("clone", [lambda item: pickle.loads(pickle.dumps(item)), copy.copy, copy.deepcopy])
def test_an_item_can_be_copied_and_pickled(clone: Callable[[BatchItem], BatchItem]) -> None:
    item = BatchItem(3, "key", {"path": "/"}, [b"answer"], PynectorError("failed"), 0.25, 2)
    other = clone(item)
    assert other is not item
    assert (type(other), repr(other)) == (BatchItem, repr(item))
    assert (other.request, other.result) == (item.request, item.result)


SOURCES: list[Any] = [lambda entries, closed: (closed.append("closed"), entries)[1], now, later]


@pytest.mark.parametrize("source", SOURCES, ids=["list", "generator", "asynchronous"])
@pytest.mark.parametrize("ordered", [False, True])
async def test_gives_each_result_once(transport: Any, source: Any, ordered: bool) -> None:
    closed: list[str] = []
    entries: list[Any] = [(n, {"key": f"k{n}", "wait": 0.002 * (n % 5), "fails": n % 7 == 3}) for n in range(60)]
    async with (
        Pynector(transport) as client,
        client.batch_stream(source(entries, closed), max_concurrency=8, ordered=ordered) as results,
    ):
        items = [item async for item in results]
    assert sorted(item.index for item in items) == list(range(60))
    if ordered:
        assert [item.index for item in items] == list(range(60))
    for item in items:
        assert (item.key, item.request, item.attempts) == (f"k{item.index}", item.index, 1)
        assert item.ok is (item.index % 7 != 3)
        assert item.result == (item.index if item.ok else None)
        assert item.error is None or "no " in str(item.error.__cause__)
        assert 0 <= item.elapsed < 30
    if sys.platform == "linux":
        # uvloop's own clock has whole milliseconds.
        assert any(abs(1000 * item.elapsed - round(1000 * item.elapsed)) > 1e-4 for item in items)
    assert transport.most <= 8
    assert transport.in_flight == 0
    assert closed == ["closed"]
    assert client.stats().requests == 60
    assert (client.stats().in_flight, client.stats().queued) == (0, 0)


@pytest.mark.parametrize("lookahead", [None, 0, 5])
@pytest.mark.parametrize("asynchronous", [False, True])
async def test_reads_no_faster_than_results_are_taken(
    transport: Any, lookahead: int | None, asynchronous: bool
) -> None:
    read = 0
    window = 3
    ahead = window + (window if lookahead is None else lookahead)

    def endless() -> Iterator[Any]:
        nonlocal read
        for number in itertools.count():
            read += 1
            yield number, {}

    async def endless_later() -> AsyncIterator[Any]:
        for entry in endless():
            yield entry

    source: Any = endless_later() if asynchronous else endless()
    async with (
        Pynector(transport) as client,
        client.batch_stream(source, max_concurrency=window, lookahead=lookahead) as results,
    ):
        taken = 0
        async for _ in results:
            taken += 1
            await anyio.sleep(0.01)
            assert read <= taken + ahead
            if taken == 20:
                break
    assert read <= taken + ahead
    assert transport.most <= window


async def test_leaving_early_gives_up_what_is_in_flight_and_closes_the_source(transport: Any) -> None:
    closed: list[str] = []
    async with Pynector(transport) as client:
        async with client.batch_stream(later(numbers(50, wait=30), closed), max_concurrency=5) as results:
            assert results is not None
            while transport.in_flight < 5:  # noqa: ASYNC110 - nobody tells
                await anyio.sleep(0.005)
        assert closed == ["closed"]
        while transport.in_flight:  # noqa: ASYNC110 - nobody tells
            await anyio.sleep(0.005)
        assert client.stats().in_flight == 0


@pytest.mark.parametrize("kind", [KeyError, SystemExit, KeyboardInterrupt, StopAsyncIteration])
async def test_what_the_block_raises_comes_out_as_it_is(transport: Any, kind: type[BaseException]) -> None:
    raised = kind("mine")

    async def fail(client: Pynector) -> None:
        async with client.batch_stream(numbers(5)) as results:
            async for _ in results:
                raise raised

    async with Pynector(transport) as client:
        with pytest.raises(kind) as caught:
            await fail(client)
    assert caught.value is raised


async def test_a_generator_that_has_it_inside_can_be_closed(transport: Any) -> None:
    closed: list[str] = []

    async def answers(client: Pynector) -> AsyncGenerator[Any, None]:
        async with client.batch_stream(now(numbers(50), closed), max_concurrency=5) as results:
            async for item in results:
                yield item.result

    async with Pynector(transport) as client:
        async with aclosing(answers(client)) as given:
            assert await anext(given) in range(5)
        assert closed == ["closed"]
        assert client.stats().in_flight == 0


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_what_reading_raises_comes_after_what_was_begun(transport: Any, asynchronous: bool) -> None:
    def broken() -> Iterator[Any]:
        yield from numbers(4)
        raise OSError("the disk is gone")

    async def broken_later() -> AsyncIterator[Any]:
        for entry in broken():
            yield entry

    seen: list[Any] = []
    async with (
        Pynector(transport) as client,
        client.batch_stream(broken_later() if asynchronous else broken(), max_concurrency=2, ordered=True) as results,
    ):
        with pytest.raises(OSError, match="the disk is gone"):
            await take(results, seen)
        assert [item.result for item in seen] == [0, 1, 2, 3]
        assert [item async for item in results] == []


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_a_cancellation_out_of_its_source_is_the_sources_own(transport: Any, asynchronous: bool) -> None:
    if sys.version_info < (3, 11) and asynchronous:
        return  # Nothing tells it there from one that was asked for.

    def cancelled() -> Iterator[Any]:
        yield from numbers(2)
        # As `future.result()` and `await task` of something cancelled do.
        raise asyncio.CancelledError("meant for another")

    async def cancelled_later() -> AsyncIterator[Any]:
        for entry in cancelled():
            yield entry

    seen: list[Any] = []
    came_to_its_end = False
    async with (
        Pynector(transport) as client,
        client.batch_stream(cancelled_later() if asynchronous else cancelled(), max_concurrency=1) as results,
    ):
        with anyio.fail_after(20), pytest.raises(asyncio.CancelledError, match="meant for another"):
            await take(results, seen)
        came_to_its_end = True
    assert came_to_its_end
    assert [item.result for item in seen] == [0, 1]


async def test_what_is_no_entry_fails_in_its_place(transport: Any) -> None:
    entries: Any = [(1, {}), "nothing", (3, {"timeout": -1}), (4, {})]
    async with Pynector(transport) as client, client.batch_stream(entries, ordered=True) as results:
        items = [item async for item in results]
    assert [item.result for item in items] == [1, None, None, 4]
    assert "requests[1] must be a tuple (data, options)" in str(items[1].error)
    assert [item.attempts for item in items] == [1, 0, 0, 1]
    assert "timeout must be a positive number" in str(items[2].error)
    assert all(isinstance(item.error, ConfigurationError) for item in items[1:3])
    assert transport.asked == 2


async def test_being_cancelled_is_not_its_end(transport: Any) -> None:
    for last in range(30):
        came_to_its_end = False
        async with Pynector(transport) as client:
            with anyio.CancelScope() as scope:
                async with client.batch_stream(numbers(50), max_concurrency=5) as results:
                    async for item in results:
                        if item.index == last:
                            scope.cancel()
                    came_to_its_end = True
        assert not came_to_its_end


@pytest.mark.parametrize("options", [{}, {"rate": Rate(1000)}])
@pytest.mark.parametrize("slow", ["source", "consumer"])
async def test_nothing_runs_while_its_source_or_who_takes_its_results_takes_time(
    transport: Any, slow: str, options: dict[str, Any]
) -> None:
    proceed = anyio.Event()

    async def late() -> AsyncIterator[Any]:
        yield 0, {}
        await proceed.wait()
        yield 1, {}

    source: Any = late() if slow == "source" else numbers(9)
    items: list[Any] = []
    async with (
        Pynector(transport) as client,
        client.batch_stream(source, max_concurrency=1, lookahead=1, **options) as results,
    ):
        assert (await anext(results)).index == 0
        with anyio.fail_after(20):
            await anyio.wait_all_tasks_blocked()
        proceed.set()
        await take(results, items)
    assert items[0].index == 1


async def test_draining_starts_nothing_new(transport: Any) -> None:
    async with (
        Pynector(transport) as client,
        client.batch_stream(((n, {"wait": 0.02}) for n in itertools.count()), max_concurrency=4) as results,
    ):
        seen = 0
        async for _ in results:
            seen += 1
            if seen == 6:
                results.drain()
    assert seen == transport.asked
    assert 6 <= seen <= 14


@pytest.mark.parametrize("ordered", [False, True])
async def test_draining_does_not_start_what_was_read_and_waits(transport: Any, ordered: bool) -> None:
    items: list[Any] = []
    async with (
        Pynector(transport, max_concurrency_per_origin=2) as client,
        client.batch_stream(
            ((n, {"wait": 0.1}) for n in itertools.count()), max_concurrency=4, lookahead=5, ordered=ordered
        ) as results,
    ):
        items.append(await anext(results))
        results.drain()
        await take(results, items)
    assert transport.asked == sum(item.ok for item in items) < len(items)
    assert sorted(item.index for item in items) == list(range(len(items)))
    failed = [item for item in items if not item.ok]
    assert {(item.error.args[0], item.attempts, item.error.attempts, item.error.sent) for item in failed} == {
        ("not sent: the stream was drained", 0, 0, "none")
    }


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_its_source_may_drain_it(transport: Any, asynchronous: bool) -> None:
    streams: list[Any] = []

    def until_four() -> Iterator[Any]:
        for number in itertools.count():
            if number == 4:
                streams[0].drain()
            yield number, {}

    async def until_four_later() -> AsyncIterator[Any]:
        for entry in until_four():
            yield entry

    source: Any = until_four_later() if asynchronous else until_four()
    async with Pynector(transport) as client, client.batch_stream(source, max_concurrency=1) as results:
        streams.append(results)
        items: list[Any] = []
        await take(results, items)
    assert [item.result for item in items] == [0, 1, 2, 3]
    assert transport.asked == 4


async def test_its_time_passes(transport: Any) -> None:
    entries = [(0, {}), (1, {"wait": 30}), (2, {"wait": 30}), (3, {})]
    items: list[Any] = []
    async with Pynector(transport) as client, client.batch_stream(entries, max_concurrency=2, timeout=1) as results:
        with pytest.raises(TimeoutError, match="the batch's timeout passed"):
            await take(results, items)
    assert sorted(((item.index, type(item.error)) for item in items), key=str) == [
        (0, type(None)),
        (1, TimeoutError),
        (2, TimeoutError),
    ]


@pytest.mark.parametrize("size", range(3, 8))
async def test_its_time_is_nobody_s_concern_when_every_entry_has_ended(transport: Any, size: int) -> None:
    # Four are read ahead, and one that was taken makes room for another: whether there are more is not known then.
    items: list[Any] = []
    async with (
        Pynector(transport) as client,
        client.batch_stream(numbers(size), max_concurrency=2, lookahead=2, timeout=0.2) as results,
    ):
        items.append(await anext(results))
        await anyio.sleep(0.3)
        if size > 5:
            with pytest.raises(TimeoutError, match="the batch's timeout passed"):
                await take(results, items)
        else:
            await take(results, items)
    assert sorted(item.index for item in items) == list(range(min(size, 5)))


async def test_a_source_that_does_not_end_is_left_at_last(transport: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pynector.dispatch.batches.SOURCE_PATIENCE", 0.05)
    ended = []

    async def clinging() -> AsyncIterator[Any]:
        try:
            yield 0, {}
            yield 1, {}
        finally:
            try:
                await anyio.sleep_forever()
            finally:
                ended.append(True)

    with anyio.fail_after(20):
        async with Pynector(transport) as client, client.batch_stream(clinging(), max_concurrency=1) as results:
            assert (await anext(results)).index == 0
    assert ended


async def test_closing_the_client_ends_it(transport: Any) -> None:
    client = Pynector(transport)
    async with client.batch_stream(numbers(50, wait=30), max_concurrency=2) as results:
        while transport.in_flight < 2:  # noqa: ASYNC110 - nobody tells
            await anyio.sleep(0.005)
        await client.aclose()
        items: list[Any] = []
        with pytest.raises(TransportError, match="the client was closed"):
            await take(results, items)
    assert [type(item.error) for item in items] == [TransportError] * 2


async def test_closing_the_client_at_once_ends_it(transport: Any) -> None:
    endless = ((number, {}) for number in itertools.count())
    async with Pynector(transport) as client, client.batch_stream(endless, max_concurrency=2) as results:
        await client.aclose()
        with anyio.fail_after(20), pytest.raises(TransportError, match="the client was closed"):
            await take(results, [])
    assert transport.asked == 0


async def test_what_ends_it_is_told_though_nothing_was_in_flight(transport: Any) -> None:
    async def one_and_then_none() -> AsyncIterator[Any]:
        yield 0, {}
        await anyio.sleep(30)

    ends: list[tuple[Any, type[Exception], str]] = [
        (one_and_then_none(), TimeoutError, "the batch's timeout passed"),
        (numbers(50), TimeoutError, "the batch's timeout passed"),
        (one_and_then_none(), TransportError, "the client was closed"),
    ]
    for source, kind, said in ends:
        is_closed = kind is TransportError
        client = Pynector(transport)
        timeout = None if is_closed else 0.1
        async with client.batch_stream(source, max_concurrency=1, timeout=timeout) as results:
            items = [await anext(results)]
            while transport.in_flight:  # noqa: ASYNC110 - nobody tells
                await anyio.sleep(0.005)
            if is_closed:
                await client.aclose()
            else:
                # Who takes nothing meanwhile holds the source, or there is nothing in it.
                await anyio.sleep(0.15)
            with pytest.raises(kind, match=said):
                await take(results, items)
        assert all(item.ok for item in items)
        await client.aclose()


@pytest.mark.parametrize("ordered", [False, True])
async def test_the_event_loop_has_its_turn_though_every_answer_is_there_at_once(ordered: bool) -> None:
    endless = ((number, {}) for number in itertools.count())
    async with Pynector(ImmediateSubmit()) as client, client.batch_stream(endless, ordered=ordered) as results:
        seen = 0
        with anyio.move_on_after(0) as scope:
            async for _ in results:
                seen += 1
                assert seen < 10_000
        assert scope.cancelled_caught


async def test_several_tasks_may_take_from_it(transport: Any) -> None:
    seen: list[Any] = []
    closed: list[str] = []
    async with (
        Pynector(transport) as client,
        client.batch_stream(later(numbers(30, wait=0.001), closed), max_concurrency=2) as results,
    ):
        with anyio.fail_after(20):
            async with anyio.create_task_group() as tasks:
                for _ in range(3):
                    tasks.start_soon(take, results, seen)
    assert sorted(item.index for item in seen) == list(range(30))


async def test_nothing_starts_while_its_requests_come_to_their_end() -> None:
    begun, ends, released = anyio.Event(), anyio.Event(), anyio.Event()
    asked: list[Any] = []

    class Reluctant(Forgetful):
        async def exchange(self, data: Any, /, sticks: bool = False) -> Any:
            asked.append(data)
            if data == 2:
                begun.set()
                try:
                    await anyio.sleep_forever()
                finally:
                    ends.set()
                    with anyio.CancelScope(shield=True):
                        await released.wait()
            return data

    client = Pynector(Reluctant())
    items: list[Any] = []
    with anyio.fail_after(20):
        async with (
            anyio.create_task_group() as tasks,
            client.batch_stream(numbers(20), max_concurrency=2, lookahead=0, ordered=True) as results,
        ):
            items.append(await anext(results))
            await begun.wait()
            tasks.start_soon(client.aclose)
            await ends.wait()
            items.append(await anext(results))
            released.set()
            with pytest.raises(TransportError, match="the client was closed"):
                await take(results, items)
    assert sorted(asked) == [0, 1, 2]
    assert [item.result for item in items] == [0, 1, None]


async def test_two_at_a_time_on_one_client(transport: Any) -> None:
    async with Pynector(transport) as client:
        seen: list[list[Any]] = [[], []]

        async def run(place: int) -> None:
            async with client.batch_stream(numbers(40), max_concurrency=3, ordered=True) as results:
                async for item in results:
                    seen[place].append(item.result)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run, 0)
            tasks.start_soon(run, 1)
    assert seen == [list(range(40))] * 2


class Forgetful:
    """Answers with what it is given, and keeps nothing of it."""

    async def connect(self) -> None: ...

    async def disconnect(self) -> None: ...

    async def exchange(self, data: Any, /) -> Any:
        await anyio.lowlevel.checkpoint()
        return data


class ForgetfulSubmitting(Forgetful):
    """The same, by callbacks."""

    def submit(self, data: Any, options: Any, deadline: float, completion: Any, token: int) -> None:
        completion.succeed(token, data)


class Thing:
    """What is sent and answered: it tells whether somebody has it."""


@pytest.mark.parametrize("kind", [Forgetful, ForgetfulSubmitting])
@pytest.mark.parametrize("call", ["batch_request", "batch_stream"])
async def test_what_was_given_out_waits_for_no_garbage_collector(kind: Any, call: str) -> None:
    entries: list[Any] = [(Thing(), {}) for _ in range(6)]
    gone = [weakref.ref(data) for data, _ in entries]
    answers: list[Any] = []
    gc.collect()
    gc.disable()
    try:
        async with Pynector(kind()) as client:
            if call == "batch_request":
                answers += await client.batch_request(entries)
            else:
                async with client.batch_stream(iter(entries)) as results:
                    await take(results, answers)
                del results
            answers.clear()
            entries.clear()
            # What told the loop of the end of a task is its until its next turn.
            await anyio.lowlevel.checkpoint()
            assert [ref() for ref in gone] == [None] * 6
    finally:
        gc.enable()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"requests": "text"}, "requests must be an iterable"),
        ({"requests": {"path": "/"}}, "requests must be an iterable"),
        ({"requests": 5}, "requests must be an iterable"),
        ({"max_concurrency": 0}, "max_concurrency"),
        ({"timeout": -1}, "timeout"),
        ({"ordered": "yes"}, "ordered must be True or False"),
        ({"lookahead": -1}, "lookahead"),
    ],
)
async def test_bad_arguments_are_told_at_once(transport: Any, arguments: dict[str, Any], said: str) -> None:
    async with Pynector(transport) as client:
        with pytest.raises(ConfigurationError, match=said):
            client.batch_stream(**{"requests": [], **arguments})


async def test_a_forgotten_async_with_is_told(transport: Any) -> None:
    async with Pynector(transport) as client:
        with pytest.raises(PynectorError, match="`async with` is missing"):
            await take(client.batch_stream([]), [])


async def test_over_http(server: LoopbackServer) -> None:
    entries = [({"path": f"/id/{n}" if n % 10 else "/status/404"}, {"key": n}) for n in range(200)]
    async with (
        Pynector(base_url=server.url) as client,
        client.batch_stream(iter(entries), max_concurrency=20, as_response=True) as results,
    ):
        async for item in results:
            if item.key % 10:
                assert item.ok
                assert (item.result.status_code, item.result.content) == (200, str(item.key).encode())
            else:
                assert isinstance(item.error, HTTPStatusError)
    assert client.stats().requests == 200


async def test_when_its_file_is_full_nothing_is_given_out_that_is_not_in_it_and_that_is_an_error(
    transport: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full(sqlite3.Connection):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self.execute("PRAGMA max_page_count = 30")

    connect = sqlite3.connect
    monkeypatch.setattr(resultfile.sqlite3, "connect", lambda *args, **options: connect(*args, **options, factory=Full))
    path = tmp_path / "full.db"
    taken = anyio.Event()

    async def entries() -> AsyncIterator[Any]:
        yield b"first", {}
        await taken.wait()
        # All are in flight when there is no room for this one.
        yield bytes(300_000), {"wait": 0.1}
        for _ in range(3):
            yield b"late", {"wait": 0.4}

    async with (
        Pynector(transport) as client,
        client.batch_stream(entries(), max_concurrency=5, checkpoint=path) as results,
    ):
        items: list[Any] = [await anext(results)]
        taken.set()
        with pytest.raises(CheckpointError, match="the disk is full"):
            await take(results, items)
    assert [item.index for item in items] == [0]


async def test_a_result_that_its_file_cannot_keep_is_a_failure(transport: Any, tmp_path: Path) -> None:
    entries: list[Any] = [({1, 2}, {}), *[(number, {"wait": 30}) for number in range(5)]]
    async with Pynector(transport) as client:
        with pytest.raises(ConfigurationError, match="a checkpoint keeps"):
            await client.batch_request(entries, max_concurrency=2, raise_on_error=True, checkpoint=tmp_path / "job.db")
        assert client.stats().errors == {"ConfigurationError": 1}


# Entries that are put in while others are sent


@pytest.mark.parametrize("rules", [{}, {"retry": RetryPolicy(2)}], ids=["plain", "rules"])
async def test_a_feed_may_have_no_entry_yet(transport: Any, rules: dict[str, Any]) -> None:
    feed, seen = Feed(), []
    feed.add((number, {}) for number in range(3))
    async with Pynector(transport) as client, client.batch_stream(feed, max_concurrency=2, **rules) as results:
        async for item in results:
            seen.append(item.index)
            assert item.result == item.index
            if len(seen) == 3:
                # Nothing is there for a while.
                await anyio.sleep(0.01)
                feed.add((number, {}) for number in range(3, 500))
            if len(seen) == 500:
                feed.end()
    assert sorted(seen) == list(range(500))
