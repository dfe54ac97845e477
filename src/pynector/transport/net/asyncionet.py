"""Sockets and transports on asyncio, and on loops that are like it."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from ...callbacks import AsyncioLoop
from .layers import Layers
from .names import Address, Names
from .network import STAGGER, Way, reason_of
from .sockets import SocketOption, set_options

FEW_TURNS = 4

# Whether the system tells one socket from another by its descriptor.
KNOWS_SOCKETS = os.name == "posix"


class AsyncioNetwork:
    """See Network.

    Args:
        loop: The event loop.
    """

    def __init__(self, loop: AsyncioLoop) -> None:
        self._loop = loop.loop
        self.names = Names(loop)
        self.layers = Layers(loop.call_soon, loop.new_future)
        self.new_future = loop.new_future

    async def connected(self, address: Address, options: tuple[SocketOption, ...]) -> socket.socket:
        """See Network."""
        sock = socket.socket(address[0], socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            set_options(sock, options)
            await self._loop.sock_connect(sock, address[1])
        except BaseException:
            sock.close()
            raise
        return sock

    async def first(self, ways: Sequence[Way]) -> socket.socket:
        """See Network."""
        return await (ways[0]() if len(ways) == 1 else self._first_of(ways))

    async def send(self, sock: socket.socket, data: bytes) -> None:
        """See Network."""
        try:
            await self._loop.sock_sendall(sock, data)
        except OSError as error:
            # Nobody's tool is to find a password in its frames.
            del data
            raise error.with_traceback(None)

    async def receive(self, sock: socket.socket, most: int) -> bytes:
        """See Network."""
        return await self._loop.sock_recv(sock, most)

    async def attach(
        self, sock: socket.socket, make_protocol: Callable[[], Any], context: ssl.SSLContext | None, name: str
    ) -> tuple[Any, Any]:
        """See Network."""
        made: asyncio.Task[Any] | None = None
        inode = os.fstat(sock.fileno()).st_ino if KNOWS_SOCKETS else 0
        try:
            lower: Any = make_protocol()
            protocol, shaken = lower, None
            if context is not None:
                lower, shaken = self.layers.made(context, name, protocol)
            made = self._loop.create_task(self._loop.create_connection(lambda: lower, sock=sock))
            transport, _ = await asyncio.shield(made)
            if shaken is not None:
                transport = lower
                await shaken.ended()
            if transport.is_closing():
                _disown(sock, inode)
        except BaseException:
            # The socket is the loop's now: to close it, or to cancel what makes the connection, would leave the loop
            # with a descriptor or a timer of what is no more. The end of the connection ends both.
            try:
                if made is not None:
                    await _undone(made, sock)
            finally:
                _let_go(sock, inode)
            raise
        return transport, protocol

    async def drop(self, transport: Any) -> None:
        """See Network."""
        transport.abort()
        await _few_turns()

    async def _first_of(self, ways: Sequence[Way]) -> socket.socket:
        waiting = list(ways)
        attempts: set[asyncio.Task[socket.socket]] = set()
        errors: list[Exception] = []
        try:
            while waiting or attempts:
                if waiting:
                    attempts.add(self._loop.create_task(waiting.pop(0)()))
                done, attempts = await asyncio.wait(
                    attempts,
                    timeout=STAGGER if waiting else None,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                connected = [task.result() for task in done if task.exception() is None]
                errors += [error for task in done if isinstance(error := task.exception(), Exception)]
                for extra in connected[1:]:
                    extra.close()
                if connected:
                    return await _kept(connected[0], attempts)
            raise reason_of(errors)
        finally:
            await _give_up(attempts)


async def _undone(made: asyncio.Task[Any], sock: socket.socket) -> None:
    """Wait until a connection that nobody wants any more is made or not, and its transport, if any, is gone."""
    if not made.done():
        with suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
    made.add_done_callback(_discard)
    await asyncio.wait({made})
    await _few_turns()


async def _few_turns() -> None:
    for _ in range(FEW_TURNS):
        await asyncio.sleep(0)


def _discard(made: asyncio.Task[Any]) -> None:
    if not made.cancelled() and made.exception() is None:
        made.result()[0].abort()


def _let_go(sock: socket.socket, inode: int) -> None:
    """Close a socket unless its loop has."""
    _disown(sock, inode)
    sock.close()


def _disown(sock: socket.socket, inode: int) -> None:
    """Forget a socket that its loop has closed: uvloop does so without a word, and its number may be another's."""
    descriptor = sock.fileno()
    if descriptor < 0 or not KNOWS_SOCKETS:
        return
    try:
        is_ours = os.fstat(descriptor).st_ino == inode
    except OSError:
        is_ours = False
    if not is_ours:
        sock.detach()


async def _kept(sock: socket.socket, attempts: set[asyncio.Task[socket.socket]]) -> socket.socket:
    """Return a socket when the other attempts have ended; if that is cancelled, it is closed."""
    try:
        await _give_up(attempts)
    except BaseException:
        sock.close()
        raise
    return sock


async def _give_up(attempts: set[asyncio.Task[socket.socket]]) -> None:
    for attempt in attempts:
        attempt.cancel()
    for outcome in await asyncio.gather(*attempts, return_exceptions=True):
        if isinstance(outcome, socket.socket):
            outcome.close()
