"""How much of what was written the peer has taken: a slow one is not taken for silent."""

from __future__ import annotations

import socket
import struct
import sys
from typing import Any

# Where Linux's struct tcp_info has what the peer has taken (bytes), what is under way (segments), and what has not
# left (bytes).
_ACKED, _UNDER_WAY, _UNSENT = 120, 24, 144
_SIZE = 148


def upload(transport: Any, written: float) -> tuple[float, bool]:
    """Tell how much has gone, and whether more waits.

    Args:
        transport: The event loop's transport.
        written: The bytes it was given.

    Returns:
        A number of bytes that grows as the peer takes what was written, and whether some of it has not been taken.
        Where the system does not tell, what has left this process stands for what was taken.
    """
    queued = transport.get_write_buffer_size()
    info = _tcp_info(transport.get_extra_info("socket"))
    if info is None:
        return written - queued, queued > 0
    under_way, unsent = (struct.unpack_from("=I", info, place)[0] for place in (_UNDER_WAY, _UNSENT))
    return float(struct.unpack_from("=Q", info, _ACKED)[0]), queued + under_way + unsent > 0


def _tcp_info(sock: Any) -> bytes | None:
    if sock is None or sys.platform != "linux":
        return None
    try:
        # A copy of the descriptor: uvloop's objects cannot be asked.
        with socket.fromfd(sock.fileno(), sock.family, sock.type) as copy:
            info = copy.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _SIZE)
    except OSError:
        return None
    return info if len(info) == _SIZE else None
