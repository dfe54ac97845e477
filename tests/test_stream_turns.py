"""Streams under the limits of their client: each has its turn, and its place until it ends."""

from __future__ import annotations

import time

import anyio
import pytest

from pynector import CircuitBreaker, CircuitOpen, HTTPStatusError, Pynector, Rate, TimeoutError, TransportError
from pynector.testing import LoopbackServer

pytestmark = pytest.mark.anyio


async def body(client: Pynector, path: str = "/bytes/10") -> bytes:
    async with client.stream({"path": path}) as response:
        return bytes(await response.read())


async def test_streams_wait_for_the_rate(server: LoopbackServer) -> None:
    async with Pynector(base_url=server.url, rate=Rate(50)) as client:
        started = time.monotonic()
        async with anyio.create_task_group() as tasks:
            for _ in range(11):
                tasks.start_soon(body, client)
        assert time.monotonic() - started >= 0.19


async def test_a_stream_has_its_place_until_it_is_left(server: LoopbackServer) -> None:
    async with Pynector(base_url=server.url, max_concurrency_per_origin=1) as client:
        async with client.stream({"path": "/bytes/10"}) as response:
            with anyio.move_on_after(0.05) as scope:
                await body(client)
            assert scope.cancelled_caught
            with pytest.raises(TimeoutError, match="while waiting") as caught:
                await client.request({"path": "/id/1"}, timeout=0.5)
            assert (caught.value.phase, caught.value.sent) == ("queue", "none")
            assert "while waiting for a place at its origin" in str(caught.value)
            await response.read()
        assert await body(client) == b"0123456789"
        assert await client.request({"path": "/id/1"}) == b"1"


async def test_streams_that_fail_open_the_circuit(server: LoopbackServer) -> None:
    async with Pynector(base_url=server.url, breaker=CircuitBreaker(minimum=2)) as client:
        for _ in range(2):
            with pytest.raises(HTTPStatusError):
                await body(client, "/status/500")
        with pytest.raises(CircuitOpen, match="too many requests to http"):
            await body(client)


async def test_a_stream_that_waits_ends_with_its_client(server: LoopbackServer) -> None:
    client = Pynector(base_url=server.url, max_concurrency_per_origin=1)
    failures: list[BaseException] = []

    async def waiting() -> None:
        try:
            await body(client)
        except TransportError as error:
            failures.append(error)

    async with client.stream({"path": "/bytes/10"}), anyio.create_task_group() as tasks:
        tasks.start_soon(waiting)
        await anyio.sleep(0.05)
        await client.aclose()
    assert [str(error) for error in failures] == [
        f"the client was closed before the answer came [GET {server.url}/bytes/10]"
    ]
