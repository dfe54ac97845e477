"""Virtual time: what a client waits for comes at once, and is as long as it is."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest

from loops import BACKENDS, VIRTUALLY, runners
from pynector import ConfigurationError, ConnectError, Pynector, Rate, RetryPolicy, TimeoutError, blocking
from pynector.testing import Answer, FakeTransport, virtual_time

pytestmark = pytest.mark.anyio


async def fetched(retry: RetryPolicy, **options: Any) -> Any:
    """The code under test, which makes its own client."""
    async with Pynector(base_url="http://api.invalid", retry=retry, as_response=True, timeout=3600) as client:
        return await client.request({"path": "/"}, **options)


@VIRTUALLY
async def test_a_policy_of_ten_minutes_takes_none() -> None:
    began = time.monotonic()
    with virtual_time() as passed, FakeTransport().everywhere() as fake:
        fake.answer("/", *[503] * 4, Answer(text="well", latency=2.5))
        response = await fetched(RetryPolicy(5, backoff=40, max_backoff=1e9, jitter=0))
    assert (response.text, response.attempts, passed.elapsed) == ("well", 5, 40 + 80 + 160 + 320 + 2.5)
    assert response.elapsed == pytest.approx(2.5)
    assert repr(passed) == "<VirtualTime, 602.5 s have passed>"
    assert time.monotonic() - began < 300


@VIRTUALLY
async def test_attempts_that_hang_are_counted_exactly() -> None:
    hangs = Answer(latency=1e6)
    with virtual_time() as passed, FakeTransport().everywhere() as fake:
        fake.answer("/", hangs, hangs, "done")
        response = await fetched(RetryPolicy(9, backoff=0.001, jitter=0, attempt_timeout=30))
        assert (response.text, response.attempts, len(fake.requests)) == ("done", 3, 3)
        assert passed.elapsed == 60.003
        fake.answer("/", hangs)
        with pytest.raises(TimeoutError) as late:
            await fetched(RetryPolicy(100, backoff=0, attempt_timeout=20), timeout=70)
    assert (late.value.attempts, late.value.seconds, late.value.sent) == (4, 70, "full")


@VIRTUALLY
async def test_what_waits_comes_in_its_order() -> None:
    with virtual_time() as passed, FakeTransport().everywhere() as fake:
        fake.answer("/*", lambda asked: Answer(text=asked.path, latency=float(asked.path[1:])))
        waits = [300, 20, 100, 7200]
        async with Pynector(base_url="http://api.invalid", timeout=3600) as client:
            requests: list[Any] = [({"path": f"/{seconds}"}, {}) for seconds in waits]
            async with client.batch_stream(requests) as results:
                ends = [(waits[item.index], item.ok, round(item.elapsed, 6)) async for item in results]
    assert ends == [(20, True, 20.0), (100, True, 100.0), (300, True, 300.0), (7200, False, 3600.0)]
    assert passed.elapsed == 3600


@VIRTUALLY
async def test_a_rate_is_kept() -> None:
    with virtual_time() as passed, FakeTransport().everywhere() as fake:
        fake.answer(None, 200)
        async with Pynector(base_url="http://api.invalid", rate=Rate(60, per=3600)) as client:
            await client.batch_request([({"path": "/"}, {})] * 11)
    assert passed.elapsed == pytest.approx(600, abs=1)


@VIRTUALLY
async def test_no_server_is_connected_to() -> None:
    with virtual_time():
        async with Pynector(base_url="http://127.0.0.1:9") as client:
            with pytest.raises(ConnectError, match="virtual time waits for no server") as refused:
                await client.request_with_retry({"path": "/"}, 3)
    assert refused.value.attempts == 1


@VIRTUALLY
async def test_one_in_another_is_refused() -> None:
    with virtual_time(), pytest.raises(ConfigurationError, match="on already"), virtual_time():
        pass


@pytest.mark.parametrize("anyio_backend", [one for one in BACKENDS if one.id != "asyncio"])
async def test_a_loop_that_cannot_is_refused(anyio_backend: Any) -> None:
    said = "MockClock" if anyio_backend[0] == "trio" else "uvloop"
    with pytest.raises(ConfigurationError, match=said), virtual_time():
        pass


@pytest.mark.parametrize("run", [run for run in runners() if run.id != "asyncio"])
def test_a_client_says_that_its_loop_cannot(run: Any) -> None:
    async def main() -> None:
        await Pynector(base_url="http://api.invalid").request({"path": "/"})

    with virtual_time(), pytest.raises(ConfigurationError, match="virtual"):
        run(main())


# On asyncio, whose loops are our own business

ASYNCIO = pytest.mark.parametrize("anyio_backend", [("asyncio", {"debug": False})])


@ASYNCIO
async def test_a_loop_goes_on_from_where_it_is() -> None:
    times = [asyncio.get_running_loop().time()]
    for _ in range(2):
        with virtual_time() as passed:
            await anyio.sleep(500)
            times.append(anyio.current_time())
            assert passed.elapsed == 500
        await anyio.sleep(0.001)
        times.append(anyio.current_time())
    assert times == sorted(times)
    assert times[-1] - times[0] >= 1000
    # And in real time.
    with anyio.move_on_after(0.01):
        await anyio.sleep_forever()


@ASYNCIO
@pytest.mark.parametrize("package", [asyncio, anyio.to_thread])
async def test_time_stands_still_while_a_thread_works(package: Any) -> None:
    may_end = threading.Event()

    async def end() -> None:
        await anyio.lowlevel.checkpoint()
        may_end.set()

    with virtual_time() as passed, anyio.fail_after(1000):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(end)
            run = package.to_thread if package is asyncio else package.run_sync
            assert await run(may_end.wait, 60)
    assert passed.elapsed == 0


@ASYNCIO
async def test_a_thread_that_waits_for_the_loop_holds_it_up_for_a_while_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pynector.testing.fake.clock.PATIENCE", 0.01)
    with virtual_time() as passed:
        await anyio.to_thread.run_sync(anyio.from_thread.run, anyio.sleep, 30)
    assert passed.elapsed == 30


@ASYNCIO
async def test_timers_that_were_cancelled_are_not_gone_to() -> None:
    loop = asyncio.get_running_loop()
    with virtual_time() as passed:
        for timer in [loop.call_later(seconds, time.sleep, 0) for seconds in range(10, 100)]:
            timer.cancel()
        await anyio.sleep(200)
    assert passed.elapsed == 200


def test_loops_of_clients_without_one() -> None:
    with virtual_time() as passed, FakeTransport().everywhere() as fake:
        fake.answer("/", 503, "well")
        with blocking.Pynector(base_url="http://api.invalid", retry=RetryPolicy(2, 900, 900, jitter=0)) as client:
            assert client.request({"path": "/"}, timeout=1000) == b"well"
    assert passed.elapsed == 900
    before = asyncio.BaseEventLoop.time
    asyncio.run(asyncio.sleep(0.001))
    assert before is asyncio.BaseEventLoop.time
    assert before.__module__ == "asyncio.base_events"
