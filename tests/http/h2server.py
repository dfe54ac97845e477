"""A server that speaks HTTP/2 as a script says, in a thread: the bundled one, with answers of a test's own."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Callable

from pynector.testing.choosing import ChoosingConnection
from pynector.testing.http2.connection import Http2Connection, first_settings
from pynector.testing.http2.exchange import Act, Exchange, Steps
from pynector.testing.registry import Answer
from pynector.testing.request import Request
from pynector.testing.response import Response
from pynector.testing.state import ServerState
from sockets import end_serving

Play = Callable[[Exchange], Steps | None]


def answer(exchange: Exchange, body: bytes = b"ok", status: int = 200) -> None:
    """Answer a request as a whole."""
    exchange.send(Response(status, body))


class Session(Http2Connection):
    """One connection.

    Attributes:
        requests: What was asked for.
        ended: Whether the connection has ended.
    """

    def __init__(self, server: Http2Server) -> None:
        super().__init__(server.state, server.settings, respond=self._play, is_early=lambda request: server.early)
        self._script = server.scripts[min(len(server.sessions), len(server.scripts) - 1)]
        self.requests: list[Request] = []
        self.ended = False
        server.sessions.append(self)

    def _play(self, request: Request, state: ServerState) -> Answer:
        self.requests.append(request)
        return Act(self._script)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self.ended = True


class Http2Server:
    """Plays one script on each connection, the last one on all later ones.

    Args:
        context: A server's context; None is for clear text.
        scripts: What is done to a stream, as the endpoints of `pynector.testing.http2` do: called when its request is
            whole.
        early: Calls them when its head has come.
        settings: The settings that a connection begins with.

    Attributes:
        scripts: Those that are played.
        sessions: The connections.
        state: The server's own counts.
    """

    def __init__(
        self,
        context: ssl.SSLContext | None,
        *scripts: Play,
        early: bool = False,
        settings: dict[str, int] | None = None,
    ) -> None:
        if context is not None:
            context.set_alpn_protocols(["h2"])
        self.sessions: list[Session] = []
        self.scripts = scripts
        self.early = early
        self.settings = first_settings(settings or {})
        self.state = ServerState()
        self.port = 0
        self._context = context
        self._up = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()))

    @property
    def url(self) -> str:
        """The base URL."""
        return f"{'http' if self._context is None else 'https'}://127.0.0.1:{self.port}"

    def __enter__(self) -> Http2Server:
        self._thread.start()
        self._up.wait(20)
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(20)

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        server = await self._loop.create_server(
            lambda: ChoosingConnection(self.state, lambda: Session(self), None), "127.0.0.1", 0, ssl=self._context
        )
        self.port = server.sockets[0].getsockname()[1]
        self._up.set()
        await self._stop.wait()
        await end_serving(server)
        for session in self.sessions:
            session.abort()
        while self.state.open_connections:  # noqa: ASYNC110 - the state is plain numbers
            await asyncio.sleep(0.001)
