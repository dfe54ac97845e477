"""A way through a proxy: an HTTP proxy's CONNECT makes a tunnel (RFC 9110 section 9.3.6), or SOCKS does (RFC 1928)."""

from __future__ import annotations

import asyncio
import re
import socket
from functools import partial
from typing import Any

from ...errors import ConnectError
from .hosts import without_zone
from .network import Network
from .proxies import Proxy, no_tunnel
from .socks import SocksClient

Origin = tuple[str, str, int]
"""Scheme, host and port."""

START = b"HTTP/1."

# The end of a head; some proxies end lines with less than they should (RFC 9112 section 2.2).
END = re.compile(rb"\n\r?\n")

# The most bytes of a proxy's answer, interim ones with it.
MOST = 1 << 16

# How much of it is read at a time (bytes).
PIECE = 1 << 12


async def make_tunnel(net: Network, sock: socket.socket, proxy: Proxy, origin: Origin) -> None:
    """Have a proxy make a tunnel to a server.

    Args:
        net: What the socket is on.
        sock: Leads to the proxy. It is not closed if that fails.
        proxy: The proxy, with which TLS is not spoken.
        origin: The server; its host may be one of those that `hosts_for` has.

    Raises:
        ConnectError: If the proxy makes no tunnel.
        OSError: If it breaks the connection.
    """
    if proxy.scheme.startswith("socks"):
        client = SocksClient(partial(net.send, sock), partial(net.receive, sock))
        await client.ask(proxy, origin[1], origin[2])
        return
    await net.send(sock, connect_request(proxy, origin))
    answer = Answer(may_speak_first(origin))
    while not answer.is_whole:
        piece = await net.receive(sock, answer.next_size())
        if not piece:
            raise closed_by_proxy()
        answer.take(piece)


def may_speak_first(origin: Origin) -> bool:
    """Say whether a server may say something before it is spoken to.

    In HTTP/2 in clear text it may, and HTTP/1.1 in clear text needs no tunnel by CONNECT; not in TLS or WebSocket.
    """
    return origin[0] == "http"


class Answer:
    """What a proxy answers to the request for a tunnel, as it comes. What it says of a body is nothing (section 9.3.6).

    Args:
        speaks_first: Whether the server may have said what comes behind it.

    Attributes:
        is_whole: Whether it has come, and there is a tunnel.
        rest: What has come behind it.
    """

    def __init__(self, speaks_first: bool) -> None:
        self.is_whole = False
        self.rest = b""
        self._speaks_first = speaks_first
        self._size = 0

    def take(self, data: bytes) -> None:
        """Take some of it.

        Raises:
            ConnectError: If it makes no tunnel.
        """
        self.rest += data
        self._size += len(data)
        while not self.is_whole:
            if self.rest[: len(START)] != START[: len(self.rest)]:
                raise no_tunnel("it does not speak HTTP/1.1")
            end = END.search(self.rest)
            if end is None:
                if self._size > MOST:
                    raise no_tunnel("its answer does not end")
                return
            status = status_of(self.rest)
            self.rest = self.rest[end.end() :]
            # An interim one is followed by another (RFC 9110 section 15.2), but not where that is no HTTP any more.
            if status // 100 != 1 or status == 101:
                if status // 100 != 2:
                    raise no_tunnel(f"it answered with status {status}", status)
                self.is_whole = True
        if self.rest and not self._speaks_first:
            raise no_tunnel("it sent something of its own into the tunnel")

    def next_size(self) -> int:
        """Return how much may be read of what comes next: nothing that may be the server's."""
        if not self._speaks_first:
            return PIECE
        return 1 if self.rest.endswith((b"\n", b"\n\r")) else 2


def status_of(answer: bytes) -> int:
    """Return the status of a proxy's answer, of which a line has come.

    Raises:
        ConnectError: If it has none.
    """
    words = answer.split(b"\n", 1)[0].rstrip(b"\r").split(b" ", 2)
    if len(words) < 2 or not words[1].isdigit() or len(words[1]) != 3:
        raise no_tunnel("it does not speak HTTP/1.1")
    return int(words[1])


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
        self._answer = Answer(may_speak_first(origin))
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
        if self._answer.rest:
            pass_on(protocol, self._answer.rest)
        self._transport.resume_reading()

    def connection_made(self, transport: Any) -> None:
        """See asyncio.BaseProtocol."""
        self._transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        try:
            self._answer.take(data)
        except ConnectError as error:
            self._end(error)
            return
        if self._answer.is_whole:
            # What comes now is for another one.
            self._transport.pause_reading()
            self._end(None)

    def eof_received(self) -> None:
        """See asyncio.Protocol."""
        self._end(closed_by_proxy())

    def connection_lost(self, error: Exception | None) -> None:
        """See asyncio.BaseProtocol."""
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


def closed_by_proxy() -> ConnectError:
    """Return the error of a proxy that ends the connection instead of an answer."""
    return no_tunnel("it closed the connection")
