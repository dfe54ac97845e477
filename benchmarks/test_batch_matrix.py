"""`batch_request` across concurrency limits and batch sizes: over nothing, over HTTP on both engines, and over TLS."""

from __future__ import annotations

import asyncio
import ssl
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from pynector import Pynector

from .null_transports import NullSubmit
from .servers import Server, serving
from .table import certificate

LIMITS = [1, 10, 100, 1_000]

# The largest batch that ends in seconds.
LARGEST = {"null": 100_000, "native": 10_000, "httpx": 100, "tls": 10_000}
SIZES = [100, 1_000, 10_000, 100_000]
ROUNDS = 3


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, tuple[Server, ssl.SSLContext | None]]]:
    with ExitStack() as stack:
        plain = stack.enter_context(serving())
        files, context = stack.enter_context(certificate())
        secure = stack.enter_context(serving(files))
        yield {"native": (plain, None), "httpx": (plain, None), "tls": (secure, context)}


def _client(over: str, limit: int, servers: dict[str, tuple[Server, ssl.SSLContext | None]]) -> tuple[Pynector, str]:
    if over == "null":
        return Pynector(transport=NullSubmit()), ""
    if over == "native":
        pytest.importorskip("httptools")
    server, context = servers[over]
    settings: dict[str, Any] = {"http_engine": "httpx" if over == "httpx" else "auto"}
    if context is not None:
        settings["verify"] = context
    return Pynector(base_url=server.url, max_connections=limit, timeout=120, **settings), server.small


def _seconds(run: Callable[[], None]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started


@pytest.mark.parametrize(
    ("over", "size"), [(over, size) for over, largest in LARGEST.items() for size in SIZES if size <= largest]
)
def test_matrix(
    benchmark: Any,
    loop: asyncio.AbstractEventLoop,
    servers: dict[str, tuple[Server, ssl.SSLContext | None]],
    retention: dict[tuple[str, int], dict[int, float]],
    over: str,
    size: int,
) -> None:
    benchmark.group = f"batch over {over}, {size:,} requests"
    rates = {}
    cpu = {}
    for limit in LIMITS:
        client, path = _client(over, limit, servers)
        requests: list[Any] = [({"path": path}, {}) for _ in range(size)]

        async def work(client: Pynector = client, requests: Any = requests, limit: int = limit) -> None:
            answers = await client.batch_request(requests, max_concurrency=limit)
            assert not any(isinstance(answer, Exception) for answer in answers)

        def run(work: Any = work) -> None:
            loop.run_until_complete(work())

        run()
        used = time.process_time()
        if limit == LIMITS[-1]:
            benchmark.pedantic(run, rounds=ROUNDS)
            seconds = benchmark.stats.stats.median
        else:
            seconds = statistics.median(_seconds(run) for _ in range(ROUNDS))
        cpu[limit] = (time.process_time() - used) / ROUNDS / size * 1e6
        rates[limit] = size / seconds
        loop.run_until_complete(client.aclose())
    retention[over, size] = rates
    benchmark.extra_info["requests/s"] = {limit: round(rate) for limit, rate in rates.items()}
    benchmark.extra_info["CPU us a request"] = {limit: round(used, 2) for limit, used in cpu.items()}
    benchmark.extra_info["retention"] = round(rates[LIMITS[-1]] / rates[LIMITS[0]], 2)
