"""What stands between an event loop and a connection, so that the loop keeps no client alive that was forgotten."""

from __future__ import annotations

import asyncio
import weakref
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .connection import Connection


class Link(asyncio.Protocol):
    """The protocol that an event loop's transport calls. It passes everything on for as long as the connection lives.

    An event loop holds its transports, and these their protocols. So this one keeps an open connection alive only by
    what somebody waits for: a request holds whoever awaits it, and so its client.

    Args:
        connection: Gets the calls. It is kept alive, for now.
        awaited: Collections of what somebody waits for, which hold nothing else.
    """

    def __init__(self, connection: Connection, *awaited: Any) -> None:
        self._connection = weakref.ref(connection)
        self._kept: Connection | None = connection
        self._awaited = awaited
        self._transport: Any = None

    def keep(self, connection: Connection) -> None:
        """Keep the connection alive until its end, for somebody waits for that."""
        self._kept = connection

    def let_go(self) -> None:
        """Do not keep the connection alive any more."""
        self._kept = None

    def is_cut(self) -> bool:
        """Say whether a garbage collector has found the connection, so that parts of it have come to their end."""
        return self._connection() is None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self._transport = transport
        connection = self._connection()
        if connection is None:
            self._transport.abort()
        else:
            connection.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        connection = self._connection()
        if connection is not None:
            connection.data_received(data)

    def eof_received(self) -> None:
        """See asyncio.Protocol."""
        connection = self._connection()
        if connection is not None:
            connection.eof_received()

    def pause_writing(self) -> None:
        """See asyncio.Protocol."""
        connection = self._connection()
        if connection is not None:
            connection.pause_writing()

    def resume_writing(self) -> None:
        """See asyncio.Protocol."""
        connection = self._connection()
        if connection is not None:
            connection.resume_writing()

    def connection_lost(self, error: Exception | None) -> None:
        """See asyncio.Protocol."""
        # Python 3.10 takes a TLS transport that the peer closed for one that was forgotten.
        self._transport.close()
        connection = self._connection()
        if connection is not None:
            connection.connection_lost(error)
        self._kept = None
