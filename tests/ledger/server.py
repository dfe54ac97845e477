"""The ledger server: its ports, on an event loop of its own in a thread."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import anyio

from sockets import end_serving

from .book import Ledger
from .wire import Wire

Serve = Callable[[Wire], Coroutine[Any, Any, None]]

BACKLOG = 1024

# So many turns of the event loop see all that has arrived on its sockets, new connections included.
TURNS = 5

# How long the server waits until nothing is under way on it (seconds).
PATIENCE = 20.0


class LedgerServer:
    """Listens on several ports of 127.0.0.1, in a thread. It is a context manager.

    Args:
        ledger: What its peers write; read it after `quiet`.
        scheme: That of its URLs.

    Attributes:
        ledger: See above.
        errors: What went wrong in the server itself.
    """

    def __init__(self, ledger: Ledger, scheme: str = "http") -> None:
        self.ledger = ledger
        self.errors: list[str] = []
        self._scheme = scheme
        self._serves: dict[str, Serve] = {}
        self._ports: dict[str, int] = {}
        self._wires: set[Wire] = set()
        self._count = 0
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="ledger server")

    def add(self, name: str, serve: Serve) -> None:
        """Add a port before the server starts: each of its connections is served by a call."""
        self._serves[name] = serve

    def address(self, name: str) -> str:
        """Return the base URL of a port: one that was added, "refused" or "dark"."""
        return f"{self._scheme}://127.0.0.1:{self._ports[name]}"

    def __enter__(self) -> LedgerServer:
        self._thread.start()
        assert self._ready.wait(PATIENCE)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), "the ledger server does not end"

    async def quiet(self, closed: bool = False) -> bool:
        """Wait until all that the client sent has been read, and no request is under way.

        Args:
            closed: Whether to wait until there is no connection left, too.

        Returns:
            Whether it came to that.
        """
        told = asyncio.run_coroutine_threadsafe(self._settled(closed), self._loop)
        while not told.done():  # noqa: ASYNC110 - another thread sets no Event of ours
            await anyio.sleep(0.005)
        return told.result()

    def under_way(self) -> str:
        """Say what is under way, for a message."""
        wires = list(self._wires)
        busy = {wire.number for wire in wires if not wire.resting or wire.owed}
        return f"{len(wires)} connections, busy: {sorted(busy)}\n{self.ledger.on(busy)}"

    # In the thread

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self._loop.set_exception_handler(lambda _, context: self.errors.append(str(context)))
        with contextlib.ExitStack() as stack:
            servers = []
            for name, serve in self._serves.items():
                sock = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=BACKLOG))
                self._ports[name] = sock.getsockname()[1]
                servers.append(await self._loop.create_server(self._maker(serve), sock=sock, backlog=BACKLOG))
            self._ports["refused"] = stack.enter_context(refusing())
            self._ports["dark"] = stack.enter_context(darkness())
            self._ready.set()
            await self._stop.wait()
            for server in servers:
                await end_serving(server)
            for wire in list(self._wires):
                wire.reset()
            await self._settled(closed=True)

    def _maker(self, serve: Serve) -> Callable[[], Wire]:
        async def guarded(wire: Wire) -> None:
            try:
                await serve(wire)
            except Exception as error:
                self.errors.append(f"connection {wire.number}: {error!r}")
                wire.reset()

        def make() -> Wire:
            self._count += 1
            return Wire(guarded, self._wires, self._count)

        return make

    async def _settled(self, closed: bool) -> bool:
        end = self._loop.time() + PATIENCE
        calm = 0
        while calm < TURNS:
            if self._loop.time() > end:
                return False
            is_quiet = all(wire.resting and not wire.buffer and not wire.owed for wire in self._wires)
            calm = calm + 1 if is_quiet and not (closed and self._wires) else 0
            await asyncio.sleep(0 if calm else 0.002)
        return True


@contextlib.contextmanager
def refusing() -> Iterator[int]:
    """Give a port that refuses connections."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]


@contextlib.contextmanager
def darkness() -> Iterator[int]:
    """Give a port that connections to are neither accepted nor refused: its backlog is full (on Linux)."""
    with contextlib.ExitStack() as stack:
        sock = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        port = sock.getsockname()[1]
        for _ in range(3):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        yield port
