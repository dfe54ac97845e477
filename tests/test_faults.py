"""What goes wrong in a transport or around a batch stays where it went wrong."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest

from pynector import ConnectionLost, Pynector, PynectorError, TimeoutError, TransportError
from transports import ExchangeOnly, TaskSubmit, transport_of

pytestmark = pytest.mark.anyio

KINDS = ["serial", "exchange", "submit"]


@pytest.fixture(params=KINDS)
async def transport(request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    """A transport of each kind."""
    async with transport_of(request.param) as made:
        yield made


FOREIGN = [
    (ValueError("odd"), PynectorError),
    (KeyError("odd"), PynectorError),
    (OSError("odd"), TransportError),
    (ConnectionResetError("odd"), TransportError),
    (EOFError("odd"), TransportError),
    (asyncio.TimeoutError("odd"), TimeoutError),
]


@pytest.mark.parametrize(("error", "kind"), FOREIGN, ids=lambda value: getattr(value, "__name__", type(value).__name__))
async def test_a_foreign_exception_is_told_as_one_of_ours(error: Exception, kind: type, transport: Any) -> None:
    async with Pynector(transport) as client:
        with pytest.raises(kind) as caught:
            await client.request(error)
        assert isinstance(caught.value, PynectorError)
        assert caught.value.__cause__ is error
        results = await client.batch_request([("a", {}), (error, {}), ("b", {})])
    assert results[0] in ("a", b"a")
    assert results[2] in ("b", b"b")
    assert isinstance(results[1], kind)
    assert results[1].__cause__ is error


if sys.version_info >= (3, 11):
    # Python 3.10 cannot tell whose cancellation it is.
    @pytest.mark.parametrize("anyio_backend", ["asyncio"])
    @pytest.mark.parametrize("kind", ["serial", "exchange"])
    async def test_a_cancellation_that_a_transport_made_up_is_that_request_s_failure(kind: str) -> None:
        async with transport_of(kind) as transport, Pynector(transport) as client:
            with pytest.raises(TransportError, match="cancelled the request by itself"):
                await client.request(asyncio.CancelledError())
            requests: list[Any] = [("1", {}), (asyncio.CancelledError(), {}), ("3", {})]
            results = await client.batch_request(requests, max_concurrency=1)
        assert [int(results[0]), int(results[2])] == [1, 3]
        assert isinstance(results[1], TransportError)


async def test_an_error_of_ours_is_told_as_it_is(transport: Any) -> None:
    error = ConnectionLost("gone", phase="body", sent="full", request="GET http://h/p")
    async with Pynector(transport) as client:
        with pytest.raises(ConnectionLost) as caught:
            await client.request(error)
        (result,) = await client.batch_request([(error, {})])
    assert caught.value is error
    assert result is error


async def test_a_batch_cancelled_before_it_starts_sends_nothing(transport: Any) -> None:
    with anyio.CancelScope() as scope:
        scope.cancel()
        await Pynector(transport).batch_request([("x", {})] * 10)
    assert scope.cancelled_caught


async def test_cancelling_a_batch_leaves_nothing_of_it_and_others_do_not_notice() -> None:
    for kind in ("exchange", "submit"):
        async with transport_of(kind) as transport, Pynector(transport) as client:
            transport.stuck = ["slow"]
            others: list[Any] = []

            async def other(client: Pynector = client, others: list[Any] = others) -> None:
                others.extend(await client.batch_request([(n, {}) for n in range(2000)], max_concurrency=3))

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(other)
                async with anyio.create_task_group() as cancelled:
                    cancelled.start_soon(client.batch_request, [("slow", {})] * 500, 50)
                    await transport.waiting.wait()
                    cancelled.cancel_scope.cancel()
            assert others == list(range(2000))
            await anyio.wait_all_tasks_blocked()
            assert transport.in_flight == 0
            assert await client.request("after") == "after"


async def test_cancelling_after_a_batch_changes_nothing(transport: Any) -> None:
    with anyio.CancelScope() as scope:
        results = await Pynector(transport).batch_request([(n, {}) for n in range(10)])
        scope.cancel()
    assert [int(result) for result in results] == list(range(10))


async def test_closing_while_a_batch_runs_ends_what_has_no_answer(transport: Any) -> None:
    transport.stuck = ["slow"]
    client = Pynector(transport)
    results: list[Any] = []

    async def run() -> None:
        requests: list[Any] = [("fast", {}), ("slow", {}), ("slow", {}), ("never", {})]
        results.extend(await client.batch_request(requests, max_concurrency=2))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run)
        await transport.waiting.wait()
        await client.aclose()
    assert results[0] in ("fast", b"fast")
    assert [type(result) for result in results[1:]] == [TransportError] * 3
    assert all("closed" in str(result) for result in results[1:])


async def test_a_batch_that_is_told_to_raises_when_the_client_is_closed() -> None:
    transport = ExchangeOnly()
    transport.stuck = ["slow"]
    client = Pynector(transport)

    async def run() -> None:
        with pytest.raises(TransportError, match="closed"):
            await client.batch_request([("slow", {})] * 3, raise_on_error=True)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run)
        await transport.waiting.wait()
        await client.aclose()


async def test_a_submit_that_raises_fails_its_own_request() -> None:
    async with anyio.create_task_group() as tasks:
        transport = TaskSubmit(tasks)
        submit = transport.submit

        def choosy(data: Any, *arguments: Any) -> Any:
            if data == "bad":
                raise ValueError("no")
            return submit(data, *arguments)

        transport.submit = choosy  # type: ignore[method-assign]
        async with Pynector(transport) as client:
            results = await client.batch_request([("a", {}), ("bad", {}), ("b", {})])
            with pytest.raises(PynectorError, match="no"):
                await client.request("bad")
    assert (results[0], results[2]) == ("a", "b")
    assert isinstance(results[1].__cause__, ValueError)


async def test_a_completion_that_comes_twice_counts_once() -> None:
    class Twice(ExchangeOnly):
        exchange = None  # type: ignore[assignment]

        def submit(self, data: Any, options: Any, deadline: float, completion: Any, token: int) -> None:
            completion.succeed(token, data)
            completion.succeed(token, "again")
            completion.fail(token, ValueError("again"))

    async with Pynector(Twice()) as client:
        assert await client.batch_request([(n, {}) for n in range(10)], max_concurrency=2) == list(range(10))
        assert await client.request("x") == "x"


class Mute(Exception):
    """An error that cannot be asked what it says."""

    def __str__(self) -> str:
        raise ValueError("not even this")


async def test_an_error_that_cannot_be_asked_ends_its_request(transport: Any) -> None:
    async with Pynector(transport) as client:
        with anyio.fail_after(20):
            failed, answered = await client.batch_request([(Mute(), {}), ("a", {})])
            assert isinstance(failed, PynectorError)
            assert "Mute" in str(failed)
            assert answered is not None
            with pytest.raises(PynectorError, match="Mute"):
                await client.request(Mute())
