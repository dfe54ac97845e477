"""Context variables: connections have those of the client's beginning, and the caller's own code has the caller's."""

from __future__ import annotations

import asyncio
import copy
import functools
import gc
import logging
import math
import pickle
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextvars import ContextVar, copy_context
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from engines import HAS_HTTP2
from inside import pool_of
from loops import ENGINES
from pynector import Pynector
from pynector.testing import LoopbackServer
from pynector.transport.http import HTTPTransport
from transports import Answering
from wsservers import certificate, running

pytestmark = pytest.mark.anyio

WHO: ContextVar[Any] = ContextVar("who", default="nobody")

on_engines = pytest.mark.parametrize(("anyio_backend", "engine"), ENGINES, indirect=["engine"])

Work = Callable[[], Awaitable[Any]]


async def as_caller(who: Any, work: Work) -> Any:
    """Do something in a task that has its own context variables."""
    given: list[Any] = []

    async def call() -> None:
        WHO.set(who)
        given.append(await work())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(call)
    return given[0]


@pytest.fixture(scope="module")
def websocket() -> Iterator[Callable[[str], str]]:
    pytest.importorskip("websockets")
    with running() as port:
        yield lambda path: f"ws://127.0.0.1:{port}{path}"


# What is kept


class Kept:
    """What a caller has in a context variable."""


async def is_let_go(*works: Work) -> bool:
    """Do something in a task, and say whether its context variables are let go afterwards."""
    kept = Kept()
    seen = weakref.ref(kept)

    async def all_of_it() -> None:
        for work in works:
            await work()

    await as_caller(kept, all_of_it)
    del kept
    for _ in range(20):
        if seen() is None:
            return True
        await anyio.sleep(0.01)
        gc.collect()
    return False


async def body() -> AsyncIterator[bytes]:
    for _ in range(3):
        yield b"12345"


async def read_slowly(client: Pynector) -> None:
    async with client.stream({"path": "/bytes/3000000"}) as response:
        async for _ in response.iter_bytes():
            await anyio.lowlevel.checkpoint()


async def read_in_part(client: Pynector) -> None:
    async with client.stream({"path": "/drip/1000"}) as response:
        await anext(response.iter_bytes())


HTTP: dict[str, Callable[[Pynector], Awaitable[Any]]] = {
    "request": lambda client: client.request({"path": "/id/1"}),
    "without an end": lambda client: client.request({"path": "/id/1"}, math.inf),
    "redirect": lambda client: client.request({"path": "/redirect/1"}),
    "late": lambda client: client.batch_request([({"path": "/hang"}, {"timeout": 0.05})]),
    "batch": lambda client: client.batch_request([({"path": "/id/1"}, {})] * 20, 3),
    "upload": lambda client: client.request({"path": "/echo", "method": "POST", "content": body()}),
    "retry": lambda client: client.request_with_retry({"path": "/id/1"}, 2, 0),
    "stream": read_slowly,
    "part of a stream": read_in_part,
}


@on_engines
@pytest.mark.parametrize("asked", HTTP)
@pytest.mark.parametrize("begun", [True, False], ids=["begun", "not begun"])
async def test_an_http_connection_keeps_nothing_of_a_caller(
    begun: bool, asked: str, engine: str, server: LoopbackServer
) -> None:
    client = Pynector(base_url=server.url, http_engine=engine, keepalive_expiry=60)
    if begun:
        await client.__aenter__()
    try:
        assert await is_let_go(lambda: HTTP[asked](client))
        if engine == "native" and asked not in ("late", "part of a stream"):
            assert client.stats().connections["idle"]
    finally:
        await client.aclose()


