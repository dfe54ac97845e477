"""Clients for code without an event loop, one request after the other: python -m benchmarks.blocking [--rounds N].

Each round gives each client its turn, and the order turns: a plain loop of GETs on a kept connection, each answer with
its status and header fields. Batches of the blocking client stand beside those of the asynchronous one. Every answer is
checked.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from typing import Any

import pynector
from pynector import blocking

from .servers import SMALL, serving

Get = Callable[[str], bytes]

# Requests of one turn.
IN_A_LOOP, IN_A_BATCH = 1_000, 20_000


@contextmanager
def by_pynector() -> Iterator[Get]:
    """This library."""
    with blocking.Pynector(enable_telemetry=False) as client:
        yield lambda url: client.get(url, as_response=True).content


@contextmanager
def by_requests() -> Iterator[Get]:
    """With a session."""
    import requests  # type: ignore[import-untyped, unused-ignore]

    with requests.Session() as session:
        session.trust_env = False
        yield lambda url: session.get(url).content


@contextmanager
def by_niquests() -> Iterator[Get]:
    """With a session."""
    import niquests

    with niquests.Session() as session:
        session.trust_env = False
        yield lambda url: session.get(url).content or b""


@contextmanager
def by_httpx() -> Iterator[Get]:
    """With a client."""
    import httpx

    with httpx.Client(trust_env=False) as client:
        yield lambda url: client.get(url).content


CLIENTS = {"pynector": by_pynector, "requests": by_requests, "niquests": by_niquests, "httpx": by_httpx}


def loops(url: str, rounds: int) -> dict[str, float]:
    """Give requests/s in a plain loop, the medians, by client."""
    found: dict[str, list[float]] = defaultdict(list)
    with ExitStack() as stack:
        there = {name: stack.enter_context(made()) for name, made in CLIENTS.items() if find_spec(name)}
        for turn in range(rounds + 1):
            names = list(there)[turn % len(there) :] + list(there)[: turn % len(there)]
            for name in names:
                get, started = there[name], time.perf_counter()
                if any(len(get(url)) != SMALL for _ in range(IN_A_LOOP if turn else 10)):
                    raise AssertionError(f"{name} has wrong answers")
                if turn:
                    found[name].append(IN_A_LOOP / (time.perf_counter() - started))
    return {name: statistics.median(rates) for name, rates in found.items()}


def clocks() -> tuple[float, float]:
    """Give what the time is, and what CPU time all threads have used, in seconds."""
    return time.perf_counter(), time.process_time()


def batches(url: str, rounds: int) -> dict[str, float]:
    """Give requests/s of batches, the medians: of the blocking client, and of the asynchronous one; and by CPU time."""
    found: dict[str, list[float]] = defaultdict(list)
    entries: list[Any] = [({"url": url}, {})] * IN_A_BATCH

    def note(name: str, started: tuple[float, float], answers: list[Any]) -> None:
        elapsed, used = (now - then for now, then in zip(clocks(), started, strict=True))
        if any(len(answer) != SMALL for answer in answers):
            raise AssertionError(f"{name} has wrong answers")
        found[name].append(len(answers) / elapsed)
        found[f"{name}, by CPU time"].append(len(answers) / used)

    async def alternately() -> None:
        # One loop runs in this thread, the other in the blocking client's, and one of both works at a time.
        with blocking.Pynector(enable_telemetry=False) as client:
            async with pynector.Pynector(enable_telemetry=False) as other:
                client.batch_request(entries[:100])
                await other.batch_request(entries[:100])
                for _ in range(rounds):
                    started = clocks()
                    note("blocking", started, client.batch_request(entries))
                    started = clocks()
                    note("asynchronous", started, await other.batch_request(entries))

    try:
        import uvloop
    except ImportError:
        asyncio.run(alternately())
    else:
        uvloop.run(alternately())
    return {name: statistics.median(rates) for name, rates in found.items()}


def main(rounds: int) -> None:
    """Print the figures, and what stands beside them."""
    with serving() as server:
        url = server.url + server.small
        rates = loops(url, rounds)
        for name, rate in rates.items():
            print(f"{name:<14}{rate:>9,.0f} requests/s in a loop   pynector x {rates['pynector'] / rate:.2f}")
        for name in CLIENTS.keys() - rates.keys():
            print(f"{name:<14}is not installed")
        both = batches(url, rounds)
        for name, rate in both.items():
            print(f"{name:<26}{rate:>9,.0f} requests/s in batches")
        for by in ("", ", by CPU time"):
            print(f"{'blocking' + by:<26}x {both['blocking' + by] / both['asynchronous' + by]:.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="how often each has its turn (default: 5)")
    main(parser.parse_args().rounds)
