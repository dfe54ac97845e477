"""A way through a proxy: an HTTP proxy's CONNECT makes a tunnel (RFC 9110 section 9.3.6), or SOCKS does (RFC 1928)."""

from __future__ import annotations

import asyncio
import socket
from functools import partial
from typing import Any

from ...errors import ConnectError
from .hosts import without_zone
from .network import Network
from .proxies import Proxy
from .socks import SocksClient

Origin = tuple[str, str, int]
"""Scheme, host and port."""

END = b"\r\n\r\n"

# The most bytes of a proxy's answer.
MOST = 1 << 16

# How much of it is read at a time (bytes).
PIECE = 1 << 12


async def make_tunnel(net: Network, sock: socket.socket, proxy: Proxy, origin: Origin) -> None:
    """Have a proxy make a tunnel to a server.

    Args:
        net: What the socket is on.
        sock: Leads to the proxy. It is not closed if that fails.
        proxy: The proxy, with which TLS is not spoken.
        origin: The server.

    Raises:
        ConnectError: If the proxy makes no tunnel.
        OSError: If it breaks the connection.
    """
    if proxy.scheme.startswith("socks"):
        host = without_zone(origin[1])
        await SocksClient(partial(net.send, sock), partial(net.receive, sock), net.names).ask(proxy, host, origin[2])
        return
    await net.send(sock, connect_request(proxy, origin))
    answer, speaks_first = b"", may_speak_first(origin)
    while not is_whole(answer):
        piece = await net.receive(sock, least_missing(answer) if speaks_first else PIECE)
        if not piece:
            raise closed_by_proxy()
        answer += piece
    check_answer(answer)


def may_speak_first(origin: Origin) -> bool:
    """Say whether a server may say something before it is spoken to.

    In HTTP/2 in clear text it may, and HTTP/1.1 in clear text needs no tunnel by CONNECT; not in TLS or WebSocket.
    """
    return origin[0] == "http"


def least_missing(answer: bytes) -> int:
    """Return how many bytes an answer lacks at the least."""
    return next((len(END) - size for size in (3, 2, 1) if answer.endswith(END[:size])), len(END))


class TunnelRequest(asyncio.Protocol):
    """Asks an http proxy for a tunnel where a transport leads to it, and makes way for who uses the tunnel.

    Args:
        proxy: The proxy.
        origin: The server.
        ended: A future of the loop's own kind, which is done when there is a tunnel, or none.

    Attributes:
        ended: See above.
        problem: Why there is none, or no more.
    """

    def __init__(self, proxy: Proxy, origin: Origin, ended: Any) -> None:
        self.ended = ended
        self.problem: Exception | None = None
        self._request = connect_request(proxy, origin)
        self._speaks_first = may_speak_first(origin)
        self._answer = self._rest = b""
        self._transport: Any = None
        self._successor: Any = None

    def give_way(self, protocol: Any) -> None:
        """Let another protocol have the transport, and call its `connection_made`.

        Raises:
            Exception: If there is no tunnel any more.
        """
        if self.problem is not None:
            raise self.problem
        self._successor = protocol
        self._transport.set_protocol(protocol)
        protocol.connection_made(self._transport)
        if self._rest:
            pass_on(protocol, self._rest)
        self._transport.resume_reading()

    def connection_made(self, transport: Any) -> None:
        """See asyncio.BaseProtocol."""
        self._transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        self._answer += data
        try:
            if not is_whole(self._answer):
                return
            if self._speaks_first:
                head, end, self._rest = self._answer.partition(END)
                check_answer(head + end)
            else:
                check_answer(self._answer)
        except ConnectError as error:
            self._end(error)
        else:
            # What comes now is for another one.
            self._transport.pause_reading()
            self._end(None)

    def eof_received(self) -> None:
        """See asyncio.Protocol."""
        self._end(closed_by_proxy())

    def connection_lost(self, error: Exception | None) -> None:
        """See asyncio.BaseProtocol."""
        # Python 3.10 takes a TLS transport that the peer closed for one that was forgotten.
        self._transport.close()
        if self._successor is not None:
            # It came after this one was told.
            self._successor.connection_lost(error)
        else:
            self._end(error or closed_by_proxy())

    def _end(self, problem: Exception | None) -> None:
        self.problem = self.problem or problem
        if not self.ended.done():
            self.ended.set_result(None)


def pass_on(protocol: Any, data: bytes) -> None:
    """Give a protocol what somebody else has received."""
    if not isinstance(protocol, asyncio.BufferedProtocol):
        protocol.data_received(data)
        return
    while data:
        room = memoryview(protocol.get_buffer(len(data)))
        piece, data = data[: len(room)], data[len(room) :]
        room[: len(piece)] = piece
        protocol.buffer_updated(len(piece))


def connect_request(proxy: Proxy, origin: Origin) -> bytes:
    """Return the request for a tunnel to a server."""
    host, port = without_zone(origin[1]), origin[2]
    authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    lines = [f"CONNECT {authority} HTTP/1.1", f"Host: {authority}"]
    if proxy.authorization is not None:
        lines.append(f"Proxy-Authorization: {proxy.authorization}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def is_whole(answer: bytes) -> bool:
    """Say whether a proxy's answer has come.

    Raises:
        ConnectError: If it will not.
    """
    if len(answer) > MOST:
        raise no_tunnel("its answer does not end")
    return END in answer


def check_answer(answer: bytes) -> None:
    """Take a proxy's answer.

    Raises:
        ConnectError: If it makes no tunnel.
    """
    words = answer.split(b"\r\n", 1)[0].split(b" ", 2)
    if not words[0].startswith(b"HTTP/1.") or len(words) < 2 or not words[1].isdigit():
        raise no_tunnel("it does not speak HTTP/1.1")
    status = int(words[1])
    if not 200 <= status < 300:
        raise no_tunnel(f"it answered with status {status}", status)
    if not answer.endswith(END) or answer.count(END) > 1:
        raise no_tunnel("it sent something of its own into the tunnel")


def no_tunnel(said: str, status: int | None = None) -> ConnectError:
    """Return the error of a proxy that makes no tunnel, and has perhaps answered with a status."""
    return ConnectError(f"no connection through the proxy: {said}", phase="connect", sent="none", came_of=status)


def closed_by_proxy() -> ConnectError:
    """Return the error of a proxy that ends the connection instead of an answer."""
    return no_tunnel("it closed the connection")
