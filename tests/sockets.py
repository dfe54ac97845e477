"""The sockets of this process, whoever has made them, and how test servers leave none open."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import socket
import ssl
import stat
from collections.abc import Iterator
from typing import Any


def free_port() -> int:
    """Return a port that nobody has, nor is given who asks the system for any: for what is told where to listen."""
    while True:
        with socket.socket() as sock, contextlib.suppress(OSError):
            sock.bind(("127.0.0.1", random.randrange(20_000, 32_000)))
            return int(sock.getsockname()[1])


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


async def end_serving(server: asyncio.Server) -> None:
    """Have a server take no connection more; return when those that it has taken have been made.

    asyncio leaves a connection open that is made when its server has been closed.
    """
    loop = asyncio.get_running_loop()
    # There are loops that know of no readers.
    with contextlib.suppress(NotImplementedError):
        for sock in server.sockets:
            loop.remove_reader(sock.fileno())
    for _ in range(5):
        await asyncio.sleep(0)
    server.close()


class _Secured(ssl.SSLSocket):
    """Is closed where there is no client any more; Python's own leaves that to the garbage collector."""

    def getpeername(self) -> Any:
        try:
            return super().getpeername()
        except OSError:
            self.close()
            raise


def secured(context: ssl.SSLContext, sock: socket.socket, *, handshake: bool = True) -> ssl.SSLSocket:
    """Return what speaks TLS with a client, after the handshake where that is wanted.

    Raises:
        OSError: If that fails; then nothing is left open.
    """
    context.sslsocket_class = _Secured
    return context.wrap_socket(sock, server_side=True, do_handshake_on_connect=handshake)
