"""What is done with a client while it is disturbed, on real servers.

Each scenario is a coroutine function of a Stage. It returns what it got and what it should have got; of lists each item
is compared, for a batch may have failed in part.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import anyio
import anyio.lowlevel

from pynector import ConnectionLost, HTTPStatusError, Pynector, PynectorError
from pynector.testing.compression import compressed_body
from transports import ExchangeOnly, MemoryTransport

# A carrier is a transport, and its engine where it has several.
HTTP = ("native", "httpx")
WEBSOCKET = ("websocket",)
# A user's own transports, of both kinds that a coroutine drives.
OWN = ("serial", "exchange")

# So many bytes come in several pieces.
LONG = 200_000


@dataclass(frozen=True)
class Servers:
    """The servers' URLs: HTTP and WebSocket, in clear text and over TLS, and the file of the authority to trust."""

    http: str
    https: str
    ws: str
    wss: str
    authority: str


@dataclass
class Stage:
    """What a scenario runs on.

    Attributes:
        servers: The servers.
        mark: A number that no other run has: no answer of another run is right.
        trip: What the caller's own code calls, which may fail.
        client: The client.
    """

    servers: Servers
    mark: int
    trip: Callable[[], object]
    client: Pynector = field(init=False)

    @property
    def path(self) -> str:
        """A path whose answer is the mark."""
        return f"/id/{self.mark}"


Act = Callable[[Stage], Awaitable[tuple[Any, Any]]]
Options = Callable[[Stage], Mapping[str, Any]]


async def _nothing(stage: Stage) -> None:
    pass


def _no_options(stage: Stage) -> Mapping[str, Any]:
    return {}


def _over_tls(stage: Stage) -> Mapping[str, Any]:
    return {"base_url": stage.servers.https, "verify": stage.servers.authority}


@dataclass(frozen=True)
class Scenario:
    """One of them.

    Attributes:
        name: Its name.
        act: What is disturbed.
        carriers: What it runs on.
        options: The client's options beside those of the carrier.
        before: What is done before, undisturbed.
        probe: The next request.
        late: Errors beside a TimeoutError that it may end with when the time is over.
        closes: Whether it closes the client.
    """

    name: str
    act: Act
    carriers: tuple[str, ...]
    options: Options = _no_options
    before: Callable[[Stage], Awaitable[Any]] = _nothing
    probe: Act | None = None
    late: tuple[type[BaseException], ...] = ()
    closes: bool = False

    def make_client(self, carrier: str, stage: Stage) -> Pynector:
        """Return a client for it, not connected."""
        return Pynector(**{**CARRIERS[carrier](stage.servers), **self.options(stage)})


CARRIERS: dict[str, Callable[[Servers], dict[str, Any]]] = {
    "native": lambda servers: {"base_url": servers.http, "http_engine": "native", "trust_env": False},
    "httpx": lambda servers: {"base_url": servers.http, "http_engine": "httpx", "trust_env": False},
    "websocket": lambda servers: {"transport_type": "websocket", "url": f"{servers.ws}/echo", "trust_env": False},
    "serial": lambda servers: {"transport": MemoryTransport()},
    "exchange": lambda servers: {"transport": ExchangeOnly(2)},
}

SCENARIOS: list[Scenario] = []


def scenario(*carriers: str, **more: Any) -> Callable[[Act], Act]:
    """Put a function into the table."""

    def register(act: Act) -> Act:
        SCENARIOS.append(Scenario(getattr(act, "__name__", ""), act, carriers, **more))
        return act

    return register


# The next request


async def answers_path(stage: Stage) -> tuple[Any, Any]:
    return await stage.client.request({"path": stage.path}), str(stage.mark).encode()


async def answers_message(stage: Stage) -> tuple[Any, Any]:
    return await stage.client.request(str(stage.mark)), str(stage.mark).encode()


