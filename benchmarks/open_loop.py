"""Requests at a fixed rate, whatever the answers do: latency counts from when a request was meant to start.

A closed loop waits for answers before it sends more, so a slow moment hides the requests that it kept from starting.
"""

from __future__ import annotations

import asyncio
import gc
import time

from .peers import Client


async def latencies(client: Client, path: str, rate: int, seconds: float) -> list[float]:
    """Send for some seconds at a rate (requests a second) and give each request's seconds from its intended start."""
    loop = asyncio.get_running_loop()
    one = client.one("GET", path, None)
    found: list[float] = []

    async def send(intended: float) -> None:
        body = await one()
        assert body
        found.append(time.perf_counter() - intended)

    await one()
    # The garbage collector's long pauses come when there is much to look through: what one client left would be
    # another's pause, and so would tasks that are kept when they have ended.
    gc.collect()
    tasks: set[asyncio.Task[None]] = set()
    begun, count = 0, round(rate * seconds)
    began = time.perf_counter()
    while begun < count:
        due = min(count, int((time.perf_counter() - began) * rate) + 1)
        for number in range(begun, due):
            task = loop.create_task(send(began + number / rate))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        begun = due
        await asyncio.sleep(0.001)
    await asyncio.gather(*tasks)
    return found
