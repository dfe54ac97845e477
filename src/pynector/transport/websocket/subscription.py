"""Messages that answer nobody, for whoever wants them."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import anyio

from ...config import at_least
from ...errors import ConfigurationError
from .messages import Gap, Message

if TYPE_CHECKING:
    from typing_extensions import Self

    from .pool import ConnectionPool

OVERFLOW = ("drop_oldest", "drop_newest", "wait")


class Subscription:
    """An asynchronous iterator of `Message` and, where some are missing, `Gap`. It ends when the transport is closed.

    Args:
        pool: The connections.
        max_queue: The most messages that wait to be taken, 1 or more.
        overflow: What happens when there are as many: "drop_oldest", "drop_newest", or "wait": the sockets are not read
            until there is room, so answers wait, too.

    Raises:
        ConfigurationError: If an argument is not valid.
    """

    def __init__(self, pool: ConnectionPool, max_queue: int = 1000, overflow: str = "drop_oldest") -> None:
        at_least(1)(max_queue, "max_queue")
        if overflow not in OVERFLOW:
            raise ConfigurationError(f"overflow must be one of {', '.join(OVERFLOW)}, not {overflow!r}")
        self._pool = pool
        self._most = max_queue
        self._overflow = overflow
        self._queue: deque[Message | Gap] = deque()
        self._dropped = 0
        self._waiter: anyio.Event | None = None
        self._ended = False
        self._error: BaseException | None = None
        self._paused = False
        pool.subscribe(self)

    def offer(self, message: Message | Gap) -> None:
        """Take a message."""
        if len(self._queue) >= self._most:
            if self._overflow == "drop_newest":
                self._dropped += 1
                return
            if self._overflow == "drop_oldest":
                self._queue.popleft()
                self._dropped += 1
        self._queue.append(message)
        if self._overflow == "wait" and len(self._queue) >= self._most and not self._paused:
            self._paused = True
            self._pool.pause_for(self)
        self._wake()

    def end(self, error: BaseException | None) -> None:
        """Give no more than what is queued, and then the error, if there is one."""
        self._ended = True
        self._error = error
        self._wake()

    def close(self) -> None:
        """Take no more messages, and forget those that wait."""
        self._pool.unsubscribe(self)
        self._queue.clear()
        self._read_on()
        self.end(None)

    def _wake(self) -> None:
        if self._waiter is not None:
            self._waiter.set()

    def _read_on(self) -> None:
        if self._paused:
            self._paused = False
            self._pool.resume_for(self)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        while not self._queue and not self._dropped:
            if self._ended:
                if self._error is not None:
                    raise self._error
                raise StopAsyncIteration
            self._waiter = anyio.Event()
            await self._waiter.wait()
        if self._dropped:
            dropped, self._dropped = self._dropped, 0
            return Gap("overflow", dropped)
        message = self._queue.popleft()
        if 2 * len(self._queue) <= self._most:
            self._read_on()
        return message
