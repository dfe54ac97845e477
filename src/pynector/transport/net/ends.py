"""Whether a connection that ends was ended by its peer, or was reset."""

from __future__ import annotations

import errno
import socket
from typing import Any


def was_reset(transport: Any) -> bool:
    """Say whether a connection that ends was reset: uvloop before 0.23 may call a reset right behind data an end.

    A reset behind the peer's end takes nothing from what came before it, and is another error on Linux (EPIPE). Over
    TLS it is the peer's word for the end that counts.
    """
    sock = transport.get_extra_info("socket")
    if sock is None or transport.get_extra_info("ssl_object") is not None:
        return False
    return bool(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNRESET)
