"""The peers of the comparison: the clients that `pynector bench` knows, and the floor."""

from __future__ import annotations

import json
from typing import Any

from pynector.cli.clients import (
    CLIENTS,
    AiohttpClient,
    Client,
    Httpx2Client,
    One,
    PynectorClient,
    PyreqwestClient,
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

    def one(self, method: str, path: str, value: Any) -> One:
        if method == "GET":
            return lambda: self.floor.request(method, path)
        return lambda: self.floor.request(method, path, json.dumps(value).encode())


PEERS: list[type[Client]] = [FloorClient, PyreqwestClient, AiohttpClient, Httpx2Client]
MORE_PEERS: list[type[Client]] = [FloorClient, *CLIENTS]

__all__ = ["MORE_PEERS", "PEERS", "Client", "FloorClient", "PynectorClient", "installed"]
