"""Whether the server of an HTTP/2 connection is still there while it owes an answer."""

from __future__ import annotations

from ...net.keepalive import KeepAlive
from ...net.progress import upload
from .http2 import Http2Connection


class Http2KeepAlive(KeepAlive):
    """Watches over a connection of HTTP/2."""

    _connection: Http2Connection

    def _is_asked(self) -> bool:
        # What takes no requests for now keeps them waiting until it says otherwise.
        return self._connection.load > 0 or self._connection.limit == 0

    def _is_read(self) -> bool:
        return True

    def _uploaded(self) -> tuple[float, bool]:
        return upload(self._connection.transport, self._connection.written)

    def _give_up(self, patience: float) -> None:
        self._connection.loss = ConnectionError(f"no answer to a PING within {patience:g} s")
        self._connection.transport.abort()
