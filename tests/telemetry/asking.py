"""What a client is asked in the telemetry tests, and how an outcome is compared."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import anyio

import loops
from pynector import Pynector, PynectorError, TimeoutError
from pynector.stats import Stats

ENGINES = [where for where in loops.ENGINES if where.id != "uvloop-httpx"]

Ask = Callable[[Pynector], Awaitable[Any]]

HANG: dict[str, Any] = {"path": "/hang"}


def shape(outcome: Any) -> Any:
    """What of an outcome must be the same, whoever listens."""
    if isinstance(outcome, list):
        return [shape(item) for item in outcome]
    if isinstance(outcome, TimeoutError):
        # How far it came in its time, and so what it says, is up to the machine.
        return type(outcome).__name__
    if isinstance(outcome, PynectorError):
        return type(outcome).__name__, str(outcome), getattr(outcome, "phase", None), getattr(outcome, "sent", None)
    if hasattr(outcome, "status_code"):
        return outcome.status_code, outcome.content, outcome.attempts
    return outcome


async def outcome_of(ask: Ask, client: Pynector) -> Any:
    """The shape of the answer, or of the error, that comes within a generous time."""
    with anyio.fail_after(30):
        try:
            return shape(await ask(client))
        except PynectorError as error:
            return shape(error)


def counts(stats: Stats) -> tuple[Any, ...]:
    return stats.requests, stats.errors, stats.retries, stats.in_flight, stats.queued


async def streamed(client: Pynector) -> Any:
    async with client.stream({"path": "/redirect/1"}) as response:
        return await response.read()


async def streamed_status(client: Pynector) -> Any:
    async with client.stream({"path": "/status/500"}):
        raise AssertionError("a status of 500 raises")


async def cancelled(client: Pynector) -> Any:
    with anyio.move_on_after(0.03):
        await client.request(HANG)
    return "cancelled"


async def cancelled_batch(client: Pynector) -> Any:
    before = client.stats().requests
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(client.batch_request, [({"path": "/id/1"}, {}), (HANG, {}), (HANG, {})])
        # Or what it comes to would be up to the machine.
        while client.stats().requests == before:  # noqa: ASYNC110 - nobody tells
            await anyio.sleep(0.005)
        tasks.cancel_scope.cancel()
    return "cancelled"


BATCH: list[tuple[Any, dict[str, Any]]] = [
    ({"path": "/id/1"}, {}),
    ({"path": "/status/404"}, {}),
    ({"path": "/id/2"}, {"headers": {"X-One": "1"}}),
    ({"path": "/redirect/1"}, {"as_response": True}),
    (HANG, {"timeout": 0.03}),
    ({"path": "/id/3"}, {"timeout": "soon"}),
    ({"path": "/echo", "method": "POST", "content": b"12345"}, {}),
    ({"path": "/close"}, {}),
]

ASKED: dict[str, Ask] = {
    "request": lambda client: client.request({"path": "/id/1"}),
    "response": lambda client: client.request({"path": "/echo", "method": "POST", "content": b"1"}, as_response=True),
    "status": lambda client: client.request({"path": "/status/404"}),
    "redirect": lambda client: client.request({"path": "/redirect/2"}),
    "lost": lambda client: client.request({"path": "/close", "method": "POST"}),
    "late": lambda client: client.request(HANG, 0.03),
    "batch": lambda client: client.batch_request([*BATCH, *([({"path": "/id/4"}, {})] * 10)], 4),
    "batch that raises": lambda client: client.batch_request(BATCH[:3], 1, raise_on_error=True),
    "batch that is late": lambda client: client.batch_request([(HANG, {})] * 3, 2, 0.03),
    "stream": streamed,
    "stream of an error": streamed_status,
    "retry": lambda client: client.request_with_retry({"path": "/status/503"}, 3, 0),
    "cancelled": cancelled,
    "cancelled batch": cancelled_batch,
    "request after that": lambda client: client.request({"path": "/id/9"}),
}
"""All over HTTP, from a client of the bundled server."""
