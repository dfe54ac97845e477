"""`pynector demo`: batches at several limits against a server on this machine, every answer checked."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from typing import Any, Protocol

import anyio

from .._version import __version__
from ..client import Pynector
from ..testing import LoopbackServer
from ..transport import get_transport_factory_registry
from .info import build, event_loop, python
from .installed import has
from .meter import Meter, percentile
from .screen import Screen, Show

REQUESTS = 5_000

# What the whole demo may take where the number of requests was not asked for (seconds).
PATIENCE = 30.0

# How many requests tell how fast the rest will go.
PROBE = 200

COLUMNS = ("limit", "requests", "requests/s", "p50 ms", "p99 ms", "errors", "wrong")


class Server(Protocol):
    """What the demo needs of a server once it runs."""

    @property
    def url(self) -> str:
        """Its base URL."""


@dataclass
class Tally:
    """What came of the requests at one limit.

    Attributes:
        limit: The most requests in flight at a time.
        planned: How many requests there would be if time did not matter.
        right: How many answers were their own request's, in its place.
        wrong: How many were not.
        errors: How many requests failed.
        problem: The first thing that was wrong, in words.
        seconds: How long they took together.
        latencies: How long each took, in seconds.
    """

    limit: int
    planned: int
    right: int = 0
    wrong: int = 0
    errors: int = 0
    problem: str | None = None
    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)

    @property
    def sent(self) -> int:
        """How many requests there were."""
        return self.right + self.wrong + self.errors

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.sent / self.seconds if self.seconds else 0.0

    def judge(self, numbers: Sequence[int], answers: Sequence[Any]) -> None:
        """Compare answers with the numbers that were asked for, place by place."""
        for number, answer in zip(numbers, answers, strict=True):
            if answer == str(number).encode():
                self.right += 1
                continue
            if isinstance(answer, Exception):
                self.errors += 1
                said = f"{type(answer).__name__}: {answer}"
            else:
                self.wrong += 1
                said = f"asked for {number}, got {answer[:40]!r}"
            self.problem = self.problem or said

    def row(self) -> tuple[str, ...]:
        """Give the cells of this limit's row."""
        middle, most = (percentile(self.latencies, share) * 1000 for share in (0.5, 0.99))
        return (
            f"{self.limit:,}",
            f"{self.sent:,}",
            f"{self.rate:,.0f}",
            f"{middle:.2f}",
            f"{most:.2f}",
            f"{self.errors:,}",
            f"{self.wrong:,}",
        )


def run(
    screen: Screen,
    requests: int | None,
    limits: Sequence[int],
    server: AbstractContextManager[Server] | None = None,
) -> int:
    """Run the demo and give the exit status.

    Args:
        screen: Where to print.
        requests: How many requests at each limit; None for REQUESTS, or fewer if they would take too long.
        limits: How many requests may be in flight at a time.
        server: A server that is not started yet; another one for tests.
    """
    with ExitStack() as stack:
        try:
            running = stack.enter_context(server or LoopbackServer())
        except RuntimeError as error:
            screen.line(f"The demo needs its server: {error}")
            return 1
        _greet(screen)
        tallies = anyio.run(
            _measure, screen, running.url, requests, limits, backend_options={"use_uvloop": has("uvloop")}
        )
    return _conclude(screen, tallies)


def _greet(screen: Screen) -> None:
    screen.line(f"Pynector {__version__} ({build()}), {python()}, {event_loop()}, {os.cpu_count()} CPUs")
    screen.line("Each request asks a server on this machine for a number of its own.")
    screen.line()


async def _measure(screen: Screen, url: str, requests: int | None, limits: Sequence[int]) -> list[Tally]:
    tallies: list[Tally] = []
    first = 0
    for limit in limits:
        with screen.progress(f"{limit:>5,} in flight", requests or REQUESTS) as show:
            tally = Tally(limit, requests or REQUESTS)
            patience = PATIENCE / len(limits) if requests is None else None
            await _run_limit(tally, url, first, patience, show)
        # No number comes twice, so that an answer from an earlier batch is found out.
        first += tally.planned
        tallies.append(tally)
    return tallies


async def _run_limit(tally: Tally, url: str, first: int, patience: float | None, show: Show) -> None:
    """Send the requests of one limit, all in one batch, or as many as `patience` seconds allow."""
    transport = get_transport_factory_registry().get("http")
    meter = Meter(transport.create_transport(base_url=url, max_connections=tally.limit, trust_env=False))
    client = Pynector(transport=meter, enable_telemetry=False)
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(_watch, meter, show)
            while count := _next_count(tally, patience):
                await _send(tally, client, first + tally.sent, count)
            group.cancel_scope.cancel()
    finally:
        with anyio.CancelScope(shield=True):
            await client.aclose()
            await meter.disconnect()
    show(tally.sent)
    tally.latencies = meter.seconds


def _next_count(tally: Tally, patience: float | None) -> int:
    """Say how many requests the next batch should have; 0 if none."""
    left = tally.planned - tally.sent
    if patience is None:
        return left
    if not tally.sent:
        return min(PROBE + tally.limit, left)
    affordable = int(tally.rate * (patience - tally.seconds))
    return min(left, affordable) if affordable >= min(PROBE, left) else 0


async def _send(tally: Tally, client: Pynector, first: int, count: int) -> None:
    numbers = range(first, first + count)
    requests: list[tuple[Any, dict[str, Any]]] = [({"path": f"/id/{number}"}, {}) for number in numbers]
    started = time.perf_counter()
    answers = await client.batch_request(requests, max_concurrency=tally.limit)
    tally.seconds += time.perf_counter() - started
    tally.judge(numbers, answers)


async def _watch(meter: Meter, show: Show) -> None:
    while True:
        show(len(meter.seconds))
        await anyio.sleep(0.1)


def _conclude(screen: Screen, tallies: Sequence[Tally]) -> int:
    screen.line()
    screen.table(COLUMNS, [tally.row() for tally in tallies])
    for tally in tallies:
        if tally.sent < tally.planned:
            screen.line(
                f"At limit {tally.limit:,}: {tally.sent:,} requests instead of {tally.planned:,}, to end in time."
            )
    sent, right, wrong, errors = (
        sum(getattr(tally, name) for tally in tallies) for name in ("sent", "right", "wrong", "errors")
    )
    lost = f", {wrong:,} wrong" if wrong else ""
    screen.line(f"{sent:,} requests, {right:,} right answers in their places{lost}, {errors:,} errors")
    problem = next((tally.problem for tally in tallies if tally.problem), None)
    if problem is not None:
        screen.line(f"The first problem: {problem}")
        return 1
    screen.line()
    screen.line("Next: docs/tutorial.md, from one request to a job that goes on after a crash;")
    screen.line("      examples/batch.py is a small program to start from.")
    return 0
