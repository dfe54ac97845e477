"""Makes the TCP and TLS part of a connection, through a proxy where there is one."""

from __future__ import annotations

import asyncio
import ssl

import anyio
from anyio.abc import ByteStream

from ...errors import ConnectError
from ..tls import tls_context, tls_problem
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
        scheme, self._host, self._port = origin_of(options.url)
        self._proxy = options.proxy
        self._loop = loop
        self._context = tls_context(options.verify, options.cert, ("http/1.1",)) if scheme == "wss" else None
        secure = self._proxy is not None and self._proxy.scheme == "https"
        self._proxy_context = tls_context(options.verify, options.cert, ("http/1.1",)) if secure else None

    async def connect(self, protocol: asyncio.Protocol) -> None:
        """Connect a protocol.

        Raises:
            ConnectError: If that cannot be.
        """
        try:
            if self._proxy is None and isinstance(self._loop, AsyncioLoop):
                await self._loop.loop.create_connection(
                    lambda: protocol,
                    self._host,
                    self._port,
                    ssl=self._context,
                    server_hostname=self._host if self._context is not None else None,
                )
            else:
                StreamTransport(self._loop, await self._stream(), protocol)
        except ConnectError:
            raise
        except ssl.SSLError as error:
            raise tls_problem(error) from error
        except (OSError, ValueError, asyncio.TimeoutError, anyio.BrokenResourceError, anyio.EndOfStream) as error:
            raise ConnectError(f"no connection: {error}", phase="connect", sent="none") from error

    async def _stream(self) -> ByteStream:
        if self._proxy is None:
            stream: ByteStream = await anyio.connect_tcp(self._host, self._port)
        else:
            stream = await tunnel(self._proxy, self._proxy_context, self._host, self._port)
        return stream if self._context is None else await secured(stream, self._context, self._host)
