"""The three kinds of transport in batches of 1,000: no crossed answer, whatever the limit."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import anyio
import pytest

from pynector import Pynector, TimeoutError
from transports import (
    KINDS,
    LineServer,
    LineTransport,
    MemoryTransport,
    transport_of,
)

pytestmark = pytest.mark.anyio

LIMITS = [1, 7, 100, None]


@pytest.fixture
def lines() -> Iterator[LineServer]:
    """A server in a thread."""
    with LineServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.release.set()
        server.shutdown()
        thread.join()


def number(answer: Any) -> int:
    return int(answer)


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("kind", KINDS)
async def test_every_answer_of_many_is_its_own(kind: str, limit: int | None) -> None:
    async with transport_of(kind) as transport, Pynector(transport) as client:
        results = await client.batch_request([(n, {}) for n in range(300)], max_concurrency=limit)
    assert [number(result) for result in results] == list(range(300))


@pytest.mark.parametrize("limit", [1, None])
async def test_ten_lines_of_a_user_s_own_over_a_real_socket(lines: LineServer, limit: int | None) -> None:
    transport = LineTransport(lines.port)
    async with Pynector(transport) as client:
        results = await client.batch_request([(n, {}) for n in range(1000)], max_concurrency=limit)
    assert [number(result) for result in results] == list(range(1000))
    await transport.disconnect()


async def test_batches_and_requests_over_send_and_receive_never_overlap() -> None:
    transport = MemoryTransport()
    answers: dict[int, Any] = {}

    async def batch(client: Pynector, start: int) -> None:
        for n, answer in enumerate(await client.batch_request([(start + n, {}) for n in range(50)]), start):
            answers[n] = answer

    async def single(client: Pynector, n: int) -> None:
        answers[n] = await client.request(n)

    async with Pynector(transport) as client, anyio.create_task_group() as tasks:
        for start in range(0, 200, 50):
            tasks.start_soon(batch, client, start)
        for n in range(200, 220):
            tasks.start_soon(single, client, n)
    assert {n: number(answer) for n, answer in answers.items()} == {n: n for n in range(220)}
    assert transport.overlaps == 0


@pytest.mark.parametrize("ended_by", ["timeout", "cancellation"])
async def test_a_late_line_is_never_the_next_request_s(lines: LineServer, ended_by: str) -> None:
    transport = LineTransport(lines.port)
    async with Pynector(transport) as client:
        assert await client.request("a") == b"a\n"
        if ended_by == "timeout":
            with pytest.raises(TimeoutError):
                await client.request("hold", timeout=0.3)
        else:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.request, "hold")
                await anyio.to_thread.run_sync(lines.held.wait)
                tasks.cancel_scope.cancel()
        lines.release.set()
        results = await client.batch_request([(n, {}) for n in range(20)])
        assert [number(result) for result in results] == list(range(20))
    assert transport.connects == 2
    await transport.disconnect()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_batch_gives_other_tasks_their_turn(kind: str) -> None:
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await anyio.lowlevel.checkpoint()
            turns += 1

    async with transport_of(kind) as transport, Pynector(transport) as client, anyio.create_task_group() as tasks:
        tasks.start_soon(count)
        await client.batch_request([("1", {}) for _ in range(2000)])
        tasks.cancel_scope.cancel()
    assert turns >= 3


@pytest.mark.parametrize("kind", ["exchange", "submit"])
async def test_a_hundred_slow_ones_do_not_hold_up_the_rest(kind: str) -> None:
    async with transport_of(kind) as transport, Pynector(transport) as client:
        transport.stuck = ["slow"]
        requests: list[Any] = [(n, {}) if n % 10 else ("slow", {"timeout": 0.3}) for n in range(1000)]
        results = await client.batch_request(requests, max_concurrency=101)
    assert [result for result in results if isinstance(result, int)] == [n for n in range(1000) if n % 10]
    assert all(isinstance(result, TimeoutError) for result in results[::10])
