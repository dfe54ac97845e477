"""The workloads of the comparison, and how one is measured: all clients in turn, round after round, and medians."""

from __future__ import annotations

import gzip
import json
import ssl
import statistics
import time
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from .peers import PLAIN, Client, FloorClient, Form, PynectorClient
from .servers import Server

VALUE = {"id": 7, "name": "pynector"}


@dataclass(frozen=True)
class Workload:
    """A row of the comparison.

    Attributes:
        name: What it is called in reports.
        count: How many requests.
        in_flight: How many at a time.
        bars: The least that Pynector's requests/s should be, divided by each peer's, by the peer's name.
        method: GET, or POST of a small JSON.
        body: Which body of the server: "small", "large" or "answer".
        form: What the requests carry beside.
        origins: How many origins they go to, by absolute URL; 0: to one, by path.
        kind: "batch", "loop" (one request after the other) or "tasks" (a request from each of many tasks).
        tls: Whether it is over TLS.
    """

    name: str
    count: int
    in_flight: int
    bars: dict[str, float]
    method: str = "GET"
    body: str = "small"
    kind: str = "batch"
    tls: bool = False
    form: Form = PLAIN
    origins: int = 0


def _bars(floor: float, pyreqwest: float, aiohttp: float, httpx2: float) -> dict[str, float]:
    return {"floor": floor, "pyreqwest": pyreqwest, "aiohttp": aiohttp, "httpx2": httpx2}


def _rich(wreq: float, pyreqwest: float, aiohttp: float, floor: float | None = None) -> dict[str, float]:
    bars = {"wreq": wreq, "pyreqwest": pyreqwest, "aiohttp": aiohttp}
    return bars if floor is None else {"floor": floor, **bars}


# The first takes the place of a default.
HEADERS = {"Accept": "application/json", "X-Request-ID": "7c0e3a52", "X-Tenant": "example"}


WORKLOADS = [
    Workload(
        "batch, 10,000 GET with params, headers, timeout, as_response",
        10_000,
        100,
        _rich(2, 2.8, 7, 0.75),
        form=Form(HEADERS, page=True, timeout=20, as_response=True),
    ),
    Workload(
        "batch, 10,000 POST of a small JSON with headers",
        10_000,
        100,
        _rich(1.8, 2.8, 7, 0.9),
        "POST",
        "answer",
        form=Form(HEADERS),
    ),
    Workload("batch, 10,000 GET by absolute URL over 50 origins", 10_000, 100, _rich(1.6, 2.2, 7), origins=50),
    Workload("batch, 10,000 HEAD", 10_000, 100, _rich(2, 2.2, 6), "HEAD"),
    Workload("batch, 10,000 GET of 11 KB of JSON, gzip", 10_000, 100, _rich(1.5, 2.2, 4), body="packed"),
    Workload("batch, 10,000 GET that are redirected once", 10_000, 100, _rich(1.5, 2, 7), body="moved"),
    Workload("batch, 20,000 GET of 1 KiB, 100 in flight", 20_000, 100, _bars(0.90, 1.8, 4, 25)),
    Workload("batch, 20,000 GET of 1 KiB, 1,000 in flight", 20_000, 1_000, _bars(0.90, 1.6, 6, 25)),
    Workload("batch, 10,000 POST of a small JSON, 100 in flight", 10_000, 100, _bars(0.60, 3, 8, 40), "POST", "answer"),
    Workload("request() in a plain loop", 3_000, 1, _bars(0.85, 1.5, 1.8, 4), kind="loop"),
    Workload("request() from 100 tasks", 10_000, 100, _bars(0.65, 1.2, 3, 15), kind="tasks"),
    Workload("batch, 60 GET of 16 MB, 4 in flight", 60, 4, _bars(1.5, 1.3, 1.5, 2), body="large"),
    Workload("batch, 10,000 GET of 1 KiB over TLS, 100 in flight", 10_000, 100, _bars(0.80, 0.95, 3, 15), tls=True),
]


@dataclass
class Figures:
    """What one client did: requests/s and CPU microseconds a request of this process, a round each."""

    rates: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Requests a second, the median."""
        return statistics.median(self.rates)

    @property
    def microseconds(self) -> float:
        """CPU microseconds a request, user and system, the median."""
        return statistics.median(self.cpu)


@asynccontextmanager
async def clients_of(
    workload: Workload, peers: list[type[Client]], server: Server, context: ssl.SSLContext | None
) -> AsyncIterator[list[Client]]:
    """Start a client of each kind for a workload."""
    started: list[Client] = []
    try:
        # The floor knows nothing of what has no bar against it.
        for kind in [PynectorClient, *(peer for peer in peers if peer is not FloorClient or "floor" in workload.bars)]:
            client = kind(server.url, workload.in_flight, context)
            await client.start()
            started.append(client)
        yield started
    finally:
        for client in started:
            await client.stack.aclose()


def expected_body(workload: Workload, url: str, path: str, context: ssl.SSLContext | None) -> bytes:
    """Give what each answer must be, by the standard library's client."""
    data = json.dumps(VALUE).encode() if workload.method == "POST" else None
    headers = {} if data is None else {"Content-Type": "application/json"}
    request = urllib.request.Request(url + path, data, headers, method=workload.method)
    with urllib.request.urlopen(request, context=context) as answer:
        body: bytes = answer.read()
        packed = answer.headers.get("Content-Encoding") == "gzip"
    return gzip.decompress(body) if packed else body


async def measure_once(
    client: Client, workload: Workload, path: str, form: Form, body: bytes, figures: Figures
) -> None:
    """Run a workload once, and check every answer."""
    # Large bodies take any client about as long.
    share = 1.0 if workload.body == "large" else client.share
    count = max(1, round(workload.count * share))
    started, cpu = time.perf_counter(), time.process_time()
    if workload.kind == "loop":
        one = client.one(workload.method, path, VALUE, form)
        bodies = [await one() for _ in range(count)]
    elif workload.kind == "tasks":
        # The way of Client, for Pynector too.
        bodies = await Client.batch(client, workload.method, path, VALUE, count, form)
    else:
        bodies = await client.batch(workload.method, path, VALUE, count, form)
    elapsed, used = time.perf_counter() - started, time.process_time() - cpu
    wrong = sum(answer != body for answer in bodies)
    if wrong or len(bodies) != count:
        raise AssertionError(f"{client.name}: {wrong} of {count} answers are wrong")
    figures.rates.append(count / elapsed)
    figures.cpu.append(used / count * 1e6)


async def measure(
    workload: Workload, peers: list[type[Client]], rounds: int, server: Server, context: ssl.SSLContext | None
) -> dict[str, Figures]:
    """Measure Pynector and its peers at a workload, in turn."""
    path: str = getattr(server, workload.body)
    form = replace(workload.form, origins=server.origins(workload.origins)) if workload.origins else workload.form
    body = expected_body(workload, server.url, path, context)
    figures: dict[str, Figures] = {}
    async with clients_of(workload, peers, server, context) as clients:
        for client in clients:
            await Client.batch(client, workload.method, path, VALUE, min(workload.in_flight, 100), form)
        for turn in range(rounds):
            # The first after a pause pays for memory that nobody has touched.
            start = turn % len(clients)
            for client in [*clients[start:], *clients[:start]]:
                await measure_once(client, workload, path, form, body, figures.setdefault(client.name, Figures()))
    return figures
