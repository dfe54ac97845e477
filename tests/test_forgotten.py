"""Clients that nobody closes: what they had open ends with their event loop, or with them."""

from __future__ import annotations

import asyncio
import gc
import sys
import warnings
from collections.abc import Callable, Coroutine, Iterator
from importlib.util import find_spec
from typing import Any

import anyio
import pytest

from leaks import no_more_than, open_files, present
from pynector import Pynector
from pynector.testing import LoopbackServer

Run = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]


def by_asyncio(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(main())


def by_uvloop(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    import uvloop

    if sys.version_info >= (3, 11):
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(main())
    else:
        uvloop.install()
        try:
            asyncio.run(main())
        finally:
            asyncio.set_event_loop_policy(None)


def by_trio(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    import trio

    trio.run(main)


RUNS = [by_asyncio, *([by_uvloop] if find_spec("uvloop") else []), by_trio]


@pytest.fixture
def _without_collection() -> Iterator[None]:
    """What is to be closed must not wait for the garbage collector."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("_without_collection")
@pytest.mark.parametrize("engine", ["auto", "httpx", "http2"], indirect=True)
@pytest.mark.parametrize("run", RUNS)
def test_a_client_used_in_many_runs_leaves_nothing_open(server: LoopbackServer, run: Run, engine: str) -> None:
    client = Pynector(base_url=server.url, http_engine=engine)

    async def ask() -> None:
        assert await client.batch_request([({"path": "/id/1"}, {})] * 3) == [b"1"] * 3

    run(ask)
    before = open_files() or 0
    for _ in range(10):
        run(ask)
    assert (open_files() or 0) <= before


@pytest.mark.parametrize("engine", ["auto", "httpx", "http2"], indirect=True)
@pytest.mark.parametrize("run", RUNS)
def test_a_client_that_is_dropped_is_closed_and_told_of(server: LoopbackServer, run: Run, engine: str) -> None:
    async def drop() -> None:
        client = Pynector(base_url=server.url, http_engine=engine)
        assert await client.request({"path": "/id/1"}) == b"1"
        del client
        gc.collect()

    async def ask() -> None:
        await drop()
        # Nothing tells when it has come to its end.
        await anyio.sleep(0.3)
        before = present()
        await drop()
        assert await no_more_than(before)

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        run(ask)
    ours = [warning for warning in told if "was not closed" in str(warning.message)]
    assert [warning.category for warning in ours] == [ResourceWarning] * 2


@pytest.mark.parametrize("run", RUNS)
def test_a_client_that_is_closed_is_not_told_of(server: LoopbackServer, run: Run) -> None:
    async def ask() -> None:
        async with Pynector(base_url=server.url) as client:
            assert await client.request({"path": "/id/1"}) == b"1"
        await client.request({"path": "/id/1"})
        await client.aclose()

    run(ask)


def test_a_stream_that_is_dropped_after_its_event_loop_ends_quietly(server: LoopbackServer) -> None:
    opening: list[Any] = []

    async def begin() -> None:
        client = Pynector(base_url=server.url)
        await client.request({"path": "/id/1"})
        opening.append(client.stream({"path": "/hang"}).__aenter__())
        opening[0].send(None)

    with warnings.catch_warnings():
        # The client was not closed, nor what it had open.
        warnings.simplefilter("ignore", ResourceWarning)
        asyncio.run(begin())
        opening[0].close()
        gc.collect()
