"""What a client counts by itself."""

from __future__ import annotations

import itertools
import sys
import threading
from pathlib import Path
from typing import Any

import anyio
import pytest

from pynector import HTTPStatusError, Pynector, PynectorError, Stats, TimeoutError
from pynector.dispatch.limits import Declared
from pynector.dispatch.shared import Shared
from pynector.testing import LoopbackServer
from transports import KINDS, ExchangeOnly, transport_of

pytestmark = pytest.mark.anyio


async def test_a_client_counts_what_has_ended() -> None:
    client = Pynector(ExchangeOnly(), enable_telemetry=False)
    assert client.stats() == Stats()
    async with client:
        await client.request("a")
        await client.batch_request([("a", {}), (OSError("b"), {}), (KeyError("c"), {})])
        with pytest.raises(PynectorError):
            await client.request_with_retry(OSError("d"), 3, 0)
        counted = client.stats()
    assert counted == Stats(
        requests=7, errors={"TransportError": 4, "PynectorError": 1}, retries=2, limits={"retries_TransportError": 2}
    )
    assert client.stats() == counted


def test_any_thread_may_ask() -> None:
    shared, is_over = Shared(Declared()), threading.Event()

    def count() -> None:
        for number in itertools.count():
            if is_over.is_set():
                return
            shared.counts[f"retries_{number % 3000}"] += 1
            if number % 3000 == 2999:
                shared.counts.clear()

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    counting = threading.Thread(target=count)
    counting.start()
    try:
        for _ in range(300):
            shared.numbers()
    finally:
        sys.setswitchinterval(interval)
        is_over.set()
        counting.join()


async def test_a_client_counts_what_is_under_way() -> None:
    transport = ExchangeOnly()
    transport.stuck = {"s"}
    async with Pynector(transport) as client:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.request, "s")
            tasks.start_soon(client.batch_request, [("s", {})] * 5, 2)
            with anyio.fail_after(20):
                while client.stats().in_flight < 3:  # noqa: ASYNC110 - the client has no event for it
                    await anyio.sleep(0.001)
            assert (client.stats().in_flight, client.stats().queued) == (3, 3)
            tasks.cancel_scope.cancel()
        assert client.stats() == Stats()


async def test_a_client_that_cannot_connect_counts_that() -> None:
    transport = ExchangeOnly()
    transport.refuse = [OSError("no"), OSError("no")]
    client = Pynector(transport)
    with pytest.raises(PynectorError):
        await client.request("a")
    await client.batch_request([("a", {}), ("b", {})])
    assert client.stats() == Stats(requests=3, errors={"TransportError": 3})
    await client.aclose()


async def test_a_batch_that_is_late_and_raises_is_counted() -> None:
    transport = ExchangeOnly()
    transport.stuck = {"s"}
    async with Pynector(transport) as client:
        with pytest.raises(TimeoutError):
            await client.batch_request([("a", {}), ("s", {})], timeout=0.1, raise_on_error=True)
        assert client.stats() == Stats(requests=2, errors={"TimeoutError": 1})


@pytest.mark.parametrize("kind", KINDS)
async def test_of_a_batch_that_raises_only_what_has_ended_is_counted(kind: str) -> None:
    async with transport_of(kind) as transport, Pynector(transport) as client:
        transport.stuck = {"s"}
        entries: list[Any] = [("a", {}), (OSError("no"), {}), *[("a", {})] * 500]
        with pytest.raises(PynectorError):
            await client.batch_request(entries, max_concurrency=2, raise_on_error=True)
        stats = client.stats()
    assert stats.errors == {"TransportError": 1}
    assert stats.requests <= 4
    assert (stats.in_flight, stats.queued) == (0, 0)


