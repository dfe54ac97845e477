"""Event loops: which one runs, and whether it is over."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import anyio
import pytest
import trio
from trio.testing import MockClock

from pynector import CircuitBreaker, Pynector, PynectorError, Rate, get_transport_factory_registry
from pynector.eventloop import Runtime, cancellation_is_asked_for
from transports import ExchangeOnly, Factory, ImmediateSubmit, MemoryTransport

Run = Callable[[Callable[[], Coroutine[Any, Any, Any]]], Any]


def run_asyncio(main: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    return asyncio.run(main())


RUNS: list[Run] = [run_asyncio, trio.run]


@pytest.fixture
def factory(monkeypatch: pytest.MonkeyPatch) -> Factory:
    """The factory of a transport type "memory"."""
    made = Factory(MemoryTransport)
    monkeypatch.setitem(get_transport_factory_registry()._registered, "memory", made)
    return made


@pytest.mark.anyio
async def test_knows_the_running_loop() -> None:
    runtime = Runtime.current()
    assert runtime.serves()
    assert not runtime.is_over()
    assert abs(runtime.clock() - anyio.current_time()) < 60


@pytest.mark.parametrize("run", RUNS)
def test_knows_that_a_loop_is_over(run: Run) -> None:
    async def main() -> Runtime:
        return Runtime.current()

    assert run(main).is_over()


def test_without_a_loop_there_is_an_error() -> None:
    with pytest.raises(PynectorError, match="inside a running event loop"):
        Runtime.current()
    request = Pynector(ImmediateSubmit()).request("x")
    with pytest.raises(PynectorError, match="inside a running event loop"):
        request.send(None)


@pytest.mark.anyio
async def test_nobody_has_asked_for_a_cancellation() -> None:
    # Trio's cannot escape by itself, so there, as on Python 3.10, it always counts as asked for.
    on_asyncio = Runtime.current().is_asyncio
    assert cancellation_is_asked_for() is (not on_asyncio or sys.version_info < (3, 11))


@pytest.mark.anyio
async def test_a_cancelled_scope_has_asked_for_it() -> None:
    with anyio.CancelScope() as scope:
        scope.cancel()
        assert cancellation_is_asked_for()
        await anyio.sleep_forever()


def test_a_cancelled_task_has_asked_for_it() -> None:
    async def main() -> bool:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            return cancellation_is_asked_for()
        return False

    async def cancelled() -> bool:
        task = asyncio.create_task(main())
        await asyncio.sleep(0)
        task.cancel()
        return await task

    assert asyncio.run(cancelled())


@pytest.mark.parametrize("second", RUNS)
@pytest.mark.parametrize("first", RUNS)
def test_a_client_goes_on_when_its_loop_is_closed(first: Run, second: Run, factory: Factory) -> None:
    client = Pynector(transport_type="memory")

    async def main() -> list[Any]:
        return [await client.request("a"), *await client.batch_request([("b", {}), ("c", {})])]

    assert first(main) == second(main) == [b"a", b"b", b"c"]
    assert [transport.connects for transport in factory.made] == [1, 1]


def test_the_rates_of_a_client_are_not_told_the_time_of_two_clocks() -> None:
    client = Pynector(MemoryTransport(), rate=Rate(10), breaker=CircuitBreaker())

    async def main() -> float:
        started = trio.current_time()
        for _ in range(3):
            await client.request("a")
        return trio.current_time() - started

    trio.run(main)
    # Its time begins at 0, and that of every other clock of trio's later.
    assert trio.run(main, clock=MockClock(autojump_threshold=0)) < 1
    assert client.stats().limits == {"rate_waits": 4}


@pytest.mark.parametrize("run", RUNS)
def test_a_transport_of_ones_own_connects_on_each_loop(run: Run) -> None:
    transport = MemoryTransport()
    client = Pynector(transport)

    async def main() -> Any:
        return await client.request("a")

    assert run(main) == run(main) == b"a"
    assert (transport.connects, transport.disconnects) == (2, 0)


@pytest.mark.parametrize("run", RUNS)
def test_closing_after_the_loop_is_over_does_nothing_more(run: Run, factory: Factory) -> None:
    client = Pynector(transport_type="memory")

    async def use() -> None:
        await client.request("a")

    run(use)
    assert factory.made[0].disconnects == 1
    run(client.aclose)
    assert factory.made[0].disconnects == 1
    run(use)
    assert factory.made[1].connects == 1


def test_use_on_another_running_loop_is_an_error() -> None:
    transport = ExchangeOnly()
    client = Pynector(transport)
    errors: list[PynectorError] = []

    async def elsewhere() -> None:
        for use in (client.request("b"), client.batch_request([("b", {})]), client.aclose(), client.__aenter__()):
            with pytest.raises(PynectorError, match="another event loop that still runs") as caught:
                await use
            errors.append(caught.value)

    async def main() -> None:
        assert await client.request("a") == "a"
        thread = threading.Thread(target=asyncio.run, args=(elsewhere(),))
        thread.start()
        await anyio.to_thread.run_sync(thread.join)
        thread = threading.Thread(target=trio.run, args=(elsewhere,))
        thread.start()
        await anyio.to_thread.run_sync(thread.join)
        assert await client.request("c") == "c"
        await client.aclose()

    asyncio.run(main())
    assert len(errors) == 8
    assert transport.seen == ["a", "c"]
    assert transport.connects == 1


FORK = """
import asyncio, os, sys
sys.path.insert(0, sys.argv[1])
from transports import Factory, MemoryTransport
from pynector import Pynector, get_transport_factory_registry

factory = Factory(MemoryTransport)
get_transport_factory_registry().register("memory", factory)
client = Pynector(transport_type="memory")

async def use(data):
    return await client.request(data)

def child():
    answer = asyncio.run(use("child"))
    asyncio.run(client.aclose())
    return answer == b"child" and [t.connects for t in factory.made] == [1, 1]

loop = asyncio.new_event_loop()
assert loop.run_until_complete(use("parent")) == b"parent"
pid = os.fork()
if pid == 0:
    ok = False
    try:
        ok = child()
    finally:
        os._exit(0 if ok else 1)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
assert loop.run_until_complete(use("parent again")) == b"parent again"
assert len(factory.made) == 1
loop.run_until_complete(client.aclose())
loop.close()
print("done")
"""


def test_after_a_fork_the_child_connects_anew() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", FORK, os.path.dirname(__file__)],
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert (done.stdout, done.stderr) == ("done\n", "")
