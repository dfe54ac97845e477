"""Makes the TCP and TLS part of a connection."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from ...errors import ConnectError
from ..tls import tls_context
from .options import WebSocketOptions


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

    async def connect(self, make_protocol: Callable[[], Any]) -> None:
        """Connect a protocol.

        Raises:
            ConnectError: If that cannot be.
        """
        try:
            await self._loop.create_connection(
                make_protocol,
                self._host,
                self._port,
                ssl=self._context,
                server_hostname=self._host if self._context is not None else None,
            )
        except ssl.SSLError as error:
            problem = ConnectError(f"no TLS connection: {error}", phase="tls", sent="none")
            problem.transient = not isinstance(error, ssl.SSLCertVerificationError)
            raise problem from error
        except (OSError, ValueError, asyncio.TimeoutError) as error:
            raise ConnectError(f"no connection: {error}", phase="connect", sent="none") from error