async def answers_call(stage: Stage) -> tuple[Any, Any]:
    call = {"jsonrpc": "2.0", "method": "add", "params": [stage.mark, 1]}
    return json.loads(await stage.client.request(call))["result"], stage.mark + 1


async def answers_object(stage: Stage) -> tuple[Any, Any]:
    answer = await stage.client.request(str(stage.mark))
    return (answer.decode() if isinstance(answer, bytes) else answer), str(stage.mark)


PROBES: dict[str, Act] = {
    "native": answers_path,
    "httpx": answers_path,
    "websocket": answers_message,
    "serial": answers_object,
    "exchange": answers_object,
}


# Requests over HTTP


@scenario(*HTTP)
async def new_connection(stage: Stage) -> tuple[Any, Any]:
    return await answers_path(stage)


@scenario(*HTTP, before=answers_path)
async def kept_connection(stage: Stage) -> tuple[Any, Any]:
    answer = await stage.client.request({"method": "POST", "path": "/echo", "json": [stage.mark]})
    return json.loads(answer), [stage.mark]


@scenario(*HTTP, options=_over_tls)
async def tls(stage: Stage) -> tuple[Any, Any]:
    return await answers_path(stage)


@scenario(*HTTP, options=lambda stage: {"base_url": stage.servers.http.replace("127.0.0.1", "localhost")})
async def by_name(stage: Stage) -> tuple[Any, Any]:
    return await answers_path(stage)


@scenario(*HTTP)
async def long_body(stage: Stage) -> tuple[Any, Any]:
    return len(await stage.client.request({"path": f"/bytes/{LONG}"})), LONG


@scenario(*HTTP)
async def compressed(stage: Stage) -> tuple[Any, Any]:
    answer = await stage.client.request({"path": "/compressed/gzip?size=20000"})
    return answer, gzip.decompress(compressed_body("gzip", 20_000))


@scenario(*HTTP)
async def as_response(stage: Stage) -> tuple[Any, Any]:
    response = await stage.client.request({"path": stage.path}, as_response=True)
    return [response.status_code, response.content], [200, str(stage.mark).encode()]


async def _batch(stage: Stage, count: int, window: int) -> tuple[Any, Any]:
    numbers = [stage.mark * count + number for number in range(count)]
    requests: list[tuple[Any, dict[str, Any]]] = [({"path": f"/id/{number}"}, {}) for number in numbers]
    answers = await stage.client.batch_request(requests, max_concurrency=window)
    return answers, [str(number).encode() for number in numbers]


@scenario(*HTTP)
async def batch(stage: Stage) -> tuple[Any, Any]:
    return await _batch(stage, 5, 2)


@scenario(*HTTP, options=lambda stage: {"max_connections": 1})
async def batch_on_one_connection(stage: Stage) -> tuple[Any, Any]:
    return await _batch(stage, 4, 3)


@scenario(*HTTP)
async def batch_that_fails(stage: Stage) -> tuple[Any, Any]:
    requests: list[tuple[Any, dict[str, Any]]] = [
        ({"path": path}, {}) for path in (stage.path, "/status/404", "/id/1", "/id/2")
    ]
    try:
        return await stage.client.batch_request(requests, max_concurrency=2, raise_on_error=True), "an error"
    except Exception as error:
        if getattr(error, "status_code", 0) != 404:
            raise
        return 404, 404


@scenario(*HTTP, late=(HTTPStatusError,))
async def retry(stage: Stage) -> tuple[Any, Any]:
    request = {"path": f"/flaky?key={stage.mark}&failures=1&status=503"}
    answer = await stage.client.request_with_retry(request, retry_delay=0.001)
    # One that was disturbed may have been sent, and be sent again.
    return answer in (b"2", b"3"), True


@scenario(*HTTP)
async def redirect_307(stage: Stage) -> tuple[Any, Any]:
    body = str(stage.mark)
    request = {"method": "POST", "path": "/redirect/1?status=307&to=/echo", "content": body}
    return await stage.client.request(request), body.encode()


