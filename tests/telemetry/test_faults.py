"""Whatever of a program's telemetry fails, a request keeps its answer or its error, and the failure is told of once."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable, Iterator
from typing import Any

import anyio
import pytest
import saboteurs
from asking import ASKED, ENGINES, HANG, counts, outcome_of
from opentelemetry import trace
from saboteurs import TOLD_OF, Fault, Listening

from pynector import ConnectionLost, Pynector, TransportError
from pynector.testing import LoopbackServer
from transports import KINDS, ExchangeOnly, transport_of
from wsservers import running

pytestmark = pytest.mark.anyio

ALWAYS, NOW_AND_THEN = (lambda call: True), (lambda call: call % 3 == 1)

# Each single call has its turn in test_every_call.py.
WHERE_AND_WHEN = [
    *(pytest.param(*where.values, ALWAYS, id=where.id) for where in ENGINES),
    pytest.param(*ENGINES[-1].values, NOW_AND_THEN, id=f"{ENGINES[-1].id}-now and then"),
]

Sabotage = Callable[[Fault, Listening], None]

# The SDK keeps what the first raises; the second fails once; the others are not called twice by two plain requests.
NEVER_TWICE = (saboteurs.exporter, saboteurs.instruments, saboteurs.measurement, saboteurs.propagator)


class Told:
    """What was told of telemetry's own failures.

    Attributes:
        unraisable: The errors that came to `sys.unraisablehook`.
    """

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self._caplog = caplog
        self.unraisable: list[Any] = []

    def logged(self) -> list[dict[str, Any]]:
        records = [record for record in self._caplog.records if record.name == "pynector.core"]
        return [record.fields for record in records if record.event == "telemetry.error"]  # type: ignore[attr-defined]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Told:
    told = Told(caplog)
    monkeypatch.setattr(sys, "unraisablehook", lambda failure: told.unraisable.append(failure.exc_value))
    caplog.set_level(logging.DEBUG, "pynector")
    return told


@pytest.fixture
def listening(monkeypatch: pytest.MonkeyPatch) -> Listening:
    return Listening(monkeypatch)


def check_told(told: Told, fault: Fault, part: str | None) -> None:
    assert fault.raised
    logged = told.logged()
    if part in ("events", None):
        assert logged == []
        assert len(told.unraisable) == (part is not None)
    else:
        assert (len(logged), told.unraisable) == (1, [])
        assert (logged[0]["part"], logged[0]["error_type"]) == (part, "builtins.RuntimeError")
        assert logged[0]["at"].startswith("saboteurs:")


EXPECTED: dict[Any, Any] = {}


async def outcomes(client: Pynector) -> list[Any]:
    async with client:
        return [(name, await outcome_of(ask, client), counts(client.stats())) for name, ask in ASKED.items()]


@pytest.fixture
async def expected(anyio_backend: Any, engine: str, server: LoopbackServer) -> Any:
    """What comes of all that is asked over HTTP where nobody listens."""
    known = EXPECTED.get((str(anyio_backend), engine))
    if known is None:
        known = await outcomes(Pynector(base_url=server.url, http_engine=engine, enable_telemetry=False))
        EXPECTED[str(anyio_backend), engine] = known
    return known


@pytest.mark.parametrize(("anyio_backend", "engine", "at"), WHERE_AND_WHEN, indirect=["engine"])
@pytest.mark.parametrize("sabotage", TOLD_OF)
async def test_over_http_all_is_as_without_telemetry(
    sabotage: Sabotage, at: Any, engine: str, server: LoopbackServer, expected: Any, listening: Listening, told: Told
) -> None:
    fault = Fault(at)
    sabotage(fault, listening)
    listening.begin()
    for seen, wanted in zip(await outcomes(Pynector(base_url=server.url, http_engine=engine)), expected, strict=True):
        assert seen == wanted
    check_told(told, fault, TOLD_OF[sabotage])
    lost = fault.raised if sabotage is saboteurs.on_start else 0
    assert listening.counting.started - lost == listening.counting.ended
    assert trace.get_current_span() is trace.INVALID_SPAN


@pytest.mark.parametrize(("anyio_backend", "engine"), ENGINES, indirect=["engine"])
async def test_how_far_a_late_request_had_come_is_the_same(
    engine: str, server: LoopbackServer, listening: Listening, told: Told
) -> None:
    listening.begin()
    seen: dict[bool, list[Any]] = {}

    async def ask(enabled: bool) -> None:
        async with Pynector(base_url=server.url, http_engine=engine, enable_telemetry=enabled) as client:
            batch = await client.batch_request([(HANG, {})] * 3, 2, 0.5)
            batch += await client.batch_request([(HANG, {"timeout": 0.5})])
            seen[enabled] = [(type(error), error.phase, error.sent) for error in batch]

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask, True)
        tasks.start_soon(ask, False)
    assert seen[True] == seen[False]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sabotage", [s for s in TOLD_OF if s is not saboteurs.propagator])
async def test_over_any_transport_all_is_as_without_telemetry(
    sabotage: Sabotage, kind: str, listening: Listening, told: Told
) -> None:
    fault = Fault(ALWAYS)
    sabotage(fault, listening)
    listening.begin()
    seen = []
    for enabled in (False, True):
        async with transport_of(kind) as transport, Pynector(transport, enable_telemetry=enabled) as client:
            with anyio.fail_after(30):
                answers = [await client.request("a")]
                with pytest.raises(TransportError, match="gone"):
                    await client.request_with_retry(ConnectionResetError("gone"), 2, 0)
                answers += await client.batch_request([(str(n), {}) for n in range(50)], 7)
                transport.stuck = {"s"}
                if kind != "immediate":
                    with anyio.move_on_after(0.02):
                        await client.batch_request([("s", {})] * 3)
                    answers += [str(error) for error in await client.batch_request([("s", {})] * 3, timeout=0.02)]
            seen.append((answers, counts(client.stats())))
    assert seen[0] == seen[1]
    check_told(told, fault, TOLD_OF[sabotage])


@pytest.fixture(scope="module")
def websocket_port() -> Iterator[int]:
    pytest.importorskip("websockets")
    with running() as port:
        yield port


@pytest.mark.parametrize("sabotage", [s for s in TOLD_OF if s is not saboteurs.propagator])
async def test_over_websocket_all_is_as_without_telemetry(
    sabotage: Sabotage, websocket_port: int, listening: Listening, told: Told
) -> None:
    fault = Fault(ALWAYS)
    sabotage(fault, listening)
    listening.begin()
    url = f"ws://127.0.0.1:{websocket_port}/rpc"
    news = {"jsonrpc": "2.0", "method": "notify", "params": [1]}

    def add(*numbers: int) -> dict[str, Any]:
        return {"jsonrpc": "2.0", "method": "add", "params": numbers}

    with anyio.fail_after(30):
        async with Pynector(transport_type="websocket", url=url, correlation="id") as client:
            assert b'"result": 3' in await client.request(add(1, 2))
            answers = await client.batch_request([(add(n, n), {}) for n in range(50)], 5)
            assert [b'"result": %d' % (2 * n) in answer for n, answer in enumerate(answers)] == [True] * 50
            async with client.subscribe() as subscription:
                await client.request(news)
                message = await anext(subscription)
                assert b"news" in message.content
            stats = client.stats()
    assert (stats.requests, stats.errors, stats.in_flight) == (52, {}, 0)
    check_told(told, fault, TOLD_OF[sabotage])


class Mute(Exception):
    def __str__(self) -> str:
        raise ValueError("it has no words")


KINDS_OF_ERROR = [StopIteration, TimeoutError, asyncio.TimeoutError, KeyError, MemoryError, ConnectionLost, Mute]


@pytest.mark.parametrize("sabotage", [saboteurs.on_start, saboteurs.on_end, saboteurs.handler, saboteurs.measurement])
@pytest.mark.parametrize("kind", KINDS_OF_ERROR)
async def test_an_error_of_any_kind_stays_telemetry_s_own(
    kind: type[Exception], sabotage: Sabotage, server: LoopbackServer, listening: Listening, told: Told
) -> None:
    fault = Fault(ALWAYS, kind)
    sabotage(fault, listening)
    listening.begin()
    with anyio.fail_after(30):
        async with Pynector(base_url=server.url) as client:
            assert await client.request({"path": "/id/1"}) == b"1"
            assert await client.batch_request([({"path": f"/id/{n}"}, {}) for n in range(9)], 2) == [
                str(n).encode() for n in range(9)
            ]
    assert len(told.logged()) + len(told.unraisable) == 1


async def twice(client: Pynector) -> None:
    await client.request("a")
    await client.request("a")


class Stop(BaseException):
    """As KeyboardInterrupt, which pytest takes for itself."""


@pytest.mark.parametrize("sabotage", [s for s in TOLD_OF if s not in NEVER_TWICE])
async def test_what_is_no_exception_passes(sabotage: Sabotage, listening: Listening, told: Told) -> None:
    fault = Fault(lambda call: call == 2, Stop)
    sabotage(fault, listening)
    listening.begin()
    async with Pynector(ExchangeOnly()) as client:
        with pytest.raises(Stop):
            await twice(client)
        assert await client.request("b") == "b"
    assert told.logged() == told.unraisable == []


async def test_a_batch_that_is_stopped_inside_telemetry_ends(listening: Listening, told: Told) -> None:
    fault = Fault(lambda call: call == 4, Stop)
    saboteurs.on_end(fault, listening)
    listening.begin()
    transport = ExchangeOnly()
    with anyio.fail_after(30):
        async with Pynector(transport) as client:
            # Out of the tasks of a batch it comes in a group.
            with pytest.raises(BaseException, match=r"^$|unhandled errors|nursery") as caught:
                await client.batch_request([(str(n), {}) for n in range(10)], 2)
            assert "Stop" in repr(caught.value)
            assert client.stats().in_flight == transport.in_flight == 0
            assert await client.request("b") == "b"
