"""Whether a peer is still there: it is asked when it has been silent, and not waited for when it does not answer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from ...callbacks import Loop, Timer, weakly

# How long an answer that is late may still take: where this program was busy, it may be there, not yet read (seconds).
GRACE = 0.1


class KeepAlive(ABC):
    """Watches over one connection, which has `ping`, and `heard`: when something came last, on the loop's clock.

    Args:
        loop: The event loop.
        interval: After how many seconds of silence the peer is asked; None: it is not.
        patience: How many seconds it may take to answer; None: any number.
    """

    def __init__(self, loop: Loop, interval: float | None, patience: float | None) -> None:
        self._loop = loop
        self._interval = interval
        self._patience = patience
        self._connection: Any = None
        self._timer: Timer | None = None

    def begin(self, connection: Any) -> None:
        """Watch over a connection that is open now."""
        self._connection = connection
        if self._interval is not None:
            self._set_timer(self._interval, self._check)

    def end(self) -> None:
        """Watch no more, and know the connection no more."""
        self._connection = None
        if self._timer is not None:
            self._timer.cancel()

    # The connection

    @abstractmethod
    def _is_asked(self) -> bool:
        """Say whether the peer's silence means anything."""

    @abstractmethod
    def _is_read(self) -> bool:
        """Say whether what comes is read."""

    @abstractmethod
    def _uploaded(self) -> tuple[float, bool]:
        """Return what `upload` of progress.py says."""

    @abstractmethod
    def _give_up(self, patience: float) -> None:
        """End the connection, for the peer did not answer for so many seconds."""

    # The watch

    def _set_timer(self, delay: float, call: Callable[..., None], *args: Any) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._loop.time() + delay, weakly(call), *args)

    def _check(self) -> None:
        """Ask the peer if it has been silent for long, else look again when it would have been."""
        interval, heard = self._interval, self._connection.heard
        assert interval is not None
        silent = self._loop.time() - heard if self._is_asked() and self._is_read() else 0.0
        if silent < interval:
            self._set_timer(interval - silent, self._check)
            return
        gone, is_waiting = self._uploaded()
        self._connection.ping()
        if self._patience is None:
            self._set_timer(interval, self._check)
        else:
            self._listen(self._loop.time() + self._patience, heard, gone, is_waiting)

    def _listen(self, end: float, heard: float, gone: float, was_waiting: bool) -> None:
        """Listen until a time for what has come since; it is taken note of before the next ping would be due."""
        left = end - self._loop.time()
        if self._connection.heard > heard or not self._is_read():
            self._check()
        elif left > 0:
            assert self._interval is not None
            self._set_timer(min(self._interval, left), self._listen, end, heard, gone, was_waiting)
        else:
            self._judge(heard, gone, was_waiting)

    def _judge(self, heard: float, before: float, was_waiting: bool, again: bool = False) -> None:
        """Give the connection up, unless something has come, or the ping waits behind what the peer takes."""
        assert self._patience is not None
        gone, is_waiting = self._uploaded()
        if self._connection.heard > heard or not self._is_read():
            self._check()
        elif was_waiting and gone > before:
            self._listen(self._loop.time() + self._patience, heard, gone, is_waiting)
        elif not again:
            self._set_timer(GRACE, self._judge, heard, gone, is_waiting, True)
        else:
            self._give_up(self._patience)
