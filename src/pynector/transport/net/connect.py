"""Makes a connection to a server: name, addresses, TCP, a tunnel through a proxy, TLS."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any

from ...callbacks import AsyncioLoop, Loop
from ...errors import Phase, PynectorError
from .asyncionet import AsyncioNetwork
from .detours import NO_DETOURS, Detours
from .guard import check_endpoint
from .hosts import server_name
from .names import no_connection
from .network import Network
from .proxies import Proxy
from .sockets import SocketOption
from .tls import ClientTLS, check_transport, tls_problem
from .tunnels import Origin as Origin
from .tunnels import TunnelRequest, make_tunnel

SECURE = ("https", "wss")

TO_PROXY = " to the proxy"


class Progress:
    """How far the making of a connection has come, for whoever ends it.

    Attributes:
        phase: "connect" or "tls".
        where: TO_PROXY while that is not to the server, else "".
    """

    __slots__ = ("phase", "where")

    def __init__(self) -> None:
        self.phase: Phase = "connect"
        self.where = ""


class Connector:
    """Makes connections by a client's options.

    Args:
        loop: The event loop.
        tls: The client's.
        uds: The path of a Unix socket to connect to, whatever the host and port; None for TCP.
        socket_options: The user's.
        detours: Where connections go instead of where the origin says.
    """

    def __init__(
        self,
        loop: Loop,
        tls: ClientTLS,
        uds: str | None = None,
        socket_options: Iterable[SocketOption] = (),
        detours: Detours = NO_DETOURS,
    ) -> None:
        self._net = network_of(loop)
        self._tls = tls
        self._proxy_tls = tls.for_proxy()
        self._uds = uds
        self._socket_options = tuple(socket_options)
        self._detours = detours

    async def connect(
        self,
        origin: Origin,
        make_protocol: Callable[[], Any],
        progress: Progress | None = None,
        proxy: Proxy | None = None,
    ) -> Any:
        """Connect to an origin, with TLS where its scheme is "https" or "wss", and return the protocol.

        Of the detours, the addresses hold for what is connected to from here, which is the proxy where there is one.
        TLS with it asks for its own name.

        Args:
            origin: Scheme, host and port.
            make_protocol: Makes the protocol when TCP is connected.
            progress: Told how far it has come.
            proxy: What makes a tunnel to the origin, whatever its scheme.

        Raises:
            ConnectError: If that cannot be, whyever, with the phase "connect" or "tls" and `sent` "none".
            ConfigurationError: If a file of the TLS options or a socket option of the user's is not valid, or a context
                of the user's has agreed on HTTP/2.
        """
        progress = progress or Progress()
        if proxy is None:
            return await self._connected(origin, progress, partial(self._secured, origin, make_protocol, progress))
        progress.where = TO_PROXY
        through = self._through_tls if proxy.scheme == "https" else self._through
        return await self._connected(proxy, progress, partial(through, proxy, origin, make_protocol, progress))

    async def connect_to_proxy(
        self, proxy: Proxy, make_protocol: Callable[[], Any], progress: Progress | None = None
    ) -> Any:
        """Connect to an http or https proxy that itself passes requests on, and return the protocol; see `connect`."""
        progress = progress or Progress()
        progress.where = TO_PROXY
        tls = self._proxy_tls if proxy.scheme == "https" else None

        async def attached(sock: socket.socket) -> Any:
            _, protocol = await self._attached(sock, tls, proxy.host, make_protocol, progress)
            return protocol

        return await self._connected(proxy, progress, attached)

    async def _connected(
        self, peer: Origin | Proxy, progress: Progress, use: Callable[[socket.socket], Awaitable[Any]]
    ) -> Any:
        """Connect a socket, and return what is made of it; it is closed if that fails."""
        endpoint = self._detours.endpoint(peer[1], peer[2])
        connected = False
        try:
            made = await use(await self._socket(*endpoint, progress.where))
            connected = True
        except PynectorError:
            raise
        except Exception as error:
            raise (tls_problem if progress.phase == "tls" else no_connection)(error, progress.where) from error
        finally:
            if not connected:
                self._net.names.forget(*endpoint)
        return made

    async def _socket(self, host: str, port: int, where: str) -> socket.socket:
        if self._uds is not None:
            addresses: Any = [(socket.AF_UNIX, self._uds)]
        else:
            check_endpoint(host, port, where)
            addresses = await self._net.names.addresses(host, port, where)
        return await self._net.connected(addresses, self._socket_options)

    async def _attached(
        self,
        sock: socket.socket,
        tls: ClientTLS | None,
        host: str,
        make_protocol: Callable[[], Any],
        progress: Progress,
    ) -> tuple[Any, Any]:
        """Put a protocol on a socket, with TLS to a host where it is said; return the transport and the protocol."""
        context = None
        try:
            if tls is not None:
                context = tls.context()
                progress.phase = "tls"
        except BaseException:
            sock.close()
            raise
        transport, protocol = await self._net.attach(sock, make_protocol, context, server_name(host))
        if tls is not None and not tls.speaks_http2:
            try:
                check_transport(transport)
            except BaseException:
                await self._net.drop(transport)
                raise
        return transport, protocol

    async def _secured(
        self, origin: Origin, make_protocol: Callable[[], Any], progress: Progress, sock: socket.socket
    ) -> Any:
        """Put a protocol on a socket that leads to an origin, over TLS where that is its scheme."""
        progress.where = ""
        tls = self._tls if origin[0] in SECURE else None
        _, protocol = await self._attached(sock, tls, self._detours.name(origin[1]), make_protocol, progress)
        return protocol

    async def _through(
        self,
        proxy: Proxy,
        origin: Origin,
        make_protocol: Callable[[], Any],
        progress: Progress,
        sock: socket.socket,
    ) -> Any:
        """Do as `_secured` with a socket that leads to a proxy."""
        try:
            await make_tunnel(self._net, sock, proxy, origin)
        except BaseException:
            sock.close()
            raise
        return await self._secured(origin, make_protocol, progress, sock)

    async def _through_tls(
        self,
        proxy: Proxy,
        origin: Origin,
        make_protocol: Callable[[], Any],
        progress: Progress,
        sock: socket.socket,
    ) -> Any:
        """Do as `_through` where TLS is spoken with the proxy."""
        make_request = partial(TunnelRequest, proxy, origin, self._net.new_future())
        transport, request = await self._attached(sock, self._proxy_tls, proxy.host, make_request, progress)
        progress.phase = "connect"
        try:
            await request.ended
            if origin[0] in SECURE:
                return await self._within(request, origin, make_protocol, progress)
            protocol = make_protocol()
            request.give_way(protocol)
        except BaseException:
            await self._net.drop(transport)
            raise
        return protocol

    async def _within(
        self, request: TunnelRequest, origin: Origin, make_protocol: Callable[[], Any], progress: Progress
    ) -> Any:
        """Put a protocol in a tunnel, over TLS that the proxy's TLS carries."""
        if request.problem is not None:
            raise request.problem
        context, protocol = self._tls.context(), make_protocol()
        progress.phase, progress.where = "tls", ""
        layer, shaken = self._net.layers.made(context, self._detours.name(origin[1]), protocol)
        request.give_way(layer)
        await shaken.ended()
        if not self._tls.speaks_http2:
            check_transport(layer)
        return protocol


def network_of(loop: Loop) -> Network:
    """Return the sockets and transports of a loop."""
    if isinstance(loop, AsyncioLoop):
        return AsyncioNetwork(loop)
    # trio need not be installed.
    from .trionet import TrioNetwork

    return TrioNetwork(loop)
