"""The sockets of this process, whoever has made them."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
from collections.abc import Iterator


@contextlib.contextmanager
def sockets_to(port: int) -> Iterator[list[socket.socket]]:
    """Give copies of this process's sockets that are connected to a port."""
    found: list[socket.socket] = []
    with contextlib.ExitStack() as closing:
        for descriptor in range(3, 1024):
            with contextlib.suppress(OSError, IndexError):
                if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                    copy = closing.enter_context(socket.socket(fileno=os.dup(descriptor)))
                    if copy.getpeername()[1] == port:
                        found.append(copy)
        yield found
