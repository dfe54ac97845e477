"""The clients that are compared, each at its best: what it can leave out of a request it leaves out."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from importlib.util import find_spec
from typing import Any

from pynector import Pynector

from .floor import Floor

One = Callable[[], Awaitable[bytes]]


class Client:
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

    async def start(self) -> None:
        """Make ready."""

    def one(self, method: str, path: str, value: Any) -> One:
        """Give a function that sends one request and gives its body."""
        raise NotImplementedError

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
        # While the others have their turn connections are idle for longer than they are kept by default.
        settings: dict[str, Any] = {"max_connections": self.in_flight, "keepalive_expiry": 600.0}
        if self.context is not None:
            settings["verify"] = self.context
        client = Pynector(base_url=self.url, **settings)
        self.client = await self.stack.enter_async_context(client)

    def request(self, method: str, path: str, value: Any) -> dict[str, Any]:
        return {"path": path} if method == "GET" else {"method": method, "path": path, "json": value}

    def one(self, method: str, path: str, value: Any) -> One:
        data = self.request(method, path, value)
        return lambda: self.client.request(data)

    async def batch(self, method: str, path: str, value: Any, count: int) -> list[bytes]:
        requests: list[Any] = [(self.request(method, path, value), {}) for _ in range(count)]
        return await self.client.batch_request(requests, max_concurrency=self.in_flight)


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


class PyreqwestClient(Client):
    """A Rust client."""

    name = package = "pyreqwest"

    async def start(self) -> None:
        from pyreqwest.client import ClientBuilder

        builder = ClientBuilder().max_connections(self.in_flight)
        if self.context is not None:
            builder = builder.danger_accept_invalid_certs(True)
        self.client = await self.stack.enter_async_context(builder.build())

    def one(self, method: str, path: str, value: Any) -> One:
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
        import aiohttp

        connector = aiohttp.TCPConnector(limit=self.in_flight, ssl=self.context or True, keepalive_timeout=600)
        self.session = await self.stack.enter_async_context(aiohttp.ClientSession(connector=connector))

    def one(self, method: str, path: str, value: Any) -> One:
        url = self.url + path

        async def send() -> bytes:
            body = {} if method == "GET" else {"json": value}
            async with self.session.request(method, url, **body) as response:
                return await response.read()

        return send


class HttpxClient(Client):
    """httpx; httpx2 is its fork with the pool mended."""

    name = package = "httpx"
    share = 0.05

    async def start(self) -> None:
        module = __import__(self.package)
        limits = module.Limits(
            max_connections=self.in_flight, max_keepalive_connections=self.in_flight, keepalive_expiry=600
        )
        verify = True if self.context is None else self.context
        client = module.AsyncClient(limits=limits, verify=verify, timeout=None)
        self.client = await self.stack.enter_async_context(client)

    def one(self, method: str, path: str, value: Any) -> One:
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


class NiquestsClient(Client):
    """The fork of requests."""

    name = package = "niquests"
    share = 0.1

    async def start(self) -> None:
        import niquests

        session = niquests.AsyncSession(pool_maxsize=self.in_flight)
        session.verify = self.context is None
        self.session = await self.stack.enter_async_context(session)

    def one(self, method: str, path: str, value: Any) -> One:
        url = self.url + path

        async def send() -> bytes:
            body = {} if method == "GET" else {"json": value}
            content: bytes = (await self.session.request(method, url, **body)).content
            return content

        return send


class AiometerClient(HttpxClient):
    """aiometer over httpx2, or httpx."""

    name = package = "aiometer"

    async def start(self) -> None:
        self.package = "httpx2" if find_spec("httpx2") else "httpx"
        await super().start()

    async def batch(self, method: str, path: str, value: Any, count: int) -> list[bytes]:
        import aiometer

        one = self.one(method, path, value)
        return list(await aiometer.run_all([one] * count, max_at_once=self.in_flight))


PEERS: list[type[Client]] = [FloorClient, PyreqwestClient, AiohttpClient, Httpx2Client]
MORE_PEERS: list[type[Client]] = [*PEERS, HttpxClient, NiquestsClient, AiometerClient]


def installed(peers: list[type[Client]]) -> tuple[list[type[Client]], list[str]]:
    """Give the peers that are installed, and the names of those that are not."""
    here = [peer for peer in peers if not peer.package or find_spec(peer.package)]
    return here, [peer.name for peer in peers if peer not in here]
