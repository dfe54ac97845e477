"""Makes connections, and finds out whether they are still open."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

from ....callbacks import Task
from ....errors import ConnectError
from ...net.connect import Connector, Origin, Progress
from ...net.proxies import Proxy
from ..proxied import Route
from ..urls import start_of
from .failures import lost_at_once, wants_http1
from .forwarding import Forwarding
from .http1 import Connection
from .pooled import PooledConnection
from .protocols import Agreed, Http2
from .readable import is_readable
from .tasks import Tasks

# What one read takes at the most (bytes).
SCRATCH = 1 << 18


class AsyncioConnection(Connection, asyncio.BufferedProtocol):
    """A connection that asyncio accepts as a protocol."""

    __slots__ = ()

    def write(self, parts: Sequence[bytes]) -> None:
        """See Connection."""
        transport = self.transport
        if not isinstance(transport, asyncio.WriteTransport):
            transport.writelines(parts)
            return
        # asyncio's own would join them, or (until Python 3.13.2) not say when too much waits to be sent.
        for part in parts:
            # What is left of bytes would be copied before it is put by.
            transport.write(memoryview(part))


class Attempt(Progress):
    """A connection on its way.

    Args:
        deadline: When it ends if nobody waits for it then, on the event loop's clock in seconds.

    Attributes:
        deadline: See above.
        task: Makes the connection.
    """

    __slots__ = ("deadline", "task")

    def __init__(self, deadline: float) -> None:
        super().__init__()
        self.deadline = deadline
        self.task: Task | None = None


class Waiting(Protocol):
    """Whoever a connection is made for; a ConnectionOwner, too."""

    origin: Origin

    def opened(self, attempt: Attempt, connection: PooledConnection) -> None:
        """Take a connection."""

    def refused(self, attempt: Attempt, error: BaseException) -> None:
        """Take what an attempt failed with."""

    def looked_at(self, connection: PooledConnection, server_timeout: int) -> None:
        """Take a connection back, of which the event loop has read what there was."""


class Opener:
    """Makes the connections of a client.

    Args:
        connector: Connects to origins and proxies.
        over_http1: The same without an offer of HTTP/2; None where there is none, or no other way.
        make_parser: httptools.HttpResponseParser.
        tasks: Where attempts run.
        admit: Told of each new connection over TLS, and its pool.
        tell: Told of connections: "open" or "close", host and port.
        http2: Whether and how HTTP/2 is spoken.

    Attributes:
        tell: See above.
        closed: Whether no more connections are to be made.
    """

    def __init__(
        self,
        connector: Connector,
        over_http1: Connector | None,
        make_parser: Callable[[Any], Any],
        tasks: Tasks,
        admit: Callable[[Any, PooledConnection], None],
        tell: Callable[[str, str, int], None],
        http2: Http2,
    ) -> None:
        self.tell = tell
        self.closed = False
        self._connector = connector
        self._over_http1 = over_http1
        self._make_parser = make_parser
        # A read and its parsing follow each other at once, so one buffer serves all connections.
        self._scratch = memoryview(bytearray(SCRATCH))
        self._tasks = tasks
        self._admit = admit
        self._http2 = http2

    def expected(self, route: Route) -> int:
        """Return how many exchanges a connection to an origin will probably carry at a time."""
        return 1 if route.over_http1 else self._http2.expected(route.origin)

    def may_repeat(self, problem: Any) -> bool:
        """Say whether a request that was not looked at can be sent again: over HTTP/1.1 if that is asked for."""
        return self._over_http1 is not None or not wants_http1(problem)

    def begin(self, pool: Any, deadline: float) -> Attempt:
        """Begin to make a connection for a pool, which is told of its end."""
        attempt = Attempt(deadline)
        attempt.task = self._tasks.spawn(self._open(pool, attempt))
        return attempt

    def look_closer(self, pool: Waiting, connection: PooledConnection, server_timeout: int) -> None:
        """Have the event loop read what there is on a connection, and give it back to its pool."""
        self._tasks.spawn(self._read(pool, connection, server_timeout))

    async def _open(self, pool: Any, attempt: Attempt) -> None:
        try:
            connection = await self._connected(pool, attempt)
        except BaseException as error:
            pool.refused(attempt, error)
            if not isinstance(error, Exception):
                raise
            return
        pool.opened(attempt, connection)

    async def _connected(self, pool: Any, attempt: Attempt) -> PooledConnection:
        made: Any = await self._reached(pool, attempt)
        connection: PooledConnection = made.connection if isinstance(made, Agreed) else made
        try:
            if self._http2.is_all and not connection.multiplexes:
                said = "the server does not speak HTTP/2 (http2=True takes HTTP/1.1, too)"
                raise ConnectError(said, phase="tls", sent="none", came_of="handshake")
            await self._look_at_new(connection, pool.route.is_secure)
            if connection.transport is None or connection.retired:
                raise lost_at_once(connection.loss)
            if pool.route.is_secure:
                self._admit(pool, connection)
        except BaseException:
            if connection.transport is not None:
                connection.transport.abort()
            raise
        return connection

    async def _reached(self, pool: Any, attempt: Attempt) -> Any:
        """Return the protocol of a new connection: to the origin, perhaps through a tunnel, or to its proxy."""
        origin, proxy, server_name, over_http1 = pool.route
        if proxy is None or not self._is_forwarded(origin, proxy):
            connector: Any = self._over_http1 if over_http1 else self._connector
            return await connector.connect(origin, self._protocol_for(pool), attempt, proxy, server_name)
        forwarding = Forwarding(start_of(origin).removesuffix("/"), proxy.authorization)
        make = partial(AsyncioConnection, self._make_parser, self._scratch, pool, forwarding)
        return await self._connector.connect_to_proxy(proxy, make, attempt)

    def _is_forwarded(self, origin: Origin, proxy: Proxy) -> bool:
        """Say whether a proxy passes requests on itself: what TLS or HTTP/2 hides from it needs a tunnel."""
        return origin[0] == "http" and proxy.scheme in ("http", "https") and not self._http2.is_all

    def _protocol_for(self, pool: Any) -> Callable[[], Any]:
        """Return what makes the protocol of a new connection to an origin."""
        http1 = partial(AsyncioConnection, self._make_parser, self._scratch, pool)
        if pool.route.over_http1 or not self._http2.may_be_spoken(pool.origin):
            return http1
        # ngh2 need not be installed.
        from .http2opening import make_http2_connection

        http2 = partial(make_http2_connection, self._http2, self._scratch, self._tasks, pool)
        return partial(Agreed, http1, http2) if pool.origin[0] == "https" else http2

    async def _read(self, pool: Waiting, connection: PooledConnection, server_timeout: int) -> None:
        await self._tasks.loop.catch_up()
        pool.looked_at(connection, server_timeout)

    async def _look_at_new(self, connection: PooledConnection, is_secure: bool) -> None:
        """Find out whether the server has ended a new connection: what cannot be repeated would be lost on it."""
        if is_secure or connection.multiplexes:
            # What there is may be a session ticket, or what a server of HTTP/2 says first.
            await self._tasks.loop.catch_up()
        elif connection.transport is not None and is_readable(connection.descriptor):
            connection.transport.abort()
            await self._tasks.loop.catch_up()
