"""Metrics of HTTP requests by OpenTelemetry's conventions, and of batches."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import anyio
import pytest
from scripted import ScriptedServer, answer

from pynector import HTTPStatusError, Pynector, PynectorError, TimeoutError
from pynector.testing import LoopbackServer

pytestmark = pytest.mark.anyio

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)


async def test_each_attempt_has_a_duration(client: Pynector, server: LoopbackServer, points: Any) -> None:
    await client.batch_request([({"path": f"/id/{n}"}, {}) for n in range(5)])
    with contextlib.suppress(HTTPStatusError):
        await client.request({"path": "/redirect/1", "params": {"to": "/status/404"}})
    with contextlib.suppress(PynectorError):
        await client.request({"path": "/close"})
    with contextlib.suppress(TimeoutError):
        await client.request({"path": "/hang"}, 0.1)
    where = {"http.request.method": "GET", "server.address": "127.0.0.1", "server.port": server.port}
    told = {
        (p.attributes.get("http.response.status_code"), p.attributes.get("error.type")): p
        for p in points("http.client.request.duration")
    }
    assert {key: point.count for key, point in told.items()} == {
        (200, None): 5,
        (302, None): 1,
        (404, "404"): 1,
        (None, "pynector.ConnectionLost"): told[None, "pynector.ConnectionLost"].count,
        (None, "pynector.TimeoutError"): 1,
    }
    for point in told.values():
        assert tuple(point.explicit_bounds) == BUCKETS
        assert where.items() <= dict(point.attributes).items()
    assert told[None, "pynector.TimeoutError"].sum >= 0.09


async def test_a_cancelled_request_has_none(client: Pynector, points: Any) -> None:
    with anyio.move_on_after(0.05):
        await client.request({"path": "/hang"})
    assert points("http.client.request.duration") == []


async def test_connections_and_requests_are_counted_when_somebody_looks(
    client: Pynector, engine: str, http_version: str, server: LoopbackServer, points: Any
) -> None:
    await client.batch_request([({"path": "/delay/0.05"}, {})] * 3)
    async with anyio.create_task_group() as tasks:
        for _ in range(2):
            tasks.start_soon(client.request, {"path": "/hang"})
        with anyio.fail_after(20):
            while server.stats().in_flight < 2:  # noqa: ASYNC110 - it is another process
                await anyio.sleep(0.01)
        here = [p for p in points("http.client.active_requests") if p.attributes["server.port"] == server.port]
        assert [p.value for p in here] == [2]
        open_now = {
            p.attributes["http.connection.state"]: p.value
            for p in points("http.client.open_connections")
            if p.attributes["server.port"] == server.port
        }
        expected = {"active": 2, "idle": 1} if http_version == "HTTP/1.1" else {"active": 1, "idle": 0}
        assert open_now == (expected if engine == "native" else {})
        stats = client.stats()
        assert stats.in_flight == 2
        assert stats.connections == (expected if engine == "native" else {})
        tasks.cancel_scope.cancel()
    assert client.stats().in_flight == 0


async def test_a_series_ends_with_its_origin(engine: str, play: Callable[..., ScriptedServer], points: Any) -> None:
    silent = [play(["hang"]) for _ in range(6)]
    others = [play(listening=False), play(["close"]), *(play([answer()] * 3) for _ in range(6))]
    others.append(play([answer(b"", "302 Found", f"Location: {others[-1].url}/")]))
    names = ("http.client.active_requests", "http.client.open_connections")
    async with Pynector(http_engine=engine, keepalive_expiry=0.3) as client:
        async with anyio.create_task_group() as tasks:
            for server in silent[:3]:
                tasks.start_soon(client.request, {"url": server.url})
            await client.batch_request([({"url": server.url}, {}) for server in others])
            await client.batch_request([({"url": server.url}, {"timeout": 0.05}) for server in silent[3:]])
            assert len({point.attributes["server.port"] for point in points(names[0])}) >= 3
            tasks.cancel_scope.cancel()
        with anyio.fail_after(20):
            while any(points(name) for name in names):  # noqa: ASYNC110 - nobody tells
                await anyio.sleep(0.05)


async def test_batches_and_retries_are_measured(client: Pynector, points: Any) -> None:
    await client.batch_request([({"path": "/id/1"}, {})] * 7, max_concurrency=2)
    with pytest.raises(HTTPStatusError):
        await client.batch_request([({"path": "/status/500"}, {})], raise_on_error=True)
    await client.request_with_retry({"path": "/flaky", "params": {"key": uuid4().hex}}, 5, 0)
    (size,) = points("pynector.batch.size")
    assert (size.count, size.sum) == (2, 8)
    durations = {p.attributes.get("error.type"): p.count for p in points("pynector.batch.duration")}
    assert durations == {None: 1, "500": 1}
    (queue,) = points("pynector.scheduler.queue_time")
    assert queue.count == 8
    (retries,) = points("pynector.request.retries")
    assert (retries.value, dict(retries.attributes)) == (2, {"error.type": "503"})
