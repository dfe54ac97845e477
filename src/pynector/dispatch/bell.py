"""Wakes whoever waits for something to change, and holds none of those."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import anyio

from ..callbacks import Timer

CallAt: TypeAlias = Callable[[float, Callable[[], Any]], Timer]


class Bell:
    """What is given its `ring` keeps nobody alive who waits for it.

    Whoever waits looks first, and again each time that he is woken; what changes rings afterwards.
    """

    def __init__(self) -> None:
        self._event = anyio.Event()

    def ring(self) -> None:
        """Wake all who wait, or else the next one to come."""
        self._event.set()

    async def wait(self) -> None:
        """Wait until it rings, or go on at once if it has since anybody was woken."""
        event = self._event
        await event.wait()
        if self._event is event:
            self._event = anyio.Event()


class TimedBell(Bell):
    """One that can be told to ring at a time.

    Args:
        call_at: Calls a function at a time on the event loop's clock in seconds.
    """

    def __init__(self, call_at: CallAt) -> None:
        super().__init__()
        self._call_at = call_at
        self._at = math.inf
        self._timer: Timer | None = None

    def ring_at(self, when: float) -> None:
        """Ring at a time on the event loop's clock in seconds; of several the earliest counts, until it has rung."""
        if when < self._at:
            self.be_silent()
            self._at = when
            self._timer = self._call_at(when, self.ring)

    def be_silent(self) -> None:
        """Ring at no time that was asked for."""
        timer, self._timer = self._timer, None
        self._at = math.inf
        if timer is not None:
            timer.cancel()

    async def wait(self) -> None:
        """See Bell."""
        await super().wait()
        self.be_silent()
