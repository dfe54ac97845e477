"""Work in short steps: what is soon done is done at once, and what is not in another thread."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from time import perf_counter
from typing import Any, Generic, TypeVar

from ...threads import in_thread

Result = TypeVar("Result")

# What takes longer than this is done in another thread: meanwhile the event loop does nothing else (seconds).
AT_ONCE = 0.002


class Steps(Generic[Result]):
    """Work that gives way after each step, none of which takes long.

    Args:
        steps: The work.

    Attributes:
        is_running: Whether another thread has begun with the rest of it.
    """

    def __init__(self, steps: Generator[None, None, Result]) -> None:
        self._steps = steps
        self._is_stopped = False
        self._error: Exception | None = None
        self._result: Any = None
        self.is_running = False

    def at_once(self) -> bool:
        """Do what can be done at once, and say whether that was all."""
        if not self._step():
            return True
        end = perf_counter() + AT_ONCE
        while self._step():
            if perf_counter() >= end:
                return False
        return True

    def finish(self) -> None:
        """Do the rest, unless it is stopped."""
        self.is_running = True
        while not self._is_stopped and self._step():
            pass
        self._steps.close()
        if self._is_stopped:
            self.stop()

    async def finished(self) -> None:
        """Do the rest in another thread, which is not waited for when this is cancelled, but stopped."""
        try:
            await in_thread(self.finish)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Have another thread do no more of it; what it has come to is of no use."""
        self._is_stopped = True
        # A thread that waits for other work keeps this.
        self._result = self._error = None

    def result(self) -> Result:
        """Return what the work has come to, once.

        Raises:
            Exception: What it has raised.
        """
        result, error = self._result, self._error
        self._result = self._error = None
        if error is None:
            return result  # type: ignore[no-any-return]
        try:
            raise error
        finally:
            # It would keep itself by this frame.
            del error

    def _step(self) -> bool:
        try:
            next(self._steps)
        except StopIteration as end:
            self._result = end.value
        except Exception as error:
            self._error = error
        else:
            return True
        return False


class Pieces:
    """What an iterator gives: at once what is soon there, and from then on in another thread.

    Args:
        pieces: The iterator; each of its steps is short, and may give nothing, which is b"".
    """

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._left = AT_ONCE
        # A thread may still be at a piece whose reader was cancelled. The next reader has it.
        self._running = threading.Lock()
        self._found: list[bytes | Exception] = []

    async def next(self) -> bytes:
        """Return the next piece that is not empty, b"" at the end.

        Raises:
            Exception: What the iterator raises.
        """
        while self._left > 0:
            began = perf_counter()
            piece = next(self._pieces, None)
            self._left -= perf_counter() - began
            if piece is None:
                return b""
            if piece:
                return piece
        await in_thread(self._find)
        found = self._found.pop()
        if isinstance(found, bytes):
            return found
        try:
            raise found
        finally:
            # It would keep itself by this frame.
            del found

    def _find(self) -> None:
        with self._running:
            if self._found:
                return
            try:
                self._found.append(next(filter(None, self._pieces), b""))
            except Exception as error:
                self._found.append(error)
