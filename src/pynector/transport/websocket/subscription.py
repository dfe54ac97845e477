"""Messages that answer nobody, for whoever wants them."""

from __future__ import annotations

import copy
import weakref
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import anyio

from ...config import at_least
from ...errors import ConfigurationError, PynectorError
from ...eventloop import ENDS
from .messages import Gap, Message

if TYPE_CHECKING:
    from typing_extensions import Self

OVERFLOW = ("drop_oldest", "drop_newest", "wait")


class Subscribers:
    """All who take the messages that answer nobody.

    Args:
        on_message: Called with each message, or None.
        complain: Told of what `on_message` raises.
        pause: Called when nothing is to be read for now, because somebody is full.
        resume: Called when nobody is full any more.
        left: Called when somebody has left; maybe, where a subscription was forgotten, in another thread.

    Attributes:
        unclaimed: How many messages there was nobody for.
        awaited: The subscriptions that a task waits for; always the same set.
    """

    def __init__(
        self,
        on_message: Callable[[Message], Any] | None,
        complain: Callable[[str, BaseException], None],
        pause: Callable[[], None],
        resume: Callable[[], None],
        left: Callable[[], None],
    ) -> None:
        self._on_message = on_message
        self._complain = complain
        self._pause = pause
        self._resume = resume
        self._left = left
        # One that was forgotten takes nothing any more.
        self._subscriptions: list[weakref.ref[Subscription]] = []
        self._paused = False
        self.unclaimed = 0
        self.awaited: set[Subscription] = set()

    def _all(self) -> list[Subscription]:
        return [one for one in (ref() for ref in self._subscriptions) if one is not None]

    @property
    def is_full(self) -> bool:
        """Whether nothing is to be read."""
        return any(subscription.is_full for subscription in self._all())

    @property
    def has_subscriptions(self) -> bool:
        """Whether somebody subscribes."""
        return bool(self._all())

    def take(self, message: Message) -> None:
        """Give a message to all."""
        subscriptions = self._all()
        for subscription in subscriptions:
            subscription.offer(message)
        if self._on_message is not None:
            try:
                self._on_message(message)
            except ENDS:
                raise
            except BaseException as error:
                self._complain("on_message failed", error)
        elif not subscriptions:
            self.unclaimed += 1

    def miss(self) -> None:
        """Tell subscriptions that messages may be missing, after a reconnect."""
        for subscription in self._all():
            subscription.offer(Gap("reconnect", 0))

    def end(self, error: PynectorError | None) -> None:
        """End all subscriptions, with an error or without."""
        for subscription in self._all():
            subscription.end(error)

    def tidy(self) -> None:
        """Take note that somebody has left, or can take messages again."""
        self._subscriptions = [ref for ref in self._subscriptions if ref() is not None]
        if self._paused and not self.is_full:
            self._paused = False
            self._resume()

    # Subscriptions' calls

    def join(self, subscription: Subscription) -> None:
        """Give messages to a subscription, too."""
        left = self._left
        self._subscriptions.append(weakref.ref(subscription, lambda _: left()))

    def leave(self, subscription: Subscription) -> None:
        """Give it no more."""
        self._subscriptions = [ref for ref in self._subscriptions if ref() is not subscription]
        self.tidy()
        self._left()

    def hold(self) -> None:
        """Read nothing until all subscriptions can take it."""
        if not self._paused:
            self._paused = True
            self._pause()


class Subscription:
    """An asynchronous iterator of `Message` and, where some are missing, `Gap`. It ends when the transport is closed.

    Args:
        subscribers: Gives it messages.
        max_queue: The most messages that wait to be taken, 1 or more.
        overflow: What happens when there are as many: "drop_oldest", "drop_newest", or "wait": the sockets are not read
            until there is room, so answers wait, too.

    Attributes:
        is_full: Whether nothing is to be read until more has been taken.

    Raises:
        ConfigurationError: If an argument is not valid.
    """

    def __init__(self, subscribers: Subscribers, max_queue: int = 1000, overflow: str = "drop_oldest") -> None:
        if overflow not in OVERFLOW:
            raise ConfigurationError(f"overflow must be one of {', '.join(OVERFLOW)}, not {overflow!r}")
        self._subscribers = subscribers
        self._most = at_least(1)(max_queue, "max_queue")
        self._overflow = overflow
        self._queue: deque[Message | Gap] = deque()
        # What is missing before the first message of the queue.
        self._before: Gap | None = None
        self._waiter: anyio.Event | None = None
        self._waiting = 0
        self._ended = False
        self._closed = False
        self._error: PynectorError | None = None
        self.is_full = False
        subscribers.join(self)

    def offer(self, message: Message | Gap) -> None:
        """Take a message, or the gap after a reconnect."""
        queue = self._queue
        if len(queue) < self._most or self._overflow == "wait":
            queue.append(message)
        elif self._overflow == "drop_oldest":
            self._before = _wider(self._before, queue.popleft())
            queue.append(message)
        elif isinstance(queue[-1], Gap):
            queue[-1] = _wider(queue[-1], message)
        else:
            queue.append(_wider(None, message))
        if self._overflow == "wait" and len(queue) >= self._most:
            self.is_full = True
            self._subscribers.hold()
        if self._waiter is not None:
            self._waiter.set()

    def end(self, error: PynectorError | None) -> None:
        """Give no more than what is queued, and then the error, if there is one."""
        if not self._ended:
            self._ended = True
            self._error = error
            self.is_full = False
            self._subscribers.leave(self)
            if self._waiter is not None:
                self._waiter.set()

    def close(self) -> None:
        """Take no more messages, and forget those that wait. Whoever waits for one meets the end."""
        self._closed = True
        self._queue.clear()
        self._before = None
        self.end(None)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        if self._closed:
            raise PynectorError("the subscription is closed: its context has been left, or close() was called")
        while not self._queue and self._before is None:
            if self._ended:
                if self._error is not None:
                    raise again(self._error)
                raise StopAsyncIteration
            await self._wait()
        before, self._before = self._before, None
        if before is not None:
            return before
        message = self._queue.popleft()
        if self.is_full and 2 * len(self._queue) <= self._most:
            self.is_full = False
            self._subscribers.tidy()
        return message

    async def _wait(self) -> None:
        if self._waiter is None or self._waiter.is_set():
            # Several tasks may wait; each message wakes all.
            self._waiter = anyio.Event()
        self._waiting += 1
        self._subscribers.awaited.add(self)
        try:
            await self._waiter.wait()
        finally:
            self._waiting -= 1
            if not self._waiting:
                self._subscribers.awaited.discard(self)


def again(error: PynectorError) -> PynectorError:
    """Give an error like another, for somebody else: each has its own traceback."""
    copied = copy.copy(error)
    copied.__cause__ = error.__cause__
    return copied


def _wider(gap: Gap | None, missing: Message | Gap) -> Gap:
    """Give a gap in which a message, or another gap, is missing, too."""
    gaps = [one for one in (gap, missing) if isinstance(one, Gap)]
    dropped = sum(one.dropped for one in gaps) + (not isinstance(missing, Gap))
    # After a reconnect nobody knows how many are missing; that is the more to tell.
    return Gap("reconnect" if any(one.reason == "reconnect" for one in gaps) else "overflow", dropped)
