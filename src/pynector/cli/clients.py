"""Clients that can be compared, each at its best: what it can leave out of a request it leaves out."""

from __future__ import annotations

import asyncio
import ssl
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from ..client import Pynector

One = Callable[[], Awaitable[bytes]]


@dataclass(frozen=True)
class Form:
    """What requests carry beside a method, a path and JSON.

    Attributes:
        headers: Header fields.
        page: Whether each has parameters, its own number among them.
        timeout: Seconds that each may take, or None for the client's.
        as_response: Whether the answer is wanted with its status and header fields, where a client can do with less.
        origins: Where they go in turn, for absolute URLs; none: to the client's base URL.
    """

    headers: dict[str, str] = field(default_factory=dict)
    page: bool = False
    timeout: float | None = None
    as_response: bool = False
    origins: Sequence[str] = ()

    def numbers(self) -> Iterator[int]:
        """Count the requests."""
        number = 0
        while True:
            yield number
            number += 1

    def fixed(self, method: str, value: Any, raw: str = "content") -> dict[str, Any]:
        """Give what is the same for all requests, as most clients call it; `raw` is how they call a body of bytes."""
        body = (
            {} if value is None or method in ("GET", "HEAD") else {raw if isinstance(value, bytes) else "json": value}
        )
        return {**body, "headers": self.headers} if self.headers else body

    def params(self, number: int) -> dict[str, Any]:
        """Give the parameters of a request."""
        return {"page": number, "q": "a b"} if self.page else {}

    def url(self, base: str, path: str, number: int) -> str:
        """Give the URL of a request."""
        return (self.origins[number % len(self.origins)] if self.origins else base) + path


PLAIN = Form()


class Client(ABC):
    """A client in use for one workload.

    Args:
        url: The base URL.
        in_flight: How many requests it sends at a time.
        context: For TLS, or None.
        http2: Whether it is to speak HTTP/2; of `versions`.

    Attributes:
        name: What it is called in reports.
        share: How much of the requests it is given, where all would take too long.
        versions: Which versions of HTTP it speaks.
    """

    name = ""
    package = ""
    share = 1.0
    versions: Sequence[int] = (1, 2)

    def __init__(self, url: str, in_flight: int, context: ssl.SSLContext | None, http2: bool = False) -> None:
        self.url = url
        self.in_flight = in_flight
        self.context = context
        self.http2 = http2
        self.stack = AsyncExitStack()

    async def start(self) -> None:  # noqa: B027 - not every client has something to make ready
        """Make ready."""

    @abstractmethod
    def one(self, method: str, path: str, value: Any, form: Form = PLAIN) -> One:
        """Give a function that sends one request and gives its body."""

    async def batch(self, method: str, path: str, value: Any, count: int, form: Form = PLAIN) -> list[bytes]:
        """Send many: worker tasks drain one iterator, the cheapest way there is without a batch of its own."""
        one, turns = self.one(method, path, value, form), iter(range(count))
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
        # And over many origins there are more connections than requests.
        settings: dict[str, Any] = {
            "max_connections": 4 * self.in_flight,
            "keepalive_expiry": 600.0,
            "http2": self.http2,
        }
        if self.context is not None:
            settings["verify"] = self.context
        client = Pynector(base_url=self.url, **settings)
        self.client = await self.stack.enter_async_context(client)

    def request(self, method: str, path: str, value: Any, form: Form, number: int) -> tuple[Any, dict[str, Any]]:
        """Describe a request: its data and its options."""
        data: dict[str, Any] = {"url": form.url("", path, number)} if form.origins else {"path": path}
        if method != "GET":
            data["method"] = method
        if value is not None and method not in ("GET", "HEAD"):
            data["content" if isinstance(value, bytes) else "json"] = value
        if form.page:
            data["params"] = form.params(number)
        if form.headers:
            data["headers"] = form.headers
        options: dict[str, Any] = {"as_response": True} if form.as_response else {}
        if form.timeout is not None:
            options["timeout"] = form.timeout
        return data, options

    def one(self, method: str, path: str, value: Any, form: Form = PLAIN) -> One:
        """See Client."""
        if form is PLAIN:
            data, _ = self.request(method, path, value, form, 0)
            return lambda: self.client.request(data)
        numbers = form.numbers()

        async def send() -> bytes:
            data, options = self.request(method, path, value, form, next(numbers))
            return _body(await self.client.request(data, **options))

        return send

    async def batch(self, method: str, path: str, value: Any, count: int, form: Form = PLAIN) -> list[bytes]:
        """See Client."""
        requests = [self.request(method, path, value, form, number) for number in range(count)]
        answers = await self.client.batch_request(requests, max_concurrency=self.in_flight)
        return [_body(answer) for answer in answers] if form.as_response else answers


