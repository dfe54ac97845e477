"""Whether the peer of an HTTP/2 connection is still there: it is asked when it has been silent."""

from __future__ import annotations

from typing import Any

from ...net.progress import upload
from .http2 import Http2Connection
from .tasks import Tasks

# How long an answer that is late may still take: where this program was busy, it may be there, not yet read (seconds).
GRACE = 0.1


class KeepAlive:
    """Watches over one connection.

    Args:
        tasks: Sets timers.
        connection: Which.
        interval: After how many seconds of silence the peer is asked, while something is on the connection.
        patience: How many seconds it may take to answer.
    """

    def __init__(self, tasks: Tasks, connection: Http2Connection, interval: float, patience: float) -> None:
        self._tasks = tasks
        self._connection: Http2Connection | None = connection
        self._interval = interval
        self._patience = patience
        self._timer: Any = None
        self._rest()

    def end(self) -> None:
        """Watch no more, and know the connection no more."""
        self._connection = None
        self._timer.cancel()

    def _rest(self) -> None:
        if self._connection is not None:
            self._connection.is_silent = True
            self._wait(self._interval, self._check)

    def _wait(self, delay: float, call: Any, *args: Any) -> None:
        self._timer = self._tasks.call_at(self._tasks.now() + delay, call, *args)

    def _check(self) -> None:
        connection = self._connection
        if connection is None or not connection.is_silent or connection.load == 0:
            self._rest()
        else:
            gone, is_waiting = upload(connection.transport, connection.written)
            connection.ping()
            self._listen_until(self._tasks.now() + self._patience, gone, is_waiting)

    def _listen_until(self, end: float, *progress: Any) -> None:
        """Listen for what comes since a ping; what was heard is taken note of before the next one is due."""
        left = end - self._tasks.now()
        if left <= 0:
            self._listen(*progress)
        else:
            self._wait(min(self._interval, left), self._go_on, end, *progress)

    def _go_on(self, end: float, *progress: Any) -> None:
        if self._connection is None or not self._connection.is_silent:
            self._rest()
        else:
            self._listen_until(end, *progress)

    def _listen(self, before: float, was_waiting: bool, again: bool = False) -> None:
        connection = self._connection
        if connection is None or not connection.is_silent:
            self._rest()
            return
        gone, is_waiting = upload(connection.transport, connection.written)
        if was_waiting and gone > before:
            # The ping waits, or waited, behind what the peer takes.
            self._listen_until(self._tasks.now() + self._patience, gone, is_waiting)
        elif not again:
            self._wait(GRACE, self._listen, gone, is_waiting, True)
        else:
            connection.loss = ConnectionError(f"no answer to a PING within {self._patience:g} s")
            connection.transport.abort()
