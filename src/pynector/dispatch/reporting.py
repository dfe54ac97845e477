"""What a batch is told by `on_progress=` and `progress=`, and how that comes about."""

from __future__ import annotations

import inspect
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anyio

from ..config import flag
from ..errors import ConfigurationError
from ..groups import ungrouped
from .bar import drawing
from .progress import BatchProgress, Counts, Listener, OnProgress, Reporter

_NO_PLAIN_FUNCTION = (inspect.iscoroutinefunction, inspect.isasyncgenfunction, inspect.isgeneratorfunction)


@dataclass(frozen=True)
class Wanted:
    """Who wants to be told of a batch.

    Attributes:
        on_progress: A function of the user's, or None.
        is_drawn: Whether it is drawn on standard error.
    """

    on_progress: OnProgress | None
    is_drawn: bool

    def listeners(self) -> list[Listener]:
        """Return who is told; made anew for each batch, when it begins."""
        found: list[Listener] = []
        if self.is_drawn:
            # First, for what the user's function prints at the end is to stand below.
            drawn = drawing(sys.stderr)
            found += [drawn] if drawn is not None else []
        if self.on_progress is not None:
            found.append(_Told(self.on_progress))
        return found


class _Told:
    """A function of the user's as a Listener."""

    def __init__(self, function: OnProgress) -> None:
        self._function = function

    def show(self, progress: BatchProgress) -> None:
        given = self._function(progress)
        if inspect.iscoroutine(given):
            given.close()
            raise ConfigurationError("on_progress returned a coroutine, which nobody awaits")

    end = show


def checked_progress(on_progress: Any, progress: Any) -> Wanted | None:
    """Return who wants to be told of a batch, or None where nobody does.

    Args:
        on_progress: A function that takes a BatchProgress, or None.
        progress: Whether it is drawn on standard error.

    Raises:
        ConfigurationError: If one of them cannot be.
    """
    is_drawn = flag(progress, "progress")
    if on_progress is None:
        return Wanted(None, True) if is_drawn else None
    if not callable(on_progress):
        raise ConfigurationError(f"on_progress must be a function, not {on_progress!r}")
    if any(is_of(one) for is_of in _NO_PLAIN_FUNCTION for one in (on_progress, type(on_progress).__call__)):
        raise ConfigurationError("on_progress must be a plain function, which is called and not awaited: no async def")
    if not _takes_one(on_progress):
        raise ConfigurationError("on_progress must be a function that takes one argument, a BatchProgress")
    return Wanted(on_progress, is_drawn)


def _takes_one(function: Any) -> bool:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        # Not all builtins have one.
        return True
    try:
        signature.bind(None)
    except TypeError:
        return False
    return True


@asynccontextmanager
async def reported(
    wanted: Wanted | None, counts: Callable[[], Counts], clock: Callable[[], float]
) -> AsyncIterator[None]:
    """Tell of a batch while it runs inside, and of its end however that comes.

    Args:
        wanted: Who wants to know; None for nobody.
        counts: Returns what the batch counts.
        clock: The event loop's clock, in seconds.
    """
    if wanted is None:
        yield
        return
    reporter = Reporter(counts, clock, wanted.listeners())
    try:
        with ungrouped():
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(reporter.run)
                yield
                tasks.cancel_scope.cancel()
    finally:
        reporter.finish()