def _body(answer: Any) -> bytes:
    body: bytes = answer if isinstance(answer, bytes) else answer.content
    return body


class PyreqwestClient(Client):
    """A Rust client."""

    name = package = "pyreqwest"

    async def start(self) -> None:
        """See Client."""
        builder = import_module("pyreqwest.client").ClientBuilder().max_connections(self.in_flight).http2(self.http2)
        if self.context is not None:
            builder = builder.danger_accept_invalid_certs(True)
        self.client = await self.stack.enter_async_context(builder.build())

    def one(self, method: str, path: str, value: Any, form: Form = PLAIN) -> One:
        """See Client."""
        numbers = form.numbers()

        async def send() -> bytes:
            number = next(numbers)
            request = self.client.request(method, form.url(self.url, path, number))
            if value is not None and method not in ("GET", "HEAD"):
                request = request.body_bytes(value) if isinstance(value, bytes) else request.body_json(value)
            if form.page:
                request = request.query(form.params(number))
            if form.headers:
                request = request.headers(form.headers)
            if form.timeout is not None:
                request = request.timeout(timedelta(seconds=form.timeout))
            response = await request.build().send()
            return bytes(await response.bytes())

        return send


class WreqClient(Client):
    """Another Rust client; its runtime with one worker is its fastest here."""

    name = package = "wreq"

    async def start(self) -> None:
        """See Client."""
        wreq = import_module("wreq")
        runtime = wreq.runtime.Runtime(workers=1, work_steal=False)
        follow = wreq.redirect.Policy.limited(10)
        settings = {"http2_only" if self.http2 else "http1_only": True}
        if self.context is not None:
            settings["tls_verify"] = False
        self.client = wreq.Client(no_proxy=True, runtime=runtime, redirect=follow, **settings)
        self.stack.callback(self.client.close)
        self.method = {name: getattr(wreq.Method, name) for name in ("GET", "HEAD", "POST")}

    def one(self, method: str, path: str, value: Any, form: Form = PLAIN) -> One:
        """See Client."""
        numbers = form.numbers()
        more = form.fixed(method, value, "body")
        if form.timeout is not None:
            more["timeout"] = timedelta(seconds=form.timeout)

        async def send() -> bytes:
            number = next(numbers)
            query = {"query": list(form.params(number).items())} if form.page else {}
            response = await self.client.request(self.method[method], form.url(self.url, path, number), **more, **query)
            return bytes(await response.bytes())

        return send


class AiohttpClient(Client):
    """aiohttp with its C parser."""

    name = package = "aiohttp"
    versions = (1,)

    async def start(self) -> None:
        """See Client."""
        aiohttp = import_module("aiohttp")
        connector = aiohttp.TCPConnector(limit=self.in_flight, ssl=self.context or True, keepalive_timeout=600)
        self.session = await self.stack.enter_async_context(aiohttp.ClientSession(connector=connector))

    def one(self, method: str, path: str, value: Any, form: Form = PLAIN) -> One:
        """See Client."""
        aiohttp = import_module("aiohttp")
        numbers = form.numbers()
        more = form.fixed(method, value, "data")

        async def send() -> bytes:
            number = next(numbers)
            own = {"params": form.params(number)} if form.page else {}
            if form.timeout is not None:
                own["timeout"] = aiohttp.ClientTimeout(form.timeout)
            async with self.session.request(method, form.url(self.url, path, number), **more, **own) as response:
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
        client = module.AsyncClient(limits=limits, verify=verify, timeout=None, follow_redirects=True, http2=self.http2)
        self.client = await self.stack.enter_async_context(client)

    def one(self, method: str, path: str, value: Any, form: Form = PLAIN) -> One:
        """See Client."""
        numbers = form.numbers()
        more = form.fixed(method, value)
        if form.timeout is not None:
            more["timeout"] = form.timeout

        async def send() -> bytes:
            number = next(numbers)
            own = {"params": form.params(number)} if form.page else {}
            url = form.url(self.url, path, number)
            content: bytes = (await self.client.request(method, url, **more, **own)).content
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
    versions = (1,)

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

    async def batch(self, method: str, path: str, value: Any, count: int, form: Form = PLAIN) -> list[bytes]:
        """See Client."""
        aiometer = import_module("aiometer")
        one = self.one(method, path, value, form)
        return list(await aiometer.run_all([one] * count, max_at_once=self.in_flight))


CLIENTS: list[type[Client]] = [
    WreqClient,
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
