"""An echo over WebSocket in a process of its own, as fast as Python has one: python -m benchmarks.websocket_server.

picows where it is installed, so that the server is not what is measured; else websockets. It prints its name and port.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any


async def _picows() -> int:
    from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_create_server

    class Echo(WSListener):
        def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
            if frame.msg_type in (WSMsgType.TEXT, WSMsgType.BINARY):
                transport.send(frame.msg_type, frame.get_payload_as_bytes())
            elif frame.msg_type == WSMsgType.CLOSE:
                transport.send_close(1000)
                transport.disconnect()

    server = await ws_create_server(lambda request: Echo(), "127.0.0.1", 0)
    await server.start_serving()
    return int(server.sockets[0].getsockname()[1])


async def _websockets() -> int:
    from websockets.asyncio.server import serve

    async def echo(connection: Any) -> None:
        async for message in connection:
            await connection.send(message)

    server = await serve(echo, "127.0.0.1", 0, compression=None, ping_interval=None)
    return int(server.sockets[0].getsockname()[1])


async def main() -> None:
    """Serve for ever."""
    name = "picows" if find_spec("picows") else "websockets"
    print(name, await (_picows() if name == "picows" else _websockets()), flush=True)
    await asyncio.get_running_loop().create_future()


@contextmanager
def echoing() -> Iterator[tuple[str, str]]:
    """Run it, and give its name and URL."""
    command = [sys.executable, "-m", "benchmarks.websocket_server"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            name, port = process.stdout.readline().split()
            yield name, f"ws://127.0.0.1:{port}/"
        finally:
            process.kill()


if __name__ == "__main__":
    try:
        import uvloop
    except ImportError:
        asyncio.run(main())
    else:
        uvloop.run(main())