@pytest.fixture(scope="module")
def over_tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The URL of a server, and the file of its authority."""
    chain, key, trusted = certificate(tmp_path_factory.mktemp("certificate"))
    with LoopbackServer(certfile=chain, keyfile=key, http2=HAS_HTTP2) as server:
        yield server.url, trusted


@on_engines
async def test_a_connection_over_tls_keeps_nothing_of_a_caller(engine: str, over_tls: tuple[str, str]) -> None:
    url, trusted = over_tls
    async with Pynector(base_url=url, http_engine=engine, verify=trusted) as client:
        for asked in ("request", "upload", "stream", "part of a stream"):
            assert await is_let_go(functools.partial(HTTP[asked], client)), asked


async def test_a_websocket_over_tls_keeps_nothing_of_a_caller(tmp_path: Path) -> None:
    pytest.importorskip("websockets")
    chain, key, trusted = certificate(tmp_path)
    with running(files=(chain, key)) as port:
        url = f"wss://127.0.0.1:{port}/echo"
        async with Pynector(transport_type="websocket", url=url, verify=trusted, timeout=math.inf) as client:
            assert await is_let_go(lambda: client.request("a"), lambda: client.request("a" * 100_000))


@pytest.mark.parametrize("begun", [True, False], ids=["begun", "not begun"])
async def test_a_websocket_connection_keeps_nothing_of_a_caller(begun: bool, websocket: Callable[[str], str]) -> None:
    # asyncio keeps the timers of timeouts, and their contexts, to their time even where they are cancelled.
    client = Pynector(transport_type="websocket", url=websocket("/echo"), connections=2, timeout=math.inf)
    if begun:
        await client.__aenter__()

    async def subscribed() -> None:
        async with client.subscribe(max_queue=1, overflow="wait"):
            await client.request("a")

    try:
        assert await is_let_go(
            lambda: client.batch_request([("a", {})] * 20, 3), lambda: client.request("a" * 100_000), subscribed
        )
        assert client.stats().connections["idle"] == 2
    finally:
        await client.aclose()


# What is called


def rpc(method: str, *params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "method": method, "params": params}


@pytest.mark.parametrize("begun", [True, False], ids=["begun", "not begun"])
async def test_on_message_has_the_context_of_the_clients_beginning(
    begun: bool, websocket: Callable[[str], str]
) -> None:
    heard: list[Any] = []
    token = WHO.set("the client")
    client = Pynector(
        transport_type="websocket",
        url=websocket("/rpc"),
        correlation="id",
        on_message=lambda message: heard.append(WHO.get()),
    )
    WHO.reset(token)
    if begun:
        await client.__aenter__()
    try:
        for who in ("first", "second"):
            await as_caller(who, lambda: client.request(rpc("notify", 3)))
    finally:
        await client.aclose()
    assert heard == ["the client"] * 6


async def test_on_message_has_it_on_connections_that_are_made_anew(websocket: Callable[[str], str]) -> None:
    heard: list[Any] = []
    async with Pynector(
        transport_type="websocket",
        url=websocket("/push?n=3"),
        on_message=lambda message: heard.append(WHO.get()),
    ) as client:
        for number in range(3):
            await as_caller(number, lambda: client.request_with_retry("a", 5, 0))
            (connection,) = pool_of(client).requests.connections
            connection.abort()
            await connection.link.ended.wait()
    assert set(heard) == {"nobody"}


async def test_on_message_has_it_after_a_subscriber_was_behind(websocket: Callable[[str], str]) -> None:
    heard: list[Any] = []
    async with Pynector(
        transport_type="websocket",
        url=websocket("/rpc"),
        correlation="id",
        on_message=lambda message: heard.append(WHO.get()),
    ) as client:

        async def take() -> None:
            async with client.subscribe(max_queue=2, overflow="wait") as subscription, anyio.create_task_group() as own:
                own.start_soon(client.request, rpc("notify", 20))
                for _ in range(20):
                    await anext(subscription)
                    await anyio.sleep(0.005)

        with anyio.fail_after(20):
            await as_caller("subscriber", take)
            await client.request(rpc("notify", 5))
    assert heard == ["nobody"] * 25


class Body:
    """A body that can be read again, and takes note of whose context it is read in."""

    def __init__(self) -> None:
        self.read_by: list[Any] = []

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for _ in range(3):
            await anyio.sleep(0.001)
            self.read_by.append(WHO.get())
            yield b"12345"


@on_engines
async def test_a_body_is_read_in_the_context_of_its_caller(engine: str, server: LoopbackServer) -> None:
    async with Pynector(base_url=server.url, http_engine=engine, max_connections=1) as client:
        bodies = [Body() for _ in range(6)]

        async def send() -> Any:
            entries = [({"path": "/echo", "method": "POST", "content": sent}, {}) for sent in bodies[1:]]
            await client.request({"path": "/echo", "method": "POST", "content": bodies[0]})
            return await client.batch_request(entries, 2, raise_on_error=True)

        for who in ("first", "second"):
            assert await as_caller(who, send) == [b"12345" * 3] * 5
            for sent in bodies:
                assert sent.read_by == [who] * 3
                sent.read_by.clear()


@on_engines
async def test_a_body_is_read_again_in_the_context_of_its_caller(engine: str, server: LoopbackServer) -> None:
    sent = Body()
    data = {"path": "/redirect/1", "params": {"to": "/echo", "status": 307}, "method": "POST", "content": sent}
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        await as_caller("opener", lambda: client.request({"path": "/id/1"}))
        await as_caller("caller", lambda: client.request(data))
        await as_caller("caller", lambda: client.batch_request([({"path": "/id/1"}, {}), (data, {})], 1))
    assert len(sent.read_by) >= 9
    assert set(sent.read_by) == {"caller"}


@on_engines
async def test_an_auth_flow_has_the_context_of_its_caller(engine: str, server: LoopbackServer) -> None:
    import httpx

    seen: list[Any] = []

    class Flow(httpx.Auth):  # type: ignore[misc, name-defined]
        def auth_flow(self, request: Any) -> Any:
            seen.append(WHO.get())
            yield request

    async with Pynector(base_url=server.url, http_engine="auto" if engine == "native" else engine) as client:
        entries: list[Any] = [({"path": "/id/1"}, {}), ({"path": "/id/1"}, {"auth": Flow()})] * 3
        for who in ("first", "second"):
            await as_caller(who, lambda: client.batch_request(entries, 1, raise_on_error=True))
    assert seen == ["first"] * 3 + ["second"] * 3


class Elsewhere(Answering):
    """A transport with `submit` that answers from a context of its own."""

    def __init__(self, tasks: anyio.abc.TaskGroup) -> None:
        super().__init__()
        self.tasks = tasks
        self.seen_by: list[Any] = []

    def submit(
        self, data: Any, options: Mapping[str, Any], deadline: float, completion: Any, token: int
    ) -> anyio.CancelScope:
        self.seen_by.append(WHO.get())
        scope = anyio.CancelScope()
        own = copy_context()
        own.run(WHO.set, "the transport")
        own.run(self.tasks.start_soon, self._carry, scope, data, completion, token)
        return scope

    async def _carry(self, scope: anyio.CancelScope, data: Any, completion: Any, token: int) -> None:
        with scope:
            await anyio.lowlevel.checkpoint()
            completion.succeed(token, data)


async def test_each_entry_of_a_batch_is_submitted_in_the_context_of_its_caller() -> None:
    async with anyio.create_task_group() as tasks:
        transport = Elsewhere(tasks)
        async with Pynector(transport) as client:
            for who in ("first", "second"):
                await as_caller(who, lambda: client.batch_request([(n, {}) for n in range(10)], 2))
                assert transport.seen_by == [who] * 10
                transport.seen_by.clear()


@on_engines
async def test_what_is_logged_of_a_batch_is_logged_in_the_context_of_its_caller(
    engine: str, server: LoopbackServer, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[tuple[str, Any]] = []

    class Filter(logging.Filter):
        def filter(self, record: Any) -> bool:
            if getattr(record, "event", "").startswith(("request", "batch")):
                told.append((record.event, WHO.get()))
            return True

    caplog.set_level(logging.DEBUG, "pynector")
    caplog.handler.addFilter(Filter())
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        entries = [({"path": "/id/1"}, {}), ({"path": "/status/404"}, {}), ({"path": "/redirect/1"}, {})]
        for who in ("first", "second"):
            await as_caller(who, lambda: client.batch_request(entries, 2))
            assert len(told) == 8
            assert {seen for _, seen in told} == {who}
            told.clear()


# The client


def test_a_client_on_a_new_loop_still_has_the_context_of_its_beginning(server: LoopbackServer) -> None:
    client = Pynector(base_url=server.url)

    async def use() -> None:
        kept = Kept()
        seen = weakref.ref(kept)
        await as_caller(kept, lambda: client.request({"path": "/id/1"}))
        del kept
        for _ in range(20):
            gc.collect()
            if seen() is None:
                break
            await asyncio.sleep(0.01)
        assert seen() is None
        await client.aclose()

    for _ in range(2):
        asyncio.run(use())


async def test_a_transport_can_be_copied(server: LoopbackServer) -> None:
    transport = HTTPTransport(base_url=server.url)
    for made in (copy.deepcopy(transport), pickle.loads(pickle.dumps(transport))):
        async with made as connected:
            assert await connected.exchange({"path": "/id/1"}) == b"1"
