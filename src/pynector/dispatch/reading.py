"""Reads entries that have to be waited for, one by one, as they are wanted."""

from __future__ import annotations

import anyio.lowlevel

from .._speedups.dispatcher import BURST
from ..eventloop import is_end
from .bell import Bell
from .sources import Source


async def read(source: Source) -> None:
    """Read an asynchronous iterable for as long as it has entries; of another there is nothing to read here."""
    later = source.later
    wanted = Bell()
    source.want = wanted.ring
    in_a_row = 0
    while later is not None:
        while not source.is_wanted:
            in_a_row = 0
            await wanted.wait()
        in_a_row += 1
        if in_a_row % BURST == 0:
            # One that never waits would keep the event loop from its turn.
            await anyio.lowlevel.checkpoint()
        source.is_wanted = False
        try:
            source.given.append(await anext(later))
        except StopAsyncIteration:
            later = None
        except BaseException as error:
            if is_end(error):
                raise
            source.error, later = error, None
        source.go_on(later is None)


async def close(source: Source) -> None:
    """Close what entries come from, where that can be closed. The source is of no more use then."""
    source.leave()
    later = getattr(source.later, "aclose", None)
    if later is not None:
        await later()
    closing = getattr(source.now, "close", None)
    if closing is not None:
        closing()
