"""Pipes and terminals that others write to or read from, as slowly as they like: the event loop goes on meanwhile."""

from __future__ import annotations

import asyncio
import os
import select
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

# A pipe that may be written to takes so much without waiting (bytes), as POSIX has it.
AT_ONCE = getattr(select, "PIPE_BUF", 512)


def is_pipe(status: os.stat_result) -> bool:
    """Say whether there is another program at the other end, which an event loop can wait for."""
    return (stat.S_ISFIFO(status.st_mode) or stat.S_ISSOCK(status.st_mode)) and os.name != "nt"


async def readable(file: int) -> None:
    """Wait until there is something to read, or the end."""
    loop, event = asyncio.get_running_loop(), asyncio.Event()
    with _as_it_is(file):
        loop.add_reader(file, event.set)
    try:
        await event.wait()
    finally:
        loop.remove_reader(file)


class Pipe:
    """What is written to a pipe, which takes it when its reader does.

    Args:
        file: The pipe.

    Attributes:
        failed: Called with what goes wrong when nobody writes.
    """

    def __init__(self, file: int) -> None:
        self._file = file
        self._left = bytearray()
        self._news = asyncio.Event()
        self.failed: Callable[[OSError], object] = _nobody

    @property
    def is_behind(self) -> bool:
        """Whether the pipe has not taken everything."""
        return bool(self._left)

    def write(self, block: bytes) -> None:
        """Write, in a turn of the event loop, now and when there is room.

        Raises:
            OSError: If that cannot be.
        """
        is_first = not self._left
        self._left += block
        if is_first:
            self._write()
            if self._left:
                self._news.clear()
                with _as_it_is(self._file):
                    asyncio.get_running_loop().add_writer(self._file, self._go_on)

    async def taken(self) -> None:
        """Wait until the pipe has taken everything."""
        while self._left:
            await self._news.wait()

    def _write(self) -> None:
        while self._left and select.select((), (self._file,), (), 0)[1]:
            count = os.write(self._file, self._left[:AT_ONCE])
            del self._left[:count]

    def _go_on(self) -> None:
        try:
            self._write()
        except OSError as error:
            self._left.clear()
            self.failed(error)
        if not self._left:
            asyncio.get_running_loop().remove_writer(self._file)
            self._news.set()


@contextmanager
def _as_it_is(file: int) -> Iterator[None]:
    """Have a file wait, or not, as before: others have it, too, such as a shell, and uvloop has no file wait."""
    is_blocking = os.get_blocking(file)
    try:
        yield
    finally:
        os.set_blocking(file, is_blocking)


def _nobody(error: Any) -> None:
    pass
