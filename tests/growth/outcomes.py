"""Every way that a request can end, and how to have very many of them end so."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import anyio
import anyio.lowlevel

from pynector import (
    ConfigurationError,
    ConnectError,
    ConnectionLost,
    DecodingError,
    HTTPStatusError,
    ProtocolError,
    Pynector,
    ResponseTooLarge,
    TimeoutError,
    WebSocketClosed,
)
from pynector.transport.http.urls import parse_url

IN_FLIGHT = 20

# After how many turns of the event loop a request is given up: before it is sent, on its way, waiting.
TURNS = 12

Numbers = Iterable[int]
Run = Callable[[Pynector, Numbers], Awaitable[None]]
Entry = Callable[[int], tuple[Any, dict[str, Any]]]


@dataclass(frozen=True)
class Servers:
    """Where requests go.

    Attributes:
        http: Base URL of the server in `server`.
        https: The same over TLS, which nobody trusts.
        refused: Base URL of a port where nobody listens.
        websocket: Base URL of the WebSocket tests' server.
    """

    http: str
    https: str
    refused: str
    websocket: str


@dataclass(frozen=True)
class Outcome:
    """A way that requests end.

    Attributes:
        run: Sends requests with these numbers, and checks that each ends so.
        server: The name of the server in Servers.
        path: The endpoint, where the client and not the request says it.
        options: Options of the client.
        kept: Up to how many requests that have ended may be kept, until all are forgotten at once.
    """

    run: Run
    server: str = "http"
    path: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    kept: int = 0

    def client(self, servers: Servers) -> Pynector:
        """Return a client for it."""
        url = getattr(servers, self.server) + self.path
        if self.server == "websocket":
            return Pynector(transport_type="websocket", url=url, **{"timeout": math.inf, **self.options})
        # Soon there is none, however many a round happened to need.
        return Pynector(base_url=url, http_engine="native", keepalive_expiry=0.02, **self.options)


# Ways to send


def batch(entry: Entry, *wanted: Any) -> Run:
    """Send a batch; each result is one of those that are wanted, or an error of one of these types."""

    async def run(client: Pynector, numbers: Numbers) -> None:
        for result in await client.batch_request([entry(number) for number in numbers], max_concurrency=IN_FLIGHT):
            check(result, wanted)

    return run


def each(send: Callable[[Pynector, int], Awaitable[Any]], *wanted: Any) -> Run:
    """Send requests one by one, some of them at a time."""

    async def run(client: Pynector, numbers: Numbers) -> None:
        left = iter(numbers)

        async def work() -> None:
            for number in left:
                try:
                    result = await send(client, number)
                except Exception as error:
                    result = error
                check(result, wanted)

        async with anyio.create_task_group() as tasks:
            for _ in range(IN_FLIGHT):
                tasks.start_soon(work)

    return run


def check(result: Any, wanted: tuple[Any, ...]) -> None:
    """Check that a result is one of those that are wanted, or an error of one of these types."""
    if result in wanted:
        return
    kinds = tuple(one for one in wanted if isinstance(one, type))
    if isinstance(result, Exception) and not isinstance(result, kinds):
        raise result
    assert isinstance(result, kinds), result


def fixed(data: Any, **options: Any) -> Entry:
    return lambda number: (data, options)


def one(entry: Entry) -> Callable[[Pynector, int], Awaitable[Any]]:
    async def send(client: Pynector, number: int) -> Any:
        data, options = entry(number)
        return await client.request(data, **options)

    return send


def rich(number: int) -> tuple[Any, dict[str, Any]]:
    data = {"path": "/ok", "params": {"n": number}, "headers": {"X-One": f"{number}", "User-Agent": "growth"}}
    return data, {"as_response": True, "timeout": 20.0}


async def rich_text(client: Pynector, number: int) -> str:
    data, options = rich(number)
    response = await client.request(data, **options)
    return f"{response.status_code} {response.text} {response.headers['content-length']}"


async def elsewhere(client: Pynector, number: int) -> Any:
    """Ask another origin each time."""
    port = client._arguments[4]["base_url"].rpartition(":")[2]
    # What it keeps has a bound, and would be growth until then.
    parse_url.cache_clear()
    host = f"127.{number >> 16 & 127}.{number >> 8 & 255}.{number & 255 or 1}"
    return await client.request({"url": f"http://{host}:{port}/"})


async def given_up(work: Awaitable[Any], number: int) -> str:
    """Cancel what has been begun, after some turns of the event loop."""

    async def ask() -> None:
        await work
        raise AssertionError("it ended before")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        for _ in range(number % TURNS):
            await anyio.lowlevel.checkpoint()
        tasks.cancel_scope.cancel()
    return "cancelled"


def cancelled(data: Any, count: int = 1) -> Callable[[Pynector, int], Awaitable[Any]]:
    """Give up a request, or a batch of several."""

    async def send(client: Pynector, number: int) -> Any:
        work = client.request(data) if count == 1 else client.batch_request([(data, {})] * count)
        return await given_up(work, number)

    return send


async def pieces(number: int) -> AsyncIterator[bytes]:
    for _ in range(3):
        yield b"piece"


def upload(path: str) -> Entry:
    return lambda number: ({"method": "POST", "path": path, "content": pieces(number)}, {})


async def spoiled_pieces(number: int) -> AsyncIterator[bytes]:
    yield b"piece"
    raise LookupError("the iterator failed")


def spoiled_upload(number: int) -> tuple[Any, dict[str, Any]]:
    return {"method": "POST", "path": "/ok", "content": spoiled_pieces(number)}, {}


def streamed(path: str, whole: bool = True) -> Callable[[Pynector, int], Awaitable[Any]]:
    async def send(client: Pynector, number: int) -> Any:
        async with client.stream({"path": path}) as response:
            if whole:
                return len(await response.read())
            return "left" if await anext(aiter(response.iter_bytes())) else "nothing came"

    return send


async def retried(client: Pynector, number: int) -> Any:
    return await client.request_with_retry({"path": f"/flaky/{number}"}, retry_delay=0.0001)


async def own_client(client: Pynector, number: int) -> Any:
    """Make a client for one request."""
    async with Pynector(base_url=client._arguments[4]["base_url"], http_engine="native") as own:
        return await own.request({"path": "/ok"})


async def by_id(client: Pynector, number: int) -> Any:
    answer = await client.request({"jsonrpc": "2.0", "method": "add", "params": [1, 2]})
    return b'"result": 3}' in answer


async def subscribed(client: Pynector, number: int) -> Any:
    async with client.subscribe():
        return await client.request("hello")


class _Flow:
    """An auth flow that sends each request twice."""

    async def async_auth_flow(self, request: Any) -> AsyncIterator[Any]:
        yield request
        yield request


POST = {"method": "POST", "path": "/ok", "json": {"n": 1}}
TWICE = {"auth": _Flow()}
LIMITED = {"max_response_bytes": 1000}
IMPATIENT = {"timeout": 0.004}
LOSING = {"max_reconnects": 1000, "reconnect_delay": 0.0001}
CALL = {"jsonrpc": "2.0", "method": "hang", "params": []}

HTTP = {
    "plain": Outcome(batch(fixed({"path": "/ok"}), b"ok")),
    "plain, one by one": Outcome(each(one(fixed({"path": "/ok"})), b"ok")),
    "rich": Outcome(each(rich_text, "200 ok 2")),
    "POST of JSON": Outcome(batch(fixed(POST), b"ok")),
    "404": Outcome(batch(fixed({"path": "/missing"}), HTTPStatusError)),
    "chunked": Outcome(batch(fixed({"path": "/chunks"}), bytes(8192))),
    "gzip": Outcome(batch(fixed({"path": "/coded"}), b"ok" * 1000)),
    "large": Outcome(batch(fixed({"path": "/large"}), bytes(100_000))),
    "redirect": Outcome(batch(fixed({"path": "/moved"}), b"ok")),
    "a connection each": Outcome(batch(fixed({"path": "/last"}), b"ok")),
    "a client each": Outcome(each(own_client, b"ok")),
    "refused": Outcome(batch(fixed({"path": "/"}), ConnectError), "refused"),
    "refused, an origin each": Outcome(each(elsewhere, ConnectError), "refused"),
    "closed in the body": Outcome(batch(fixed({"path": "/cut"}), ConnectionLost)),
    "closed in a large body": Outcome(batch(fixed({"path": "/cut-large"}), ConnectionLost)),
    "reset in the body": Outcome(batch(fixed({"path": "/reset"}), ConnectionLost)),
    "reset before the answer": Outcome(batch(fixed({**POST, "path": "/refused"}), ConnectionLost)),
    "no HTTP": Outcome(batch(fixed({"path": "/nonsense"}), ProtocolError)),
    "timeout": Outcome(batch(fixed({"path": "/hang"}, **IMPATIENT), TimeoutError)),
    "cancelled": Outcome(each(cancelled({"path": "/hang"}), "cancelled")),
    "batch cancelled": Outcome(each(cancelled({"path": "/hang"}, 3), "cancelled")),
    "invalid": Outcome(batch(fixed({"path": "/", "headers": {"X": "a\nb"}}), ConfigurationError)),
    "decoding error": Outcome(batch(fixed({"path": "/spoiled"}), DecodingError)),
    "too large": Outcome(batch(fixed({"path": "/chunks"}, **LIMITED), ResponseTooLarge)),
    "upload": Outcome(batch(upload("/ok"), b"ok")),
    "upload that fails": Outcome(batch(spoiled_upload, Exception)),
    "upload redirected": Outcome(batch(upload("/moved"), b"ok")),
    "stream": Outcome(each(streamed("/chunks"), 8192)),
    "stream left early": Outcome(each(streamed("/large", whole=False), "left")),
    "stream closed in the body": Outcome(each(streamed("/cut"), ConnectionLost)),
    "auth flow, streamed": Outcome(each(streamed("/chunks"), 8192), options=TWICE),
    "auth flow, cancelled": Outcome(each(cancelled({"path": "/hang"}), "cancelled"), options=TWICE),
    "retried": Outcome(each(retried, b"ok")),
}
WEBSOCKET = {
    "by order": Outcome(batch(fixed("hello"), b"hello"), "websocket", "/echo"),
    "by order, with deadlines": Outcome(
        batch(fixed("hello", timeout=600.0), b"hello"), "websocket", "/echo", kept=1024
    ),
    "by id": Outcome(each(by_id, True), "websocket", "/rpc", {"correlation": "id"}),
    "one way": Outcome(batch(fixed("hello", one_way=True), None), "websocket", "/silent"),
    "subscription": Outcome(each(subscribed, b"hello"), "websocket", "/echo"),
    "timeout by order": Outcome(
        batch(fixed("hello", **IMPATIENT), TimeoutError), "websocket", "/silent", {"max_in_flight": IN_FLIGHT}
    ),
    "timeout by id": Outcome(batch(fixed(CALL, **IMPATIENT), TimeoutError), "websocket", "/rpc", {"correlation": "id"}),
    "cancelled": Outcome(each(cancelled(CALL), "cancelled"), "websocket", "/rpc", {"correlation": "id"}),
    "invalid": Outcome(batch(fixed(object()), ConfigurationError), "websocket", "/echo"),
    "lost": Outcome(batch(fixed("hello"), b"hello", WebSocketClosed), "websocket", "/abort-after?after=1", LOSING),
}
SECURE: dict[str, Any] = {"server": "https", "options": {"verify": False}}
TLS = {
    "plain": Outcome(batch(fixed({"path": "/ok"}), b"ok"), **SECURE),
    "large": Outcome(batch(fixed({"path": "/large"}), bytes(100_000)), **SECURE),
    "a connection each": Outcome(batch(fixed({"path": "/last"}), b"ok"), **SECURE),
    "reset in the body": Outcome(batch(fixed({"path": "/reset"}), ConnectionLost), **SECURE),
    "stream left early": Outcome(each(streamed("/large", whole=False), "left"), **SECURE),
}
OUTCOMES = {
    **HTTP,
    **{f"TLS, {name}": outcome for name, outcome in TLS.items()},
    **{f"WebSocket, {name}": outcome for name, outcome in WEBSOCKET.items()},
}
