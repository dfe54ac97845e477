"""Wakes whoever waits for something to change, and holds none of those."""

from __future__ import annotations

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
