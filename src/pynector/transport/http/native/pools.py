"""The connections of a client: a pool for each way to a server, and room for all of them together."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Any

from ...contract import OriginCounts
from ...net.connect import Connector, Origin
from ...net.tls import ClientTLS
from ..options import LEAST, HTTPOptions, most_connections
from ..proxied import Proxied, Route
from .opening import Opener
from .pool import Pool
from .protocols import Http2
from .renewal import Renewal
from .room import Limits, Room
from .tasks import Tasks

ANY = sys.maxsize

Key = Origin | tuple[str, str, int, str]
"""An origin, and the name that TLS asks for where that is another one."""

CLOSING_TURNS = 10


class Pools:
    """The pools of a client, made when they are needed and dropped when they are empty.

    Args:
        options: The transport's options.
        make_parser: httptools.HttpResponseParser.
        tasks: Where connections are made.
        tell: Told of connections: "open" or "close", host and port.

    Attributes:
        own: The pool of the client's own origin, once there is one to be kept.
        room: How many connections there may be.
    """

    own: Pool

    def __init__(
        self,
        options: HTTPOptions,
        make_parser: Callable[[Any], Any],
        tasks: Tasks,
        tell: Callable[[str, str, int], None],
    ) -> None:
        self._tasks = tasks
        self._pools: dict[Key, Pool] = {}
        # Those of what was asked for over HTTP/1.1 by servers of HTTP/2.
        self._http1_pools: dict[Key, Pool] = {}
        self._kept: Origin | None = None
        self._grows = options.max_connections is None
        self.room = Room(options.max_connections or LEAST, tasks.now, self._evict)
        self._limits = Limits(
            _or_any(options.max_connections_per_origin), _or_any(options.max_keepalive), options.keepalive_expiry
        )
        self._proxied = Proxied(options)
        http1_tls = options.tls.for_http1() if options.http2 and options.http2 != "only" else None
        self._renewal = Renewal(tasks, options.tls, options.tls.for_proxy(), http1_tls, self.all)

        def connector(tls: ClientTLS) -> Connector:
            return Connector(tasks.loop, tls, options.uds, options.socket_options, options.detours)

        http2 = Http2(
            bool(options.http2),
            options.http2 == "only",
            _or_any(options.max_streams),
            options.ping_interval,
            options.ping_timeout,
        )
        over_http1 = None if http1_tls is None else connector(http1_tls)
        self._opener = Opener(connector(options.tls), over_http1, make_parser, tasks, self._renewal.admit, tell, http2)

    @property
    def closed(self) -> bool:
        """Whether no more connections are made."""
        return self._opener.closed

    def pool(self, origin: Origin, server_name: str | None = None) -> Pool:
        """Return the pool of an origin.

        Args:
            origin: Scheme, host and port.
            server_name: See Route.

        Raises:
            ConfigurationError: If its proxy is none.
        """
        key = _key(origin, server_name)
        pool = self._pools.get(key)
        if pool is None:
            route = Route(origin, self._proxied.proxy_for(origin), server_name)
            pool = self._pools[key] = self._made(route)
        return pool

    def again(self, pool: Pool, wants_http1: bool) -> Pool:
        """Return the pool for what has been in one: the same, unless it was dropped, or is to speak HTTP/1.1 now."""
        route = pool.route
        if wants_http1 or route.over_http1:
            return self._over_http1(route)
        return self.pool(route.origin, route.server_name)

    def _over_http1(self, route: Route) -> Pool:
        """Return the pool of the same way on whose connections HTTP/1.1 is spoken."""
        key = _key(route.origin, route.server_name)
        found = self._http1_pools.get(key)
        if found is None:
            found = self._http1_pools[key] = self._made(route._replace(over_http1=True))
        return found

    def _made(self, route: Route) -> Pool:
        return Pool(route, self._opener, self._tasks, self.room, self._limits, self._forget)

    def keep(self, origin: Origin) -> Pool:
        """Return the pool of the client's own origin, to be kept when it is empty."""
        self._kept = origin
        self.own = self.pool(origin)
        return self.own

    def all(self) -> list[Pool]:
        """Return those that there are; any thread may ask."""
        return [*self._pools.values(), *self._http1_pools.values()]

    def counts(self) -> list[OriginCounts]:
        """Count connections and requests by origin; any thread may ask."""
        return [pool.counts() for pool in self.all()]

    def make_room(self, window: int) -> int:
        """Take note of the requests that are to be in flight, and return how many there may be."""
        if self._grows and window > self.room.most:
            self.room.most = min(window, most_connections())
            self.room.serve()
        return self.room.most

    def close(self) -> None:
        """Close every connection; what is in flight fails."""
        self._opener.closed = True
        self._renewal.stop()
        for pool in self.all():
            pool.close()

    async def closing(self) -> None:
        """Wait until the sockets are released: a transport does so in one of the loop's next turns, over TLS later."""
        for _ in range(CLOSING_TURNS):
            if all(pool.is_empty for pool in self.all()):
                break
            await self._tasks.loop.turn()

    def _forget(self, pool: Pool) -> None:
        """Drop an empty pool: a crawler meets very many origins."""
        key = _key(pool.origin, pool.route.server_name)
        pools = self._http1_pools if pool.route.over_http1 else self._pools
        # What was dropped may hear of the end of a connection later, when there is another one in its place.
        if pools.get(key) is pool and (key != self._kept or pool.route.over_http1):
            del pools[key]

    def _evict(self, pool: Pool) -> None:
        """Close the idle connection of another pool that has been idle longest, so that this one may have its place."""
        others = [other for other in self.all() if other is not pool]
        oldest = min(others, key=Pool.idle_since, default=pool)
        if oldest.idle_since() != math.inf:
            oldest.evict()


def _key(origin: Origin, server_name: str | None) -> Key:
    return origin if server_name is None else (*origin, server_name)


def _or_any(limit: int | None) -> int:
    return ANY if limit is None else limit
