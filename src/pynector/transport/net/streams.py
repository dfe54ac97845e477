"""A stream of AnyIO's made to serve as asyncio's transports do, where asyncio has none: on trio and through proxies."""

from __future__ import annotations

import asyncio
import ssl

import anyio
from anyio.abc import ByteStream, SocketAttribute
from anyio.streams.tls import TLSAttribute, TLSStream

from ...callbacks import Loop
from ...errors import PynectorError
from .hosts import server_name
from .tls import check_protocol, tls_problem

# How much may wait to be sent before the protocol is told to pause, and how little when it may go on (bytes).
HIGH, LOW = 1 << 16, 1 << 14


class AnyIOTransport(asyncio.Transport):
    """Reads and writes a stream in a task each; see asyncio.Transport.

    Args:
        loop: Runs the tasks.
        stream: Belongs to this object from now on.
        protocol: Gets what comes, and is told of the end.
    """

    def __init__(self, loop: Loop, stream: ByteStream, protocol: asyncio.Protocol) -> None:
        super().__init__({"socket": stream.extra(SocketAttribute.raw_socket, None)})
        self._loop = loop
        self._stream = stream
        self._protocol = protocol
        self._scope = anyio.CancelScope()
        self._out: list[bytes] = []
        self._size = 0
        self._full = False
        self._closing = False
        self._written = anyio.Event()
        self._may_read = anyio.Event()
        self._may_read.set()
        self._error: Exception | None = None
        protocol.connection_made(self)
        loop.spawn(self._run)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """See asyncio.Transport."""
        self._out.append(bytes(data))
        self._size += len(data)
        self._written.set()
        if self._size > HIGH and not self._full:
            self._full = True
            self._protocol.pause_writing()

    def get_write_buffer_size(self) -> int:
        """See asyncio.WriteTransport; without the piece that is being sent."""
        return self._size

    def is_closing(self) -> bool:
        """See asyncio.Transport."""
        return self._closing

    def close(self) -> None:
        """See asyncio.Transport."""
        self._closing = True
        self._written.set()

    def abort(self) -> None:
        """See asyncio.Transport."""
        self._closing = True
        self._scope.cancel()

    def pause_reading(self) -> None:
        """See asyncio.Transport."""
        if self._may_read.is_set():
            self._may_read = anyio.Event()

    def resume_reading(self) -> None:
        """See asyncio.Transport."""
        self._may_read.set()

    async def _run(self) -> None:
        try:
            with self._scope:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(self._read)
                    tasks.start_soon(self._write)
        except Exception as error:
            self._fail(error)
        finally:
            self._closing = True
            await anyio.aclose_forcefully(self._stream)
        # Not where the event loop itself ends: then nobody is left to be told.
        self._protocol.connection_lost(self._error)

    async def _read(self) -> None:
        try:
            while True:
                await self._may_read.wait()
                self._protocol.data_received(await self._stream.receive())
        except anyio.EndOfStream:
            self._protocol.eof_received()
            self.close()
        except Exception as error:
            self._fail(error)

    async def _write(self) -> None:
        try:
            while self._out or not self._closing:
                out, self._out = self._out, []
                if out:
                    await self._send(b"".join(out))
                else:
                    await self._written.wait()
                    self._written = anyio.Event()
            self._scope.cancel()
        except Exception as error:
            self._fail(error)

    async def _send(self, data: bytes) -> None:
        # In pieces, or nobody could see that a long message moves.
        for start in range(0, len(data), HIGH):
            piece = data[start : start + HIGH]
            self._size -= len(piece)
            await self._stream.send(piece)
            if self._full and self._size <= LOW:
                self._full = False
                self._protocol.resume_writing()

    def _fail(self, error: Exception) -> None:
        expected = (OSError, anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.EndOfStream)
        if not isinstance(error, expected):
            self._loop.complain("a WebSocket connection failed", error)
        self._error = self._error or error
        self.abort()


async def secured(stream: ByteStream, context: ssl.SSLContext, host: str) -> ByteStream:
    """Return a stream with TLS on it; if that cannot be, it is closed.

    Raises:
        ConnectError: If it cannot.
        ConfigurationError: If a context of the user's has agreed on HTTP/2.
    """
    try:
        name = server_name(host)
        secure = await TLSStream.wrap(stream, hostname=name, ssl_context=context, standard_compatible=False)
        check_protocol(secure.extra(TLSAttribute.alpn_protocol))
    except BaseException as error:
        await anyio.aclose_forcefully(stream)
        if isinstance(error, Exception) and not isinstance(error, PynectorError):
            raise tls_problem(error) from error
        raise
    return secure
