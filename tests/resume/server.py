"""Answers GET /items/N, and counts how often each was asked for."""

from __future__ import annotations

import asyncio
import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

_REQUEST = re.compile(rb"GET /(?:items/(\d+)|ping) HTTP/1\.1\r\n.*?\r\n\r\n", re.DOTALL)


class Counts:
    """What the server has seen.

    Attributes:
        seen: How often each item was asked for.
        total: How many requests that were.
        connections: How many are open.
        port: Where it listens.
    """

    def __init__(self) -> None:
        self.seen: Counter[int] = Counter()
        self.total = 0
        self.connections = 0
        self.port = 0

    def settle(self) -> None:
        """Wait until all that clients have sent who are gone has been read."""
        # Connections are accepted in their order: when this one is answered, those before it have been.
        with socket.create_connection(("127.0.0.1", self.port), 60) as connection:
            connection.sendall(b"GET /ping HTTP/1.1\r\nHost: h\r\n\r\n")
            assert connection.recv(100)
        while self.connections:
            time.sleep(0.001)


class _Connection(asyncio.Protocol):
    transport: asyncio.Transport

    def __init__(self, counts: Counts) -> None:
        self._counts = counts
        self._left = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._counts.connections += 1

    def connection_lost(self, error: Exception | None) -> None:
        self._counts.connections -= 1

    def data_received(self, data: bytes) -> None:
        data = self._left + data
        end = 0
        for request in _REQUEST.finditer(data):
            end = request.end()
            body = b"pong"
            if request[1] is not None:
                self._counts.seen[int(request[1])] += 1
                self._counts.total += 1
                body = b"item " + request[1]
            self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        self._left = data[end:]


@contextmanager
def serving(counts: Counts) -> Iterator[None]:
    """Run the server in a thread."""
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(loop.create_server(lambda: _Connection(counts), "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever)
    counts.port = server.sockets[0].getsockname()[1]
    thread.start()
    try:
        yield
    finally:
        server.close()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.run_until_complete(server.wait_closed())
        loop.close()
