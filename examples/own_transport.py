"""A transport of one's own: lines over TCP. `connect`, `disconnect`, `send` and `receive` are enough."""

from collections.abc import AsyncIterator
from typing import Any

import anyio
from anyio.abc import SocketStream
from anyio.streams.buffered import BufferedByteReceiveStream

from pynector import Pynector
from pynector.testing import LoopbackServer


class LineTransport:
    """Sends a line and takes the lines up to an empty one for the answer."""

    def __init__(self, host: str, port: int) -> None:
        self._address = host, port
        self._stream: SocketStream | None = None

    async def connect(self) -> None:
        """Open the connection."""
        self._stream = await anyio.connect_tcp(*self._address)
        self._lines = BufferedByteReceiveStream(self._stream)

    async def disconnect(self) -> None:
        """Close the connection, if there is one."""
        stream, self._stream = self._stream, None
        if stream is not None:
            await stream.aclose()

    async def send(self, data: bytes, /, **options: Any) -> None:
        """Send one line, with what HTTP wants after it."""
        assert self._stream is not None
        await self._stream.send(data + b"\r\nHost: localhost\r\n\r\n")

    async def receive(self) -> AsyncIterator[bytes]:
        """Give the lines of the answer."""
        while line := await self._lines.receive_until(b"\r\n", 65536):
            yield line + b"\n"


async def main() -> None:
    """Ask the server in the plainest way there is: for the head of an answer, line by line."""
    requests: list[tuple[Any, dict[str, Any]]] = [(b"HEAD /id/1 HTTP/1.1", {}), (b"HEAD /status/404 HTTP/1.1", {})]
    async with LoopbackServer() as server:
        transport = LineTransport("127.0.0.1", server.port)
        try:
            async with Pynector(transport=transport) as client:
                for answer in await client.batch_request(requests):
                    print(answer.splitlines()[0].decode())
        finally:
            # A transport that is passed in stays its owner's to disconnect.
            await transport.disconnect()


if __name__ == "__main__":
    anyio.run(main)
