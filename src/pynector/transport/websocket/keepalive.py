"""Whether the peer of a WebSocket connection is still there, and whether it ends one that is being closed."""

from __future__ import annotations

from ..net.keepalive import KeepAlive
from ..net.progress import upload
from .connection import Connection

# How long the peer may take to end a connection that is being closed (seconds).
CLOSE_PATIENCE = 5.0


class WebSocketKeepAlive(KeepAlive):
    """Watches over a connection of WebSocket."""

    _connection: Connection

    def expect_end(self) -> None:
        """Watch only whether the peer ends the connection, which is being closed."""
        self._set_timer(CLOSE_PATIENCE, self._abort)

    def _is_asked(self) -> bool:
        return self._connection.is_open

    def _is_read(self) -> bool:
        return self._connection.is_read()

    def _uploaded(self) -> tuple[float, bool]:
        return upload(self._connection.writer.transport, self._connection.writer.written)

    def _give_up(self, patience: float) -> None:
        self._connection.give_up(patience)

    def _abort(self) -> None:
        self._connection.abort()
