"""At which rate requests come to a server while a job is under way, its beginning and its end left out."""

from __future__ import annotations

import time
from collections.abc import Callable

from pynector.testing import LoopbackServer


def rate_of(server: LoopbackServer, count: int, is_over: Callable[[], bool]) -> float:
    """Return requests a second, from a tenth of them to nine tenths: workers start and stop at other times.

    Args:
        server: Where they come; it is reset.
        count: How many will come.
        is_over: Whether the job is.
    """
    server.reset()
    seen = []
    while not is_over():
        seen.append((time.monotonic(), server.stats().requests))
        time.sleep(0.1)
    (began, first), *_, (ended, last) = [(at, came) for at, came in seen if 0.1 * count <= came <= 0.9 * count]
    return (last - first) / (ended - began)
