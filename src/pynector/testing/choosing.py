"""Which version of HTTP a connection speaks: as TLS has agreed, else as its first bytes say."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from .accepted import Accepted
from .http2.connection import Http2Connection
from .state import ServerState

# The beginning of HTTP/2's preface (RFC 9113, 3.4), which is the request line of no request.
_PREFACE = b"PRI * HTTP/2.0\r\n"


class ChoosingConnection(Accepted):
    """A connection until it is clear what it speaks.

    Args:
        state: The counts shared with the other connections.
        http2: Makes the protocol of one that speaks HTTP/2.
        http1: Makes that of one that speaks HTTP/1.1; None closes it instead.
    """

    def __init__(
        self,
        state: ServerState,
        http2: Callable[[], Http2Connection],
        http1: Callable[[], Accepted] | None,
    ) -> None:
        super().__init__(state)
        self._http2 = http2
        self._http1 = http1
        self._first = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Choose at once where TLS has agreed on a protocol."""
        super().connection_made(transport)
        tls = transport.get_extra_info("ssl_object")
        agreed = tls.selected_alpn_protocol() if tls is not None else None
        if agreed is not None:
            self._choose(agreed == "h2")

    def data_received(self, data: bytes) -> None:
        """Choose as soon as the first bytes leave no doubt."""
        self._first += data
        if self._first.startswith(_PREFACE):
            self._choose(True)
        elif not _PREFACE.startswith(self._first):
            self._choose(False)

    def _choose(self, http2: bool) -> None:
        if http2:
            connection = self._http2()
            self.hand_over(connection)
            connection.begin()
            connection.data_received(self._first)
        elif self._http1 is not None:
            protocol = self._http1()
            self.hand_over(protocol)
            protocol.data_received(self._first)
        else:
            self._transport.close()
