"""A server in a process of its own that takes note of when each request came: python server.py.

It listens on all addresses of the loopback network, and prints its port. What it does is in the path, up to any "&":

/ok           200 at once.
/some?P       503 for a share P of them, by chance.
/slow?S       200 after S seconds.
/hang         Nothing, ever.
/knee         200; it works on so many at a time, each for 50 ms, and the others wait in their order.
/knee/N       Sets that number.
/limited?P,S  429 with Retry-After: S for a share P of them, by chance, else 200.
/arrivals     What came since the last time it was asked, as JSON: [[seconds, address, path, status, in flight], ...].
"""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections import deque
from typing import Any

REQUEST = re.compile(rb"GET (\S+) HTTP/1\.1\r\n.*?\r\n\r\n", re.DOTALL)
SERVICE = 0.05


class Server:
    """What all connections share."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.random = random.Random(17)
        self.arrivals: list[Any] = []
        self.in_flight = 0
        self.knee = 50
        self.busy = 0
        self.waiting: deque[Any] = deque()

    def take(self, connection: Connection, path: str) -> None:
        kind, _, given = path.partition("&")[0].partition("?")
        if kind == "/arrivals":
            body, self.arrivals = json.dumps(self.arrivals).encode(), []
            connection.write(200, body)
            return
        if kind.startswith("/knee/"):
            self.knee = int(kind[6:])
            connection.write(200)
            return
        self.in_flight += 1
        status, fields = 200, ""
        if kind == "/some" and self.random.random() < float(given):
            status = 503
        elif kind == "/limited":
            share, seconds = given.split(",")
            if self.random.random() < float(share):
                status, fields = 429, f"Retry-After: {seconds}\r\n"
        self.arrivals.append((self.loop.time(), connection.address, path, status, self.in_flight))
        if kind == "/knee":
            self.waiting.append(connection)
            self.work()
        elif kind == "/slow":
            self.loop.call_later(float(given), self.answer, connection)
        elif kind != "/hang":
            self.answer(connection, status, fields)

    def work(self) -> None:
        while self.waiting and self.busy < self.knee:
            self.busy += 1
            self.loop.call_later(SERVICE, self.worked, self.waiting.popleft())

    def worked(self, connection: Connection) -> None:
        self.busy -= 1
        self.answer(connection)
        self.work()

    def answer(self, connection: Connection, status: int = 200, fields: str = "") -> None:
        self.in_flight -= 1
        connection.write(status, b"ok", fields)


class Connection(asyncio.Protocol):
    transport: asyncio.Transport

    def __init__(self, server: Server) -> None:
        self.server = server
        self.left = b""
        self.address = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.address = transport.get_extra_info("sockname")[0]

    def data_received(self, data: bytes) -> None:
        data = self.left + data
        end = 0
        for request in REQUEST.finditer(data):
            end = request.end()
            self.server.take(self, request[1].decode())
        self.left = data[end:]

    def write(self, status: int, body: bytes = b"ok", fields: str = "") -> None:
        self.transport.write(
            b"HTTP/1.1 %d S\r\n%sContent-Length: %d\r\n\r\n" % (status, fields.encode(), len(body)) + body
        )


async def main() -> None:
    shared = Server()
    server = await shared.loop.create_server(lambda: Connection(shared), "0.0.0.0", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
