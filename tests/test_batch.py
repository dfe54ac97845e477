"""Batches: what may be asked for, what comes back, and when they end."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Iterator
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from pynector import ConfigurationError, Pynector, PynectorError, TimeoutError, TransportError
from pynector.callbacks import running_loop
from pynector.eventloop import ClientContext
from transports import ExchangeOnly, ImmediateSubmit, transport_of
from values import WRONG_TIMEOUTS

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["exchange", "submit"])
async def transport(request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    """A transport of either kind that can hold several requests."""
    async with transport_of(request.param) as made:
        yield made


# What may be asked for


async def test_no_requests_give_no_results() -> None:
    transport = ExchangeOnly()
    assert await Pynector(transport).batch_request([]) == []
    assert transport.connects == 0


async def test_one_request_gives_one_result(transport: Any) -> None:
    assert await Pynector(transport).batch_request([("x", {})]) == ["x"]


async def test_requests_may_be_any_iterable(transport: Any) -> None:
    def entries() -> Iterator[tuple[str, dict[str, Any]]]:
        for name in "abc":
            yield name, {}

    client = Pynector(transport)
    assert await client.batch_request(entries()) == ["a", "b", "c"]  # type: ignore[arg-type]
    assert await client.batch_request((("a", {}),)) == ["a"]  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", ["ab", b"ab", {"a": 1}, None, 7])
async def test_what_is_no_list_of_requests_is_refused(wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match=f"requests must be an iterable.*{type(wrong).__name__}"):
        await Pynector(ExchangeOnly()).batch_request(wrong)


@pytest.mark.parametrize("wrong", ["x", ("x",), ("x", {}, 1), ["x", {}], ("x", None), ("x", [("a", 1)]), None])
async def test_an_entry_that_is_no_request_is_named_by_its_index(wrong: Any) -> None:
    transport = ExchangeOnly()
    with pytest.raises(ConfigurationError, match=r"requests\[2\] must be a tuple"):
        await Pynector(transport).batch_request([("a", {}), ("b", {}), wrong, wrong])
    assert (transport.connects, transport.seen) == (0, [])


async def test_a_wrong_entry_s_data_is_not_shown() -> None:
    with pytest.raises(ConfigurationError) as caught:
        await Pynector(ExchangeOnly()).batch_request([("hunter2", {}, "hunter2", 1, 2, 3)])  # type: ignore[list-item]
    assert "hunter2" not in str(caught.value)
    assert "..." in str(caught.value)


@pytest.mark.parametrize("wrong", WRONG_TIMEOUTS)
async def test_a_wrong_timeout_is_refused(wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match="timeout"):
        await Pynector(ExchangeOnly()).batch_request([("x", {})], timeout=wrong)


@pytest.mark.parametrize("wrong", WRONG_TIMEOUTS)
async def test_an_entry_s_wrong_timeout_is_named_before_anything_is_sent(wrong: Any, transport: Any) -> None:
    requests: list[Any] = [*((str(n), {"timeout": None}) for n in range(500)), ("x", {"timeout": wrong})]
    with pytest.raises(ConfigurationError, match=r"requests\[500\]: timeout must be .* number of seconds"):
        await Pynector(transport).batch_request(requests)
    assert transport.seen == []


@pytest.mark.parametrize("wrong", [0, -1, True, 1.5, "3"])
async def test_a_wrong_limit_is_refused(wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match="max_concurrency"):
        await Pynector(ExchangeOnly()).batch_request([("x", {})], max_concurrency=wrong)


async def test_raise_on_error_is_a_bool() -> None:
    with pytest.raises(ConfigurationError, match="raise_on_error"):
        await Pynector(ExchangeOnly()).batch_request([("x", {})], raise_on_error="no")  # type: ignore[arg-type]


async def test_changing_the_list_meanwhile_changes_nothing(transport: Any) -> None:
    requests: list[Any] = [(number, {}) for number in range(100)]
    async with anyio.create_task_group() as tasks:
        results: list[Any] = []

        async def run() -> None:
            results.extend(await Pynector(transport).batch_request(requests, max_concurrency=2))

        tasks.start_soon(run)
        while not transport.seen:
            await anyio.lowlevel.checkpoint()
        requests.clear()
    assert results == list(range(100))


# Options and limits


async def test_an_entry_s_options_go_before_the_batch_s(transport: Any) -> None:
    requests: list[Any] = [("a", {}), ("b", {"x": 1}), ("c", {"y": 2, "timeout": 5}), ("d", {"timeout": None})]
    assert await Pynector(transport).batch_request(requests, x=0, max_concurrency=1) == ["a", "b", "c", "d"]
    assert [dict(options) for options in transport.options] == [{"x": 0}, {"x": 1}, {"x": 0, "y": 2}, {"x": 0}]


@pytest.mark.parametrize("limit", [1, 3, 10])
async def test_no_more_are_in_flight_than_the_limit(limit: int, transport: Any) -> None:
    results = await Pynector(transport).batch_request([(n, {}) for n in range(100)], max_concurrency=limit)
    assert results == list(range(100))
    assert transport.most_in_flight <= limit


async def test_the_client_s_limit_holds_where_a_batch_has_none(transport: Any) -> None:
    client = Pynector(transport, config={"max_concurrency": 4})
    await client.batch_request([(n, {}) for n in range(50)])
    assert transport.most_in_flight <= 4
    transport.most_in_flight = 0
    await client.batch_request([(n, {}) for n in range(50)], max_concurrency=9)
    assert 4 < transport.most_in_flight <= 9


async def test_batches_and_requests_share_what_a_transport_can_carry() -> None:
    transport = ExchangeOnly(max_concurrency=5)
    async with Pynector(transport) as client, anyio.create_task_group() as tasks:
        for _ in range(4):
            tasks.start_soon(client.batch_request, [(n, {}) for n in range(60)], 4)
            tasks.start_soon(client.request, "x")
    assert len(transport.seen) == 244
    assert transport.most_in_flight == 5


@pytest.mark.parametrize("wrong", [0, -1, "many"])
async def test_a_transport_s_wrong_capacity_is_named(wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match="max_concurrency of ExchangeOnly"):
        await Pynector(ExchangeOnly(max_concurrency=wrong)).request("x")


# Failures


async def test_what_failed_stands_in_its_place(transport: Any) -> None:
    requests: list[Any] = [(ValueError(str(n)) if n % 3 == 0 else n, {}) for n in range(300)]
    results = await Pynector(transport).batch_request(requests, max_concurrency=7)
    for n, result in enumerate(results):
        if n % 3:
            assert result == n
        else:
            assert isinstance(result, PynectorError)
            assert str(n) in str(result)
            assert isinstance(result.__cause__, ValueError)


async def test_the_first_of_many_failures_is_raised_alone(transport: Any) -> None:
    transport.stuck = ["slow"]
    requests: list[Any] = [("slow", {}), *((OSError(f"lost {n}"), {}) for n in range(10)), *[("more", {})] * 1000]
    client = Pynector(transport)
    with pytest.raises(TransportError, match="lost"):
        await client.batch_request(requests, max_concurrency=11, raise_on_error=True)
    await anyio.wait_all_tasks_blocked()
    assert transport.in_flight == 0
    assert transport.seen.count("more") < 1000
    assert await client.request("next") == "next"


async def test_nothing_is_raised_where_nothing_failed(transport: Any) -> None:
    assert await Pynector(transport).batch_request([("a", {})] * 5, raise_on_error=True) == ["a"] * 5


async def test_failures_are_named_by_what_the_transport_calls_them() -> None:
    class Described(ExchangeOnly):
        def describe(self, data: Any, options: Any) -> str:
            if data == "nameless":
                raise KeyError
            return f"{options['verb']} it"

    results = await Pynector(Described()).batch_request(
        [(OSError("a"), {"verb": "GET"}), (OSError("b"), {})], verb="PUT"
    )
    assert [error.request for error in results] == ["GET it", "PUT it"]
    plain = await Pynector(ExchangeOnly()).batch_request([("x", {}), (OSError("a"), {})])
    assert plain[1].request == "request 1 of the batch"


# Time


async def test_what_is_answered_when_a_batch_s_time_is_over_stays_answered(transport: Any) -> None:
    transport.stuck = [f"slow{n}" for n in range(10)]
    requests: list[Any] = [(f"slow{n // 2}" if n % 2 else f"fast{n}", {}) for n in range(20)]
    client = Pynector(transport)
    results = await client.batch_request(requests, timeout=2)
    for n, result in enumerate(results):
        if n % 2:
            assert isinstance(result, TimeoutError)
            assert "batch" in str(result)
        else:
            assert result == f"fast{n}"
    await anyio.wait_all_tasks_blocked()
    assert transport.in_flight == 0


async def test_a_batch_that_takes_too_long_raises_if_told_to(transport: Any) -> None:
    transport.stuck = ["slow"]
    with pytest.raises(TimeoutError, match="batch"):
        await Pynector(transport).batch_request([("slow", {}), ("x", {})], timeout=0.1, raise_on_error=True)


async def test_what_has_not_started_in_time_is_a_timeout_too(transport: Any) -> None:
    transport.stuck = ["slow"]
    requests: list[Any] = [("slow", {})] * 5
    results = await Pynector(transport).batch_request(requests, max_concurrency=1, timeout=0.1)
    assert [type(result) for result in results] == [TimeoutError] * 5
    assert transport.seen == ["slow"]


async def test_each_entry_has_its_own_time(transport: Any) -> None:
    transport.stuck = ["slow"]
    requests: list[Any] = [
        ("slow", {"timeout": 0.1}),
        ("fast", {"timeout": 1000}),
        ("slow", {"timeout": 0.05}),
        ("slow", {}),
        ("fast", {"timeout": math.inf}),
        ("slow", {"timeout": 0.15}),
    ]
    results = await Pynector(transport, config={"timeout": 0.2}).batch_request(requests)
    assert (results[1], results[4]) == ("fast", "fast")
    assert all(isinstance(results[n], TimeoutError) for n in (0, 2, 3, 5))


async def test_an_entry_s_time_starts_when_it_does() -> None:
    transport = ExchangeOnly()
    transport.stuck = ["first"]
    async with anyio.create_task_group() as tasks:
        results: list[Any] = []

        async def run() -> None:
            requests: list[Any] = [("first", {"timeout": math.inf}), ("second", {"timeout": 0.2})]
            results.extend(await Pynector(transport).batch_request(requests, max_concurrency=1))

        tasks.start_soon(run)
        await transport.waiting.wait()
        await anyio.sleep(0.4)
        transport.release.set()
    assert results == ["first", "second"]


async def test_a_batch_without_end_has_none(transport: Any) -> None:
    assert await Pynector(transport).batch_request([("x", {})], timeout=math.inf) == ["x"]


class InTurns:
    """Answers all that is in flight in one call of the event loop, and keeps the order of what happens."""

    def __init__(self) -> None:
        self.happened: list[str] = []
        self.in_flight: list[Any] = []

    async def connect(self) -> None: ...

    async def disconnect(self) -> None: ...

    def submit(self, data: Any, options: Any, deadline: float, completion: Any, token: int) -> None:
        if not self.in_flight:
            running_loop(ClientContext()).call_soon(self.answer)
        self.happened.append("sent")
        self.in_flight.append((completion, token, data))

    def answer(self) -> None:
        answered, self.in_flight = self.in_flight, []
        for completion, token, data in answered:
            self.happened.append("answered")
            completion.succeed(token, data)


async def test_what_follows_answers_that_come_together_begins_together() -> None:
    transport = InTurns()
    async with Pynector(transport) as client:
        assert await client.batch_request([(number, {}) for number in range(9)], max_concurrency=3) == list(range(9))
    assert transport.happened == (["sent"] * 3 + ["answered"] * 3) * 3


class ByHand(InTurns):
    """Answers when it is told to."""

    def submit(self, data: Any, options: Any, deadline: float, completion: Any, token: int) -> None:
        self.happened.append("sent")
        self.in_flight.append((completion, token, data))


async def test_nothing_begins_when_the_client_is_being_closed() -> None:
    transport = ByHand()
    client = Pynector(transport)
    results: list[Any] = []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: client.batch_request([(number, {}) for number in range(9)], 3, into=results))
        while not transport.in_flight:
            await anyio.lowlevel.checkpoint()
        transport.answer()
        # What follows these answers has not begun.
        await client.aclose()
    assert transport.happened == ["sent"] * 3 + ["answered"] * 3
    assert results[:3] == [0, 1, 2]
    assert [(type(result), result.sent) for result in results[3:]] == [(TransportError, "none")] * 6


async def test_immediate_failures_do_not_keep_a_batch_from_its_answers() -> None:
    transport = ImmediateSubmit()
    requests: list[Any] = [(PynectorError() if n % 2 else n, {}) for n in range(2000)]
    results = await Pynector(transport).batch_request(requests)
    assert results[::2] == list(range(0, 2000, 2))
    assert all(isinstance(result, PynectorError) for result in results[1::2])
