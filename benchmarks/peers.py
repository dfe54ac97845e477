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

    async def start(self) -> None:
        self.floor = Floor(self.url, self.context)
        self.stack.push_async_callback(self.floor.aclose)

    def one(self, method: str, path: str, value: Any, form: Form = PLAIN) -> One:
        if form.page:
            # What it cannot write is written beforehand.
            path += "?page=7&q=a%20b"
        body = b"" if method != "POST" else value if isinstance(value, bytes) else json.dumps(value).encode()
        head = "".join(f"{name}: {text}\r\n" for name, text in form.headers.items())
        return lambda: self.floor.request(method, path, body, head)


PEERS: list[type[Client]] = [FloorClient, WreqClient, PyreqwestClient, AiohttpClient, Httpx2Client]
MORE_PEERS: list[type[Client]] = [FloorClient, *CLIENTS]

__all__ = ["MORE_PEERS", "PEERS", "Client", "FloorClient", "PynectorClient", "installed"]
