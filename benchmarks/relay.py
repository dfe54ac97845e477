"""A proxy for the benchmarks, in a process of its own: python -m benchmarks.relay prints its port.

It makes tunnels by CONNECT, and passes on requests with a whole URL, each of which must come in one piece.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from subprocess import PIPE, Popen
from typing import Any


class There(asyncio.Protocol):
    """The connection to a server."""

    def __init__(self, here: Here) -> None:
        self._here = here

    def data_received(self, data: bytes) -> None:
        """Pass an answer on."""
        self._here.transport.write(data)

    def connection_lost(self, error: Exception | None) -> None:
        """End with it."""
        self._here.transport.close()


class Here(asyncio.Protocol):
    """A client's connection."""

    def __init__(self) -> None:
        self.transport: Any = None
        self._there: Any = None
        self._start = b""
        self._made: Any = None

    def connection_made(self, transport: Any) -> None:
        """See asyncio.BaseProtocol."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Pass it on, or find out first whereto."""
        if self._there is None:
            self.transport.pause_reading()
            self._made = asyncio.get_running_loop().create_task(self._connect(data))
        elif self._start:
            self._there.write(data.replace(self._start, b"", 1))
        else:
            self._there.write(data)

    async def _connect(self, data: bytes) -> None:
        method, where, _ = data.split(b" ", 2)
        if method != b"CONNECT":
            self._start = b"/".join(where.split(b"/", 3)[:3])
        host, _, port = where.removeprefix(b"http://").partition(b"/")[0].decode().rpartition(":")
        loop = asyncio.get_running_loop()
        self._there, _ = await loop.create_connection(lambda: There(self), host, int(port))
        if self._start:
            self.data_received(data)
        else:
            self.transport.write(b"HTTP/1.1 200 OK\r\n\r\n")
        self.transport.resume_reading()

    def connection_lost(self, error: Exception | None) -> None:
        """End with it."""
        if self._there is not None:
            self._there.close()


async def main() -> None:
    """Serve until standard input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Here, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


@contextmanager
def relaying() -> Iterator[tuple[Popen[str], int]]:
    """Run it for the time of the context, and give its process and its port."""
    with Popen([sys.executable, "-m", "benchmarks.relay"], stdin=PIPE, stdout=PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, int(process.stdout.readline())
        finally:
            process.kill()


if __name__ == "__main__":
    try:
        import uvloop
    except ImportError:
        asyncio.run(main())
    else:
        uvloop.run(main())
