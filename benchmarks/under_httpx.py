"""Transports under the clients of httpx and httpx2: Pynector's, the packages' own, and others'.

Beside them are one that answers at once, which shows what the client itself takes, and the floor: a bare protocol that
keeps nothing of a head, which shows what is left of that by any transport that has to wait for an answer.

python -m benchmarks.under_httpx; what is not installed is left out.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import statistics
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from importlib import import_module
from typing import Any

from .floor import Floor
from .servers import serving

IN_FLIGHT = 100

# What a usual server says of a small file.
HEAD = [
    (b"Server", b"nginx"),
    (b"Date", b"Fri, 27 Nov 2026 10:00:00 GMT"),
    (b"Content-Type", b"application/octet-stream"),
    (b"Content-Length", b"1024"),
    (b"Last-Modified", b"Fri, 27 Nov 2026 10:00:00 GMT"),
    (b"Connection", b"keep-alive"),
    (b"ETag", b'"65643"'),
    (b"Accept-Ranges", b"bytes"),
]


def bare_transport(
    package: Any, answer: Callable[[Any], Awaitable[bytes]], close: Callable[[], Awaitable[None]]
) -> Any:
    """Make a transport of a function that has a request answered with a body."""

    class Body(package.AsyncByteStream):  # type: ignore[misc, name-defined]
        def __init__(self, body: bytes) -> None:
            self._body = body

        async def __aiter__(self) -> Any:
            yield self._body

    class Bare(package.AsyncBaseTransport):  # type: ignore[misc, name-defined]
        async def handle_async_request(self, request: Any) -> Any:
            body = await answer(request)
            extensions = {"http_version": b"HTTP/1.1", "reason_phrase": b"OK"}
            return package.Response(200, headers=HEAD, stream=Body(body), extensions=extensions)

        async def aclose(self) -> None:
            await close()

    return Bare()


def null_transport(package: Any) -> Any:
    """Make a transport that answers at once, a client's ceiling."""
    body = b"x" * 1024

    async def answer(request: Any) -> bytes:
        return body

    async def close() -> None:
        pass

    return bare_transport(package, answer, close)


def floor_transport(package: Any, url: str) -> Any:
    """Make a transport of the bare protocol."""
    floor = Floor(url)

    def answer(request: Any) -> Awaitable[bytes]:
        return floor.request("GET", request.url.raw_path.decode("ascii"))

    return bare_transport(package, answer, floor.aclose)


def transports(url: str) -> dict[str, Callable[[], Any]]:
    """Return what makes a client of a server over each transport there is, by the names of package and transport."""
    found: dict[str, Callable[[], Any]] = {}
    for name in ("httpx2", "httpx"):
        try:
            package: Any = import_module(name)
            ours: Any = import_module(f"pynector.integrations.{name}")
        except ImportError:
            continue

        def over(make: Callable[[], Any], package: Any = package) -> Callable[[], Any]:
            return lambda: package.AsyncClient(transport=make())

        found[f"{name}: at once"] = over(lambda package=package: null_transport(package))
        found[f"{name}: floor"] = over(lambda package=package: floor_transport(package, url))
        found[f"{name}: pynector"] = over(ours.PynectorTransport)
        found[f"{name}: its own"] = package.AsyncClient
        if name == "httpx":
            for module, kind in (
                ("httpx_aiohttp", "AiohttpTransport"),
                ("pyreqwest.compatibility.httpx", "HttpxTransport"),
            ):
                try:
                    found[f"{name}: {module.partition('.')[0]}"] = over(getattr(import_module(module), kind))
                except ImportError:
                    continue
    return found


async def load(client: Any, url: str, count: int) -> None:
    """Send requests from many tasks, and check the answers."""
    turns = iter(range(count))

    async def work() -> None:
        for _ in turns:
            response = await client.get(url)
            if len(response.content) != 1024:
                raise AssertionError(f"an answer is wrong: {response}")

    await asyncio.gather(*(work() for _ in range(min(IN_FLIGHT, count))))


async def measure(url: str, rounds: int, count: int) -> dict[str, list[tuple[float, float]]]:
    """Measure all in turn: requests a second, and CPU time a request in microseconds, for each round."""
    figures: dict[str, list[tuple[float, float]]] = {}
    async with AsyncExitStack() as stack:
        clients = {name: await stack.enter_async_context(make()) for name, make in transports(url).items()}
        for client in clients.values():
            await load(client, url, IN_FLIGHT)
        for _ in range(rounds):
            for name, client in clients.items():
                # The slow ones take no longer.
                share = count // 5 if "its own" in name else count
                started, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
                await load(client, url, share)
                elapsed, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF)
                busy = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
                figures.setdefault(name, []).append((share / elapsed, busy / share * 1e6))
    return figures


def report(figures: dict[str, list[tuple[float, float]]]) -> str:
    """Give the medians as a table, the rates also as shares of the client's ceiling."""
    lines = [f"{'':24}{'requests/s':>12}{'CPU us':>10}{'of at once':>12}"]
    for name, rounds in figures.items():
        rate, busy = (statistics.median(column) for column in zip(*rounds, strict=True))
        ceiling = figures[f"{name.partition(':')[0]}: at once"]
        share = statistics.median(mine[0] / its[0] for mine, its in zip(rounds, ceiling, strict=True))
        lines.append(f"{name:24}{rate:>12,.0f}{busy:>10,.1f}{share:>12.2f}")
    return "\n".join(lines)


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.under_httpx", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--count", type=int, default=3_000, help="requests a round")
    options = parser.parse_args()
    try:
        from uvloop import run
    except ImportError:
        run = asyncio.run
    with serving() as server:
        print(report(run(measure(server.url + server.small, options.rounds, options.count))))


if __name__ == "__main__":
    main()
