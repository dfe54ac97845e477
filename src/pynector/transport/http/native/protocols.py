"""Which protocol is spoken on a new connection."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

from ...net.connect import Origin
from .pooled import PooledConnection

# How many exchanges a connection of HTTP/2 is expected to carry as long as its server has not said (RFC 9113 section
# 6.5.2: not fewer than 100).
USUAL_STREAMS = 100


class Http2(NamedTuple):
    """Whether and how HTTP/2 is spoken.

    Attributes:
        is_offered: Whether servers are asked for it in the TLS handshake.
        is_all: Whether nothing else is spoken, in clear text neither.
        streams: The most exchanges on a connection at a time.
        ping_interval: After how many seconds of silence a server is asked whether it is there; None: it is not.
        ping_timeout: How many seconds it may take to answer; None: any number.
    """

    is_offered: bool = False
    is_all: bool = False
    streams: int = sys.maxsize
    ping_interval: float | None = None
    ping_timeout: float | None = None

    def may_be_spoken(self, origin: Origin) -> bool:
        """Say whether a connection to an origin may turn out to speak it."""
        return self.is_all or (self.is_offered and origin[0] == "https")

    def expected(self, origin: Origin) -> int:
        """Return how many exchanges a new connection to an origin will probably carry at a time."""
        return min(USUAL_STREAMS, self.streams) if self.may_be_spoken(origin) else 1


class Agreed(asyncio.BufferedProtocol):
    """Stands in for the protocol of a connection until it is known which one that is.

    Args:
        http1: Makes the one for HTTP/1.1.
        http2: Makes the one for HTTP/2.

    Attributes:
        connection: What was made.
    """

    connection: Any = None

    def __init__(self, http1: Callable[[], PooledConnection], http2: Callable[[], PooledConnection]) -> None:
        self._http1 = http1
        self._http2 = http2

    def connection_made(self, transport: Any) -> None:
        """See asyncio.BaseProtocol."""
        agreed = transport.get_extra_info("ssl_object").selected_alpn_protocol()
        self.connection = self._http2() if agreed == "h2" else self._http1()
        transport.set_protocol(self.connection)
        self.connection.connection_made(transport)

    def get_buffer(self, sizehint: int) -> bytearray:
        """See asyncio.BufferedProtocol; by then there is another one."""
        return bytearray(1)
