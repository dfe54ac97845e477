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
        proxy_tls: That of connections to proxies.
        http1_tls: That of connections without HTTP/2, or None where there are none.
        pools: Gives all pools.
    """

    def __init__(
        self,
        tasks: Tasks,
        client_tls: tls.ClientTLS,
        proxy_tls: tls.ClientTLS,
        http1_tls: tls.ClientTLS | None,
        pools: Callable[[], Iterable[Pool]],
    ) -> None:
        self._tasks = tasks
        self._tls = client_tls
        self._proxy_tls = proxy_tls
        self._http1_tls = http1_tls
        self._pools = pools
        self._contexts: dict[tls.ClientTLS, ssl.SSLContext] = {}
        self._timer: Timer | None = None
        self._stopped = False

    def admit(self, pool: Pool, connection: PooledConnection) -> None:
        """Take note of a new connection; it is retired if its handshake began before the files were replaced."""
        if self._tls.follows_files:
            context = self._current(self._tls_of(pool))
            connection.retired = connection.transport.get_extra_info("sslcontext") is not context
            if self._timer is None and not self._stopped:
                self._wait()

    def stop(self) -> None:
        """Look no more."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tls_of(self, pool: Pool) -> tls.ClientTLS:
        """Return the TLS with the server, or with the proxy where there is no other."""
        if pool.route.over_http1 and self._http1_tls is not None:
            return self._http1_tls
        return self._tls if pool.origin[0] == "https" else self._proxy_tls

    def _current(self, used: tls.ClientTLS) -> ssl.SSLContext:
        """Return the context of now; connections with another one are retired."""
        context = used.context()
        if context is not self._contexts.get(used):
            self._contexts[used] = context
            for pool in self._secure_pools():
                if self._tls_of(pool) is used:
                    pool.retire(context)
        return context

    def _secure_pools(self) -> list[Pool]:
        return [pool for pool in self._pools() if pool.route.is_secure and not pool.is_empty]

    def _look(self) -> None:
        self._timer = None
        if pools := self._secure_pools():
            self._wait()
            for used in {self._tls_of(pool) for pool in pools}:
                self._current(used)

    def _wait(self) -> None:
        self._timer = self._tasks.call_at(self._tasks.now() + tls.EVERY, self._look)
