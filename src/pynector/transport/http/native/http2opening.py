"""Makes connections of HTTP/2; it is imported where ngh2 is installed, and needed."""

from __future__ import annotations

import asyncio
from typing import Any

from .http2 import Http2Connection
from .keepalive import Http2KeepAlive
from .protocols import Http2
from .tasks import Tasks


class AsyncioHttp2Connection(Http2Connection, asyncio.BufferedProtocol):
    """A connection that asyncio accepts as a protocol."""

    __slots__ = ()


def make_http2_connection(http2: Http2, scratch: memoryview, tasks: Tasks, pool: Any) -> Http2Connection:
    """Make the protocol of a new connection, and watch over it."""
    connection = AsyncioHttp2Connection(pool.origin[0], scratch, pool, tasks.call_soon, tasks.now, http2.streams)
    if http2.ping_interval is not None:
        connection.keepalive = Http2KeepAlive(tasks.loop, http2.ping_interval, http2.ping_timeout)
        connection.keepalive.begin(connection)
    return connection
