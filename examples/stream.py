"""Downloads a body of 50 MB in pieces, and sends one that is made on the way: python examples/stream.py."""

import asyncio
import zlib
from collections.abc import AsyncIterator

from pynector import Pynector
from pynector.testing import LoopbackServer


async def numbers() -> AsyncIterator[bytes]:
    """Makes a body of a thousand lines."""
    for number in range(1000):
        yield b"%d\n" % number


async def main() -> None:
    """Runs both against a server on this machine."""
    with LoopbackServer() as server:
        async with Pynector(base_url=server.url) as client:
            size, checksum = 0, 0
            async with client.stream({"path": "/bytes/50000000"}) as response:
                async for chunk in response.iter_bytes():
                    size += len(chunk)
                    checksum = zlib.crc32(chunk, checksum)
            print(f"read {size:,} bytes with checksum {checksum:08x}, some hundred kilobytes at a time")
            echo = await client.request({"method": "PUT", "path": "/echo", "content": numbers()})
            print(f"sent {len(echo.splitlines()):,} lines as they were made")


asyncio.run(main())
