"""Where the httpx engine's connections go: straight to the server, or through a proxy."""

from __future__ import annotations

import ipaddress
import urllib.request
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any
from urllib.parse import unquote, urlsplit

from ...errors import ConfigurationError
from ..tls import tls_context
from .httpx_module import httpcore
from .httpx_network import Network
from .options import LEAST, PROXY_SCHEMES, HTTPOptions
from .urls import URL

_PORTS = {"http": 80, "https": 443, "socks5": 1080, "socks5h": 1080}


class Routes:
    """The pools of connections: one for those that go straight, and one for each proxy.

    Args:
        options: The transport's options.
        network: Makes the connections.

    Raises:
        ConfigurationError: If http2 or a SOCKS proxy lacks its package, or a proxy of the environment is no URL.
    """

    def __init__(self, options: HTTPOptions, network: Network) -> None:
        if options.http2 and not find_spec("h2"):
            raise ConfigurationError("http2=True needs the package h2: pip install 'httpx[http2]'")
        alpn = ("h2", "http/1.1") if options.http2 else ("http/1.1",)
        self._arguments: dict[str, Any] = {
            "ssl_context": tls_context(options.verify, options.cert, alpn),
            "http2": options.http2,
            "max_connections": options.max_connections or LEAST,
            "max_keepalive_connections": options.max_keepalive,
            "keepalive_expiry": options.keepalive_expiry,
            "network_backend": network,
        }
        self._verify = options.verify
        self._straight = httpcore.AsyncConnectionPool(uds=options.uds, **self._arguments)
        self._proxies: dict[str, Any] = {}
        self._bypassed: Callable[[URL], bool] = lambda url: False
        if options.proxy is not None:
            pool = self._through(options.proxy, "proxy")
            self._proxies = dict.fromkeys(("http", "https"), pool)
        elif options.trust_env and options.uds is None:
            self._follow_environment(urllib.request.getproxies())

    def _follow_environment(self, named: dict[str, str]) -> None:
        pools: dict[str, Any] = {}
        for scheme in ("http", "https"):
            kind = scheme if named.get(scheme) else "all"
            if address := named.get(kind):
                if kind not in pools:
                    where = f"the variable {kind}_proxy (trust_env=False goes without)"
                    pools[kind] = self._through(address if "://" in address else f"http://{address}", where)
                self._proxies[scheme] = pools[kind]
        excepted = [entry.strip().lower() for entry in named.get("no", "").split(",")]
        self._bypassed = lambda url: is_local(url.host) or any(matches(entry, url) for entry in excepted)

    def _through(self, address: str, where: str) -> Any:
        """Give a pool of connections through a proxy."""
        try:
            parts = urlsplit(address)
            scheme, host, port = parts.scheme, parts.hostname, parts.port
        except ValueError:
            scheme, host, port, parts = "", None, None, None
        if parts is None or scheme not in PROXY_SCHEMES or not host:
            # The value may hold a password.
            raise ConfigurationError(f"{where} must be a URL that starts with one of {', '.join(PROXY_SCHEMES)}")
        auth = None
        if parts.username is not None:
            auth = unquote(parts.username).encode(), unquote(parts.password or "").encode()
        url = httpcore.URL(scheme=scheme, host=host, port=port or _PORTS[scheme], target="/")
        if scheme == "http":
            return httpcore.AsyncHTTPProxy(url, auth, **self._arguments)
        if scheme == "https":
            context = tls_context(self._verify, None, ("http/1.1",))
            return httpcore.AsyncHTTPProxy(url, auth, proxy_ssl_context=context, **self._arguments)
        if not find_spec("socksio"):
            raise ConfigurationError(f"{where} is a SOCKS proxy, which needs the package socksio")
        return httpcore.AsyncSOCKSProxy(url, auth, **self._arguments)

    def pool(self, url: URL) -> Any:
        """Give the pool for a URL."""
        pool = self._proxies.get(url.scheme)
        return self._straight if pool is None or self._bypassed(url) else pool

    async def aclose(self) -> None:
        """Close every pool."""
        for pool in {id(pool): pool for pool in (self._straight, *self._proxies.values())}.values():
            await pool.aclose()


def is_local(host: str) -> bool:
    """Say whether a host is this machine, to which no proxy of the environment leads."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.rstrip(".") == "localhost"


def matches(entry: str, url: URL) -> bool:
    """Say whether an entry of no_proxy means a URL's host.

    It is "*", an address, a network, or a name, which means its subdomains, too; with a leading dot, only those. It may
    have a scheme or a port.
    """
    scheme, mark, rest = entry.rpartition("://")
    if (mark and scheme not in ("all", url.scheme)) or not rest:
        return False
    if rest == "*":
        return True
    try:
        return ipaddress.ip_address(url.host) in ipaddress.ip_network(rest.strip("[]"), strict=False)
    except ValueError:
        pass
    name, mark, port = rest.rpartition(":")
    if mark and port.isdigit():
        if int(port) != url.port:
            return False
        rest = name.strip("[]")
    host = url.host.rstrip(".")
    bare = rest.removeprefix("*").rstrip(".")
    return host.endswith(f".{bare.removeprefix('.')}") or host == bare
