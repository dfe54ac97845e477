"""What has ended is freed at once: nothing waits for the garbage collector in circles."""

from __future__ import annotations

import gc
import importlib
import weakref
from collections.abc import Iterator
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from leaks import left_at_last, living, newly
from pynector import Pynector, PynectorError, RetryPolicy
from pynector.testing import LoopbackServer
from transports import Connectable, ExchangeOnly

pytestmark = pytest.mark.anyio


class Exchanging(Connectable):
    """Raises an exception that is given as a function, and keeps nothing of it."""

    async def exchange(self, data: Any, /) -> Any:
        await anyio.lowlevel.checkpoint()
        raise data()


class Submitting(Exchanging):
    """The same, by callbacks."""

    def submit(self, data: Any, options: Any, deadline: float, completion: Any, token: int) -> None:
        completion.fail(token, data())


@pytest.fixture(autouse=True)
def _no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


async def error_of(client: Pynector, call: str, data: Any) -> Any:
    """Give a weak reference to what a call fails with."""
    try:
        if call == "request":
            await client.request(data)
        elif call == "request_with_retry":
            await client.request_with_retry(data, 2, 0)
        elif call == "stream":
            async with client.stream(data):
                pass
        else:
            await client.batch_request([(data, {})] * 3, raise_on_error=True)
    except PynectorError as error:
        return weakref.ref(error)


@pytest.mark.parametrize("kind", [Exchanging, Submitting])
@pytest.mark.parametrize("call", ["request", "request_with_retry", "batch_request"])
async def test_an_error_keeps_nothing_that_keeps_it(kind: Any, call: str) -> None:
    async with Pynector(kind()) as client:
        error = await error_of(client, call, OSError)
        await anyio.lowlevel.checkpoint()
        assert error() is None


@pytest.mark.parametrize("engine", ["auto", "httpx", "http2"], indirect=True)
async def test_nothing_stays_of_a_request_over_http(server: LoopbackServer, engine: str) -> None:
    kinds = ("Run", "HttpxStream", "Exchange", "IncomingStream")
    before = living(*kinds)
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        for path in ("/status/404", "/id/1"):
            for call in ("request", "request_with_retry", "stream"):
                error = await error_of(client, call, {"path": path})
                await anyio.sleep(0.01)
                assert await left_at_last(before, *kinds) == []
                assert error is None or error() is None


@pytest.mark.parametrize("options", [{}, {"retry": RetryPolicy()}], ids=["plain", "own rules"])
async def test_nothing_stays_of_entries_that_were_read(options: dict[str, Any]) -> None:
    kinds = ("BatchRun", "Source", "ListResults", "Dispatcher", "RuledDispatcher")
    before = living(*kinds)
    async with Pynector(ExchangeOnly()) as client:
        assert await client.batch_request(iter([("a", {}), ("b", options)])) == ["a", "b"]
        await anyio.lowlevel.checkpoint()
        assert newly(before, *kinds) == []


@pytest.mark.parametrize("name", ["httpx", "httpx2"])
async def test_nothing_stays_of_another_clients_request(server: LoopbackServer, name: str) -> None:
    package = pytest.importorskip(name)
    transport_class = importlib.import_module(f"pynector.integrations.{name}").PynectorTransport
    kinds = ("Exchange", "Relayed", "_Body", "Response", "BoundAsyncStream")
    before = living(*kinds)
    async with package.AsyncClient(transport=transport_class()) as client:
        for path in ("/id/1", "/status/404", "/drip/3?interval=0.01", "/bytes/300000"):
            response = await client.get(f"{server.url}{path}")
            # Before 0.28, httpx asks a clock for it that uvloop keeps in milliseconds.
            assert response.elapsed.total_seconds() > 0 or package.__version__.startswith("0.27.")
            async with client.stream("GET", f"{server.url}{path}") as response:
                pass
        with pytest.raises(package.ReadTimeout):
            await client.get(f"{server.url}/hang", timeout=0.3)
        with pytest.raises(package.RemoteProtocolError):
            await client.get(f"{server.url}/truncate/100")
        del response
        assert await left_at_last(before, *kinds) == []


@pytest.mark.parametrize("name", ["httpx", "httpx2"])
def test_nothing_stays_of_another_synchronous_clients_request(server: LoopbackServer, name: str) -> None:
    package = pytest.importorskip(name)
    transport_class = importlib.import_module(f"pynector.integrations.{name}").PynectorSyncTransport
    kinds = ("Exchange", "Relayed", "_SyncBody", "Response", "BoundSyncStream")
    before = living(*kinds)
    with package.Client(transport=transport_class()) as client:
        for path in ("/id/1", "/bytes/300000"):
            response = client.get(f"{server.url}{path}")
            assert response.elapsed.total_seconds() > 0
            with client.stream("GET", f"{server.url}{path}") as response:
                pass
    del response
    assert newly(before, *kinds) == []
