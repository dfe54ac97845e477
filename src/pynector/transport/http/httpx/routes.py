"""Where the httpx engine's connections go: straight to the server, or through a proxy."""

from __future__ import annotations

from collections.abc import AsyncIterator
from importlib.util import find_spec
from typing import Any, Protocol

import anyio

from ....errors import ConfigurationError
from ...net.proxies import Proxy
from ..options import LEAST, HTTPOptions, most_connections
from ..proxied import Proxied
from ..urls import URL
from .network import Network
from .room import Room


class AnyPool(Protocol):
    """Takes requests."""

    async def handle_async_request(self, message: Any) -> Any:
        """Send a message, and return its response, whose stream must be closed."""


class AnyRoutes(Protocol):
    """Where requests go.

    Attributes:
        room: The places for requests.
    """

    room: Room

    async def pool(self, url: URL) -> AnyPool:
        """Return what takes the requests to a URL."""

    async def aclose(self) -> None:
        """Close every connection."""


class Pool:
    """A pool of httpcore's that ends with the TLS files it was made with.

    Args:
        inner: httpcore's pool.
        room: The places for requests, over all pools.
    """

    def __init__(self, inner: Any, room: Room) -> None:
        self._inner = inner
        self._room = room
        self._active = 0
        self._retired = False

    async def handle_async_request(self, message: Any) -> Any:
        """Send a message, and return its response, whose stream must be closed."""
        self._active += 1
        try:
            await self._room.enter(message)
        except BaseException:
            await self._leave()
            raise
        try:
            response = await self._inner.handle_async_request(message)
        except BaseException:
            await self.over(message)
            raise
        response.stream = _Counted(response, self, message)
        return response

    async def over(self, message: Any) -> None:
        """Take note that the response to a message has ended."""
        self._room.leave(message)
        await self._leave()

    async def _leave(self) -> None:
        self._active -= 1
        await self._end()

    async def retire(self) -> None:
        """Take no more messages. Idle connections are closed, the others with the last response."""
        self._retired = True
        await self._end()

    async def _end(self) -> None:
        if self._retired and not self._active:
            await self.aclose()

    async def aclose(self) -> None:
        """Close every connection."""
        with anyio.CancelScope(shield=True):
            await self._inner.aclose()


class _Counted:
    """The stream of a response.

    Args:
        response: httpcore's response.
        pool: Told when it is closed.
        message: What it answers.
    """

    def __init__(self, response: Any, pool: Pool, message: Any) -> None:
        self._inner = response.stream
        self._extensions = response.extensions
        self._pool: Pool | None = pool
        self._message = message

    def __aiter__(self) -> AsyncIterator[bytes]:
        pieces: AsyncIterator[bytes] = aiter(self._inner)
        return pieces

    async def aclose(self) -> None:
        """See httpcore.Response."""
        pool, self._pool = self._pool, None
        if self._has_more_come():
            self._extensions["network_stream"].break_off()
        try:
            await self._inner.aclose()
        finally:
            if pool is not None:
                await pool.over(self._message)

    def _has_more_come(self) -> bool:
        """Say whether bytes have come after the response, which httpcore would take for the next one's."""
        if self._extensions.get("http_version") not in (b"HTTP/1.1", b"HTTP/1.0"):
            return False
        try:
            # Nothing public tells.
            more, _ = self._inner._stream._connection._h11_state.trailing_data
        except AttributeError:
            return True
        return len(more) > 0


class Routes:
    """The pools of connections: one for those that go straight, and one for each proxy.

    When the files of the client's TLS are replaced, there are others.

    Args:
        options: The transport's options.
        network: Makes the connections.

    Attributes:
        room: The places for requests.

    Raises:
        ConfigurationError: If http2 or a SOCKS proxy lacks its package, or a file of TLS cannot be read.
    """

    def __init__(self, options: HTTPOptions, network: Network) -> None:
        if options.http2 and not find_spec("h2"):
            raise ConfigurationError(f"http2={options.http2!r} needs the extra http2: pip install 'pynector[http2]'")
        self._arguments: dict[str, Any] = {
            "http1": options.http2 != "only",
            "http2": bool(options.http2),
            "max_connections": options.max_connections or (LEAST if options.http2 else most_connections()),
            "max_keepalive_connections": options.max_keepalive,
            "keepalive_expiry": options.keepalive_expiry,
            "network_backend": network,
        }
        self.room = Room(options)
        self._network = network
        self._uds = options.uds
        self._tls = options.tls
        self._proxy_tls = options.tls.for_proxy()
        self._proxied = Proxied(options)
        self._context = self._tls.context()
        self._pools: dict[Proxy | None, Pool] = {}
        if options.proxy is not None:
            self._pool(options.proxy)

    def _pool(self, proxy: Proxy | None) -> Pool:
        """Return the pool of a proxy, or of those that go straight."""
        pool = self._pools.get(proxy)
        if pool is None:
            made = self._straight() if proxy is None else self._through(proxy)
            pool = self._pools[proxy] = Pool(made, self.room)
        return pool

    def _straight(self) -> Any:
        return self._network.package.core.AsyncConnectionPool(
            uds=self._uds, ssl_context=self._context, **self._arguments
        )

    def _through(self, proxy: Proxy) -> Any:
        """Return httpcore's pool of connections through a proxy."""
        core = self._network.package.core
        auth = None if proxy.user is None else (proxy.user.encode(), proxy.password.encode())
        url = core.URL(scheme=proxy.scheme, host=proxy.host, port=proxy.port, target="/")
        arguments = {"ssl_context": self._context, **self._arguments}
        self._network.proxies[proxy.host, proxy.port] = proxy.scheme == "https"
        if proxy.scheme == "http":
            return core.AsyncHTTPProxy(url, auth, **arguments)
        if proxy.scheme == "https":
            return core.AsyncHTTPProxy(url, auth, proxy_ssl_context=self._proxy_tls.context(), **arguments)
        if proxy.scheme not in ("socks5", "socks5h") or not find_spec("socksio"):
            raise ConfigurationError(f"httpx speaks SOCKS 5 alone, with the package socksio: not {proxy.scheme} here")
        return core.AsyncSOCKSProxy(url, auth, **arguments)

    async def pool(self, url: URL) -> Pool:
        """Return the pool for a URL.

        Raises:
            ConfigurationError: If its proxy is none, or none of httpx's.
        """
        context = self._tls.context()
        if context is not self._context:
            retired = list(self._pools.values())
            self._context, self._pools = context, {}
            for pool in retired:
                await pool.retire()
        return self._pool(self._proxied.proxy_for(url.origin))

    async def aclose(self) -> None:
        """Close every pool."""
        for pool in list(self._pools.values()):
            await pool.aclose()
