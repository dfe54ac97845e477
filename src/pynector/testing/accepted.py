"""What connections of the loopback server have in common: a transport, a number, a place in the counts."""

from __future__ import annotations

import asyncio
import socket
from typing import cast

from .state import ServerState


class Accepted(asyncio.Protocol):
    """A connection that was accepted.

    Args:
        state: The counts shared with the other connections.
        counted: Whether the connection appears in the counts.
    """

    def __init__(self, state: ServerState, *, counted: bool = True) -> None:
        self._state = state
        self._counted = counted
        self._number = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport of an accepted connection."""
        self._transport = cast(asyncio.Transport, transport)
        sock = transport.get_extra_info("socket")
        # asyncio itself leaves it out for a socket that was made without naming the protocol.
        if sock is not None and sock.family != getattr(socket, "AF_UNIX", None):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._counted:
            self._number = self._state.connection_opened()

    def hand_over(self, other: Accepted) -> None:
        """Let another protocol have the connection, which stays the same in the counts."""
        other._transport, other._number = self._transport, self._number
        self._transport.set_protocol(other)

    def connection_lost(self, exc: Exception | None) -> None:
        """Count the end of the connection."""
        # Python 3.10 takes a TLS transport that the peer closed for one that was forgotten.
        self._transport.close()
        if self._counted:
            self._state.connection_closed()

    def abort(self) -> None:
        """End the connection at once, and drop what has not gone out."""
        self._transport.abort()
