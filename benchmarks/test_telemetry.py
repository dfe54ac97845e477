"""What telemetry costs a request: nothing when nobody looks, and less than others when all is seen.

The others are aiohttp and httpx with OpenTelemetry's own instrumentations for them.
"""

from __future__ import annotations

import asyncio
import gc
import resource
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from pynector import Pynector

from .ratio import tried
from .servers import serving

pytest.importorskip("opentelemetry.sdk.trace")

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased
from opentelemetry.util._once import Once

IN_FLIGHT = 100
ROUNDS = 9

Job = Callable[[], Awaitable[Any]]


class Dropping(SpanExporter):
    """Takes spans, and does nothing with them."""

    def export(self, spans: Any) -> SpanExportResult:
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        pass


def set_provider(provider: Any) -> None:
    trace._TRACER_PROVIDER = provider
    trace._TRACER_PROVIDER_SET_ONCE = Once()


@contextmanager
def sampled(sampler: Any) -> Iterator[None]:
    """A program whose spans go where that sampler lets them."""
    provider = TracerProvider(sampler=ParentBased(sampler), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(Dropping()))
    set_provider(provider)
    try:
        yield
    finally:
        provider.shutdown()
        set_provider(None)


def user_seconds() -> float:
    # Not the system's: waking a server that has fallen asleep costs a faster client more than a slower one.
    return resource.getrusage(resource.RUSAGE_SELF).ru_utime


def costs(
    loop: asyncio.AbstractEventLoop, count: int, clock: Callable[[], float], *jobs: Callable[[], Job]
) -> list[float]:
    """Give the seconds a request of each job takes on a clock, run in turn: medians without the first round."""
    times: list[list[float]] = [[] for _ in jobs]
    for _ in range(ROUNDS + 1):
        for prepared, told in zip(jobs, times, strict=True):
            work = prepared()
            gc.collect()
            started = clock()
            loop.run_until_complete(work())
            told.append((clock() - started) / count)
    return [statistics.median(told[1:]) for told in times]


@pytest.fixture
def url() -> Iterator[tuple[str, str]]:
    with serving() as server:
        yield server.url, server.small


def batch(client: Pynector, path: str, count: int) -> Job:
    requests: list[tuple[Any, dict[str, Any]]] = [({"path": path}, {})] * count

    async def work() -> None:
        results = await client.batch_request(requests, max_concurrency=IN_FLIGHT)
        assert all(type(result) is bytes for result in results)

    return work


def within(context: Any, work: Job) -> Callable[[], Job]:
    """Give a job that runs inside a context."""

    def prepared() -> Job:
        async def inside() -> None:
            with context():
                await work()

        return inside

    return prepared


def test_nobody_looking_costs_nothing(benchmark: Any, loop: asyncio.AbstractEventLoop, url: tuple[str, str]) -> None:
    count = 20_000
    off, on = Pynector(base_url=url[0], enable_telemetry=False), Pynector(base_url=url[0])
    jobs = [batch(client, url[1], count) for client in (off, on)]
    without, present, unsampled, full = costs(
        loop,
        count,
        time.perf_counter,
        lambda: jobs[0],
        lambda: jobs[1],
        within(lambda: sampled(ALWAYS_OFF), jobs[1]),
        within(lambda: sampled(ALWAYS_ON), jobs[1]),
    )
    benchmark.pedantic(lambda: loop.run_until_complete(jobs[1]()), rounds=1)
    for client in (off, on):
        loop.run_until_complete(client.aclose())
    one_percent = 0.99 * unsampled + 0.01 * full
    figures = {
        "off, microseconds a request": round(without * 1e6, 2),
        "on, nobody looks": round(present / without, 3),
        "on, none sampled": round(unsampled / without, 3),
        "on, 1% sampled": round(one_percent / without, 3),
        "on, all sampled, microseconds more": round((full - without) * 1e6, 1),
    }
    benchmark.extra_info.update(figures)
    print(f"\n{figures}")
    assert present <= 1.02 * without
    assert one_percent <= 1.10 * without


async def through_aiohttp(url: str, count: int) -> None:
    import aiohttp

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=IN_FLIGHT)) as session:

        async def send() -> None:
            async with session.get(url) as response:
                await response.read()

        await drained(send, count)


async def through_httpx(url: str, count: int) -> None:
    import httpx

    # One connection: the cost of its pool is not what is measured.
    async with httpx.AsyncClient(trust_env=False, timeout=None) as client:
        for _ in range(count):
            await client.get(url)


async def drained(send: Job, count: int) -> None:
    left = iter(range(count))

    async def worker() -> None:
        for _ in left:
            await send()

    await asyncio.gather(*(worker() for _ in range(IN_FLIGHT)))


@contextmanager
def instrumented(name: str) -> Iterator[None]:
    module = pytest.importorskip(f"opentelemetry.instrumentation.{name}")
    instrumentor = module.AioHttpClientInstrumentor() if name == "aiohttp_client" else module.HTTPXClientInstrumentor()
    with sampled(ALWAYS_ON):
        instrumentor.instrument()
        try:
            yield
        finally:
            instrumentor.uninstrument()


@pytest.mark.parametrize(
    ("name", "through", "count"), [("aiohttp_client", through_aiohttp, 5_000), ("httpx", through_httpx, 2_000)]
)
def test_all_spans_cost_less_than_those_of_peers(
    name: str, through: Any, count: int, benchmark: Any, loop: asyncio.AbstractEventLoop, url: tuple[str, str]
) -> None:
    pytest.importorskip(f"opentelemetry.instrumentation.{name}")
    pytest.importorskip(name.partition("_")[0])
    client = Pynector(base_url=url[0])
    ours = batch(client, url[1], count)

    async def theirs() -> None:
        await through(url[0] + url[1], count)

    def less() -> float:
        """How much less they cost, in microseconds a request."""
        plain, told, their_plain, their_told = costs(
            loop,
            count,
            user_seconds,
            lambda: ours,
            within(lambda: sampled(ALWAYS_ON), ours),
            lambda: theirs,
            within(lambda: instrumented(name), theirs),
        )
        own, others = (told - plain) * 1e6, (their_told - their_plain) * 1e6
        figures = {
            "Pynector, microseconds a request more": round(own, 1),
            f"{name}, microseconds a request more": round(others, 1),
        }
        benchmark.extra_info.update(figures)
        print(f"\n{figures}")
        return others - own

    found = benchmark.pedantic(tried, args=(less, 0.0), rounds=1)
    loop.run_until_complete(client.aclose())
    assert found > 0
