"""Retires the connections whose TLS files have been replaced."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from ....callbacks import Timer
from ...net import tls
from .tasks import Tasks

if TYPE_CHECKING:
    from .pool import Pool
    from .pooled import PooledConnection


class Renewal:
    """Looks at the files of a client's TLS while it has connections over TLS.

    Args:
        tasks: Sets timers.
        client_tls: The client's TLS.
        pools: Gives all pools.
    """

    def __init__(self, tasks: Tasks, client_tls: tls.ClientTLS, pools: Callable[[], Iterable[Pool]]) -> None:
        self._tasks = tasks
        self._tls = client_tls
        self._pools = pools
        self._context: ssl.SSLContext | None = None
        self._timer: Timer | None = None
        self._stopped = False

    def admit(self, connection: PooledConnection) -> None:
        """Take note of a new connection; it is retired if its handshake began before the files were replaced."""
        if self._tls.follows_files:
            connection.retired = connection.transport.get_extra_info("sslcontext") is not self._current()
            if self._timer is None and not self._stopped:
                self._wait()

    def stop(self) -> None:
        """Look no more."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _current(self) -> ssl.SSLContext:
        """Return the context of now; connections with another one are retired."""
        context = self._tls.context()
        if context is not self._context:
            self._context = context
            for pool in self._secure_pools():
                pool.retire(context)
        return context

    def _secure_pools(self) -> list[Pool]:
        return [pool for pool in self._pools() if pool.origin[0] == "https" and not pool.is_empty]

    def _look(self) -> None:
        self._timer = None
        if self._secure_pools():
            self._wait()
            self._current()

    def _wait(self) -> None:
        self._timer = self._tasks.call_at(self._tasks.now() + tls.EVERY, self._look)
