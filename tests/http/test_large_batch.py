"""Many requests at random speed: each answer in its place, the limit kept, nothing left behind."""

from __future__ import annotations

import gc
from typing import Any

import anyio
import pytest

from leaks import no_more_than, present
from pynector import HTTPStatusError, Pynector
from pynector.testing import LoopbackServer

pytestmark = pytest.mark.anyio

SIZES = [pytest.param(400, id="400"), pytest.param(20_000, id="20000", marks=pytest.mark.exhaustive)]
FAIL_EVERY = 20


async def state_after_a_request(server: LoopbackServer, engine: str) -> Any:
    """Count what is open when all that an event loop opens once, at its first use, is open."""
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        assert await client.request({"path": "/id/1"}) == b"1"
    await anyio.sleep(0.05)
    gc.collect()
    return present()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("limit", [1, 7, 100, None])
async def test_every_answer_of_a_large_batch_is_in_its_place(
    server: LoopbackServer, engine: str, size: int, limit: int | None
) -> None:
    # One at a time is slow by design, and needs no more to show that it is one at a time.
    count = size if limit != 1 else size // 4
    requests = [({"path": f"/id/{n}?delay=0-0.01&fail={FAIL_EVERY}"}, {}) for n in range(count)]
    await anyio.to_thread.run_sync(server.reset)
    before = await state_after_a_request(server, engine)
    await anyio.to_thread.run_sync(server.reset)
    # On a slow machine a connection that rests would expire, and be replaced.
    options: dict[str, Any] = {"max_connections": 200, "max_streams": 1, "keepalive_expiry": 600}
    if engine == "httpx":
        # httpcore's pool looks at all its connections for each of them, whenever a request begins or ends.
        options["timeout"] = 300
    async with Pynector(base_url=server.url, http_engine=engine, **options) as client:
        results = await client.batch_request(requests, max_concurrency=limit)
    assert await no_more_than(before)
    for n, result in enumerate(results):
        if n % FAIL_EVERY:
            assert result == str(n).encode()
        else:
            assert isinstance(result, HTTPStatusError)
            assert (result.status_code, result.request) == (503, f"GET {server.url}/id/{n}")
            assert result.response.content == str(n).encode()
    stats = await anyio.to_thread.run_sync(server.stats)
    assert (stats.requests, stats.in_flight) == (count, 0)
    assert stats.max_in_flight <= (limit or 200)
    # A connection on its way may be overtaken by one that is free again, so there may be more than requests in flight.
    # httpcore's pool, unlike httpcore2's, makes others in the place of those that it has.
    assert stats.connections <= 200 or engine == "httpx"
    # With this many delays under way, a client that sends one after the other would be seen.
    assert stats.max_in_flight > (1 if limit != 1 else 0)


async def test_two_batches_at_once_do_not_mix(server: LoopbackServer, engine: str) -> None:
    answers: dict[str, list[Any]] = {}

    async def run(client: Pynector, name: str) -> None:
        requests = [({"path": f"/id/{name}{n}?delay=0-0.01"}, {}) for n in range(150)]
        answers[name] = await client.batch_request(requests, max_concurrency=20)

    async with Pynector(base_url=server.url, http_engine=engine) as client, anyio.create_task_group() as tasks:
        tasks.start_soon(run, client, "a")
        tasks.start_soon(run, client, "b")
    assert answers == {name: [f"{name}{n}".encode() for n in range(150)] for name in ("a", "b")}


async def test_a_batch_cancelled_in_the_middle_leaves_nothing(server: LoopbackServer, engine: str) -> None:
    before = await state_after_a_request(server, engine)
    async with Pynector(base_url=server.url, http_engine=engine, max_connections=20) as client:
        with anyio.move_on_after(0.2) as scope:
            await client.batch_request([({"path": "/delay/0.03"}, {})] * 10_000)
        assert scope.cancelled_caught
        assert await client.request({"path": "/id/1"}) == b"1"
    assert await no_more_than(before)
