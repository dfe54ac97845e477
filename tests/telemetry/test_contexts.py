"""Which span is the current one, and where: that of a request only in what is done for it."""

from __future__ import annotations

import gc
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Any

import anyio
import pytest
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from loops import ENGINES
from pynector import HTTPStatusError, Pynector
from pynector.testing import LoopbackServer
from transports import ExchangeOnly
from wsservers import running

pytestmark = pytest.mark.anyio

on_engines = pytest.mark.parametrize(("anyio_backend", "engine"), ENGINES, indirect=["engine"])


def current() -> int:
    """The number of the current span; 0: there is none."""
    return trace.get_current_span().get_span_context().span_id


@pytest.fixture
def nothing_is_torn(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """OpenTelemetry logs where a context is left that was not entered there."""
    caplog.set_level(logging.DEBUG, "opentelemetry")
    yield
    assert [record.getMessage() for record in caplog.records if record.name.startswith("opentelemetry")] == []


@pytest.fixture(scope="module")
def websocket() -> Iterator[Callable[[str], str]]:
    pytest.importorskip("websockets")
    with running() as port:
        yield lambda path: f"ws://127.0.0.1:{port}{path}"


async def lines(client: Pynector, **data: Any) -> AsyncIterator[bytes]:
    """What a user writes: a generator over a streamed answer."""
    async with client.stream({"path": "/drip/50", **data}) as response:
        async for piece in response.iter_bytes():
            yield piece


@on_engines
async def test_between_the_items_of_a_stream_the_current_span_is_the_consumers(
    engine: str, server: LoopbackServer, spans: Any, nothing_is_torn: None
) -> None:
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        with trace.get_tracer("x").start_as_current_span("consumer") as consumer:
            here = consumer.get_span_context().span_id
            async with aclosing(lines(client)) as items:
                async for _ in items:
                    assert current() == here
            assert current() == here
            async with client.stream({"path": "/id/1"}):
                assert current() == here
    told = {span.name: span for span in spans.get_finished_spans()}
    assert told["pynector.request"].parent.span_id == here
    assert told["GET"].parent.span_id == told["pynector.request"].context.span_id


# trio says of each such generator that it should be closed.
@pytest.mark.filterwarnings("ignore:Async generator:ResourceWarning")
@on_engines
async def test_a_generator_that_is_broken_off_tears_nothing(
    engine: str, server: LoopbackServer, spans: Any, nothing_is_torn: None
) -> None:
    async with Pynector(base_url=server.url, http_engine=engine) as client:

        async def consume() -> None:
            async for _ in lines(client):
                assert current() == 0
                break
            assert current() == 0

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(consume)
        # The event loop closes the generator, in a task of its own.
        with anyio.fail_after(20):
            while len(spans.get_finished_spans()) < 2:
                gc.collect()
                await anyio.sleep(0.01)
        assert await client.request({"path": "/id/1"}) == b"1"
    for span in spans.get_finished_spans():
        assert span.status.is_unset


@on_engines
async def test_a_stream_may_be_left_in_another_task(
    engine: str, server: LoopbackServer, spans: Any, nothing_is_torn: None
) -> None:
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        items = lines(client)

        # What begins a task is a coroutine to older releases of anyio.
        async def begin() -> None:
            await anext(items)

        async def leave() -> None:
            await items.aclose()

        for step in (begin, leave):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(step)
    assert len(spans.get_finished_spans()) == 2


@on_engines
async def test_the_end_of_a_stream_is_told_as_ever(engine: str, server: LoopbackServer, spans: Any) -> None:
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        with pytest.raises(HTTPStatusError):
            async with client.stream({"path": "/status/500"}):
                pass
        with pytest.raises(KeyError):
            async with client.stream({"path": "/id/1"}):
                raise KeyError("the caller's own")
    failed, given_up = (span for span in spans.get_finished_spans() if span.name == "pynector.request")
    assert failed.attributes["error.type"] == "500"
    assert given_up.status.is_unset


async def test_a_transport_opens_and_ends_a_stream_inside_the_span(spans: Any, nothing_is_torn: None) -> None:
    seen: dict[str, int] = {}

    class Streaming(ExchangeOnly):
        @asynccontextmanager
        async def stream(self, data: Any, options: Mapping[str, Any], timeout: float) -> AsyncIterator[str]:
            seen["opened"] = current()
            yield "response"
            seen["ended"] = current()

    async with Pynector(Streaming()) as client, client.stream("a") as response:
        seen["meanwhile"] = current()
        assert response == "response"
    (span,) = spans.get_finished_spans()
    assert seen == {"opened": span.context.span_id, "meanwhile": 0, "ended": span.context.span_id}


@pytest.mark.parametrize("begun", [True, False], ids=["begun", "not begun"])
async def test_a_span_of_on_message_is_no_child_of_a_request(
    begun: bool, websocket: Callable[[str], str], spans: Any
) -> None:
    tracer = trace.get_tracer("handler")

    def on_message(message: Any) -> None:
        tracer.start_span("handle").end()

    with tracer.start_as_current_span("beginning") as beginning:
        client = Pynector(transport_type="websocket", url=websocket("/rpc"), correlation="id", on_message=on_message)
        if begun:
            await client.__aenter__()
    with tracer.start_as_current_span("caller"):
        await client.request({"jsonrpc": "2.0", "method": "notify", "params": [3]})
    await client.aclose()
    handled = [span for span in spans.get_finished_spans() if span.name == "handle"]
    assert [span.parent for span in handled] == [beginning.get_span_context()] * 3


class Body:
    """A body that takes note of the span that it is read in."""

    def __init__(self) -> None:
        self.read_in: set[int] = set()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for _ in range(2):
            await anyio.sleep(0.001)
            self.read_in.add(current())
            yield b"123"


@on_engines
async def test_a_body_is_read_inside_the_span_of_its_request(engine: str, server: LoopbackServer, spans: Any) -> None:
    bodies = [Body() for _ in range(4)]
    data = [{"path": "/echo", "method": "POST", "content": body} for body in bodies]
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        await client.request(data[0])
        async with client.stream(data[1]):
            pass
        await client.batch_request([({"path": "/id/1"}, {}), *((entry, {}) for entry in data[2:])], 1)
    requests = [span.context.span_id for span in spans.get_finished_spans() if span.name == "pynector.request"]
    del requests[2]
    assert [body.read_in for body in bodies] == [{span} for span in requests]


@on_engines
async def test_a_duration_is_measured_in_the_span_of_its_attempt(
    engine: str, server: LoopbackServer, spans: Any
) -> None:
    reader = InMemoryMetricReader()
    metrics.set_meter_provider(MeterProvider([reader], shutdown_on_exit=False))
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        # Each on the connection that another one opened, and with a point of its own.
        for status in (200, 201, 202):
            await client.request({"path": f"/status/{status}"})
        await client.batch_request([({"path": f"/status/{status}"}, {}) for status in (203, 206, 207)], 1)
    attempts = {span.context.span_id: span for span in spans.get_finished_spans() if span.name == "GET"}
    data: Any = reader.get_metrics_data()
    found = [m for r in data.resource_metrics for s in r.scope_metrics for m in s.metrics]
    (durations,) = [m for m in found if m.name == "http.client.request.duration"]
    for point in durations.data.data_points:
        (exemplar,) = point.exemplars
        assert (
            attempts[exemplar.span_id].attributes["http.response.status_code"]
            == point.attributes["http.response.status_code"]
        )
    assert len(durations.data.data_points) == 6
