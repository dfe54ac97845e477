"""What the regression check measures, each beside its own reference: the floor, or the same job in plain Python."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

from pynector import Pynector
from pynector._speedups.accumulator import NO_LIMIT, Accumulator

from .null_transports import NullExchange, NullSubmit
from .peers import Client, FloorClient, PynectorClient
from .servers import serving
from .test_batch_overhead import IN_FLIGHT, sketch

Pair = tuple[Callable[[], Any], Callable[[], Any]]

REQUESTS = 20_000
SKETCH_REQUESTS = 1_000


@dataclass(frozen=True)
class Reference:
    """A candidate and its reference.

    Attributes:
        name: What it is called in the baseline.
        prepared: Gives the two, ready to run.
    """

    name: str
    prepared: Callable[[], AbstractContextManager[Pair]]


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


@contextmanager
def _on_loop() -> Iterator[Callable[[Callable[[], Any]], Callable[[], Any]]]:
    loop = _new_loop()
    try:
        yield lambda work: lambda: loop.run_until_complete(work())
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


def _overhead(make: type[NullExchange] | type[NullSubmit]) -> Callable[[], AbstractContextManager[Pair]]:
    @contextmanager
    def prepared() -> Iterator[Pair]:
        client, plain = Pynector(make()), NullExchange()
        requests: list[Any] = [(index, {}) for index in range(REQUESTS)]
        with _on_loop() as run:
            yield (
                run(lambda: client.batch_request(requests, max_concurrency=IN_FLIGHT)),
                run(lambda: sketch(plain, SKETCH_REQUESTS)),
            )
            run(client.aclose)()

    return prepared


@contextmanager
def _accumulation() -> Iterator[Pair]:
    chunks = [bytes([index % 251]) * 16384 for index in range(2048)]

    def accumulate() -> bytes:
        into = Accumulator(NO_LIMIT)
        for chunk in chunks:
            into.append(chunk)
        return into.finish()

    yield accumulate, lambda: b"".join(list(chunks))


def _http(in_flight: int, count: int, batch: bool) -> Callable[[], AbstractContextManager[Pair]]:
    @contextmanager
    def prepared() -> Iterator[Pair]:
        with serving() as server, _on_loop() as run:
            clients = [kind(server.url, in_flight, None) for kind in (PynectorClient, FloorClient)]
            works = []
            for client in clients:
                run(client.start)()
                send = type(client).batch if batch else Client.batch
                works.append(run(lambda client=client, send=send: send(client, "GET", server.small, None, count)))
            yield works[0], works[1]
            for client in clients:
                run(client.stack.aclose)()

    return prepared


REFERENCES = [
    Reference("batch over submit, to a 20th of the sketch", _overhead(NullSubmit)),
    Reference("batch over exchange, to a 20th of the sketch", _overhead(NullExchange)),
    Reference("accumulation of 32 MB, to a join", _accumulation),
    Reference("HTTP batch, 100 in flight, to the floor", _http(100, 10_000, batch=True)),
    Reference("HTTP request() from 100 tasks, to the floor", _http(100, 5_000, batch=False)),
]
