"""The peers of the comparison: the clients that `pynector bench` knows, and the floor."""

from __future__ import annotations

import json
from typing import Any

from pynector.cli.clients import (
    CLIENTS,
    PLAIN,
    AiohttpClient,
    Client,
    Form,
    Httpx2Client,
    One,
    PynectorClient,
    PyreqwestClient,
    WreqClient,
    installed,
)

from .floor import Floor


class FloorClient(Client):
    """One bare protocol and one future a request."""

    name = "floor"
    package = "httptools"
    versions = (1,)

    async def start(self) -> None:
        self.floor = Floor(self.url, self.context)
        self.stack.push_async_callback(self.floor.aclose)

    def one(self, method: str, path: str, value: Any, form: Form = PLAIN) -> One:
        if form.page:
            # What it cannot write is written beforehand.
            path += "?page=7&q=a%20b"
        body = _body(method, value)
        head = "".join(f"{name}: {text}\r\n" for name, text in form.headers.items())
        return lambda: self.floor.request(method, path, body, head)


class Http2FloorClient(Client):
    """Two connections over HTTP/2, one bare protocol each, and one call a request."""

    name = "floor"
    package = "ngh2"
    versions = (2,)

    async def start(self) -> None:
        # What it needs may not be installed.
        from .http2_floor import Http2Floor

        self.floor = Http2Floor(self.url, self.context)
        await self.floor.connect()
        self.stack.callback(self.floor.close)

    def one(self, method: str, path: str, value: Any, form: Form = PLAIN) -> One:
        return lambda: self._alone(method, path, value)

    async def _alone(self, method: str, path: str, value: Any) -> bytes:
        (body,) = await self.floor.batch(method, path, _body(method, value), 1, 1)
        return body

    async def batch(self, method: str, path: str, value: Any, count: int, form: Form = PLAIN) -> list[bytes]:
        return await self.floor.batch(method, path, _body(method, value), count, self.in_flight)


def _body(method: str, value: Any) -> bytes:
    return b"" if method != "POST" else value if isinstance(value, bytes) else json.dumps(value).encode()


FLOORS: list[type[Client]] = [FloorClient, Http2FloorClient]
PEERS: list[type[Client]] = [*FLOORS, WreqClient, PyreqwestClient, AiohttpClient, Httpx2Client]
MORE_PEERS: list[type[Client]] = [*FLOORS, *CLIENTS]

__all__ = ["FLOORS", "MORE_PEERS", "PEERS", "Client", "FloorClient", "PynectorClient", "installed"]
