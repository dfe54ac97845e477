"""The sockets on which the loopback server listens."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from .accepted import Accepted
from .http2 import require_ngh2
from .protocol import LoopbackProtocol
from .state import ServerState

_BACKLOG = 4096


@dataclass(frozen=True)
class Listener:
    """Where to listen, with which certificate, and what to speak there.

    Attributes:
        http2: False is for HTTP/1.1 alone, True for HTTP/2 besides, "only" for HTTP/2 alone.
        http2_settings: The settings that connections of HTTP/2 begin with, by names of `http2.frames.SETTINGS_IDS`.
    """

    host: str = "127.0.0.1"
    port: int = 0
    uds: str | None = None
    certfile: str | None = None
    keyfile: str | None = None
    client_ca: str | None = None
    http2: bool | Literal["only"] = False
    http2_settings: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Listening:
    """A server that listens.

    Attributes:
        url: The base URL.
        port: The TCP port, 0 for a Unix domain socket.
        control_port: A port of 127.0.0.1 that speaks plain HTTP whatever the main one does,
            and whose connections are not counted.
    """

    url: str
    port: int
    control_port: int
    servers: tuple[asyncio.AbstractServer, ...]

    def close(self) -> None:
        """Stop listening; open connections stay open."""
        for server in self.servers:
            server.close()


async def listen(listener: Listener, state: ServerState) -> Listening:
    """Listen in the running event loop.

    Raises:
        OSError: The address is not available, or a certificate cannot be read.
        ImportError: HTTP/2 is asked for, and ngh2 is not installed.
        ValueError: A setting of HTTP/2 has a value that cannot be.
    """
    loop = asyncio.get_running_loop()
    protocol = _protocol(listener, state)
    context = _ssl_context(listener)
    scheme = "http" if context is None else "https"
    if listener.uds is not None:
        port, url = 0, f"{scheme}://localhost"
        main: asyncio.AbstractServer = await loop.create_unix_server(
            protocol, listener.uds, ssl=context, backlog=_BACKLOG
        )
    else:
        sock = _bind(listener.host, listener.port)
        port = sock.getsockname()[1]
        url = f"{scheme}://{f'[{listener.host}]' if ':' in listener.host else listener.host}:{port}"
        main = await loop.create_server(protocol, sock=sock, ssl=context, backlog=_BACKLOG)
    control = _bind("127.0.0.1", 0)
    control_port = control.getsockname()[1]
    control_server = await loop.create_server(lambda: LoopbackProtocol(state, counted=False), sock=control)
    return Listening(url, port, control_port, (main, control_server))


def _protocol(listener: Listener, state: ServerState) -> Callable[[], Accepted]:
    """Return what makes the protocol of a connection."""
    if not listener.http2:
        return lambda: LoopbackProtocol(state)
    require_ngh2()
    from .choosing import ChoosingConnection
    from .http2.connection import Http2Connection, first_settings

    settings = first_settings(listener.http2_settings)
    return lambda: ChoosingConnection(
        state,
        lambda: Http2Connection(state, settings),
        None if listener.http2 == "only" else lambda: LoopbackProtocol(state),
    )


def _bind(host: str, port: int) -> socket.socket:
    # One socket, even for a name with several addresses: with port 0 each would get its own.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=_BACKLOG)


def _ssl_context(listener: Listener) -> ssl.SSLContext | None:
    if listener.certfile is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(listener.certfile, listener.keyfile)
    context.set_alpn_protocols({False: ["http/1.1"], True: ["h2", "http/1.1"], "only": ["h2"]}[listener.http2])
    if listener.client_ca is not None:
        context.load_verify_locations(listener.client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context
