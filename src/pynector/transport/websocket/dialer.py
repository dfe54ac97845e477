"""Makes the TCP and TLS part of a connection, through a proxy where there is one."""

from __future__ import annotations

import asyncio

import anyio
from anyio.abc import ByteStream, SocketAttribute

from ...callbacks import AsyncioLoop, Loop
from ...errors import PynectorError
from ..net.connect import Connector, Progress
from ..net.names import no_connection
from ..net.sockets import set_options_of
from ..net.streams import AnyIOTransport, secured
from ..net.tunnels import tunnel
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
        self._socket_options = options.socket_options
        self._tls = options.tls
        self._detours = options.detours
        self._loop = loop
        self._secure = self._origin[0] == "wss"
        self._secure_proxy = self._proxy is not None and self._proxy.scheme == "https"
        if self._secure or self._secure_proxy:
            # What is wrong with a file is to be known now.
            self._tls.context()
        self._connector: Connector | None = None
        if isinstance(loop, AsyncioLoop):
            self._connector = Connector(loop.loop, self._tls, None, self._socket_options, self._detours)

    async def connect(self, protocol: asyncio.Protocol, progress: Progress | None = None) -> None:
        """Connect a protocol.

        Args:
            protocol: The protocol.
            progress: Told how far it has come.

        Raises:
            ConnectError: If that cannot be, whyever.
            ConfigurationError: If a socket option of the user's is not valid.
        """
        progress = progress or Progress()
        if self._connector is not None:
            await self._connector.connect(self._origin, lambda: protocol, progress, self._proxy)
            return
        try:
            AnyIOTransport(self._loop, await self._stream(progress), protocol)
        except PynectorError:
            raise
        except Exception as error:
            raise no_connection(error) from error

    async def _stream(self, progress: Progress) -> ByteStream:
        _, host, port = self._origin
        if self._proxy is None:
            stream: ByteStream = await anyio.connect_tcp(*self._detours.endpoint(host, port))
        else:
            context = self._tls.context() if self._secure_proxy else None
            stream = await tunnel(self._proxy, context, host, port)
        try:
            set_options_of(stream.extra(SocketAttribute.raw_socket), self._socket_options)
        except BaseException:
            await anyio.aclose_forcefully(stream)
            raise
        if not self._secure:
            return stream
        progress.phase = "tls"
        return await secured(stream, self._tls.context(), self._detours.name(host))
