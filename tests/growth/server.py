"""A small HTTP server, in a process of its own, with an answer for each way that a request can end.

It knows the requests that `outcomes` sends, and no others.
"""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import trustme

PIECE = b"400\r\n%b\r\n" % bytes(1024)
RST = struct.pack("ii", 1, 0)


def answer(body: bytes = b"ok", status: bytes = b"200 OK", fields: bytes = b"") -> bytes:
    """Give a response as it stands on the wire."""
    return b"HTTP/1.1 %b\r\n%bContent-Length: %d\r\n\r\n%b" % (status, fields, len(body), body)


ANSWERS = {
    b"/ok": answer(),
    b"/missing": answer(b"nothing here", b"404 Not Found"),
    b"/moved": answer(b"moved", b"302 Found", b"Location: /ok\r\n"),
    b"/last": answer(fields=b"Connection: close\r\n"),
    b"/chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%b0\r\n\r\n" % (PIECE * 8),
    b"/coded": answer(gzip.compress(b"ok" * 1000), fields=b"Content-Encoding: gzip\r\n"),
    b"/spoiled": answer(gzip.compress(b"ok" * 1000)[:-9] + bytes(9), fields=b"Content-Encoding: gzip\r\n"),
    b"/large": answer(bytes(100_000)),
    b"/cut": answer(bytes(2_000))[:-1000],
    b"/cut-large": answer(bytes(100_000))[:-1000],
    b"/reset": answer(bytes(2_000))[:-1000],
    b"/refused": b"",
    b"/nonsense": b"nonsense\r\n\r\n",
    b"/hang": b"",
}

# After these the connection ends, with an RST or a FIN.
RESETS = {b"/reset", b"/refused"}
ENDS = {b"/cut", b"/cut-large", b"/last"}


class Connection(asyncio.Protocol):
    """One connection.

    Args:
        failed: The paths that have been answered with 503; the next answer to one is right, and it is forgotten.
    """

    def __init__(self, failed: set[bytes]) -> None:
        self._failed = failed
        self._received = b""
        self._transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := _end(self._received)) is not None:
            path = self._received.split(b" ", 2)[1]
            self._received = self._received[end:]
            self._answer(path)

    def _answer(self, path: bytes) -> None:
        if path.startswith(b"/flaky/") and path not in self._failed:
            self._failed.add(path)
            self._transport.write(answer(b"later", b"503 Service Unavailable"))
            return
        self._failed.discard(path)
        path = b"/ok" if path.startswith(b"/flaky/") else path.partition(b"?")[0]
        self._transport.write(ANSWERS[path])
        if path in RESETS:
            self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST)
            self._transport.abort()
        elif path in ENDS:
            self._transport.close()


def _end(data: bytes) -> int | None:
    """Give where a request ends, or None if it has not come whole."""
    head = data.find(b"\r\n\r\n") + 4
    if head < 4:
        return None
    fields = data[:head].lower()
    if b"\r\ntransfer-encoding: chunked" in fields:
        last = data.find(b"0\r\n\r\n", head)
        return None if last < 0 else last + 5
    _, found, rest = fields.partition(b"\r\ncontent-length:")
    end = head + (int(rest.partition(b"\r\n")[0]) if found else 0)
    return end if len(data) >= end else None


async def serve() -> None:
    failed: set[bytes] = set()
    loop = asyncio.get_running_loop()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(tls)
    for context in (None, tls):
        server = await loop.create_server(lambda: Connection(failed), "127.0.0.1", 0, backlog=1024, ssl=context)
        print(server.sockets[0].getsockname()[1], flush=True)
    await loop.create_future()


@contextmanager
def running() -> Iterator[tuple[int, int]]:
    """Run the server in another process, and give its ports: without TLS, and with it."""
    with subprocess.Popen([sys.executable, __file__], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline()), int(process.stdout.readline())
        finally:
            process.kill()


if __name__ == "__main__":
    loops: Any = asyncio if find_spec("uvloop") is None else import_module("uvloop")
    loops.new_event_loop().run_until_complete(serve())
