"""Transports as a user would write them, and the server that one of them talks to."""

from __future__ import annotations

import random
import socketserver
import threading
from collections import deque
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import anyio
import anyio.abc
import anyio.lowlevel


class Connectable(AbstractAsyncContextManager["Connectable"]):
    """Counts its connections; `refuse` holds the errors of the next attempts."""

    def __init__(self) -> None:
        self.connects = 0
        self.disconnects = 0
        self.connected = False
        self.refuse: list[BaseException] = []

    async def connect(self) -> None:
        self.connects += 1
        await anyio.lowlevel.checkpoint()
        if self.refuse:
            raise self.refuse.pop(0)
        self.connected = True

    async def disconnect(self) -> None:
        self.disconnects += 1
        self.connected = False

    async def __aexit__(self, *exc_info: object) -> None:
        await self.disconnect()


class LineServer(socketserver.ThreadingTCPServer):
    """Answers each line with the same line; one that begins with "hold" only when `release` is set."""

    daemon_threads = False
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _LineHandler)
        self.port: int = self.server_address[1]
        self.held = threading.Event()
        self.release = threading.Event()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that is gone is no news."""


class _LineHandler(socketserver.StreamRequestHandler):
    server: LineServer

    def handle(self) -> None:
        for line in self.rfile:
            if line.startswith(b"hold"):
                self.server.held.set()
                self.server.release.wait(30)
            if line.startswith(b"bye"):
                return
            self.wfile.write(line)


class LineTransport(Connectable):
    """What a user writes in ten lines: one socket, a line out, a line in."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self.port = port
        self.stream: anyio.abc.SocketStream | None = None

    async def connect(self) -> None:
        await super().connect()
        # Like many a user's transport it keeps the connection it has.
        if self.stream is None:
            self.stream = await anyio.connect_tcp("127.0.0.1", self.port)

    async def disconnect(self) -> None:
        await super().disconnect()
        stream, self.stream = self.stream, None
        if stream is not None:
            await stream.aclose()

    async def send(self, data: Any, **options: Any) -> None:
        assert self.stream is not None
        await self.stream.send(f"{data}\n".encode())

    async def receive(self) -> AsyncIterator[bytes]:
        assert self.stream is not None
        chunk = b""
        while not chunk.endswith(b"\n"):
            chunk = await self.stream.receive(7)
            yield chunk


class MemoryTransport(Connectable):
    """A wire in memory: what is sent comes back in order, in chunks and after a random number of turns of the loop.

    `stuck` holds data whose answer waits for `release`; `overlaps` counts pairs of send and receive at the same time.
    """

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self.random = random.Random(seed)
        self.wire: deque[Any] = deque()
        self.stuck: Collection[Any] = ()
        self.sent: list[Any] = []
        self.options: list[dict[str, Any]] = []
        self.release = anyio.Event()
        self.waiting = anyio.Event()
        self.overlaps = 0
        self.active = 0

    async def disconnect(self) -> None:
        await super().disconnect()
        self.wire.clear()

    async def send(self, data: Any, **options: Any) -> None:
        self.overlaps += self.active
        self.active += 1
        self.sent.append(data)
        self.options.append(options)
        try:
            await self.turns()
        except BaseException:
            self.active -= 1
            raise
        self.wire.append(data)

    async def receive(self) -> AsyncIterator[bytes]:
        try:
            await self.turns()
            if self.wire[0] in self.stuck:
                self.waiting.set()
                await self.release.wait()
            answer = self.wire.popleft()
            if isinstance(answer, BaseException):
                raise answer
            for letter in str(answer):
                yield letter.encode()
            await self.turns()
        finally:
            self.active -= 1

    async def turns(self) -> None:
        for _ in range(self.random.randrange(3)):
            await anyio.lowlevel.checkpoint()


class Answering(Connectable):
    """What `exchange` and `submit` share: an entry is answered by its data.

    Data that is an exception is raised. Data in `stuck` is answered when `release` is set.
    """

    def __init__(self, max_concurrency: int | None = None, seed: int = 0) -> None:
        super().__init__()
        if max_concurrency is not None:
            self.max_concurrency = max_concurrency
        self.random = random.Random(seed)
        self.stuck: Collection[Any] = ()
        self.release = anyio.Event()
        self.waiting = anyio.Event()
        self.seen: list[Any] = []
        self.options: list[Mapping[str, Any]] = []
        self.in_flight = 0
        self.most_in_flight = 0

    async def answer(self, data: Any, options: Mapping[str, Any]) -> Any:
        self.seen.append(data)
        self.options.append(options)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            for _ in range(self.random.randrange(3)):
                await anyio.lowlevel.checkpoint()
            if isinstance(data, BaseException):
                raise data
            if data in self.stuck:
                self.waiting.set()
                await self.release.wait()
            return data
        finally:
            self.in_flight -= 1


class ExchangeOnly(Answering):
    """A transport with `exchange`, as most that are written for AnyIO."""

    async def exchange(self, data: Any, /, **options: Any) -> Any:
        return await self.answer(data, options)


class ImmediateSubmit(Answering):
    """A transport with `submit` that has every answer at once."""

    def submit(
        self, data: Any, options: Mapping[str, Any], deadline: float, completion: Any, token: int
    ) -> anyio.CancelScope | None:
        self.seen.append(data)
        self.options.append(options)
        if isinstance(data, BaseException):
            completion.fail(token, data)
        else:
            completion.succeed(token, data)
        return None


class TaskSubmit(Answering):
    """A transport with `submit` that runs a task for each request, on any loop."""

    def __init__(self, tasks: anyio.abc.TaskGroup, max_concurrency: int | None = None, seed: int = 0) -> None:
        super().__init__(max_concurrency, seed)
        self.tasks = tasks
        self.cancelled: list[Any] = []

    def submit(
        self, data: Any, options: Mapping[str, Any], deadline: float, completion: Any, token: int
    ) -> anyio.CancelScope:
        scope = anyio.CancelScope(deadline=deadline)
        self.tasks.start_soon(self._carry, scope, data, options, completion, token)
        return scope

    async def _carry(self, scope: Any, data: Any, options: Any, completion: Any, token: int) -> None:
        with scope:
            try:
                answer = await self.answer(data, options)
            except Exception as error:
                completion.fail(token, error)
            else:
                completion.succeed(token, answer)
        if scope.cancelled_caught:
            self.cancelled.append(data)
            if anyio.current_time() >= scope.deadline:
                completion.fail(token, TimeoutError("late"))


class Factory:
    """A factory of transports, for the registry."""

    def __init__(self, make: Any, option_names: Any = None) -> None:
        self.make = make
        self.made: list[Any] = []
        if option_names is not None:
            self.option_names = option_names

    def create_transport(self, **options: Any) -> Any:
        transport = self.make(**options)
        self.made.append(transport)
        return transport


KINDS = ["serial", "exchange", "submit", "immediate"]
"""What `transport_of` gives."""


@asynccontextmanager
async def transport_of(kind: str) -> AsyncIterator[Any]:
    if kind == "submit":
        async with anyio.create_task_group() as tasks:
            yield TaskSubmit(tasks)
            tasks.cancel_scope.cancel()
    else:
        yield {"serial": MemoryTransport, "exchange": ExchangeOnly, "immediate": ImmediateSubmit}[kind]()
