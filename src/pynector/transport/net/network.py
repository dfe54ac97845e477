"""What the making of connections needs of an event loop."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol

from ...errors import PynectorError
from .layers import Layers
from .names import Address, Names
from .sockets import SocketOption

Way = Callable[[], Coroutine[Any, Any, socket.socket]]
"""Makes a connected socket, or raises an Exception."""

# RFC 8305 section 5: how long one address may take before the next is tried beside it (seconds).
STAGGER = 0.25


class Network(Protocol):
    """Sockets, and transports like asyncio's on them.

    Attributes:
        names: What is known of names.
        layers: Makes TLS that the loop need not know.
        new_future: See Runtime.
    """

    names: Names
    layers: Layers
    new_future: Callable[[], Any]

    async def connected(self, address: Address, options: tuple[SocketOption, ...]) -> socket.socket:
        """Return a non-blocking socket that is connected to an address.

        Raises:
            OSError: If that cannot be.
            ConfigurationError: If an option of the user's cannot be set.
        """

    async def first(self, ways: Sequence[Way]) -> socket.socket:
        """Return the socket of the first of some ways that leads to one; there is one way at least.

        They are tried in turn, each when the one before has failed or has taken STAGGER.

        Raises:
            Exception: If none does; see reason_of.
        """

    async def send(self, sock: socket.socket, data: bytes) -> None:
        """Send all of some bytes."""

    async def receive(self, sock: socket.socket, most: int) -> bytes:
        """Return what there is to receive, when there is; b"" at the end."""

    async def attach(
        self, sock: socket.socket, make_protocol: Callable[[], Any], context: ssl.SSLContext | None, name: str
    ) -> tuple[Any, Any]:
        """Put a protocol on a connected socket, with TLS where there is a context for it.

        Args:
            sock: The socket. It is the transport's from now on, whatever happens.
            make_protocol: Makes the protocol.
            context: That of TLS.
            name: The name that TLS asks for.

        Returns:
            The transport and the protocol.
        """

    async def drop(self, transport: Any) -> None:
        """End a transport at once, and wait until its socket is closed."""


def reason_of(errors: list[Exception]) -> Exception:
    """Return why none of some ways has led to a socket."""
    named = [error for error in errors if isinstance(error, PynectorError)]
    if named:
        # As long as one of them may pass, all together may.
        return next((error for error in named if getattr(error, "transient", False)), named[0])
    said = dict.fromkeys(map(str, errors))
    # Such as that there is no descriptor left, whatever the address.
    return errors[0] if len(said) == 1 else OSError("; ".join(said))
