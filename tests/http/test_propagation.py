"""The caller's trace goes on through requests that no span tells of: sampled out, or OpenTelemetry without an SDK."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from opentelemetry import baggage, context, propagate, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, Sampler, SamplingResult
from scripted import ScriptedServer, answer

from engines import HAS_HTTP2
from inside import transport_of
from pynector import Pynector
from pynector.testing import LoopbackServer

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("no_providers")]

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
ABOVE = {"traceparent": f"00-{TRACE}-{SPAN}-01", "tracestate": "vendor=1", "baggage": "tenant=7"}
OWN = f"00-{'1' * 32}-{'2' * 16}-01"


@contextmanager
def inside(above: Any = ABOVE) -> Iterator[None]:
    """What a service does whose caller gave it these header fields."""
    token = context.attach(propagate.extract(above))
    try:
        yield
    finally:
        context.detach(token)


def unsampled() -> None:
    trace.set_tracer_provider(TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False))


def unsampled_requests() -> None:
    """Of a batch only its own span is sampled."""

    class OnlyBatches(Sampler):
        def should_sample(self, parent: Any, trace_id: int, name: str, *rest: Any, **more: Any) -> SamplingResult:
            from opentelemetry.sdk.trace.sampling import ALWAYS_ON

            return (ALWAYS_ON if name.endswith("batch_request") else ALWAYS_OFF).should_sample(parent, trace_id, name)

        def get_description(self) -> str:
            return "only batches"

    trace.set_tracer_provider(TracerProvider(sampler=OnlyBatches(), shutdown_on_exit=False))


def measured() -> None:
    """There is an SDK for metrics, and none for spans."""
    from opentelemetry import metrics

    metrics.set_meter_provider(MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False))


def nothing() -> None:
    """There is no SDK."""


async def single(client: Pynector, data: Any, options: Any) -> Any:
    return await client.request(data, **options)


async def in_batch(client: Pynector, data: Any, options: Any) -> Any:
    return (await client.batch_request([(data, {}), (data, {})], raise_on_error=True, **options))[1]


async def with_own_options(client: Pynector, data: Any, options: Any) -> Any:
    return (await client.batch_request([(data, options)], raise_on_error=True))[0]


async def retried(client: Pynector, data: Any, options: Any) -> Any:
    return await client.request_with_retry(data, 2, 0, **options)


async def streamed(client: Pynector, data: Any, options: Any) -> Any:
    async with client.stream(data, **options) as response:
        return await response.read()


Ask = Callable[[Pynector, Any, Any], Awaitable[Any]]
WAYS: list[Ask] = [single, in_batch, with_own_options, retried, streamed]
NAMES = ("traceparent", "tracestate", "baggage")


async def seen(ask: Ask, client: Pynector, data: Any, **options: Any) -> dict[str, str]:
    """The fields of trace context that a request comes with."""
    told = json.loads(await ask(client, data, options))
    return {name.lower(): value for name, value in told["headers"] if name.lower() in NAMES}


INSPECT: dict[str, Any] = {"path": "/inspect"}
FORMS: dict[str, tuple[Any, dict[str, Any]]] = {
    "plain": (INSPECT, {}),
    "with headers": ({**INSPECT, "headers": {"X-Id": "1"}}, {"as_response": False}),
    "with parameters": (INSPECT, {"params": {"a": "1"}, "headers": {"X-Id": "1"}}),
    "with JSON": ({**INSPECT, "json": {"a": 1}}, {}),
    "with a body": ({**INSPECT, "method": "PUT"}, {"content": b"123"}),
    "with long JSON": ({**INSPECT, "json": ["x" * 70_000]}, {}),
    "with long JSON and headers": ({**INSPECT, "json": ["x" * 70_000], "headers": {"X-Id": "1"}}, {}),
}


@pytest.mark.parametrize("listen", [nothing, measured])
@pytest.mark.parametrize("ask", WAYS)
async def test_without_an_sdk_the_callers_own_context_goes_on(
    listen: Callable[[], None], ask: Ask, client: Pynector
) -> None:
    listen()
    with inside():
        for data, options in FORMS.values():
            assert await seen(ask, client, data, **options) == ABOVE
    assert await seen(ask, client, INSPECT) == {}


@pytest.mark.parametrize("listen", [unsampled, unsampled_requests])
@pytest.mark.parametrize("ask", WAYS)
async def test_what_is_sampled_out_says_so_and_goes_on(listen: Callable[[], None], ask: Ask, client: Pynector) -> None:
    listen()
    with inside():
        for data, options in FORMS.values():
            told = await seen(ask, client, data, **options)
            version, trace_id, span_id, flags = told.pop("traceparent").split("-")
            assert (version, trace_id) == ("00", TRACE)
            assert span_id != SPAN
            assert not int(flags, 16) & 1
            assert told == {"tracestate": "vendor=1", "baggage": "tenant=7"}


@pytest.mark.parametrize("ask", WAYS)
async def test_baggage_goes_on_without_a_trace(ask: Ask, client: Pynector) -> None:
    with inside({"baggage": "tenant=7"}):
        assert await seen(ask, client, INSPECT) == {"baggage": "tenant=7"}


@pytest.mark.parametrize("listen", [nothing, unsampled, measured])
@pytest.mark.parametrize("ask", WAYS)
@pytest.mark.parametrize("to_whom", ["none", "elsewhere", "here"])
async def test_it_goes_to_whom_it_may(
    to_whom: str, ask: Ask, listen: Callable[[], None], engine: str, server: LoopbackServer
) -> None:
    listen()
    origins: Any = {"here": [server.url], "elsewhere": ["https://api.example.com"]}.get(to_whom, to_whom)
    async with Pynector(base_url=server.url, http_engine=engine, propagate=origins) as client:
        with inside():
            for data, options in FORMS.values():
                assert set(await seen(ask, client, data, **options)) == (set(NAMES) if to_whom == "here" else set())


@pytest.mark.parametrize("listen", [nothing, unsampled, measured, lambda: trace.set_tracer_provider(TracerProvider())])
@pytest.mark.parametrize("ask", WAYS)
async def test_with_the_callers_own_traceparent_no_other_tracestate_goes(
    ask: Ask, listen: Callable[[], None], client: Pynector
) -> None:
    listen()
    own = {"Traceparent": OWN}
    with inside():
        for data, options in FORMS.values():
            given = {**options.get("headers", {}), **data.get("headers", {}), **own}
            told = await seen(ask, client, {**data, "headers": given})
            assert told == {"traceparent": OWN, "baggage": "tenant=7"}
            told = await seen(ask, client, data, **{**options, "headers": given})
            assert told == {"traceparent": OWN, "baggage": "tenant=7"}
        given = {**own, "tracestate": "mine=1", "baggage": "mine=2"}
        assert await seen(ask, client, INSPECT, headers=given) == {
            "traceparent": OWN,
            "tracestate": "mine=1",
            "baggage": "mine=2",
        }


@pytest.mark.parametrize("ask", WAYS)
async def test_with_the_clients_own_traceparent_no_other_tracestate_goes(
    ask: Ask, engine: str, server: LoopbackServer
) -> None:
    async with Pynector(base_url=server.url, http_engine=engine, headers={"traceparent": OWN}) as client:
        with inside():
            for data, options in FORMS.values():
                assert await seen(ask, client, data, **options) == {"traceparent": OWN, "baggage": "tenant=7"}


async def test_an_entry_with_its_own_context_stands_among_others(client: Pynector) -> None:
    entries = [
        (INSPECT, {}),
        ({**INSPECT, "headers": {"traceparent": OWN}}, {}),
        (INSPECT, {"headers": {"Baggage": "mine=2"}}),
        ({"url": f"{transport_of(client).options.base}inspect"}, {}),
        (INSPECT, {}),
    ]
    with inside():
        results = await client.batch_request(entries, raise_on_error=True)
    told = [
        {name.lower(): value for name, value in json.loads(result)["headers"] if name.lower() in NAMES}
        for result in results
    ]
    assert told == [
        ABOVE,
        {"traceparent": OWN, "baggage": "tenant=7"},
        {**ABOVE, "baggage": "mine=2"},
        ABOVE,
        ABOVE,
    ]


@pytest.mark.parametrize("key", ["_SUPPRESS_HTTP_INSTRUMENTATION_KEY", "_SUPPRESS_INSTRUMENTATION_KEY"])
@pytest.mark.parametrize("listen", [nothing, unsampled, measured])
@pytest.mark.parametrize("ask", WAYS)
async def test_where_somebody_else_sees_to_it_nothing_goes(
    ask: Ask, listen: Callable[[], None], key: str, client: Pynector
) -> None:
    listen()
    with inside():
        token = context.attach(context.set_value(getattr(context, key), True))
        try:
            assert await seen(ask, client, INSPECT) == {}
        finally:
            context.detach(token)


@pytest.mark.parametrize("ask", WAYS)
async def test_a_client_without_telemetry_sends_nothing_along(ask: Ask, engine: str, server: LoopbackServer) -> None:
    async with Pynector(base_url=server.url, http_engine=engine, enable_telemetry=False) as client:
        with inside():
            assert await seen(ask, client, INSPECT) == {}


@pytest.mark.parametrize("listen", [nothing, unsampled])
async def test_the_propagator_is_asked_once_for_a_batch(
    listen: Callable[[], None], client: Pynector, monkeypatch: pytest.MonkeyPatch
) -> None:
    listen()
    asked: list[Any] = []
    real = propagate.inject

    def inject(carrier: Any, *args: Any) -> None:
        asked.append(carrier)
        real(carrier, *args)

    monkeypatch.setattr(propagate, "inject", inject)
    data = [data for data, _ in FORMS.values()]
    with inside():
        await client.batch_request([(entry, {}) for entry in data * 5], raise_on_error=True)
    assert len(asked) == 1


@pytest.mark.parametrize("listen", [nothing, unsampled])
async def test_requests_that_the_encoder_can_write_cost_no_more(
    listen: Callable[[], None], engine: str, server: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    if engine != "native":
        return
    from pynector.transport.http.native import engine as module

    def prepare(*args: Any) -> None:
        raise AssertionError("this is no way for plain requests")

    listen()
    monkeypatch.setattr(module, "prepare", prepare)
    entries = [form for name, form in FORMS.items() if name != "with a body"]
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        with inside():
            for result in await client.batch_request(entries * 3, raise_on_error=True):
                assert TRACE.encode() in result


@pytest.mark.parametrize("ask", WAYS)
async def test_a_propagator_that_fails_harms_no_request(
    ask: Ask, client: Pynector, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def inject(*args: Any) -> None:
        raise KeyError("the propagator's own fault")

    monkeypatch.setattr(propagate, "inject", inject)
    with inside():
        for data, options in FORMS.values():
            assert await seen(ask, client, data, **options) == {}
    assert [record.event for record in caplog.records if record.name == "pynector.core"].count("telemetry.error") == 1  # type: ignore[attr-defined]


# A request that is sent more than once


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[LoopbackServer]:
    with LoopbackServer(http2=HAS_HTTP2) as running:
        yield running


@pytest.mark.parametrize("listen", [nothing, unsampled])
@pytest.mark.parametrize("ask", WAYS)
async def test_it_goes_along_over_redirects_to_whom_it_may(
    ask: Ask, listen: Callable[[], None], engine: str, server: LoopbackServer, elsewhere: LoopbackServer
) -> None:
    listen()
    # What one caller gives himself may go to all, and has the text of what was added in it.
    own = {"X-Traceparent": ABOVE["traceparent"]}
    for origins, goes in (([server.url], False), ([server.url, elsewhere.url], True), ("all", True)):
        options = {"propagate": origins, "redirect_headers": ["x-traceparent", *NAMES]}
        async with Pynector(base_url=server.url, http_engine=engine, **options) as client:
            with inside():
                for to, wanted in (("/inspect", NAMES), (f"{elsewhere.url}/inspect", NAMES if goes else ())):
                    data = {"path": "/redirect/1", "params": {"to": to}, "headers": own}
                    told = json.loads(await ask(client, data, {}))["headers"]
                    names = [name.lower() for name, _ in told]
                    assert len(set(names)) == len(names)
                    assert {name for name in names if name in NAMES} == set(wanted)
                    assert {value for name, value in told if name.lower() == "x-traceparent"} == set(own.values())


@pytest.mark.parametrize("listen", [nothing, unsampled])
@pytest.mark.parametrize("ask", [single, with_own_options, retried, streamed])
async def test_it_goes_along_on_a_new_connection(
    ask: Ask, listen: Callable[[], None], engine: str, play: Callable[..., ScriptedServer]
) -> None:
    listen()
    server = play([answer(), "close"], [answer(b"again")])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        with inside():
            await client.request({"path": "/"})
            assert await ask(client, {"path": "/"}, {}) == b"again"
    for request in server.requests:
        fields = [line.partition(b": ")[0].lower() for line in request.split(b"\r\n")]
        assert [fields.count(name.encode()) for name in NAMES] == [1, 1, 1]
    assert len(server.requests) == 3


@pytest.mark.parametrize("listen", [nothing, unsampled])
async def test_it_goes_along_with_each_retry(
    listen: Callable[[], None], engine: str, play: Callable[..., ScriptedServer]
) -> None:
    listen()
    server = play([answer(b"", "503 Service Unavailable"), answer()])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        with inside():
            assert await client.request_with_retry({"path": "/"}, 2, 0) == b"ok"
    assert [request.count(TRACE.encode()) for request in server.requests] == [1, 1]


async def test_a_context_without_anything_sends_nothing(client: Pynector) -> None:
    token = context.attach(context.Context())
    try:
        assert await seen(single, client, INSPECT) == {}
    finally:
        context.detach(token)
    with inside({}):
        token = context.attach(baggage.set_baggage("tenant", "8"))
        try:
            assert await seen(in_batch, client, INSPECT) == {"baggage": "tenant=8"}
        finally:
            context.detach(token)