async def test_streams_are_counted(server: LoopbackServer) -> None:
    async with Pynector(base_url=server.url) as client:
        async with client.stream({"path": "/bytes/100"}) as response:
            assert client.stats().in_flight == 1
            await response.read()
        with pytest.raises(HTTPStatusError):
            async with client.stream({"path": "/status/500"}):
                pass
        with pytest.raises(PynectorError):
            async with client.stream({"path": "/truncate/1000"}) as response:
                await response.read()
        stats = client.stats()
    assert (stats.requests, stats.errors, stats.in_flight) == (3, {"HTTPStatusError": 1, "ConnectionLost": 1}, 0)


@pytest.mark.parametrize("engine", ["auto", "httpx", "http2"], indirect=True)
async def test_a_stream_that_waits_in_vain_for_a_connection_is_counted(server: LoopbackServer, engine: str) -> None:
    async with Pynector(base_url=server.url, http_engine=engine, max_connections=1, max_streams=1) as client:
        async with client.stream({"path": "/bytes/20000000"}):
            with pytest.raises(TimeoutError, match=r"within 0\.05 s") as late:
                async with client.stream({"path": "/bytes/1"}, timeout=0.05):
                    pass
        stats = client.stats()
    assert late.value.request == f"GET {server.url}/bytes/1"
    assert (late.value.phase, late.value.sent) == ("queue", "none")
    assert (stats.requests, stats.errors, stats.in_flight) == (2, {"TimeoutError": 1}, 0)


async def test_what_a_checkpoint_gives_back_is_no_request(server: LoopbackServer, tmp_path: Path) -> None:
    path, before = tmp_path / "job.db", server.stats().requests
    requests = [({"path": f"/status/{status}"}, {}) for status in (200, 404, 200, 503, 204)]
    async with Pynector(base_url=server.url) as client:
        await client.batch_request(requests[:4], checkpoint=path)
    async with Pynector(base_url=server.url) as client:
        results = await client.batch_request(requests, checkpoint=path, retry_failed=False)
        assert [type(result) for result in results] == [bytes, HTTPStatusError, bytes, HTTPStatusError, bytes]
        assert (client.stats().requests, client.stats().errors) == (1, {})
        async with client.batch_stream([*requests, requests[0]], checkpoint=path, retry_failed=False) as items:
            failed = [item.index async for item in items if item.error is not None]
            assert (sorted(failed), items.counts()) == ([1, 3], (6, 2))
            assert client.stats().requests == 2
        with pytest.raises(HTTPStatusError):
            await client.batch_request(requests, checkpoint=path, retry_failed=False, raise_on_error=True)
        assert (client.stats().requests, client.stats().errors) == (2, {})
    assert server.stats().requests - before == 6


async def test_failures_are_logged_though_only_errors_are_heard(
    server: LoopbackServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("ERROR", "pynector")
    async with Pynector(base_url=server.url) as client:
        with pytest.raises(HTTPStatusError):
            await client.request_with_retry({"path": "/status/500"}, 2, 0)
        with pytest.raises(HTTPStatusError):
            async with client.stream({"path": "/status/404"}):
                pass
    assert [record.fields["error_type"] for record in caplog.records] == ["500", "404"]  # type: ignore[attr-defined]


async def test_what_has_ended_in_a_batch_is_counted_while_the_batch_goes_on(server: LoopbackServer) -> None:
    async with Pynector(base_url=server.url) as client:
        requests = [({"path": f"/status/{status}"}, {}) for status in (200, 404, 404, 503)]
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.batch_request, [*requests, ({"path": "/delay/30"}, {})])
            with anyio.fail_after(20):
                while client.stats().requests < 4:  # noqa: ASYNC110 - the client has no event for it
                    await anyio.sleep(0.001)
            counted = client.stats()
            assert (counted.requests, counted.errors, counted.in_flight) == (4, {"HTTPStatusError": 3}, 1)
            tasks.cancel_scope.cancel()
        # What was cancelled has no end that anybody was told of.
        assert (client.stats().requests, client.stats().errors) == (4, {"HTTPStatusError": 3})
