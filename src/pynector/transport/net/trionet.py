"""Sockets and transports on trio."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Sequence
from typing import Any

import trio
from trio.lowlevel import wait_readable, wait_writable

from ...callbacks import Loop
from ...groups import ungrouped
from .layers import Layers
from .names import Address, Names
from .network import STAGGER, Way, reason_of
from .sockets import SocketOption, set_options
from .triosocket import TrioTransport


class TrioNetwork:
    """See Network.

    Args:
        loop: trio's.
    """

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self.names = Names(loop)
        self.layers = Layers(loop.call_soon, loop.new_future)
        self.new_future = loop.new_future

    async def connected(self, address: Address, options: tuple[SocketOption, ...]) -> socket.socket:
        """See Network."""
        sock = socket.socket(address[0], socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            set_options(sock, options)
            try:
                sock.connect(address[1])
            except (BlockingIOError, InterruptedError):
                await wait_writable(sock)
                if error := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                    raise OSError(error, f"Connect call failed {address[1]}") from None
        except BaseException:
            sock.close()
            raise
        return sock

    async def first(self, ways: Sequence[Way]) -> socket.socket:
        """See Network."""
        return await (ways[0]() if len(ways) == 1 else _First().of(ways))

    async def send(self, sock: socket.socket, data: bytes) -> None:
        """See Network."""
        while data:
            try:
                data = data[sock.send(data) :]
            except (BlockingIOError, InterruptedError):
                await wait_writable(sock)
            except OSError as error:
                # Nobody's tool is to find a password in its frames.
                del data
                raise error.with_traceback(None)

    async def receive(self, sock: socket.socket, most: int) -> bytes:
        """See Network."""
        while True:
            await wait_readable(sock)
            try:
                return sock.recv(most)
            except (BlockingIOError, InterruptedError):
                pass

    async def attach(
        self, sock: socket.socket, make_protocol: Callable[[], Any], context: ssl.SSLContext | None, name: str
    ) -> tuple[Any, Any]:
        """See Network."""
        try:
            lower: Any = make_protocol()
            protocol, shaken = lower, None
            if context is not None:
                lower, shaken = self.layers.made(context, name, protocol)
            transport = TrioTransport(self._loop, sock, lower)
        except BaseException:
            sock.close()
            raise
        try:
            # It may have been cancelled when its last wait was over.
            await trio.lowlevel.checkpoint_if_cancelled()
            if shaken is None:
                return transport, protocol
            await shaken.ended()
        except BaseException:
            transport.abort()
            raise
        return lower, protocol

    async def drop(self, transport: Any) -> None:
        """See Network."""
        transport.abort()
        with trio.CancelScope(shield=True):
            await self._loop.catch_up()


class _First:
    """Tries ways in turn, each a little after the one before."""

    def __init__(self) -> None:
        self._socks: list[socket.socket] = []
        self._errors: list[Exception] = []

    async def of(self, ways: Sequence[Way]) -> socket.socket:
        """Return the first socket that there is."""
        try:
            with ungrouped():
                async with trio.open_nursery() as tasks:
                    for way in ways:
                        failed = trio.Event()
                        tasks.start_soon(self._try, way, failed, tasks.cancel_scope)
                        with trio.move_on_after(STAGGER):
                            await failed.wait()
            for extra in self._socks[1:]:
                extra.close()
            if not self._socks:
                raise reason_of(self._errors)
            return self._socks[0]
        except BaseException:
            for sock in self._socks:
                sock.close()
            raise

    async def _try(self, way: Way, failed: trio.Event, scope: trio.CancelScope) -> None:
        try:
            self._socks.append(await way())
            scope.cancel()
        except Exception as error:
            self._errors.append(error)
            failed.set()
