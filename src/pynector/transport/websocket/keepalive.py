"""Whether a peer is still there: it is asked when it has been silent, and not waited for when it does not answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...callbacks import Loop, Timer, weakly
from ..net.progress import upload
from .connection import Connection

# How long the peer may take to end a connection that is being closed (seconds).
CLOSE_PATIENCE = 5.0

# How long a pong that is late may still take (seconds).
GRACE = 0.1


class KeepAlive:
    """Watches over one connection.

    Args:
        loop: The event loop.
        interval: After how many seconds of silence the peer is asked whether it is there; None: it is not.
        patience: How many seconds it may take to answer; None: any number.
    """

    def __init__(self, loop: Loop, interval: float | None, patience: float | None) -> None:
        self._loop = loop
        self._interval = interval
        self._patience = patience
        self._connection: Connection | None = None
        self._timer: Timer | None = None

    def begin(self, connection: Connection) -> None:
        """Watch over a connection that is open now."""
        self._connection = connection
        if self._interval is not None:
            self._set_timer(self._interval, self._check)

    def expect_end(self) -> None:
        """Watch only whether the peer ends the connection, which is being closed."""
        self._set_timer(CLOSE_PATIENCE, self._abort)

    def end(self) -> None:
        """Watch no more, and know the connection no more."""
        self._connection = None
        if self._timer is not None:
            self._timer.cancel()

    def _set_timer(self, delay: float, call: Callable[..., None], *args: Any) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._loop.time() + delay, weakly(call), *args)

    def _abort(self) -> None:
        if self._connection is not None:
            self._connection.abort()

    def _check(self) -> None:
        connection, interval = self._connection, self._interval
        if connection is None or not connection.is_open or interval is None:
            return
        is_read, silent = connection.is_read(), self._loop.time() - connection.heard
        if not is_read or silent < interval:
            self._set_timer(interval - silent if is_read else interval, self._check)
            return
        gone, is_waiting = upload(connection.writer.transport, connection.writer.written)
        connection.ping()
        if self._patience is None:
            self._set_timer(interval, self._check)
        else:
            self._set_timer(self._patience, self._listen, connection.heard, gone, is_waiting)

    def _listen(self, heard: float, before: float, was_waiting: bool, again: bool = False) -> None:
        """Listen for what came since a ping."""
        connection, patience = self._connection, self._patience
        if connection is None or not connection.is_open or patience is None:
            return
        if connection.heard > heard or not connection.is_read():
            self._check()
            return
        gone, is_waiting = upload(connection.writer.transport, connection.writer.written)
        if was_waiting and gone > before:
            # The ping waits, or waited, behind messages that the peer takes.
            self._set_timer(patience, self._listen, heard, gone, is_waiting)
        elif not again:
            # Where this program was busy itself, the pong may be there and not be read yet.
            self._set_timer(GRACE, self._listen, heard, gone, is_waiting, True)
        else:
            connection.give_up(patience)
