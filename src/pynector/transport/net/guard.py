"""Where connections may go: anywhere, but for tests that say otherwise."""

from __future__ import annotations

from collections.abc import Callable

from ...errors import ConnectError

refuse: Callable[[str, int], str | None] | None = None
"""Returns why no connection is to be made to a host and a port, or None if one may; None: any may."""


def check_endpoint(host: str, port: int, where: str = "") -> None:
    """Raise a ConnectError, which will not pass, if no connection to a host and a port may be made.

    Args:
        host: The name or address that would be connected to.
        port: The port.
        where: Such as " to the proxy", if that is not the server.
    """
    said = None if refuse is None else refuse(host, port)
    if said is not None:
        raise ConnectError(f"no connection{where}: {said}", phase="connect", sent="none", came_of="forbidden")
