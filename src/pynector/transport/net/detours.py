"""Where connections go instead of where a URL says, and by which name TLS knows the server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from .hosts import server_name

Endpoint = tuple[str, int]
"""A host or an address, and a port."""


class Detours(NamedTuple):
    """What `resolve=` and `server_hostname=` say.

    Attributes:
        addresses: Where to connect instead of a host and a port.
        server_hostname: The name that TLS asks for and verifies, whatever the host; None: the host's.
    """

    addresses: Mapping[Endpoint, Endpoint]
    server_hostname: str | None = None

    def endpoint(self, host: str, port: int) -> Endpoint:
        """Return where to connect for a host and a port of a URL."""
        return self.addresses.get((host, port), (host, port))

    def name(self, host: str) -> str:
        """Return the name that TLS asks a server for."""
        return server_name(self.server_hostname or host)


NO_DETOURS = Detours({})
