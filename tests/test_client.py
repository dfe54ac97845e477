"""The client: how it is made, single requests, and its life from the first use to `aclose`."""

from __future__ import annotations

import math
from typing import Any

import anyio
import pytest

from pynector import (
    ConfigurationError,
    ConnectError,
    Pynector,
    PynectorError,
    TimeoutError,
    TransportError,
    get_transport_factory_registry,
)
from transports import ExchangeOnly, Factory, ImmediateSubmit, MemoryTransport, TaskSubmit
from values import WRONG_TIMEOUTS


@pytest.fixture
def factory(monkeypatch: pytest.MonkeyPatch) -> Factory:
    """The factory of a transport type "memory"."""
    made = Factory(ExchangeOnly, option_names={"max_concurrency", "seed"})
    monkeypatch.setitem(get_transport_factory_registry()._registered, "memory", made)
    return made


# Making one


def test_an_unknown_transport_type_lists_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match=r"(?s)'htp'.*http"):
        Pynector(transport_type="htp")


def test_an_unknown_option_names_the_nearest() -> None:
    with pytest.raises(ConfigurationError, match=r"max_conections.*max_connections"):
        Pynector(max_conections=3)
    with pytest.raises(ConfigurationError, match=r"time_out.*timeout"):
        Pynector(config={"time_out": 3})


def test_an_option_has_no_effect_on_a_transport_that_is_passed_in() -> None:
    with pytest.raises(ConfigurationError, match="base_url"):
        Pynector(ExchangeOnly(), base_url="http://h")


@pytest.mark.parametrize("missing", ["connect", "disconnect", "send", "receive"])
def test_a_transport_that_lacks_a_method_is_refused(missing: str) -> None:
    transport = MemoryTransport()
    setattr(transport, missing, None)
    with pytest.raises(ConfigurationError, match=missing):
        Pynector(transport)


def test_a_transport_s_class_is_no_transport() -> None:
    with pytest.raises(ConfigurationError, match="is a class"):
        Pynector(MemoryTransport)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"config": 7}, "config"),
        ({"config": {7: 7}}, "config"),
        ({"enable_telemetry": "yes"}, "enable_telemetry"),
        ({"max_concurrency": 0}, "max_concurrency"),
        ({"max_concurrency": True}, "max_concurrency"),
        ({"max_concurrency": 1.5}, "max_concurrency"),
        ({"max_retry_delay": -1}, "max_retry_delay"),
        *(({"timeout": wrong}, "timeout") for wrong in WRONG_TIMEOUTS),
        *(({"config": {"timeout": wrong}}, "timeout") for wrong in WRONG_TIMEOUTS),
    ],
)
def test_a_wrong_argument_is_named(arguments: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigurationError, match=named):
        Pynector(**arguments)