@scenario(*HTTP)
async def redirect_303(stage: Stage) -> tuple[Any, Any]:
    request = {"method": "POST", "path": f"/redirect/1?status=303&to={stage.path}", "json": {"a": 1}}
    return await stage.client.request(request), str(stage.mark).encode()


# Bodies in pieces


@scenario(*HTTP)
async def stream_read(stage: Stage) -> tuple[Any, Any]:
    async with stage.client.stream({"path": f"/bytes/{LONG}?chunked=1"}) as response:
        return len(await response.read()), LONG


@scenario(*HTTP, options=_over_tls)
async def stream_half(stage: Stage) -> tuple[Any, Any]:
    async with stage.client.stream({"path": f"/bytes/{LONG * 10}"}) as response:
        async for piece in response.iter_bytes(1000):
            return len(piece), 1000
    return 0, 1000


@scenario(*HTTP, before=answers_path)
async def stream_left(stage: Stage) -> tuple[Any, Any]:
    async with stage.client.stream({"path": f"/bytes/{LONG}"}) as response:
        return response.status_code, 200


@scenario(*HTTP)
async def stream_redirected(stage: Stage) -> tuple[Any, Any]:
    async with stage.client.stream({"path": f"/redirect/1?to={stage.path}"}) as response:
        return await response.read(), str(stage.mark).encode()


@scenario(*HTTP)
async def stream_refused(stage: Stage) -> tuple[Any, Any]:
    try:
        async with stage.client.stream({"path": "/status/404"}):
            return "an answer", 404
    except Exception as error:
        if getattr(error, "status_code", 0) != 404:
            raise
        return 404, 404


async def _pieces(stage: Stage, count: int = 3) -> AsyncIterator[bytes]:
    for _ in range(count):
        await anyio.lowlevel.checkpoint()
        stage.trip()
        yield str(stage.mark).encode()


def _whole(stage: Stage, count: int = 3) -> bytes:
    return str(stage.mark).encode() * count


@scenario(*HTTP)
async def upload_chunked(stage: Stage) -> tuple[Any, Any]:
    request = {"method": "POST", "path": "/echo", "content": _pieces(stage)}
    return await stage.client.request(request), _whole(stage)


@scenario(*HTTP, before=answers_path)
async def upload_of_known_length(stage: Stage) -> tuple[Any, Any]:
    headers = {"Content-Length": str(len(_whole(stage)))}
    request = {"method": "POST", "path": "/echo", "content": _pieces(stage), "headers": headers}
    return await stage.client.request(request), _whole(stage)


@scenario(*HTTP)
async def upload_redirected(stage: Stage) -> tuple[Any, Any]:
    request = {"method": "POST", "path": f"/redirect/1?status=303&to={stage.path}", "content": _pieces(stage)}
    return await stage.client.request(request), str(stage.mark).encode()


# Life


@scenario(*HTTP)
async def as_context(stage: Stage) -> tuple[Any, Any]:
    async with stage.client as client:
        return await client.request({"path": stage.path}), str(stage.mark).encode()


@scenario(*HTTP, before=answers_path, closes=True)
async def close(stage: Stage) -> tuple[Any, Any]:
    await stage.client.aclose()
    return None, None


async def _ends(work: Callable[[], Awaitable[Any]]) -> None:
    """Run what is ended by closing the client, or by whatever disturbs it before."""
    try:
        await work()
    except PynectorError:
        return


async def _close_while(stage: Stage, *works: Callable[[], Awaitable[Any]]) -> tuple[Any, Any]:
    async with anyio.create_task_group() as tasks:
        for work in works:
            tasks.start_soon(_ends, work)
        for _ in range(10):
            await anyio.lowlevel.checkpoint()
        await stage.client.aclose()
    return None, None


