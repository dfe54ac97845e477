"""Makes the TCP and TLS part of a connection."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from ...errors import ConnectError
from ..tls import tls_context, tls_problem
from .options import WebSocketOptions
from .proxies import Proxy, check_answer, connect_request, is_whole, no_tunnel


class Connector:
    """Connects to the server of a URL.

    Args:
        options: The transport's options.
        loop: The event loop.

    Raises:
        ConfigurationError: If a TLS option is not valid.
    """

    def __init__(self, options: WebSocketOptions, loop: asyncio.AbstractEventLoop) -> None:
        parts = urlsplit(options.url)
        secure = parts.scheme == "wss"
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if secure else 80)
        self._context = tls_context(options.verify, options.cert, ("http/1.1",)) if secure else None
        self._loop = loop
        self._proxy = options.proxy

    async def connect(self, make_protocol: Callable[[], Any]) -> None:
        """Connect a protocol.

        Raises:
            ConnectError: If that cannot be.
        """
        where: dict[str, Any] = {"host": self._host, "port": self._port}
        try:
            if self._proxy is not None:
                where = {"sock": await self._tunnel(self._proxy)}
            try:
                await self._loop.create_connection(
                    make_protocol,
                    **where,
                    ssl=self._context,
                    server_hostname=self._host if self._context is not None else None,
                )
            except BaseException:
                if "sock" in where:
                    where["sock"].close()
                raise
        except ConnectError:
            raise
        except ssl.SSLError as error:
            raise tls_problem(error) from error
        except (OSError, ValueError, asyncio.TimeoutError) as error:
            raise ConnectError(f"no connection: {error}", phase="connect", sent="none") from error

    async def _tunnel(self, proxy: Proxy) -> socket.socket:
        (family, _, _, _, address), *_ = await self._loop.getaddrinfo(proxy.host, proxy.port, type=socket.SOCK_STREAM)
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            await self._loop.sock_connect(sock, address)
            await self._loop.sock_sendall(sock, connect_request(proxy, self._host, self._port))
            answer = b""
            while not is_whole(answer):
                data = await self._loop.sock_recv(sock, 4096)
                if not data:
                    raise no_tunnel("it closed the connection")
                answer += data
            check_answer(answer)
        except BaseException:
            sock.close()
            raise
        return sock
