"""Sockets and transports on trio."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from typing import Any

import trio
from trio.lowlevel import wait_readable, wait_writable

from ...callbacks import Loop
from ...groups import ungrouped
from .names import Address, Names
from .network import STAGGER, reason_of
from .sockets import SocketOption, set_options
from .tlslayer import Layers
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

    async def connected(self, addresses: list[Address], options: tuple[SocketOption, ...]) -> socket.socket:
        """See Network."""
        if len(addresses) == 1:
            return await connected(*addresses[0], options)
        return await _First(options).of(addresses)

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


async def connected(family: int, address: Any, options: tuple[SocketOption, ...]) -> socket.socket:
    """Return a socket that is connected to an address; see Network."""
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        set_options(sock, options)
        try:
            sock.connect(address)
        except (BlockingIOError, InterruptedError):
            await wait_writable(sock)
            if error := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                raise OSError(error, f"Connect call failed {address}") from None
    except BaseException:
        sock.close()
        raise
    return sock


class _First:
    """Tries addresses in turn, each a little after the one before."""

    def __init__(self, options: tuple[SocketOption, ...]) -> None:
        self._options = options
        self._socks: list[socket.socket] = []
        self._errors: list[Exception] = []

    async def of(self, addresses: list[Address]) -> socket.socket:
        """Return the first socket that connects."""
        try:
            with ungrouped():
                async with trio.open_nursery() as tasks:
                    for address in addresses:
                        failed = trio.Event()
                        tasks.start_soon(self._try, address, failed, tasks.cancel_scope)
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

    async def _try(self, address: Address, failed: trio.Event, scope: trio.CancelScope) -> None:
        try:
            self._socks.append(await connected(*address, self._options))
            scope.cancel()
        except Exception as error:
            self._errors.append(error)
            failed.set()
