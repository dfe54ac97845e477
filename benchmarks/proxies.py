"""Batches through proxies beside aiohttp: python -m benchmarks.proxies [--rounds N] [--proxy URL [--pid N]].

Medians of rounds in which all have their turn, every other round the other way round. Server and proxy are processes of
their own; every answer is checked. Of the CPU time that each of the three takes for a request follows how many a second
there can be at the most: what the slowest of them can, or what all can on the cores that there are. The floor is a bare
protocol: what is as fast as that has come to the limit, whatever it is.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import os
import ssl
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from pathlib import Path
from typing import Any

from pynector import Pynector

from .floor import Floor, TunnelledFloor
from .relay import relaying
from .servers import SMALL, Server, serving
from .table import certificate

COUNT, IN_FLIGHT = 10_000, 100

# What differs by a few hundredths at the most takes so many times as many rounds.
MORE = 8

# aiohttp sends fewer, for it takes longer.
SHARE = 4

Batch = Callable[[int], Awaitable[list[bytes]]]

Figures = dict[str, tuple[float, ...]]
"""By client: requests/s, and the CPU microseconds a request that it, the proxy and the server took."""


class Burden:
    """How long a process was busy, where the system tells.

    Args:
        process: Its number, or None for one that is not ours.
    """

    def __init__(self, process: int | None) -> None:
        self._stat = Path(f"/proc/{process}/stat")

    def seconds(self) -> float:
        """Return for how many seconds it has been busy so far."""
        if not self._stat.exists():
            return float("nan")
        user, system = self._stat.read_text().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


async def rates(batches: dict[str, Batch], rounds: int, *others: Burden) -> Figures:
    """Measure each."""
    found: dict[str, list[tuple[float, ...]]] = {name: [] for name in batches}
    for turn in range(rounds + 1):
        # Who comes behind another one may find the machine otherwise.
        for name, batch in list(batches.items())[:: 1 if turn % 2 else -1]:
            count = COUNT // SHARE if name == "aiohttp" else COUNT
            before = [time.process_time(), *(burden.seconds() for burden in others)]
            started = time.perf_counter()
            bodies = await batch(count)
            elapsed = time.perf_counter() - started
            after = [time.process_time(), *(burden.seconds() for burden in others)]
            assert [len(body) for body in bodies] == [SMALL] * count
            if turn:
                used = [(now - then) / count * 1e6 for now, then in zip(after, before, strict=True)]
                found[name].append((count / elapsed, *used))
    return {name: tuple(map(statistics.median, zip(*values, strict=True))) for name, values in found.items()}  # type: ignore[misc]


async def pynector_batch(stack: AsyncExitStack, url: str, path: str, **options: Any) -> Batch:
    """Start a client of ours."""
    client = Pynector(base_url=url, keepalive_expiry=600, **options)
    await stack.enter_async_context(client)

    async def batch(count: int) -> list[Any]:
        return await client.batch_request([({"path": path}, {})] * count, max_concurrency=IN_FLIGHT)

    return batch


async def aiohttp_batch(stack: AsyncExitStack, url: str, proxy: str, context: Any) -> Batch:
    """Start a client of aiohttp's."""
    import aiohttp

    connector = aiohttp.TCPConnector(limit=IN_FLIGHT, ssl=context or True, keepalive_timeout=600)
    session = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))

    async def one() -> bytes:
        async with session.get(url, proxy=proxy) as response:
            return await response.read()

    return by_tasks(one)


async def floor_batch(stack: AsyncExitStack, url: str, path: str, proxy: str, context: ssl.SSLContext | None) -> Batch:
    """Start the floor, which is what a client can reach: through a proxy that passes requests on, or tunnels."""
    floor = Floor(proxy) if context is None else TunnelledFloor(url, context, proxy)
    stack.push_async_callback(floor.aclose)
    target = url + path if context is None else path
    return by_tasks(lambda: floor.request("GET", target))


