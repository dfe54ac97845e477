"""How a workload is measured: all clients in turn, round after round, and medians."""

from __future__ import annotations

import asyncio
import gzip
import json
import resource
import ssl
import statistics
import time
import urllib.request
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from pynector.cli.meter import percentile

from .open_loop import latencies
from .peers import FLOORS, Client, Form, PynectorClient
from .rows import Workload
from .servers import Server
from .streams import can_stream, counted, kept, streamed


@dataclass
class Figures:
    """What one client did: a value a round, by the figure's name as in Workload.figure."""

    values: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def of(self, figure: str) -> float:
        """Return the median of a figure."""
        return statistics.median(self.values[figure])


def kinds_for(workload: Workload, peers: Sequence[type[Client]]) -> list[type[Client]]:
    """Return the clients that a workload compares, Pynector first."""
    # The floor knows nothing of what has no bar against it, and a slow client cannot keep a rate.
    return [
        PynectorClient,
        *(
            peer
            for peer in peers
            if (2 if workload.http2 else 1) in peer.versions
            and (peer not in FLOORS or "floor" in workload.bars)
            and (workload.kind != "streams" or can_stream(peer))
            and (workload.kind != "open" or peer.share == 1)
        ),
    ]


@asynccontextmanager
async def clients_of(
    kinds: Sequence[type[Client]], workload: Workload, server: Server, context: ssl.SSLContext | None
) -> AsyncIterator[list[Client]]:
    """Start a client of each kind for a workload."""
    started: list[Client] = []
    try:
        for kind in kinds:
            client = kind(server.url, workload.in_flight, context, workload.http2)
            await client.start()
            started.append(client)
        yield started
    finally:
        for client in started:
            await client.stack.aclose()


def expected_body(workload: Workload, url: str, path: str, context: ssl.SSLContext | None) -> bytes:
    """Give what each answer must be, by the standard library's client."""
    value = workload.value
    data = None if workload.method != "POST" else value if isinstance(value, bytes) else json.dumps(value).encode()
    headers = {} if data is None else {"Content-Type": "application/json"}
    request = urllib.request.Request(url + path, data, headers, method=workload.method)
    with urllib.request.urlopen(request, context=context) as answer:
        body: bytes = answer.read()
        packed = answer.headers.get("Content-Encoding") == "gzip"
    return gzip.decompress(body) if packed else body


async def _at_a_rate(client: Client, workload: Workload, path: str, figures: Figures) -> None:
    seconds = workload.count / workload.rate
    found = await latencies(client, path, workload.rate, seconds)
    figures.values["p99 ms"].append(percentile(found, 0.99) * 1e3)


async def _streams(client: Client, workload: Workload, path: str, count: int) -> list[Any]:
    """Send a request from each of many tasks, and read the answers while they come."""
    send = streamed(client, path, counted if workload.body == "large" else kept)
    turns, bodies = iter(range(count)), list[Any]()

    async def work() -> None:
        for _ in turns:
            bodies.append(await send())

    await asyncio.gather(*(work() for _ in range(min(workload.in_flight, count))))
    return bodies


async def _bodies(client: Client, workload: Workload, path: str, form: Form, count: int) -> list[Any]:
    method, value = workload.method, workload.value
    if workload.kind == "loop":
        one = client.one(method, path, value, form)
        return [await one() for _ in range(count)]
    if workload.kind == "tasks":
        # The way of Client, for Pynector too.
        return await Client.batch(client, method, path, value, count, form)
    if workload.kind == "streams":
        return await _streams(client, workload, path, count)
    return await client.batch(method, path, value, count, form)


async def measure_once(
    client: Client, workload: Workload, path: str, form: Form, body: bytes, figures: Figures
) -> None:
    """Run a workload once, and check every answer."""
    started, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
    count = workload.count
    if workload.kind == "open":
        await _at_a_rate(client, workload, path, figures)
    else:
        # Large bodies take any client about as long.
        count = count if workload.body == "large" else max(1, round(count * client.share))
        bodies = await _bodies(client, workload, path, form, count)
        expected = len(body) if bodies and isinstance(bodies[0], int) else body
        wrong = sum(answer != expected for answer in bodies)
        if wrong or len(bodies) != count:
            raise AssertionError(f"{client.name}: {wrong} of {count} answers are wrong")
    elapsed, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF)
    user, system = after.ru_utime - before.ru_utime, after.ru_stime - before.ru_stime
    figures.values["requests/s"].append(count / elapsed)
    figures.values["cpu us"].append((user + system) / count * 1e6)
    figures.values["user us"].append(user / count * 1e6)


async def measure(
    workload: Workload, peers: list[type[Client]], rounds: int, server: Server, context: ssl.SSLContext | None
) -> dict[str, Figures]:
    """Measure Pynector and its peers at a workload, in turn."""
    path: str = getattr(server, workload.body)
    form = replace(workload.form, origins=server.origins(workload.origins)) if workload.origins else workload.form
    body = expected_body(workload, server.plain, path, context)
    figures: dict[str, Figures] = {}
    async with clients_of(kinds_for(workload, peers), workload, server, context) as clients:
        for turn in range(rounds):
            start = turn % len(clients)
            for client in [*clients[start:], *clients[:start]]:
                # A slow client's round is a pause for the others, who would pay in theirs for connections that have
                # been idle for too long and for memory that nobody has touched.
                few = max(1, round(workload.in_flight * client.share))
                await Client.batch(client, workload.method, path, workload.value, few, form)
                await measure_once(client, workload, path, form, body, figures.setdefault(client.name, Figures()))
    return figures
