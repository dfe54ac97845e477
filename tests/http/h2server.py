"""A server that speaks HTTP/2 over TLS as a script says, in a thread."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Callable
from typing import Any

import h2.config
import h2.connection
import h2.events

Play = Callable[["Session", int], None]


class Session:
    """One connection.

    Attributes:
        h2: Its state; what is done to it is sent after each step.
        heads: The fields of each request, by its stream.
        bodies: What came of its body.
        ended: Whether the connection has ended.
    """

    def __init__(self) -> None:
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        self.heads: dict[int, dict[str, str]] = {}
        self.bodies: dict[int, bytes] = {}
        self.closes = False
        self.ended = False

    def answer(self, stream: int, body: bytes = b"ok", status: int = 200, **fields: str) -> None:
        """Answer a request as a whole."""
        self.h2.send_headers(stream, [(":status", str(status)), *fields.items()])
        self.h2.send_data(stream, body, end_stream=True)


class Http2Server:
    """Plays one script on each connection, the last one on all later ones.

    Args:
        context: A server's context.
        scripts: Functions of the session and the stream that is next: called when a request is whole.
        early: Calls them when its head has come.
    """

    def __init__(self, context: ssl.SSLContext, *scripts: Play, early: bool = False) -> None:
        context.set_alpn_protocols(["h2"])
        self.sessions: list[Session] = []
        self.port = 0
        self._context = context
        self._scripts = scripts
        self._early = early
        self._up = threading.Event()
        self._tasks: set[Any] = set()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()))

    @property
    def url(self) -> str:
        """The base URL."""
        return f"https://127.0.0.1:{self.port}"

    def __enter__(self) -> Http2Server:
        self._thread.start()
        self._up.wait(10)
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._context)
        self.port = server.sockets[0].getsockname()[1]
        self._up.set()
        await self._stop.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.add(asyncio.current_task())
        script = self._scripts[min(len(self.sessions), len(self._scripts) - 1)]
        session = Session()
        self.sessions.append(session)
        session.h2.initiate_connection()
        writer.write(session.h2.data_to_send())
        with contextlib.suppress(OSError):
            while not session.closes and (data := await reader.read(1 << 16)):
                for event in session.h2.receive_data(data):
                    self._take(session, event, script)
                writer.write(session.h2.data_to_send())
                await writer.drain()
        session.ended = True
        writer.transport.abort()

    def _take(self, session: Session, event: Any, script: Play) -> None:
        stream = getattr(event, "stream_id", 0)
        if isinstance(event, h2.events.RequestReceived):
            session.heads[stream] = dict(event.headers)
            session.bodies[stream] = b""
            if self._early:
                script(session, stream)
        elif isinstance(event, h2.events.DataReceived):
            session.bodies[stream] += event.data
            if event.flow_controlled_length:
                session.h2.acknowledge_received_data(event.flow_controlled_length, stream)
        elif isinstance(event, h2.events.StreamEnded) and not self._early:
            script(session, stream)
