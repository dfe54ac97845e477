"""Messages that answer nobody, for whoever wants them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import anyio

from ...config import at_least
from ...errors import ConfigurationError
from .messages import Gap, Message

if TYPE_CHECKING:
    from typing_extensions import Self

OVERFLOW = ("drop_oldest", "drop_newest", "wait")


class Audience:
    """All who take the messages that answer nobody.

    Args:
        on_message: Called with each message, or None.
        complain: Told of what `on_message` raises.
        pause: Called when nothing is to be read for now, because somebody is full.
        resume: Called when nobody is full any more.

    Attributes:
        unclaimed: How many messages there was nobody for.
    """

    def __init__(
        self,
        on_message: Callable[[Message], Any] | None,
        complain: Callable[[str, BaseException], None],
        pause: Callable[[], None],
        resume: Callable[[], None],
    ) -> None:
        self._on_message = on_message
        self._complain = complain
        self._pause = pause
        self._resume = resume
        self._subscriptions: list[Subscription] = []
        self._full: set[Subscription] = set()
        self.unclaimed = 0

    @property
    def is_full(self) -> bool:
        """Whether nothing is to be read."""
        return bool(self._full)

    @property
    def has_subscriptions(self) -> bool:
        """Whether somebody subscribes."""
        return bool(self._subscriptions)

    def take(self, message: Message) -> None:
        """Give a message to all."""
        for subscription in list(self._subscriptions):
            subscription.offer(message)
        if self._on_message is not None:
            try:
                self._on_message(message)
            except Exception as error:
                self._complain("on_message failed", error)
        elif not self._subscriptions:
            self.unclaimed += 1

    def miss(self) -> None:
        """Tell subscriptions that messages may be missing, after a reconnect."""
        for subscription in self._subscriptions:
            subscription.offer(Gap("reconnect", 0))

    def end(self, error: BaseException | None) -> None:
        """End all subscriptions, with an error or without."""
        for subscription in list(self._subscriptions):
            subscription.end(error)

    # Subscriptions' calls

    def join(self, subscription: Subscription) -> None:
        """Give messages to a subscription, too."""
        self._subscriptions.append(subscription)

    def leave(self, subscription: Subscription) -> None:
        """Give it no more."""
        if subscription in self._subscriptions:
            self._subscriptions.remove(subscription)
        self.read_on(subscription)

    def hold(self, subscription: Subscription) -> None:
        """Read nothing until this subscription, and all others, can take it."""
        if not self._full:
            self._pause()
        self._full.add(subscription)

    def read_on(self, subscription: Subscription) -> None:
        """Take note that a subscription can take messages, if it could not."""
        if subscription in self._full:
            self._full.remove(subscription)
            if not self._full:
                self._resume()


class Subscription:
    """An asynchronous iterator of `Message` and, where some are missing, `Gap`. It ends when the transport is closed.

    Args:
        audience: Gives it messages.
        max_queue: The most messages that wait to be taken, 1 or more.
        overflow: What happens when there are as many: "drop_oldest", "drop_newest", or "wait": the sockets are not read
            until there is room, so answers wait, too.

    Raises:
        ConfigurationError: If an argument is not valid.
    """

    def __init__(self, audience: Audience, max_queue: int = 1000, overflow: str = "drop_oldest") -> None:
        if overflow not in OVERFLOW:
            raise ConfigurationError(f"overflow must be one of {', '.join(OVERFLOW)}, not {overflow!r}")
        self._audience = audience
        self._most = at_least(1)(max_queue, "max_queue")
        self._overflow = overflow
        self._queue: deque[Message | Gap] = deque()
        # What is missing before the first message of the queue.
        self._before: Gap | None = None
        self._waiter: anyio.Event | None = None
        self._ended = False
        self._error: BaseException | None = None
        audience.join(self)

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
            self._audience.hold(self)
        if self._waiter is not None:
            self._waiter.set()

    def end(self, error: BaseException | None) -> None:
        """Give no more than what is queued, and then the error, if there is one."""
        if not self._ended:
            self._ended = True
            self._error = error
            self._audience.leave(self)
            if self._waiter is not None:
                self._waiter.set()

    def close(self) -> None:
        """Take no more messages, and forget those that wait."""
        self._queue.clear()
        self._before = None
        self.end(None)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        while not self._queue and self._before is None:
            if self._ended:
                if self._error is not None:
                    raise self._error
                raise StopAsyncIteration
            if self._waiter is None or self._waiter.is_set():
                # Several tasks may wait; each message wakes all.
                self._waiter = anyio.Event()
            await self._waiter.wait()
        before, self._before = self._before, None
        if before is not None:
            return before
        message = self._queue.popleft()
        if 2 * len(self._queue) <= self._most:
            self._audience.read_on(self)
        return message


def _wider(gap: Gap | None, missing: Message | Gap) -> Gap:
    """Give a gap in which a message, or another gap, is missing, too."""
    gaps = [one for one in (gap, missing) if isinstance(one, Gap)]
    dropped = sum(one.dropped for one in gaps) + (not isinstance(missing, Gap))
    # After a reconnect nobody knows how many are missing; that is the more to tell.
    return Gap("reconnect" if any(one.reason == "reconnect" for one in gaps) else "overflow", dropped)
