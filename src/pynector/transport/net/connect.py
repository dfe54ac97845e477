"""Makes a connection to a server: name, addresses, TCP, a tunnel through a proxy, TLS."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from typing import Any

from ...callbacks import AsyncioLoop, Loop
from ...errors import Phase, PynectorError
from .asyncionet import AsyncioNetwork
from .detours import NO_DETOURS, Detours
from .hosts import server_name
from .names import no_connection
from .network import Network
from .proxies import Proxy
from .sockets import SocketOption
from .tls import ClientTLS, check_transport, tls_problem
from .tlslayer import Handshake, TLSLayer, make_scratch
from .tunnels import Origin as Origin
from .tunnels import TunnelRequest, make_tunnel


class Progress:
    """How far the making of a connection has come, for whoever ends it.

    Attributes:
        phase: "connect" or "tls".
        where: " to the proxy" while that is not to the server.
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
        self._made_scratch: memoryview | None = None

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
            proxy: What makes a tunnel to the origin, whatever its scheme. To speak with an http or https proxy itself,
                let its scheme, host and port be the origin.

        Raises:
            ConnectError: If that cannot be, whyever, with the phase "connect" or "tls" and `sent` "none".
            ConfigurationError: If a file of the TLS options or a socket option of the user's is not valid, or a context
                of the user's has agreed on HTTP/2.
        """
        progress = progress or Progress()
        progress.where = "" if proxy is None else " to the proxy"
        endpoint = self._detours.endpoint(*(origin if proxy is None else proxy)[1:3])
        connected = False
        try:
            sock = await self._socket(*endpoint)
            if proxy is None:
                protocol = await self._secured(sock, origin, make_protocol, progress)
            else:
                protocol = await self._through(sock, proxy, origin, make_protocol, progress)
            connected = True
        except PynectorError:
            raise
        except Exception as error:
            raise (tls_problem if progress.phase == "tls" else no_connection)(error, progress.where) from error
        finally:
            if not connected:
                self._net.names.forget(*endpoint)
        return protocol

    async def _socket(self, host: str, port: int) -> socket.socket:
        if self._uds is not None:
            addresses: Any = [(socket.AF_UNIX, self._uds)]
        else:
            addresses = await self._net.names.addresses(host, port)
        return await self._net.connected(addresses, self._socket_options)

    async def _secured(
        self, sock: socket.socket, origin: Origin, make_protocol: Callable[[], Any], progress: Progress
    ) -> Any:
        """Put a protocol on a socket that leads to an origin, over TLS where that is its scheme."""
        scheme, host, _ = origin
        context, name = None, ""
        progress.where = ""
        try:
            if scheme in ("https", "wss"):
                context, name = self._tls.context(), self._detours.name(host)
                progress.phase = "tls"
        except BaseException:
            sock.close()
            raise
        transport, protocol = await self._net.attach(sock, make_protocol, context, name)
        if not self._tls.speaks_http2:
            try:
                check_transport(transport)
            except BaseException:
                await self._net.drop(transport)
                raise
        return protocol

    async def _through(
        self, sock: socket.socket, proxy: Proxy, origin: Origin, make_protocol: Callable[[], Any], progress: Progress
    ) -> Any:
        """Do as `_secured` with a socket that leads to a proxy."""
        if proxy.scheme == "https":
            return await self._through_tls(sock, proxy, origin, make_protocol, progress)
        try:
            await make_tunnel(self._net, sock, proxy, origin)
        except BaseException:
            sock.close()
            raise
        return await self._secured(sock, origin, make_protocol, progress)

    async def _through_tls(
        self, sock: socket.socket, proxy: Proxy, origin: Origin, make_protocol: Callable[[], Any], progress: Progress
    ) -> Any:
        """Do as `_secured` with a socket that leads to a proxy with which TLS is spoken."""
        try:
            context = self._proxy_tls.context()
            request = TunnelRequest(proxy, origin, self._net.new_future())
            progress.phase = "tls"
        except BaseException:
            sock.close()
            raise
        transport, _ = await self._net.attach(sock, lambda: request, context, server_name(proxy.host))
        progress.phase = "connect"
        try:
            # A context of the user's offers what it offers.
            check_transport(transport)
            await request.ended
            if origin[0] not in ("https", "wss"):
                protocol = make_protocol()
                request.give_way(protocol)
            else:
                protocol = await self._within(request, origin, make_protocol, progress)
        except BaseException:
            await self._net.drop(transport)
            raise
        return protocol

    async def _within(
        self, request: TunnelRequest, origin: Origin, make_protocol: Callable[[], Any], progress: Progress
    ) -> Any:
        """Put a protocol in a tunnel, over TLS that the loop does not know."""
        if request.problem is not None:
            raise request.problem
        context, protocol = self._tls.context(), make_protocol()
        progress.phase, progress.where = "tls", ""
        shaken, name = Handshake(self._net.new_future()), self._detours.name(origin[1])
        layer = TLSLayer(context, name, protocol, self._net.call_soon, self._scratch(), shaken.end)
        request.give_way(layer)
        await shaken.ended()
        if not self._tls.speaks_http2:
            check_transport(layer)
        return protocol

    def _scratch(self) -> memoryview:
        if self._made_scratch is None:
            self._made_scratch = make_scratch()
        return self._made_scratch


def network_of(loop: Loop) -> Network:
    """Return the sockets and transports of a loop."""
    if isinstance(loop, AsyncioLoop):
        return AsyncioNetwork(loop)
    # trio need not be installed.
    from .trionet import TrioNetwork

    return TrioNetwork(loop)
