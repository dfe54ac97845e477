"""What a batch costs per request beyond the transport, per-request timeout included.

The reference is the specification's sketch: a task, a CapacityLimiter's token and a cancel scope for each request.
"""

from __future__ import annotations

import asyncio
from typing import Any

import anyio
import pytest

from pynector import Pynector

from .null_transports import NullExchange, NullSubmit
from .ratio import compare

REQUESTS = 20_000
SKETCH_REQUESTS = 4_000
IN_FLIGHT = 100


async def sketch(transport: NullExchange, count: int) -> list[Any]:
    """The specification's batch_request, mended so far that it runs."""
    results: list[Any] = [None] * count
    limiter = anyio.CapacityLimiter(IN_FLIGHT)

    async def one(index: int) -> None:
        async with limiter:
            with anyio.fail_after(30):
                results[index] = await transport.exchange(index)

    async with anyio.create_task_group() as group:
        for index in range(count):
            group.start_soon(one, index)
    return results


@pytest.mark.parametrize(
    ("transport", "at_least"),
    [
        pytest.param(NullSubmit, 35, id="submit"),
        pytest.param(NullExchange, 15, id="exchange"),
    ],
)
def test_a_batch_is_many_times_cheaper_than_the_sketch(
    benchmark: Any, loop: asyncio.AbstractEventLoop, transport: Any, at_least: float
) -> None:
    requests: list[tuple[Any, dict[str, Any]]] = [(number, {}) for number in range(REQUESTS)]
    client = Pynector(transport=transport(), enable_telemetry=False)

    def candidate() -> None:
        answers = loop.run_until_complete(client.batch_request(requests, max_concurrency=IN_FLIGHT))
        assert answers == list(range(REQUESTS))

    def reference() -> None:
        answers = loop.run_until_complete(sketch(NullExchange(), SKETCH_REQUESTS))
        assert answers == list(range(SKETCH_REQUESTS))

    counts = {"units": REQUESTS, "reference_units": SKETCH_REQUESTS}
    ratio = compare(benchmark, candidate, reference, at_least=at_least, **counts)
    loop.run_until_complete(client.aclose())
    assert ratio >= at_least
