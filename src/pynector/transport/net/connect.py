"""Makes a connection to a server: name, addresses, TCP, a tunnel through a proxy, TLS."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any, NamedTuple

from ...callbacks import AsyncioLoop, Loop
from ...errors import Phase, PynectorError
from .asyncionet import AsyncioNetwork
from .detours import NO_DETOURS, Detours
from .guard import check_endpoint
from .hosts import server_name
from .names import TO_PROXY, no_connection
from .network import Network
from .proxies import Proxy
from .sockets import SocketOption
from .socks import hosts_for
from .tls import ClientTLS, check_transport, tls_problem
from .tunnels import Origin as Origin
from .tunnels import TunnelRequest, make_tunnel

SECURE = ("https", "wss")

# glibc gives what is freed back to the system, and has it cleared again for the next piece of what comes, until
# something of about this size was freed once (mallopt(3), "dynamic mmap threshold"): a third of a long stream's time.
bytearray(1 << 22)


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


class Server(NamedTuple):
    """What is connected to in the end.

    Attributes:
        origin: Scheme, host and port.
        name: The name that TLS asks for.
        make_protocol: Makes the protocol when there is a way to it.
    """

    origin: Origin
    name: str
    make_protocol: Callable[[], Any]


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
        name: str | None = None,
    ) -> Any:
        """Connect to an origin, with TLS where its scheme is "https" or "wss", and return the protocol.

        Of the detours, the addresses hold for what is connected to from here, which is the proxy where there is one.
        TLS with it asks for its own name.

        Args:
            origin: Scheme, host and port.
            make_protocol: Makes the protocol when TCP is connected.
            progress: Told how far it has come.
            proxy: What makes a tunnel to the origin, whatever its scheme.
            name: The name that TLS asks the server for; None: that of the detours.

        Raises:
            ConnectError: If that cannot be, whyever, with the phase "connect" or "tls" and `sent` "none".
            ConfigurationError: If a file of the TLS options or a socket option of the user's is not valid, or a context
                of the user's has agreed on HTTP/2.
        """
        progress = progress or Progress()
        name = server_name(name) if name else self._detours.name(origin[1])
        server = Server(origin, name, make_protocol)
        if proxy is None:
            return await self._named(origin, progress, partial(self._straight, server, progress))
        progress.where = TO_PROXY
        through = self._through_tls if proxy.scheme == "https" else self._through
        return await self._named(proxy, progress, partial(through, proxy, server, progress))

    async def connect_to_proxy(
        self, proxy: Proxy, make_protocol: Callable[[], Any], progress: Progress | None = None
    ) -> Any:
        """Connect to an http or https proxy that itself passes requests on, and return the protocol; see `connect`."""
        progress = progress or Progress()
        progress.where = TO_PROXY
        make = partial(self._at_proxy, proxy, make_protocol, progress)
        _, protocol = await self._named(proxy, progress, make)
        return protocol

    async def _named(self, peer: Origin | Proxy, progress: Progress, make: Callable[[], Awaitable[Any]]) -> Any:
        """Return what is made of a connection to a peer, if there may be one; what that fails with is named."""
        endpoint = self._detours.endpoint(peer[1], peer[2])
        if self._uds is None:
            check_endpoint(*endpoint, progress.where)
        connected = False
        try:
            made = await make()
            connected = True
        except PynectorError:
            raise
        except Exception as error:
            raise (tls_problem if progress.phase == "tls" else no_connection)(error, progress.where) from error
        finally:
            if not connected:
                self._net.names.forget(*endpoint)
        return made

    async def _socket(self, peer: Origin | Proxy, progress: Progress) -> socket.socket:
        """Connect a socket to a peer."""
        if self._uds is not None:
            return await self._net.connected((socket.AF_UNIX, self._uds), self._socket_options)
        addresses = await self._net.names.addresses(*self._detours.endpoint(peer[1], peer[2]), progress.where)
        return await self._net.first([partial(self._net.connected, each, self._socket_options) for each in addresses])

    async def _attached(
        self,
        sock: socket.socket,
        tls: ClientTLS | None,
        name: str,
        make_protocol: Callable[[], Any],
        progress: Progress,
    ) -> tuple[Any, Any]:
        """Put a protocol on a socket, with TLS by a name where it is said; return the transport and the protocol."""
        context = None
        try:
            if tls is not None:
                context = tls.context()
                progress.phase = "tls"
        except BaseException:
            sock.close()
            raise
        transport, protocol = await self._net.attach(sock, make_protocol, context, name)
        if tls is not None and not tls.speaks_http2:
            try:
                check_transport(transport, tls is self._proxy_tls)
            except BaseException:
                await self._net.drop(transport)
                raise
        return transport, protocol

    async def _straight(self, server: Server, progress: Progress) -> Any:
        return await self._secured(await self._socket(server.origin, progress), server, progress)

    async def _secured(self, sock: socket.socket, server: Server, progress: Progress) -> Any:
        """Put a server's protocol on a socket that leads to it, over TLS where that is its scheme."""
        progress.where = ""
        tls = self._tls if server.origin[0] in SECURE else None
        _, protocol = await self._attached(sock, tls, server.name, server.make_protocol, progress)
        return protocol

    async def _through(self, proxy: Proxy, server: Server, progress: Progress) -> Any:
        """Connect to a server through a proxy."""
        scheme, host, port = server.origin
        hosts = await hosts_for(proxy, self._net.names, host, port)
        ways = [partial(self._tunnel, proxy, (scheme, each, port), progress) for each in hosts]
        try:
            sock = await self._net.first(ways)
        except BaseException:
            self._net.names.forget(host, port)
            raise
        return await self._secured(sock, server, progress)

    async def _tunnel(self, proxy: Proxy, origin: Origin, progress: Progress) -> socket.socket:
        """Connect a socket through a proxy."""
        sock = await self._socket(proxy, progress)
        try:
            await make_tunnel(self._net, sock, proxy, origin)
        except BaseException:
            sock.close()
            raise
        return sock

    async def _at_proxy(self, proxy: Proxy, make_protocol: Callable[[], Any], progress: Progress) -> tuple[Any, Any]:
        """Put a protocol on a connection to a proxy, over TLS where that is its scheme; see `_attached`."""
        sock = await self._socket(proxy, progress)
        tls = self._proxy_tls if proxy.scheme == "https" else None
        return await self._attached(sock, tls, server_name(proxy.host), make_protocol, progress)

    async def _through_tls(self, proxy: Proxy, server: Server, progress: Progress) -> Any:
        """Do as `_through` where TLS is spoken with the proxy."""
        make_request = partial(TunnelRequest, proxy, server.origin, self._net.new_future())
        transport, request = await self._at_proxy(proxy, make_request, progress)
        progress.phase = "connect"
        try:
            await request.ended
            if server.origin[0] in SECURE:
                return await self._within(request, server, progress)
            protocol = server.make_protocol()
            request.give_way(protocol)
        except BaseException:
            await self._net.drop(transport)
            raise
        return protocol

    async def _within(self, request: TunnelRequest, server: Server, progress: Progress) -> Any:
        """Put a server's protocol in a tunnel, over TLS that the proxy's TLS carries."""
        if request.problem is not None:
            raise request.problem
        context, protocol = self._tls.context(), server.make_protocol()
        progress.phase, progress.where = "tls", ""
        layer, shaken = self._net.layers.made(context, server.name, protocol)
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
