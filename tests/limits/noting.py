"""A server in a thread that takes note of each request and answers as a function says."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import NamedTuple

from sockets import end_serving

REQUEST = re.compile(rb"(?P<method>\S+) (?P<path>\S+) HTTP/1\.1\r\n(?P<fields>.*?\r\n)\r\n", re.DOTALL)
PATIENCE = 20.0


class Asked(NamedTuple):
    """A request.

    Attributes:
        at: When it was complete, in seconds.
        method, path, body: As they came.
        fields: Its header fields, by their names in small letters.
        number: How many requests for its path had come before.
        connection: The number of its connection, 0 for the first.
    """

    at: float
    method: str
    path: str
    body: bytes
    fields: dict[str, str]
    number: int
    connection: int


class Answer(NamedTuple):
    """What it is answered with: a status, a body, and header fields; status 0 closes the connection."""

    status: int = 200
    body: bytes = b"ok"
    fields: dict[str, str] = {}  # noqa: RUF012 - nobody changes it


Play = Callable[[Asked], "Answer | Awaitable[Answer]"]


class Gate:
    """Holds answers back until it is opened."""

    def __init__(self) -> None:
        self._is_open = threading.Event()

    def open(self) -> None:
        self._is_open.set()

    async def passed(self) -> None:
        """Return when it is open, or the test is over."""
        begun = time.monotonic()
        while not self._is_open.is_set() and time.monotonic() < begun + PATIENCE:  # noqa: ASYNC110 - of another thread
            await asyncio.sleep(0.005)


class NotingServer:
    """Listens on a free port of 127.0.0.1.

    Args:
        play: Says what a request is answered with, at once or later.

    Attributes:
        asked: The requests, as they came.
        in_flight: How many are not answered.
        most: The most of them at a time.
        open: The connections that are.
        accepted: How many there have been.
        url: Its base URL.
    """

    def __init__(self, play: Play = lambda asked: Answer()) -> None:
        self.play = play
        self.asked: list[Asked] = []
        self.in_flight = self.most = self.accepted = 0
        self.open: set[Connection] = set()
        self.url = ""
        self._stop: Callable[[], object] = lambda: None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    def __enter__(self) -> NotingServer:
        self._thread.start()
        assert self._ready.wait(PATIENCE)
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc_value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stop()
        self._thread.join()

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self.open)

    @property
    def paths(self) -> list[str]:
        """The paths of the requests, as they came."""
        return [one.path for one in self.asked]

    async def _serve(self) -> None:
        loop, stopped = asyncio.get_running_loop(), asyncio.Event()
        self._stop = lambda: loop.call_soon_threadsafe(stopped.set)
        server = await loop.create_server(lambda: Connection(self), "127.0.0.1", 0, backlog=1000)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        self._ready.set()
        await stopped.wait()
        await end_serving(server)
        # What has been accepted has a task until it has its connection, and each answer has one.
        while self.open or len(asyncio.all_tasks()) > 1:
            for connection in self.open:
                connection.transport.abort()
            await asyncio.sleep(0.002)


class Connection(asyncio.Protocol):
    """One connection."""

    transport: asyncio.Transport

    def __init__(self, server: NotingServer) -> None:
        self._server = server
        self._number, server.accepted = server.accepted, server.accepted + 1
        self._left = b""
        self._answering: asyncio.Task[None] | None = None
        self._is_owed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._server.open.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._server.open.discard(self)
        if self._answering is not None:
            self._answering.cancel()

    def data_received(self, data: bytes) -> None:
        self._left += data
        head = REQUEST.match(self._left)
        if head is None:
            return
        lines = head["fields"].decode("latin-1").split("\r\n")[:-1]
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = body_of(fields, self._left[head.end() :])
        if body is None:
            return
        self._left = b""
        path, server = head["path"].decode(), self._server
        asked = Asked(
            time.monotonic(), head["method"].decode(), path, body, fields, server.paths.count(path), self._number
        )
        server.asked.append(asked)
        server.in_flight += 1
        server.most = max(server.most, server.in_flight)
        self._is_owed = True
        self._answering = asyncio.ensure_future(self._answer(asked))
        # One that is cancelled before its first turn comes to no `finally`.
        self._answering.add_done_callback(lambda _: self._answered())

    def _answered(self) -> None:
        self._server.in_flight -= self._is_owed
        self._is_owed = False

    async def _answer(self, asked: Asked) -> None:
        try:
            said = self._server.play(asked)
            answer = said if isinstance(said, Answer) else await said
        finally:
            self._answered()
        if answer.status:
            self.transport.write(encoded(answer))
        else:
            self.transport.close()


def body_of(fields: dict[str, str], data: bytes) -> bytes | None:
    """Return a body of either kind, out of its chunks; None if it is not complete."""
    if "transfer-encoding" not in fields:
        return data if len(data) >= int(fields.get("content-length", 0)) else None
    if not data.endswith(b"0\r\n\r\n"):
        return None
    body = b""
    while data != b"0\r\n\r\n":
        size, _, data = data.partition(b"\r\n")
        body += data[: int(size, 16)]
        data = data[int(size, 16) + 2 :]
    return body


def encoded(answer: Answer) -> bytes:
    """Return an answer as it stands on the wire."""
    fields = "".join(f"{name}: {value}\r\n" for name, value in answer.fields.items())
    return f"HTTP/1.1 {answer.status} S\r\n{fields}Content-Length: {len(answer.body)}\r\n\r\n".encode() + answer.body