@scenario(*HTTP, before=answers_path, closes=True)
async def close_while_busy(stage: Stage) -> tuple[Any, Any]:
    async def stream() -> None:
        async with stage.client.stream({"path": f"/bytes/{LONG * 10}"}) as response:
            async for _ in response.iter_bytes():
                await anyio.lowlevel.checkpoint()

    async def batch() -> None:
        await stage.client.batch_request([({"path": "/hang"}, {})] * 3, max_concurrency=2, raise_on_error=True)

    return await _close_while(stage, stream, batch, lambda: stage.client.request({"path": "/hang"}))


# WebSocket


@scenario(*WEBSOCKET)
async def message(stage: Stage) -> tuple[Any, Any]:
    return await answers_message(stage)


@scenario(*WEBSOCKET, before=answers_message)
async def message_on_a_kept_connection(stage: Stage) -> tuple[Any, Any]:
    return await answers_message(stage)


def _messages_over_tls(stage: Stage) -> Mapping[str, Any]:
    return {"url": f"{stage.servers.wss}/echo", "verify": stage.servers.authority}


@scenario(*WEBSOCKET, options=_messages_over_tls)
async def message_over_tls(stage: Stage) -> tuple[Any, Any]:
    return await answers_message(stage)


def _calls(stage: Stage) -> Mapping[str, Any]:
    return {"url": f"{stage.servers.ws}/rpc", "correlation": "id"}


@scenario(*WEBSOCKET, options=_calls, probe=answers_call)
async def call_by_id(stage: Stage) -> tuple[Any, Any]:
    return await answers_call(stage)


@scenario(*WEBSOCKET, options=lambda stage: {"connections": 2, "max_in_flight": 1})
async def messages(stage: Stage) -> tuple[Any, Any]:
    texts = [f"{stage.mark} {number}" for number in range(6)]
    answers = await stage.client.batch_request([(text, {}) for text in texts], max_concurrency=4)
    return answers, [text.encode() for text in texts]


@scenario(*WEBSOCKET, options=_calls, probe=answers_call)
async def subscription(stage: Stage) -> tuple[Any, Any]:
    async with stage.client.subscribe() as news:
        await stage.client.request({"jsonrpc": "2.0", "method": "notify", "params": [2]})
        return [json.loads((await anext(news)).content)["params"] for _ in range(2)], [[0], [1]]


def _closing(stage: Stage) -> Mapping[str, Any]:
    url = f"{stage.servers.ws}/close-after?after=1&code=1001"
    return {"url": url, "idempotent": True, "reconnect_delay": 0.001, "max_reconnects": 5}


@scenario(*WEBSOCKET, options=_closing, before=answers_message)
async def reconnect(stage: Stage) -> tuple[Any, Any]:
    return await answers_message(stage)


@scenario(*WEBSOCKET, before=answers_message, closes=True)
async def close_websocket(stage: Stage) -> tuple[Any, Any]:
    await stage.client.aclose()
    return None, None


@scenario(*WEBSOCKET, options=_calls, probe=answers_call, closes=True)
async def close_websocket_while_busy(stage: Stage) -> tuple[Any, Any]:
    async def listen() -> None:
        async with stage.client.subscribe() as news:
            async for _ in news:
                pass

    return await _close_while(stage, listen, lambda: stage.client.request({"method": "hang"}))


# A user's own transport


@scenario(*OWN)
async def own_request(stage: Stage) -> tuple[Any, Any]:
    return await answers_object(stage)


@scenario(*OWN)
async def own_batch(stage: Stage) -> tuple[Any, Any]:
    texts = [f"{stage.mark}-{number}" for number in range(5)]
    answers = await stage.client.batch_request([(text, {}) for text in texts], max_concurrency=2)
    return [answer.decode() if isinstance(answer, bytes) else answer for answer in answers], texts


@scenario(*OWN)
async def own_retry(stage: Stage) -> tuple[Any, Any]:
    error = ConnectionLost("gone", phase="body", sent="full")
    try:
        return await stage.client.request_with_retry(error, max_retries=2, retry_delay=0.001), error
    except ConnectionLost as caught:
        return caught, error
