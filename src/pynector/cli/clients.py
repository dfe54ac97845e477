"""Clients that can be compared, each at its best: what it can leave out of a request it leaves out."""

from __future__ import annotations

import asyncio
import ssl
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from ..client import Pynector

One = Callable[[], Awaitable[bytes]]


class Client(ABC):
    """A client in use for one workload.

    Attributes:
        name: What it is called in reports.
        share: How much of the requests it is given, where all would take too long.
    """

    name = ""
    package = ""
    share = 1.0

    def __init__(self, url: str, in_flight: int, context: ssl.SSLContext | None) -> None:
        self.url = url
        self.in_flight = in_flight
        self.context = context
        self.stack = AsyncExitStack()

    async def start(self) -> None:  # noqa: B027 - not every client has something to make ready
        """Make ready."""

    @abstractmethod
    def one(self, method: str, path: str, value: Any) -> One:
        """Give a function that sends one request and gives its body."""

    async def batch(self, method: str, path: str, value: Any, count: int) -> list[bytes]:
        """Send many: worker tasks drain one iterator, the cheapest way there is without a batch of its own."""
        one, turns = self.one(method, path, value), iter(range(count))
        bodies: list[bytes] = [b""] * count

        async def work() -> None:
            for turn in turns:
                bodies[turn] = await one()

        await asyncio.gather(*(work() for _ in range(min(self.in_flight, count))))
        return bodies


class PynectorClient(Client):
    """This library."""

    name = "pynector"

    async def start(self) -> None:
        """See Client."""
        # While the others have their turn connections are idle for longer than they are kept by default.
        settings: dict[str, Any] = {"max_connections": self.in_flight, "keepalive_expiry": 600.0}
        if self.context is not None:
            settings["verify"] = self.context
        client = Pynector(base_url=self.url, **settings)
        self.client = await self.stack.enter_async_context(client)

    def request(self, method: str, path: str, value: Any) -> dict[str, Any]:
        """Describe a request."""
        return {"path": path} if method == "GET" else {"method": method, "path": path, "json": value}

    def one(self, method: str, path: str, value: Any) -> One:
        """See Client."""
        data = self.request(method, path, value)
        return lambda: self.client.request(data)

    async def batch(self, method: str, path: str, value: Any, count: int) -> list[bytes]:
        """See Client."""
        requests: list[Any] = [(self.request(method, path, value), {}) for _ in range(count)]
        return await self.client.batch_request(requests, max_concurrency=self.in_flight)


class PyreqwestClient(Client):
    """A Rust client."""

    name = package = "pyreqwest"

    async def start(self) -> None:
        """See Client."""
        builder = import_module("pyreqwest.client").ClientBuilder().max_connections(self.in_flight)
        if self.context is not None:
            builder = builder.danger_accept_invalid_certs(True)
        self.client = await self.stack.enter_async_context(builder.build())

    def one(self, method: str, path: str, value: Any) -> One:
        """See Client."""
        url = self.url + path

        async def send() -> bytes:
            request = self.client.get(url) if method == "GET" else self.client.post(url).body_json(value)
            response = await request.build().send()
            return bytes(await response.bytes())

        return send


class AiohttpClient(Client):
    """aiohttp with its C parser."""

    name = package = "aiohttp"

    async def start(self) -> None:
        """See Client."""
        aiohttp = import_module("aiohttp")
        connector = aiohttp.TCPConnector(limit=self.in_flight, ssl=self.context or True, keepalive_timeout=600)
        self.session = await self.stack.enter_async_context(aiohttp.ClientSession(connector=connector))

    def one(self, method: str, path: str, value: Any) -> One:
        """See Client."""
        url = self.url + path

        async def send() -> bytes:
            body = {} if method == "GET" else {"json": value}
            async with self.session.request(method, url, **body) as response:
                content: bytes = await response.read()
                return content

        return send


class HttpxClient(Client):
    """httpx; httpx2 is its fork with the pool mended."""

    name = package = "httpx"
    share = 0.05

    async def start(self) -> None:
        """See Client."""
        module = import_module(self.package)
        limits = module.Limits(
            max_connections=self.in_flight, max_keepalive_connections=self.in_flight, keepalive_expiry=600
        )
        verify = True if self.context is None else self.context
        client = module.AsyncClient(limits=limits, verify=verify, timeout=None)
        self.client = await self.stack.enter_async_context(client)

    def one(self, method: str, path: str, value: Any) -> One:
        """See Client."""
        url = self.url + path

        async def send() -> bytes:
            body = {} if method == "GET" else {"json": value}
            content: bytes = (await self.client.request(method, url, **body)).content
            return content

        return send


class Httpx2Client(HttpxClient):
    """See HttpxClient."""

    name = package = "httpx2"
    share = 0.1


class NiquestsClient(HttpxClient):
    """The fork of requests."""

    name = package = "niquests"
    share = 0.1

    async def start(self) -> None:
        """See Client."""
        niquests = import_module("niquests")
        session = niquests.AsyncSession(pool_maxsize=self.in_flight)
        session.verify = self.context is None
        self.client = await self.stack.enter_async_context(session)


class AiometerClient(HttpxClient):
    """aiometer over httpx2, or httpx."""

    name = package = "aiometer"

    async def start(self) -> None:
        """See Client."""
        self.package = "httpx2" if find_spec("httpx2") else "httpx"
        await super().start()

    async def batch(self, method: str, path: str, value: Any, count: int) -> list[bytes]:
        """See Client."""
        aiometer = import_module("aiometer")
        one = self.one(method, path, value)
        return list(await aiometer.run_all([one] * count, max_at_once=self.in_flight))


CLIENTS: list[type[Client]] = [
    PyreqwestClient,
    AiohttpClient,
    Httpx2Client,
    HttpxClient,
    NiquestsClient,
    AiometerClient,
]
"""All but Pynector's own."""


def installed(clients: Sequence[type[Client]]) -> tuple[list[type[Client]], list[str]]:
    """Give the clients whose package is installed, and the names of those whose is not."""
    here = [client for client in clients if not client.package or find_spec(client.package)]
    return here, [client.name for client in clients if client not in here]
