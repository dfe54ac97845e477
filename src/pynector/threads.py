"""Threads of our own: whoever has filled those that the program shares does not hold up what has to be done here."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeVar

import anyio.to_thread
from anyio.lowlevel import RunVar

Result = TypeVar("Result")

# They work, and do not wait: more than there are cores would be of no use.
MOST_THREADS = max(2, os.cpu_count() or 1)

_room: RunVar[anyio.CapacityLimiter] = RunVar("pynector_threads")


async def in_thread(work: Callable[[], Result]) -> Result:
    """Return what a function returns that takes long; whoever is cancelled does not wait for it."""
    try:
        room = _room.get()
    except LookupError:
        room = anyio.CapacityLimiter(MOST_THREADS)
        _room.set(room)
    return await anyio.to_thread.run_sync(work, abandon_on_cancel=True, limiter=room)
