"""The end of a client: what is cancelled in the middle is finished by the next call, and nothing stays."""

from __future__ import annotations

import gc
import math
import warnings
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from leaks import open_files
from pynector import Pynector, TransportError
from pynector.testing import LoopbackServer

pytestmark = pytest.mark.anyio


class SlowToEnd:
    """A transport that takes its time to disconnect, and counts how often it was asked to and how often it did."""

    def __init__(self) -> None:
        self.asked = 0
        self.ended = 0
        self.go_on = anyio.Event()

    async def connect(self) -> None:
        pass

    async def disconnect(self) -> None:
        self.asked += 1
        await self.go_on.wait()
        self.ended += 1

    async def exchange(self, data: Any, /, **options: Any) -> Any:
        return data


class Factory:
    def __init__(self) -> None:
        self.made: list[SlowToEnd] = []

    def create_transport(self, **options: Any) -> SlowToEnd:
        self.made.append(SlowToEnd())
        return self.made[-1]


@pytest.fixture
def factory() -> Factory:
    from pynector import get_transport_factory_registry

    factory = Factory()
    get_transport_factory_registry().register("slow-to-end", factory)
    return factory


async def cancelled_aclose(client: Pynector, anyio_backend_name: str) -> None:
    """Begin to close, and be cancelled in the middle."""
    if anyio_backend_name == "trio":
        # Trio knows no cancellation that goes through a shield: there is nothing to be left undone.
        with anyio.move_on_after(0.05):
            await client.aclose()
        return
    import asyncio

    task = asyncio.ensure_future(client.aclose())
    await anyio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_the_next_call_finishes_a_close_that_was_cancelled(factory: Factory, anyio_backend_name: str) -> None:
    if anyio_backend_name == "trio":
        return
    client = Pynector(transport_type="slow-to-end")
    assert await client.request(1) == 1
    (transport,) = factory.made
    await cancelled_aclose(client, anyio_backend_name)
    assert (transport.asked, transport.ended) == (1, 0)
    transport.go_on.set()
    await client.aclose()
    assert (transport.asked, transport.ended) == (2, 1)
    await client.aclose()
    assert transport.asked == 2


async def test_a_client_used_after_a_cancelled_close_still_ends_what_was_before(
    factory: Factory, anyio_backend_name: str
) -> None:
    if anyio_backend_name == "trio":
        return
    client = Pynector(transport_type="slow-to-end")
    assert await client.request(1) == 1
    await cancelled_aclose(client, anyio_backend_name)
    assert await client.request(2) == 2
    first, second = factory.made
    first.go_on.set()
    second.go_on.set()
    await client.aclose()
    assert (first.ended, second.ended) == (1, 1)


@pytest.mark.parametrize("engine", ["httpx", "auto", "http2"], indirect=True)
@pytest.mark.parametrize("turns", range(6))
async def test_a_close_cancelled_at_any_turn_leaves_nothing(
    server: LoopbackServer, engine: str, turns: int, anyio_backend_name: str
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # The first connection of a loop makes the loop open files of its own.
        async with Pynector(base_url=server.url, http_engine=engine) as client:
            await client.request({"path": "/id/1"})
        await anyio.wait_all_tasks_blocked()
        gc.collect()
        before = open_files() or 0
        client = Pynector(base_url=server.url, http_engine=engine)
        await client.batch_request([({"path": "/id/1"}, {})] * 5)
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(client.aclose)
                for _ in range(turns):
                    await anyio.lowlevel.checkpoint()
                scope.cancel()
        await client.aclose()
        await anyio.wait_all_tasks_blocked()
        gc.collect()
    assert (open_files() or 0) <= before


async def test_two_that_close_at_once_both_see_the_end(factory: Factory) -> None:
    client = Pynector(transport_type="slow-to-end")
    await client.request(1)
    (transport,) = factory.made
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(client.aclose)
        tasks.start_soon(client.aclose)
        await anyio.wait_all_tasks_blocked()
        transport.go_on.set()
    assert transport.ended >= 1


async def test_a_retry_ends_when_the_client_is_closed(server: LoopbackServer) -> None:
    client = Pynector(base_url=server.url, config={"max_retry_delay": 1e6})
    errors: list[TransportError] = []

    async def ask() -> None:
        post = {"method": "POST", "path": "/status/503", "json": 1}
        with pytest.raises(TransportError, match="closed") as failed:
            await client.request_with_retry(post, 5, 1e6, timeout=math.inf)
        errors.append(failed.value)

    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            while client.stats().retries == 0:  # noqa: ASYNC110 - nobody tells
                await anyio.sleep(0.005)
            await client.aclose()
    assert client._lifecycle.session is None
    assert (errors[0].sent, errors[0].attempts) == ("full", 1)


async def test_closing_from_inside_an_exchange_does_not_wait_for_itself() -> None:
    class Closing:
        async def connect(self) -> None:
            pass

        async def disconnect(self) -> None:
            pass

        async def exchange(self, data: Any, /, **options: Any) -> Any:
            await client.aclose()
            await anyio.lowlevel.checkpoint()
            return data

    client = Pynector(Closing())
    with anyio.fail_after(20), pytest.raises(TransportError, match="closed"):
        await client.request(1)
    with anyio.fail_after(20):
        for result in await client.batch_request([(n, {}) for n in range(3)]):
            assert isinstance(result, TransportError)
