"""Makes the TCP and TLS part of a connection, through a proxy where there is one."""

from __future__ import annotations

import asyncio

import anyio
from anyio.abc import ByteStream

from ...errors import ConnectError
from .. import connect
from ..tls import tls_context
from .loops import AsyncioLoop, Loop
from .options import WebSocketOptions, origin_of
from .streams import StreamTransport, secured
from .tunnels import tunnel


class Connector:
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
        self._loop = loop
        secure, secure_proxy = self._origin[0] == "wss", self._proxy is not None and self._proxy.scheme == "https"
        context = tls_context(options.verify, options.cert, ("http/1.1",)) if secure or secure_proxy else None
        self._context = context if secure else None
        self._proxy_context = context if secure_proxy else None
        self._direct: connect.Connector | None = None
        if self._proxy is None and isinstance(loop, AsyncioLoop):
            self._direct = connect.Connector(loop.loop, options.verify, options.cert)

    async def connect(self, protocol: asyncio.Protocol) -> None:
        """Connect a protocol.

        Raises:
            ConnectError: If that cannot be.
        """
        if self._direct is not None:
            await self._direct.connect(self._origin, lambda: protocol)
            return
        try:
            StreamTransport(self._loop, await self._stream(), protocol)
        except ConnectError:
            raise
        except (OSError, ValueError, anyio.BrokenResourceError, anyio.EndOfStream) as error:
            raise connect.no_connection(error) from error

    async def _stream(self) -> ByteStream:
        _, host, port = self._origin
        if self._proxy is None:
            stream: ByteStream = await anyio.connect_tcp(host, port)
        else:
            stream = await tunnel(self._proxy, self._proxy_context, host, port)
        return stream if self._context is None else await secured(stream, self._context, host)
