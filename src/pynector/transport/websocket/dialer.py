"""Makes the TCP and TLS part of a connection, through a proxy where there is one."""

from __future__ import annotations

import asyncio

from ...callbacks import Loop
from ..net.connect import Connector, Progress
from .options import WebSocketOptions, origin_of


class Dialer:
    """Connects to the server of a URL.

    Args:
        options: The transport's options.
        loop: The event loop.

    Raises:
        ConfigurationError: If a TLS option is not valid.
    """

    def __init__(self, options: WebSocketOptions, loop: Loop) -> None:
        self._origin = origin_of(options.url)
        self._proxy = options.proxy
        if self._origin[0] == "wss" or (self._proxy is not None and self._proxy.scheme == "https"):
            # What is wrong with a file is to be known now.
            options.tls.context()
        self._connector = Connector(loop, options.tls, None, options.socket_options, options.detours)

    async def connect(self, protocol: asyncio.Protocol, progress: Progress | None = None) -> None:
        """Connect a protocol.

        Args:
            protocol: The protocol.
            progress: Told how far it has come.

        Raises:
            ConnectError: If that cannot be, whyever.
            ConfigurationError: If a socket option of the user's is not valid.
        """
        await self._connector.connect(self._origin, lambda: protocol, progress, self._proxy)