@pytest.mark.parametrize("wrong", ["0", "-1", "nan", "abc", "1,5", " "])
def test_a_wrong_variable_is_named(wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYNECTOR_TIMEOUT", wrong)
    with pytest.raises(ConfigurationError, match="PYNECTOR_TIMEOUT"):
        Pynector()
    Pynector(timeout=1)


def test_says_whether_it_is_connected() -> None:
    assert repr(Pynector(ExchangeOnly())) == "<Pynector ExchangeOnly not connected>"


# Single requests


@pytest.mark.anyio
@pytest.mark.parametrize("wrong", WRONG_TIMEOUTS)
async def test_a_wrong_timeout_of_a_request_is_refused_and_nothing_is_sent(wrong: Any) -> None:
    transport = ExchangeOnly()
    with pytest.raises(ConfigurationError, match="timeout"):
        await Pynector(transport).request("x", timeout=wrong)
    assert (transport.connects, transport.seen) == (0, [])


@pytest.mark.anyio
@pytest.mark.parametrize("timeout", [math.inf, 1000, 1e9, None])
async def test_a_timeout_may_be_long_or_none(timeout: Any) -> None:
    client = Pynector(ExchangeOnly(), config={"timeout": None})
    assert await client.request("x", timeout=timeout) == "x"
    await client.aclose()


@pytest.mark.anyio
@pytest.mark.parametrize("make", [ExchangeOnly, ImmediateSubmit, MemoryTransport])
async def test_a_request_s_options_reach_the_transport(make: Any) -> None:
    transport = make()
    async with Pynector(transport) as client:
        assert await client.request("x", path="/p", priority=3) in ("x", b"x")
    assert transport.options == [{"path": "/p", "priority": 3}]


@pytest.mark.anyio
@pytest.mark.parametrize("make", [ExchangeOnly, MemoryTransport])
async def test_a_request_that_takes_too_long_is_a_timeout(make: Any) -> None:
    transport = make()
    transport.stuck = ["slow"]
    async with Pynector(transport) as client:
        with pytest.raises(TimeoutError, match=r"0\.05 s"):
            await client.request("slow", timeout=0.05)
        transport.release.set()
        assert await client.request("next") in ("next", b"next")


@pytest.mark.anyio
async def test_a_submitted_request_that_is_cancelled_is_given_up() -> None:
    async with anyio.create_task_group() as tasks:
        transport = TaskSubmit(tasks)
        transport.stuck = ["slow"]
        async with Pynector(transport) as client:
            async with anyio.create_task_group() as callers:
                callers.start_soon(client.request, "slow")
                await transport.waiting.wait()
                callers.cancel_scope.cancel()
            await anyio.wait_all_tasks_blocked()
            assert transport.cancelled == ["slow"]
            assert await client.request("next") == "next"


@pytest.mark.anyio
async def test_the_clock_runs_while_a_request_waits_for_its_turn() -> None:
    transport = ExchangeOnly(max_concurrency=1)
    transport.stuck = ["first"]
    answers: dict[str, Any] = {}
    async with Pynector(transport) as client, anyio.create_task_group() as tasks:

        async def ask(name: str, timeout: float) -> None:
            answers[name] = await client.request(name, timeout=timeout)

        tasks.start_soon(ask, "first", math.inf)
        await transport.waiting.wait()
        with pytest.raises(TimeoutError) as late:
            await client.request("second", timeout=0.2)
        assert (late.value.phase, late.value.sent) == ("queue", "none")
        tasks.start_soon(ask, "third", math.inf)
        transport.release.set()
    assert answers == {"first": "first", "third": "third"}
    assert transport.most_in_flight == 1


# Its life


@pytest.mark.anyio
@pytest.mark.parametrize("callers", [2, 50])
async def test_however_many_arrive_at_once_it_connects_once(callers: int) -> None:
    transport = ExchangeOnly()
    client = Pynector(transport)
    answers = []

    async def ask(number: int) -> None:
        answers.append(await client.request(number))

    async with anyio.create_task_group() as tasks:
        for number in range(callers):
            tasks.start_soon(ask, number)
    assert sorted(answers) == list(range(callers))
    assert transport.connects == 1
    await client.aclose()


@pytest.mark.anyio
async def test_a_connection_that_failed_is_tried_again_at_the_next_use() -> None:
    transport = ExchangeOnly()
    transport.refuse = [OSError("no route"), ConnectError("refused", phase="connect", sent="none")]
    client = Pynector(transport)
    with pytest.raises(TransportError, match="no route") as caught:
        await client.request("x")
    assert (caught.value.phase, caught.value.sent) == ("connect", "none")
    assert isinstance(caught.value.__cause__, OSError)
    assert [type(result) for result in await client.batch_request([("x", {})] * 3)] == [ConnectError] * 3
    assert await client.request("x") == "x"
    await client.aclose()


@pytest.mark.anyio
async def test_a_batch_that_cannot_connect_raises_if_told_to() -> None:
    transport = ExchangeOnly()
    transport.refuse = [OSError("no route")]
    client = Pynector(transport)
    with pytest.raises(TransportError, match="no route"):
        await client.batch_request([("x", {})], raise_on_error=True)
    await client.aclose()


@pytest.mark.anyio
async def test_a_connection_that_takes_too_long_is_a_timeout() -> None:
    class Slow(ExchangeOnly):
        async def connect(self) -> None:
            await anyio.sleep_forever()

    client = Pynector(Slow(), config={"timeout": 0.05})
    with pytest.raises(TimeoutError, match="not connected") as caught:
        await client.request("x")
    assert (caught.value.phase, caught.value.sent) == ("connect", "none")
    with pytest.raises(TimeoutError):
        await client.__aenter__()
    (result,) = await client.batch_request([("x", {})])
    assert isinstance(result, TimeoutError)
    await client.aclose()


@pytest.mark.anyio
async def test_the_context_connects_and_closes(factory: Factory) -> None:
    async with Pynector(transport_type="memory") as client:
        (transport,) = factory.made
        assert transport.connects == 1
        assert "open" in repr(client)
        assert await client.request("x") == "x"
    assert (transport.connects, transport.disconnects) == (1, 1)


@pytest.mark.anyio
async def test_a_transport_that_is_passed_in_stays_connected() -> None:
    transport = ExchangeOnly()
    async with Pynector(transport) as client:
        await client.request("x")
    assert (transport.connects, transport.disconnects) == (1, 0)


@pytest.mark.anyio
async def test_closing_twice_is_closing_once(factory: Factory) -> None:
    client = Pynector(transport_type="memory")
    await client.aclose()
    await client.request("x")
    await client.aclose()
    await client.aclose()
    (transport,) = factory.made
    assert transport.disconnects == 1


@pytest.mark.anyio
async def test_a_client_that_was_closed_connects_again(factory: Factory) -> None:
    client = Pynector(transport_type="memory")
    for _ in range(3):
        assert await client.request("x") == "x"
        await client.aclose()
    assert sum(transport.connects for transport in factory.made) == 3
    assert sum(transport.disconnects for transport in factory.made) == 3


@pytest.mark.anyio
async def test_what_a_transport_says_at_disconnecting_is_a_pynector_error(factory: Factory) -> None:
    client = Pynector(transport_type="memory")
    await client.request("x")

    async def fail() -> None:
        raise OSError("broken")

    factory.made[0].disconnect = fail
    with pytest.raises(PynectorError, match="broken"):
        await client.aclose()


@pytest.mark.anyio
@pytest.mark.parametrize("kind", ["exchange", "submit", "serial"])
async def test_closing_ends_a_request_in_flight(kind: str) -> None:
    async with anyio.create_task_group() as tasks:
        transport: Any = {
            "exchange": ExchangeOnly,
            "submit": lambda: TaskSubmit(tasks),
            "serial": MemoryTransport,
        }[kind]()
        transport.stuck = ["slow"]
        client = Pynector(transport)
        failures: list[BaseException] = []

        async def ask() -> None:
            with pytest.raises(TransportError, match="closed before the answer") as caught:
                await client.request("slow")
            failures.append(caught.value)

        tasks.start_soon(ask)
        await transport.waiting.wait()
        await client.aclose()
        await anyio.wait_all_tasks_blocked()
        assert len(failures) == 1
        transport.release.set()
        assert await client.request("next") in ("next", b"next")
        await client.aclose()


@pytest.mark.anyio
async def test_closing_while_it_connects_ends_the_first_request() -> None:
    started = anyio.Event()

    class Slow(ExchangeOnly):
        async def connect(self) -> None:
            started.set()
            await anyio.sleep_forever()

    client = Pynector(Slow())
    async with anyio.create_task_group() as tasks:

        async def ask() -> None:
            with pytest.raises(TransportError, match="closed"):
                await client.request("x")

        tasks.start_soon(ask)
        await started.wait()
        await client.aclose()
