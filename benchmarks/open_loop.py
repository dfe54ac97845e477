"""Requests at a fixed rate, whatever the answers do: latency counts from when a request was meant to start.

A closed loop waits for answers before it sends more, so a slow moment hides the requests that it kept from starting.
"""

from __future__ import annotations

import asyncio
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
    began = time.perf_counter()
    tasks = []
    count = round(rate * seconds)
    while len(tasks) < count:
        due = min(count, int((time.perf_counter() - began) * rate) + 1)
        tasks += [loop.create_task(send(began + number / rate)) for number in range(len(tasks), due)]
        await asyncio.sleep(0.001)
    await asyncio.gather(*tasks)
    return found
