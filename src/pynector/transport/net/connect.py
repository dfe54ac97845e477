"""Makes a connection to a server on asyncio: name, addresses, TCP, TLS."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from ...errors import Phase, PynectorError
from .detours import NO_DETOURS, Detours
from .names import Address, Names, no_connection
from .sockets import SocketOption, set_options
from .tls import ClientTLS, check_transport, tls_problem

Origin = tuple[str, str, int]

# RFC 8305 section 5: how long one address may take before the next is tried beside it (seconds).
STAGGER = 0.25

FEW_TURNS = 4

# Whether the system tells one socket from another by its descriptor.
KNOWS_SOCKETS = os.name == "posix"


class Progress:
    """How far the making of a connection has come, for whoever ends it.

    Attributes:
        phase: "connect" or "tls".
    """

    __slots__ = ("phase",)

    def __init__(self) -> None:
        self.phase: Phase = "connect"


class Connector:
    """Makes connections by a client's options.

    Args:
        loop: The event loop.
        tls: The client's.
        uds: The path of a Unix socket to connect to, whatever the host and port; None for TCP.
        socket_options: The user's.
        detours: Where connections go instead of where the origin says.

    Attributes:
        names: What is known of names.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        tls: ClientTLS,
        uds: str | None = None,
        socket_options: Iterable[SocketOption] = (),
        detours: Detours = NO_DETOURS,
    ) -> None:
        self._loop = loop
        self._tls = tls
        self._uds = uds
        self._socket_options = tuple(socket_options)
        self._detours = detours
        self.names = Names(loop)

    async def connect(self, origin: Origin, make_protocol: Callable[[], Any], progress: Progress | None = None) -> Any:
        """Connect to an origin, with TLS where its scheme is "https" or "wss", and return the protocol.

        Args:
            origin: Scheme, host and port.
            make_protocol: Makes the protocol when TCP is connected.
            progress: Told how far it has come.

        Raises:
            ConnectError: If that cannot be, whyever, with the phase "connect" or "tls" and `sent` "none".
            ConfigurationError: If a file of the TLS options or a socket option of the user's is not valid, or a context
                of the user's has agreed on HTTP/2.
        """
        progress = progress or Progress()
        connected = False
        try:
            protocol = await self._connect(origin, make_protocol, progress)
            connected = True
        except PynectorError:
            raise
        except Exception as error:
            raise (tls_problem if progress.phase == "tls" else no_connection)(error) from error
        finally:
            if not connected:
                self.names.forget(*self._detours.endpoint(*origin[1:]))
        return protocol

    async def _connect(self, origin: Origin, make_protocol: Callable[[], Any], progress: Progress) -> Any:
        scheme, host, port = origin
        sock = await self._socket(*self._detours.endpoint(host, port))
        arguments: dict[str, Any] = {}
        try:
            if scheme in ("https", "wss"):
                arguments = {"ssl": self._tls.context(), "server_hostname": self._detours.name(host)}
                progress.phase = "tls"
        except BaseException:
            sock.close()
            raise
        return await self._handed_over(sock, make_protocol, arguments)

    async def _handed_over(
        self, sock: socket.socket, make_protocol: Callable[[], Any], arguments: dict[str, Any]
    ) -> Any:
        """Give a connected socket to the loop, and return the protocol."""
        made: asyncio.Task[Any] | None = None
        inode = os.fstat(sock.fileno()).st_ino if KNOWS_SOCKETS else 0
        try:
            made = self._loop.create_task(self._loop.create_connection(make_protocol, sock=sock, **arguments))
            transport, protocol = await asyncio.shield(made)
            if transport.is_closing():
                _disown(sock, inode)
            if not self._tls.speaks_http2:
                check_transport(transport)
        except BaseException:
            # The socket is the loop's now: to close it, or to cancel what makes the connection, would leave the loop
            # with a descriptor or a timer of what is no more. The end of the connection ends both.
            try:
                if made is not None:
                    await _undone(made, sock)
            finally:
                _let_go(sock, inode)
            raise
        return protocol

    async def _socket(self, host: str, port: int) -> socket.socket:
        if self._uds is not None:
            return await self._connected(socket.AF_UNIX, self._uds)
        addresses = await self.names.addresses(host, port)
        if len(addresses) == 1:
            return await self._connected(*addresses[0])
        return await self._first_connected(addresses)

    async def _connected(self, family: int, address: Any) -> socket.socket:
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            set_options(sock, self._socket_options)
            await self._loop.sock_connect(sock, address)
        except BaseException:
            sock.close()
            raise
        return sock

    async def _first_connected(self, addresses: list[Address]) -> socket.socket:
        """Try addresses in turn, each a little after the one before, and return the first socket that connects."""
        waiting = list(addresses)
        attempts: set[asyncio.Task[socket.socket]] = set()
        errors: list[BaseException] = []
        try:
            while waiting or attempts:
                if waiting:
                    attempts.add(self._loop.create_task(self._connected(*waiting.pop(0))))
                done, attempts = await asyncio.wait(
                    attempts,
                    timeout=STAGGER if waiting else None,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                connected = [task.result() for task in done if task.exception() is None]
                errors += [error for task in done if (error := task.exception()) is not None]
                for extra in connected[1:]:
                    extra.close()
                if connected:
                    return await _kept(connected[0], attempts)
            for error in errors:
                if isinstance(error, PynectorError):
                    raise error
            said = dict.fromkeys(map(str, errors))
            # Such as that there is no descriptor left, whatever the address.
            raise errors[0] if len(said) == 1 else OSError("; ".join(said))
        finally:
            await _give_up(attempts)


async def _undone(made: asyncio.Task[Any], sock: socket.socket) -> None:
    """Wait until a connection that nobody wants any more is made or not, and its transport, if any, is gone."""
    if not made.done():
        with suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
    made.add_done_callback(_discard)
    await asyncio.wait({made})
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
