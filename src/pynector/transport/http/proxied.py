"""Which proxy an origin is reached through."""

from __future__ import annotations

from typing import NamedTuple

from ..net.environment import NamedProxies
from ..net.proxies import Proxy
from .options import HTTPOptions

Origin = tuple[str, str, int]


class Route(NamedTuple):
    """How an origin is reached.

    Attributes:
        origin: Scheme, host and port.
        proxy: What it is reached through, or None.
        server_name: The name that TLS asks the server for, whatever the client's options say; None: what they say.
        over_http1: Whether HTTP/1.1 is spoken, whatever the server would rather.
    """

    origin: Origin
    proxy: Proxy | None
    server_name: str | None = None
    over_http1: bool = False

    @property
    def is_secure(self) -> bool:
        """Whether TLS is spoken, with the proxy at least."""
        return self.origin[0] == "https" or (self.proxy is not None and self.proxy.scheme == "https")


class Proxied:
    """The proxies of a client: the one that it says, else those that the environment names now.

    The environment's are for no origin to which the user says how to connect, by `uds` or by `resolve`, and for none
    with `trust_env=False`.

    Args:
        options: The transport's options.
    """

    def __init__(self, options: HTTPOptions) -> None:
        self._given = options.proxy
        self._detours = options.detours
        self._named: NamedProxies | None = None
        if options.trust_env and options.uds is None and options.proxy is None:
            self._named = NamedProxies()

    def proxy_for(self, origin: Origin) -> Proxy | None:
        """Return the proxy for an origin, or None.

        Raises:
            ConfigurationError: If the environment says one that is none.
        """
        if self._named is None or origin[1:] in self._detours.addresses:
            return self._given
        return self._named.proxy_for(*origin)
