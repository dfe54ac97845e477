"""Shows of windows: one that finds its size, one for each origin, and origins that are paused."""

from __future__ import annotations

import itertools
import statistics
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator
from typing import Any

import anyio

from pynector import Pynector

from .figures import Figure, Figures, run
from .limits import endless, taken
from .recording import Arrival, Recording, recording

ORIGINS = 50
HANGING = 5
PAGES = 40


def auto(seconds: float = 10.0) -> Figures:
    """max_concurrency="auto" against a server that works on 50 at a time, each for 50 ms; then on 20, and 50 again."""
    knees = [50, 20, 50]
    with recording() as server:
        run(_follow(server, knees, 1.5 * seconds))
        arrivals = server.arrivals()
    for number, knee in enumerate(knees):
        # After ten seconds it is to be there, and to stay there for a while.
        begin = arrivals[0].at + (1.5 * number + 1) * seconds
        seen = [one.in_flight for one in arrivals if begin <= one.at < begin + 0.4 * seconds]
        mean = statistics.fmean(seen)
        yield Figure(f"in flight after {seconds:g} s with a knee at {knee}", mean, 0.8 * knee, 1.2 * knee)


async def _follow(server: Recording, knees: list[int], seconds: float) -> None:
    async with Pynector(base_url=server.url, max_connections=1000) as client, anyio.create_task_group() as tasks:
        tasks.start_soon(_change, server, knees, seconds)
        await taken(client, endless("/knee?"), seconds * len(knees), max_concurrency="auto")


async def _change(server: Recording, knees: list[int], seconds: float) -> None:
    for knee in knees:
        await anyio.to_thread.run_sync(server.set_knee, knee)
        await anyio.sleep(seconds)


def crawler(rounds: int = 3) -> Figures:
    """2,000 URLs on 50 origins, at most 4 at each, with five that hang; against the same without these."""
    without, beside = [], []
    for _ in range(rounds):
        with recording() as server:
            without.append(run(_crawl(server, False)))
            server.arrivals()
            beside.append(run(_crawl(server, True)))
            assert len(server.arrivals()) == 2000
    yield Figure(f"{ORIGINS - HANGING} origins without those that hang", min(without), unit=" s")
    yield Figure(f"  beside {HANGING} that hang, as a share of that", min(beside) / min(without), most=1.15)


async def _crawl(server: Recording, with_hanging: bool) -> float:
    """Return after how many seconds the last page was there of an origin that does not hang."""
    last, ended = 0.0, Counter[bool]()
    async with Pynector(max_connections=1000) as client:
        started = anyio.current_time()
        async with client.batch_stream(
            _pages(server, with_hanging), max_concurrency=4 * ORIGINS, max_concurrency_per_origin=4
        ) as results:
            async for item in results:
                ended[item.ok] += 1
                if item.ok:
                    last = anyio.current_time() - started
    assert ended == {True: (ORIGINS - HANGING) * PAGES, **({False: HANGING * PAGES} if with_hanging else {})}
    return last


def _pages(server: Recording, with_hanging: bool) -> Iterator[Any]:
    """Yield the URLs, of each origin in turn."""
    for page, origin in itertools.product(range(PAGES), range(2, 2 + ORIGINS)):
        url = server.origin(origin)
        if origin >= 2 + HANGING:
            yield {"url": f"{url}/slow?0.1&{page}"}, {}
        elif with_hanging:
            yield {"url": f"{url}/hang?{page}"}, {"timeout": 0.5}


def pause(seconds: float = 10.0) -> Figures:
    """Ten origins in turn, one of which answers one in 100 with 429 and Retry-After: 1."""
    with recording() as server:
        run(_beside_a_pause(server, seconds))
        arrivals = server.arrivals()
    limited = [one for one in arrivals if one.address == "127.0.0.2"]
    times = [one.at for one in arrivals if one.address != "127.0.0.2"]
    pauses = [at for at in _pauses(limited) if at + 1.5 < arrivals[-1].at]
    yield Figure("pauses of 1 s", len(pauses), 3)
    # What was on its way when the 429 was may come after it.
    yield Figure("  requests in one after its first 50 ms, at the most", max(_between(limited, pauses, 0.05)), most=0)
    inside = statistics.median(bisect_left(times, at + 1.0) - bisect_right(times, at) for at in pauses)
    usual = len(times) / (arrivals[-1].at - arrivals[0].at)
    yield Figure("  requests to the others in one, at the median, as a share of what is usual", inside / usual, 0.8)


async def _beside_a_pause(server: Recording, seconds: float) -> None:
    paths = ["/limited?0.01,1", *["/slow?0.01"] * 9]
    urls = [f"{server.origin(number)}{path}" for number, path in enumerate(paths, 2)]
    requests: Iterator[Any] = (({"url": url}, {}) for url in itertools.cycle(urls))
    async with Pynector(learn=True) as client:
        await taken(client, requests, seconds, max_concurrency=20)


def _pauses(arrivals: list[Arrival]) -> Iterator[float]:
    """Yield when each pause began: others that were on their way then may have asked for it, too."""
    until = 0.0
    for one in arrivals:
        if one.status == 429 and one.at > until:
            until = one.at + 1.0
            yield one.at


def _between(arrivals: list[Arrival], pauses: list[float], grace: float) -> Iterator[int]:
    times = [one.at for one in arrivals]
    for at in pauses:
        yield bisect_left(times, at + 1.0) - bisect_right(times, at + grace)