def by_tasks(one: Callable[[], Awaitable[bytes]]) -> Batch:
    """Return what drains one iterator from many tasks."""

    async def batch(count: int) -> list[bytes]:
        turns, bodies = iter(range(count)), [b""] * count

        async def work() -> None:
            for turn in turns:
                bodies[turn] = await one()

        await asyncio.gather(*(work() for _ in range(IN_FLIGHT)))
        return bodies

    return batch


async def through(server: Server, proxy: str, context: ssl.SSLContext | None, rounds: int, burden: Burden) -> Figures:
    """Measure all through a proxy."""
    url, path = server.url, server.small
    async with AsyncExitStack() as stack:
        verify = True if context is None else context
        batches = {
            "pynector": await pynector_batch(stack, url, path, proxy=proxy, verify=verify),
            "aiohttp": await aiohttp_batch(stack, url + path, proxy, context),
            "floor": await floor_batch(stack, url, path, proxy, context),
        }
        return await rates(batches, rounds, burden, Burden(server.process))


@contextmanager
def environment(**variables: str) -> Iterator[None]:
    """Have some variables for the time of the context."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


async def past(server: Server, proxy: str, rounds: int) -> Figures:
    """Measure a host that NO_PROXY covers beside the same without proxies."""
    loop: Any = asyncio.get_running_loop()
    resolve = loop.getaddrinfo
    # A name that is not this machine's by itself.
    loop.getaddrinfo = lambda host, *rest, **more: resolve("127.0.0.1", *rest, **more)
    url, path = f"http://service.example:{server.url.rpartition(':')[2]}", server.small
    async with AsyncExitStack() as stack:
        with environment(HTTP_PROXY=proxy, NO_PROXY="10.0.0.0/8,.internal,service.example"):
            excepted = await pynector_batch(stack, url, path)
        batches = {"excepted": excepted, "without": await pynector_batch(stack, url, path, trust_env=False)}
        return await rates(batches, rounds * MORE)


def report(name: str, found: Figures) -> None:
    """Print the first one's figures, how many times those of the others they are, and what the limit is."""
    (first, (rate, cpu, *rest)), *others = found.items()
    print(f"{name}: {first} {rate:,.0f}/s, CPU {cpu:.1f} us{limit(rate, cpu, rest)}")
    for other, (its_rate, its_cpu, *its_rest) in others:
        times = f"{rate / its_rate:.2f} times {other} ({its_rate:,.0f}/s)"
        print(f"  {times}, {its_cpu / cpu:.2f} times less CPU ({its_cpu:.1f} us){limit(its_rate, its_cpu, its_rest)}")


def limit(rate: float, client: float, others: list[float]) -> str:
    """Say what proxy and server take, and how much of what can be that rate is; nothing where that is not known."""
    if not others or any(map(math.isnan, others)):
        return ""
    proxy, server = others
    cores = os.cpu_count() or 1
    most = {"client": client, "proxy": proxy, "server": server, f"{cores} cores": (client + proxy + server) / cores}
    slowest = max(most, key=lambda each: most[each])
    share = rate * most[slowest] / 1e6
    return f", proxy {proxy:.1f}, server {server:.1f}: {share:.0%} of what {slowest} can ({1e6 / most[slowest]:,.0f}/s)"


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.proxies", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--proxy", help="an http proxy that is running already")
    parser.add_argument("--pid", type=int, help="its process")
    given = parser.parse_args()
    try:
        from uvloop import run
    except ImportError:
        run = asyncio.run
    with ExitStack() as stack:
        proxy, process = given.proxy, given.pid
        if proxy is None:
            relay, port = stack.enter_context(relaying())
            proxy, process = f"http://127.0.0.1:{port}", relay.pid
        burden = Burden(process)
        server = stack.enter_context(serving())
        report("http, passed on", run(through(server, proxy, None, given.rounds, burden)))
        files, context = stack.enter_context(certificate())
        secure = stack.enter_context(serving(files))
        report("https, by CONNECT", run(through(secure, proxy, context, given.rounds, burden)))
        report("http, in NO_PROXY", run(past(server, proxy, given.rounds)))


if __name__ == "__main__":
    main()
