"""Wakes whoever waits for something to change, and holds none of those."""

from __future__ import annotations

import math

import anyio


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
    """One that can be told to ring at a time. One task at a time waits for it."""

    def __init__(self) -> None:
        super().__init__()
        self._at = math.inf
        self._scope: anyio.CancelScope | None = None

    def ring_at(self, when: float) -> None:
        """Ring at a time on the event loop's clock in seconds; of several the earliest counts, until it has rung."""
        if when < self._at:
            self._at = when
            if self._scope is not None:
                self._scope.deadline = when

    async def wait(self) -> None:
        """See Bell."""
        with anyio.CancelScope(deadline=self._at) as self._scope:
            await super().wait()
        self._scope, self._at = None, math.inf
