"""The floor: one bare asyncio protocol, httptools and one future per request. No features; what a client can reach."""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import Any
from urllib.parse import urlsplit

import httptools


class FloorConnection(asyncio.Protocol):
    """Writes a request, and sets the future's result to the body that comes."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._chunks: list[bytes] = []
        self.transport: Any = None
        self.future: asyncio.Future[bytes] | None = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self._chunks.append(body)

    def on_message_complete(self) -> None:
        chunks, self._chunks = self._chunks, []
        future, self.future = self.future, None
        if future is not None:
            future.set_result(chunks[0] if len(chunks) == 1 else b"".join(chunks))

    def connection_lost(self, error: Exception | None) -> None:
        if self.future is not None:
            self.future.set_exception(error or ConnectionError("the server closed the connection"))


class Floor:
    """A client of these connections: as many as requests in flight, the last one used first."""

    def __init__(self, url: str, context: ssl.SSLContext | None = None) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname, parts.port
        self._context = context
        self._head = f" HTTP/1.1\r\nHost: {parts.netloc}\r\nUser-Agent: floor\r\nAccept: */*\r\n"
        self._idle: list[FloorConnection] = []

    async def _connection(self) -> FloorConnection:
        return self._idle.pop() if self._idle else await self._made()

    async def _made(self) -> FloorConnection:
        loop = asyncio.get_running_loop()
        _, protocol = await loop.create_connection(FloorConnection, self._host, self._port, ssl=self._context)
        return protocol

    async def request(self, method: str, path: str, body: bytes = b"", fields: str = "") -> bytes:
        """Send one request, with more header fields as they go on the wire, and give the body."""
        connection = await self._connection()
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        connection.future = future
        head = f"{method} {path}{self._head}{fields}"
        if body:
            head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        connection.transport.write(head.encode("ascii") + b"\r\n" + body)
        answer = await future
        self._idle.append(connection)
        return answer

    async def aclose(self) -> None:
        """Close every connection."""
        for connection in self._idle:
            connection.transport.close()
        self._idle.clear()
        await asyncio.sleep(0)


class TunnelledFloor(Floor):
    """The same through tunnels that an HTTP proxy makes."""

    def __init__(self, url: str, context: ssl.SSLContext | None, proxy: str) -> None:
        super().__init__(url, context)
        self._proxy = urlsplit(proxy)

    async def _made(self) -> FloorConnection:
        loop = asyncio.get_running_loop()
        sock = socket.socket()
        sock.setblocking(False)
        await loop.sock_connect(sock, (self._proxy.hostname, self._proxy.port))
        where = f"{self._host}:{self._port}"
        await loop.sock_sendall(sock, f"CONNECT {where} HTTP/1.1\r\nHost: {where}\r\n\r\n".encode("ascii"))
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            piece = await loop.sock_recv(sock, 1 << 12)
            if not piece:
                raise ConnectionError("the proxy closed the connection")
            answer += piece
        _, protocol = await loop.create_connection(
            FloorConnection, sock=sock, ssl=self._context, server_hostname=self._host if self._context else None
        )
        return protocol
