"""The floor of HTTP/2: two connections, ngh2 behind a bare asyncio protocol each. What a client can reach."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any
from urllib.parse import urlsplit

import ngh2

CONNECTIONS = 2

# No answer of a workload that the floor takes part in waits for a window.
WINDOW = 1 << 24


class Work:
    """What connections share while a batch runs.

    Args:
        head: The header fields of each request.
        body: The body of each.
        count: How many there are.
        done: What is told that all have been answered.
    """

    def __init__(self, head: list[tuple[bytes, bytes]], body: bytes, count: int, done: asyncio.Future[None]) -> None:
        self.head, self.body = head, body
        self.begun, self.left, self.count = 0, count, count
        self.answers = [b""] * count
        self.done = done


class Http2FloorConnection(asyncio.Protocol):
    """Begins requests, and one more for each answer; what a turn of the loop begins is one write."""

    def __init__(self) -> None:
        self._http2 = ngh2.Connection(ngh2.Role.CLIENT)
        # Of each open stream: whose request it is, which of its requests, and what has come of the body.
        self._open: dict[int, tuple[Work, int, list[bytes]]] = {}
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self._http2.initiate_connection({ngh2.Setting.ENABLE_PUSH: 0, ngh2.Setting.INITIAL_WINDOW_SIZE: WINDOW})
        self._http2.set_local_window_size(WINDOW)
        self._write()

    def begin(self, work: Work, count: int) -> None:
        """Begin so many requests."""
        for _ in range(count):
            self._send(work)
        self._write()

    def _send(self, work: Work) -> None:
        http2 = self._http2
        if work.body:
            stream = http2.send_request(work.head)
            http2.send_data(stream, work.body, end_stream=True)
        else:
            stream = http2.send_request(work.head, end_stream=True)
        self._open[stream] = (work, work.begun, [])
        work.begun += 1

    def _write(self) -> None:
        data = self._http2.data_to_send()
        if data:
            self.transport.write(data)

    def data_received(self, data: bytes) -> None:
        self._http2.receive_data(data)
        for event in self._http2.events():
            kind = type(event)
            if kind is ngh2.DataReceived:
                self._open[event.stream_id][2].append(event.data)
                if event.end_stream:
                    self._end(event.stream_id)
            elif kind is ngh2.ResponseReceived:
                if event.end_stream:
                    self._end(event.stream_id)
            elif kind is ngh2.StreamReset and event.stream_id in self._open:
                # Not in there: the server has answered without having read the body, and says so.
                raise ConnectionError(f"the server reset a stream: {event.error_code}")
        self._write()

    def _end(self, stream: int) -> None:
        work, index, pieces = self._open.pop(stream)
        work.answers[index] = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        work.left -= 1
        if work.begun < work.count:
            self._send(work)
        elif not work.left:
            work.done.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        for work, _, _ in self._open.values():
            if not work.done.done():
                work.done.set_exception(error or ConnectionError("the server closed the connection"))


class Http2Floor:
    """A client of these connections."""

    def __init__(self, url: str, context: ssl.SSLContext | None) -> None:
        self._url = urlsplit(url)
        self._context = context
        self._connections: list[Http2FloorConnection] = []

    async def connect(self) -> None:
        """Make the connections."""
        loop, url = asyncio.get_running_loop(), self._url
        for _ in range(CONNECTIONS):
            made = await loop.create_connection(Http2FloorConnection, url.hostname, url.port, ssl=self._context)
            self._connections.append(made[1])

    async def batch(self, method: str, path: str, body: bytes, count: int, in_flight: int) -> list[bytes]:
        """Send so many of one request, and give the bodies."""
        head = {
            ":method": method,
            ":scheme": self._url.scheme,
            ":authority": self._url.netloc,
            ":path": path,
            "user-agent": "floor",
            "accept": "*/*",
        }
        if body:
            head |= {"content-type": "application/json", "content-length": str(len(body))}
        fields = [(name.encode(), value.encode()) for name, value in head.items()]
        work = Work(fields, body, count, asyncio.get_running_loop().create_future())
        for number, connection in enumerate(self._connections):
            first = min(in_flight, count)
            connection.begin(work, len(range(number, first, CONNECTIONS)))
        await work.done
        return work.answers

    def close(self) -> None:
        """Close the connections."""
        for connection in self._connections:
            connection.transport.close()
