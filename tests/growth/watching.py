"""Rounds of requests that all end in one way, and what is there after each."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import anyio

from leaks import running_tasks
from pynector import Pynector
from pynector.callbacks import running_loop
from pynector.eventloop import ClientContext
from wsservers import running as websocket_server

from .measure import PARTS, Sample, Watch
from .outcomes import Outcome, Servers
from .server import running as http_server

# Rounds before the first look: what is made once is made in them.
WARM_UP = 2

# asyncio forgets cancelled timers when there are more than a hundred, and more than half of all.
TIMERS = 500


@contextmanager
def servers() -> Iterator[Servers]:
    """Run the servers."""
    with http_server() as (http, https), websocket_server() as websocket, socket.socket() as refused:
        # Bound, so that nobody else gets it, and nobody listens.
        refused.bind(("", 0))
        port = refused.getsockname()[1]
        host = "127.0.0.1"
        yield Servers(
            f"http://{host}:{http}", f"https://{host}:{https}", f"http://{host}:{port}", f"ws://{host}:{websocket}"
        )


@contextmanager
def heard_by_nobody() -> Iterator[None]:
    """Have what is logged go nowhere: pytest would keep it."""
    logger, handler = logging.getLogger("pynector"), logging.NullHandler()
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield
    finally:
        logger.propagate = True
        logger.removeHandler(handler)


async def watched(
    outcome: Outcome, servers: Servers, size: int, most: int, seconds: float | None = None
) -> list[Sample]:
    """Send requests in rounds, and look at what there is after each.

    Args:
        outcome: How they end.
        servers: Where they go.
        size: Requests in a round.
        most: Requests in all, those for warming up apart.
        seconds: When there are no more rounds, from the first one on; None: when there have been as many as `most`.
    """
    pooled = outcome.server != "websocket"
    with heard_by_nobody(), Watch() as watch:
        async with outcome.client(servers) as client:
            await outcome.run(client, range(WARM_UP * size))
            tasks = await settled(client, pooled, None)
            begun, done = time.monotonic(), 0
            while done < most:
                first = WARM_UP * size + done
                await outcome.run(client, range(first, first + size))
                done += size
                await settled(client, pooled, tasks)
                watch.take(done)
                if seconds is not None and time.monotonic() - begun > seconds and done >= PARTS * size:
                    break
        return watch.samples()


async def settled(client: Pynector, pooled: bool, tasks: int | None) -> int:
    """Wait until nothing is under way any more.

    Args:
        client: The client.
        pooled: Whether it closes connections that have nothing to do.
        tasks: How many tasks there are then; None: that is not known yet.

    Returns:
        How many tasks there are.

    Raises:
        AssertionError: If that takes very long.
    """
    loop = running_loop(ClientContext())
    for _ in range(TIMERS):
        loop.call_at(loop.time() + 3600, print).cancel()
    for _ in range(1000):
        await anyio.sleep(0.02)
        there, stats = running_tasks(), client.stats()
        connected = pooled and any(stats.connections.values())
        if not stats.in_flight and not connected and there <= (tasks or there):
            return there
    raise AssertionError(f"something stays under way: {there} tasks, {stats}")
