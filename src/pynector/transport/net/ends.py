"""Whether a connection that ends was ended by its peer, or has failed."""

from __future__ import annotations

import socket
from typing import Any


def has_failed(transport: Any) -> bool:
    """Say whether a connection that ends has failed: uvloop before 0.23 may call a reset right behind data an end.

    Over TLS it is the peer's word for the end that counts.
    """
    sock = transport.get_extra_info("socket")
    if sock is None or transport.get_extra_info("ssl_object") is not None:
        return False
    return bool(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
