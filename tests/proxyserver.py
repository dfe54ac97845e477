"""A proxy that makes tunnels by CONNECT or by SOCKS, and passes requests on that have a whole URL, in a thread."""

from __future__ import annotations

import asyncio
import contextlib
import re
import ssl
import threading
from typing import Any
from urllib.parse import urlsplit

from sockets import end_serving

ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"


class Proxy:
    """Knows each protocol by its first byte.

    Args:
        answer: What a CONNECT is answered with; without a tunnel unless it is ESTABLISHED.
        tls: Speaks TLS with it.
        password: SOCKS 5 asks for `user` and this.
        refuse: SOCKS makes no tunnel.

    Names that end with .test are all this machine.

    Attributes:
        asked: Heads of requests to the proxy itself, or (version, host, port, user) of SOCKS.
    """

    def __init__(
        self,
        answer: bytes = ESTABLISHED,
        tls: ssl.SSLContext | None = None,
        password: bytes | None = None,
        refuse: bool = False,
    ) -> None:
        self.asked: list[Any] = []
        self.port = 0
        self._answer = answer
        self._tls = tls
        self._password = password
        self._refuse = refuse
        self._up = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()))
        self._tasks: set[Any] = set()
        self._writers: list[asyncio.StreamWriter] = []

    def url(self, scheme: str, user: str = "") -> str:
        return f"{scheme}://{user}127.0.0.1:{self.port}"

    def __enter__(self) -> Proxy:
        self._thread.start()
        self._up.wait(20)
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(20)

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        self.port = server.sockets[0].getsockname()[1]
        self._up.set()
        await self._stop.wait()
        await end_serving(server)
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.gather(*self._tasks)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.add(asyncio.current_task())
        self._writers.append(writer)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            first = await reader.readexactly(1)
            take = {b"\x04": self._socks4, b"\x05": self._socks5}.get(first)
            if take is not None:
                tunnel = await take(reader, writer)
            else:
                head = first + await reader.readuntil(b"\r\n\r\n")
                self.asked.append(head)
                if not head.startswith(b"CONNECT "):
                    await self._forward(head, reader, writer)
                    writer.close()
                    return
                tunnel = await self._connect(head, writer)
            if tunnel is not None:
                await asyncio.gather(_pass(reader, tunnel[1]), _pass(tunnel[0], writer))
        writer.close()

    async def _reached(self, host: str, port: int) -> Any:
        """Connect to a server, or return None where there is none, or is to be none."""
        try:
            return None if self._refuse else await self._open(host, port)
        except OSError:
            return None

    async def _open(self, host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection(_here(host), port)
        self._writers.append(writer)
        return reader, writer

    async def _forward(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass requests to one origin on, as long as that keeps the connection."""
        method, url, rest = head.split(b" ", 2)
        parts = urlsplit(url.decode())
        there_reader, there = await self._open(parts.hostname or "", parts.port or 80)
        answers = asyncio.create_task(_pass(there_reader, writer))
        start = f"{parts.scheme}://{parts.netloc}".encode()
        try:
            while True:
                assert url.startswith(start + b"/"), url
                fields = [line for line in rest.split(b"\r\n") if not line.lower().startswith(b"proxy-")]
                there.write(method + b" " + url[len(start) :] + b" " + b"\r\n".join(fields))
                await _pass_body(head.lower(), reader, there)
                head = await reader.readuntil(b"\r\n\r\n")
                self.asked.append(head)
                method, url, rest = head.split(b" ", 2)
        finally:
            # The client has gone, also in the middle of a body.
            there.close()
            await answers

    async def _connect(self, asked: bytes, writer: asyncio.StreamWriter) -> Any:
        host, _, port = asked.split(b" ")[1].decode().rpartition(":")
        tunnel = await self._reached(host, int(port)) if self._answer == ESTABLISHED else None
        is_gone = tunnel is None and self._answer == ESTABLISHED
        writer.write(b"HTTP/1.1 502 Bad Gateway\r\n\r\n" if is_gone else self._answer)
        await writer.drain()
        return tunnel

    async def _socks4(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Any:
        _, *address = await reader.readexactly(7)
        port = address[0] << 8 | address[1]
        user = (await reader.readuntil(b"\0"))[:-1]
        host = ".".join(map(str, address[2:]))
        if host.startswith("0.0.0."):
            host = (await reader.readuntil(b"\0"))[:-1].decode()
        self.asked.append((4, host, port, user))
        tunnel = await self._reached(host, port)
        writer.write(b"\0" + (b"\x5b" if tunnel is None else b"\x5a") + bytes(6))
        return tunnel

    async def _socks5(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Any:
        methods = await reader.readexactly((await reader.readexactly(1))[0])
        user = None
        if self._password is not None:
            if 2 not in methods:
                writer.write(b"\x05\xff")
                return None
            writer.write(b"\x05\x02")
            await reader.readexactly(1)
            user = await reader.readexactly((await reader.readexactly(1))[0])
            password = await reader.readexactly((await reader.readexactly(1))[0])
            writer.write(b"\x01\x00" if (user, password) == (b"user", self._password) else b"\x01\x01")
            if password != self._password:
                return None
        else:
            writer.write(b"\x05\x00")
        kind = (await reader.readexactly(4))[3]
        if kind == 3:
            host = (await reader.readexactly((await reader.readexactly(1))[0])).decode()
        else:
            host = ".".join(map(str, await reader.readexactly(4)))
        port = int.from_bytes(await reader.readexactly(2), "big")
        self.asked.append((5, host, port, user))
        tunnel = await self._reached(host, port)
        writer.write(b"\x05" + (b"\x05" if tunnel is None else b"\x00") + b"\x00\x01" + bytes(6))
        return tunnel


def _here(host: str) -> str:
    return "127.0.0.1" if host.rstrip(".").endswith(".test") else host


async def _pass_body(head: bytes, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    if length := re.search(rb"\r\ncontent-length: (\d+)", head):
        left = int(length[1])
        while left:
            data = await source.read(min(left, 1 << 16))
            if not data:
                break
            left -= len(data)
            target.write(data)
            await target.drain()
    elif b"\r\ntransfer-encoding: chunked" in head:
        size = -1
        while size:
            line = await source.readuntil(b"\r\n")
            size = int(line, 16)
            target.write(line + await source.readexactly(size + 2))
            await target.drain()


async def _pass(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    # A transport of asyncio's TLS that was aborted meanwhile has no protocol to read on with.
    with contextlib.suppress(OSError, AttributeError):
        while data := await source.read(1 << 16):
            target.write(data)
            await target.drain()
    target.close()
