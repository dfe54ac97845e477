"""Shows of rates and budgets, against the server that records arrivals."""

from __future__ import annotations

import asyncio
import itertools
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from typing import Any

import anyio

from pynector import Pynector, Rate, RetryPolicy

from .figures import Figure, Figures, most_within, run
from .recording import Recording, recording

RATE = 500
SHARE = 0.2


def endless(path: str) -> Iterator[Any]:
    """Yield requests without end, each of which can be told from the others."""
    return (({"path": f"{path}&{number}"}, {}) for number in itertools.count())


async def taken(client: Pynector, requests: Iterator[Any], seconds: float, **options: Any) -> int:
    """Take results for so many seconds, and return how many there were."""
    count = 0
    async with client.batch_stream(requests, **options) as results:
        with anyio.move_on_after(seconds):
            async for _ in results:
                count += 1
    return count


def rate(seconds: float = 20.0) -> Figures:
    """Rate(500) against a server that fails one in ten; for one call, and for two that share it."""
    for calls in (1, 2):
        with recording() as server:
            run(_at_a_rate(server, calls, seconds + 1))
            arrivals = server.arrivals()
        times = [arrival.at for arrival in arrivals]
        inside = [arrival for arrival in arrivals if arrival.at < times[0] + seconds]
        expected = RATE * seconds
        attempts = Figure(
            f"attempts in {seconds:g} s at {RATE} a second, {calls} call{'s' * (calls > 1)}",
            len(inside),
            0.995 * expected,
            1.005 * expected,
        )
        yield attempts
        yield Figure("  that were retries", len(inside) - len({arrival.path for arrival in inside}))
        later = [at for at in times if at >= times[0] + 0.1]
        yield Figure(
            "  the most in 100 ms after the first, as a share", most_within(later, 0.1) / (RATE / 10), most=1.3
        )
        if calls > 1:
            shares = Counter(arrival.path.split("&")[1] for arrival in inside)
            yield Figure("  the smaller share of the two", min(shares.values()) / len(inside), least=0.49)


async def _at_a_rate(server: Recording, calls: int, seconds: float) -> None:
    policy = RetryPolicy(attempts=3, backoff=0.1)
    async with Pynector(base_url=server.url, rate=Rate(RATE), retry=policy, timeout=60) as client:
        await asyncio.gather(
            *(taken(client, endless(f"/some?0.1&{number}"), seconds, max_concurrency=100) for number in range(calls))
        )


def budget(count: int = 20_000) -> Figures:
    """A server that fails half of everything, and a policy that would send each five times."""
    with recording() as server:
        failed = run(_half_fails(server, count))
        arrivals = server.arrivals()
    firsts: list[float] = []
    extras: list[float] = []
    seen: set[str] = set()
    for arrival in arrivals:
        (extras if arrival.path in seen else firsts).append(arrival.at)
        seen.add(arrival.path)
    yield Figure("first requests", len(firsts), count, count)
    yield Figure("  extra requests", len(extras), least=1)
    yield Figure("  the most in 10 s, as a share of what the budget has", max(_spent(firsts, extras)), most=1.0)
    yield Figure("  failed in the end, as a share", failed / count)


def _spent(firsts: list[float], extras: list[float]) -> Iterator[float]:
    """Yield how much of the budget had been used in the 10 s before each extra request."""
    for at in extras:
        first, extra = (bisect_right(times, at) - bisect_right(times, at - 10.0) for times in (firsts, extras))
        yield extra / (SHARE * first + 10 * 10)


async def _half_fails(server: Recording, count: int) -> int:
    failed = 0
    policy = RetryPolicy(attempts=5, backoff=0.01, budget=SHARE)
    async with Pynector(base_url=server.url, retry=policy) as client:
        requests = itertools.islice(endless("/some?0.5"), count)
        async with client.batch_stream(requests, max_concurrency=50) as results:
            async for item in results:
                failed += not item.ok
    return failed
