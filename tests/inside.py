"""What no public name gives, in one place: a client's transport, and the pool of a WebSocket transport."""

from __future__ import annotations

from typing import Any

from pynector import Pynector


def transport_of(client: Pynector) -> Any:
    """Give the transport that a client has made."""
    return client._lifecycle.transport


def pool_of(holder: Any) -> Any:
    """Give the pool of a WebSocket transport, or of the client that has made it."""
    transport = transport_of(holder) if isinstance(holder, Pynector) else holder
    return transport._pool
