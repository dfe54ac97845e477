"""What goes out on one connection of HTTP/2, in order: what ngh2 has to send, and frames that it would refuse to."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import TYPE_CHECKING

from .frames import without

if TYPE_CHECKING:
    import ngh2


class Wire:
    """The way out of a connection.

    Args:
        h2: The state of the connection.
        transport: Where its bytes go.

    Attributes:
        h2: The state of the connection.
        writable: Whether the client reads as fast as is written.
        mute: The types of frames whose acknowledgements are kept back, or they themselves for WINDOW_UPDATE.
        dead: Whether nothing is sent any more, as if the network had gone.
    """

    def __init__(self, h2: ngh2.Connection, transport: asyncio.Transport) -> None:
        self.h2 = h2
        self.writable = True
        self.mute: frozenset[int] = frozenset()
        self.dead = False
        self._transport = transport

    def flush(self) -> bool:
        """Write what may be sent now; return whether there was something."""
        data = self.h2.data_to_send()
        if data:
            self._write(without(data, self.mute) if self.mute else data)
        return bool(data)

    def raw(self, data: bytes) -> None:
        """Write bytes of which the connection's state knows nothing, after what may be sent now."""
        self.flush()
        self._write(data)

    def close(self) -> None:
        """End the connection after what may be sent now, without a word of HTTP/2."""
        self.flush()
        self._transport.close()

    def abort(self) -> None:
        """End the connection at once by a reset, and drop what has not gone out."""
        sock = self._transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    def _write(self, data: bytes) -> None:
        if not self.dead and not self._transport.is_closing():
            self._transport.write(data)
