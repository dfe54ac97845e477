"""Spans of HTTP requests by OpenTelemetry's conventions: one for each attempt, and the context that goes along."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import anyio
import pytest
from opentelemetry import context, propagate, trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, Sampler, SamplingResult
from opentelemetry.semconv.attributes import (
    error_attributes,
    http_attributes,
    network_attributes,
    server_attributes,
    url_attributes,
)
from opentelemetry.trace import SpanKind, StatusCode, TraceFlags
from scripted import ScriptedServer, answer, eventually

from leaks import left_at_last, living
from pynector import ConfigurationError, ConnectError, HTTPStatusError, Pynector, TimeoutError
from pynector.testing import LoopbackServer

pytestmark = pytest.mark.anyio

CONVENTIONS = {
    value
    for module in (error_attributes, http_attributes, network_attributes, server_attributes, url_attributes)
    for name, value in vars(module).items()
    if name.isupper() and isinstance(value, str)
} | {"http.request.resend_count"}


def attempts(spans: Any) -> list[Any]:
    """The CLIENT spans, in the order of their start."""
    return sorted((s for s in spans.get_finished_spans() if s.kind is SpanKind.CLIENT), key=lambda s: s.start_time)


def requests(spans: Any) -> list[Any]:
    return [span for span in spans.get_finished_spans() if span.name == "pynector.request"]


async def test_an_attempt_is_a_client_span(
    client: Pynector, server: LoopbackServer, spans: Any, http_version: str
) -> None:
    await client.request({"method": "POST", "path": "/echo", "params": {"key": "v"}, "content": b"12345"})
    (attempt,), (request,) = attempts(spans), requests(spans)
    assert attempt.name == "POST"
    assert attempt.parent == request.context
    assert dict(attempt.attributes) == {
        "http.request.method": "POST",
        "server.address": "127.0.0.1",
        "server.port": server.port,
        "url.full": f"{server.url}/echo?key=REDACTED",
        "http.response.status_code": 200,
        "network.protocol.version": http_version.removeprefix("HTTP/"),
        "network.peer.address": "127.0.0.1",
        "network.peer.port": server.port,
    }
    assert attempt.status.status_code is StatusCode.UNSET
    assert dict(request.attributes) == {"request.size": 5, "response.size": 5}
    assert request.kind is SpanKind.INTERNAL


@pytest.mark.parametrize("headers", [{}, {"X-Own": "1"}])
async def test_long_json_is_told_of_and_arrives_as_it_is(headers: dict[str, str], client: Pynector, spans: Any) -> None:
    value = ["x" * 70_000]
    sent = await client.request({"path": "/echo", "json": value, "headers": headers})
    (attempt,) = attempts(spans)
    assert json.loads(sent) == value
    assert attempt.attributes["http.response.status_code"] == 200


async def test_the_attributes_are_the_conventions_own(client: Pynector, spans: Any) -> None:
    with contextlib.suppress(HTTPStatusError):
        await client.request({"path": "/redirect/2", "params": {"to": "/status/500"}})
    await client.request({"method": "BREW", "path": "/inspect"})
    assert {name for span in attempts(spans) for name in span.attributes} <= CONVENTIONS
    brewed = attempts(spans)[-1]
    assert brewed.name == "HTTP"
    assert brewed.attributes["http.request.method"] == "_OTHER"
    assert brewed.attributes["http.request.method_original"] == "BREW"


async def test_the_known_methods_can_be_named(client: Pynector, spans: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS", "BREW, GET")
    await client.request({"method": "BREW", "path": "/inspect"})
    assert attempts(spans)[0].name == "BREW"


@pytest.mark.parametrize("status", [404, 503])
async def test_a_status_of_400_or_above_is_an_error(status: int, client: Pynector, spans: Any) -> None:
    with pytest.raises(HTTPStatusError):
        await client.request({"path": f"/status/{status}"})
    (attempt,), (request,) = attempts(spans), requests(spans)
    for span in (attempt, request):
        assert span.status.status_code is StatusCode.ERROR
        assert span.status.description is None
        assert span.attributes["error.type"] == str(status)
        assert not span.events
    assert attempt.attributes["http.response.status_code"] == status


async def test_a_refused_connection_is_an_attempt(engine: str, play: Callable[..., ScriptedServer], spans: Any) -> None:
    async with Pynector(base_url=play(listening=False).url, http_engine=engine) as client:
        with pytest.raises(ConnectError):
            await client.request({"path": "/"})
    (attempt,) = attempts(spans)
    assert attempt.attributes["error.type"] == "pynector.ConnectError"
    assert "http.response.status_code" not in attempt.attributes


async def test_an_attempt_that_is_too_slow_is_an_error(client: Pynector, spans: Any) -> None:
    with pytest.raises(TimeoutError):
        await client.request({"path": "/hang"}, 0.1)
    results = await client.batch_request([({"path": "/hang"}, {"timeout": 0.1})])
    assert isinstance(results[0], TimeoutError)
    assert [span.attributes["error.type"] for span in attempts(spans)] == ["pynector.TimeoutError"] * 2
    assert [span.attributes["error.type"] for span in requests(spans)] == ["pynector.TimeoutError"] * 2


async def test_a_cancelled_caller_is_no_error(client: Pynector, server: LoopbackServer, spans: Any) -> None:
    hanging: dict[int, Any] = {
        1: lambda: client.request({"path": "/hang"}),
        3: lambda: client.batch_request([({"path": "/hang"}, {})] * 3),
    }
    for count, call in hanging.items():
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(call)
            assert await eventually(lambda: server.stats().in_flight == count)  # noqa: B023
            tasks.cancel_scope.cancel()
        assert await eventually(lambda: server.stats().in_flight == 0)
    assert len(attempts(spans)) == len(requests(spans)) == 4
    for span in spans.get_finished_spans():
        assert span.status.status_code is StatusCode.UNSET
        assert "error.type" not in span.attributes


async def test_redirects_are_attempts(client: Pynector, spans: Any) -> None:
    await client.request({"path": "/redirect/2"})
    first, second, third = attempts(spans)
    assert [s.attributes["http.response.status_code"] for s in (first, second, third)] == [302, 302, 200]
    assert [s.attributes.get("http.request.resend_count") for s in (first, second, third)] == [None, 1, 2]
    (request,) = requests(spans)
    assert {s.parent.span_id for s in (first, second, third)} == {request.context.span_id}


async def test_retries_are_attempts(client: Pynector, spans: Any) -> None:
    await client.request_with_retry({"path": "/flaky", "params": {"key": f"s{id(spans)}"}}, 5, 0)
    assert [s.attributes["http.response.status_code"] for s in attempts(spans)] == [503, 503, 200]
    assert [s.attributes.get("http.request.resend_count") for s in attempts(spans)] == [None, 1, 2]
    (request,) = requests(spans)
    assert [event.name for event in request.events] == ["retry", "retry"]
    assert request.status.status_code is StatusCode.UNSET


async def test_a_request_sent_again_on_a_new_connection_is_two_attempts(
    engine: str, play: Callable[..., ScriptedServer], spans: Any
) -> None:
    server = play([answer(), "close"], [answer(b"again")])
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        await client.request({"path": "/"})
        assert await client.request({"path": "/"}) == b"again"
    first, lost, again = attempts(spans)
    assert lost.attributes["error.type"] == "pynector.ConnectionLost"
    assert again.attributes["http.request.resend_count"] == 1
    parents = [line for request in server.requests for line in request.split(b"\r\n") if b"traceparent" in line.lower()]
    assert [int(line.split(b"-")[2], 16) for line in parents] == [s.context.span_id for s in (first, lost, again)]


async def test_a_streamed_response_is_an_attempt(client: Pynector, spans: Any) -> None:
    async with client.stream({"path": "/redirect/1", "params": {"to": "/bytes/100000"}}) as response:
        assert len(await response.read()) == 100_000
    assert [s.attributes["http.response.status_code"] for s in attempts(spans)] == [302, 200]
    with pytest.raises(HTTPStatusError):
        async with client.stream({"path": "/status/500"}):
            pass
    assert requests(spans)[-1].status.status_code is StatusCode.ERROR
    async with client.stream({"path": "/drip/1000"}):
        pass
    with contextlib.suppress(KeyError):
        async with client.stream({"path": "/drip/1000"}):
            raise KeyError("the caller's own")
    for span in (*attempts(spans)[-2:], *requests(spans)[-2:]):
        assert span.status.status_code is StatusCode.UNSET


# Context


async def parents_seen(client: Pynector, **options: Any) -> dict[str, str]:
    told = json.loads(await client.request({"path": "/inspect"}, **options))
    return {name.lower(): value for name, value in told["headers"] if name.lower() in ("traceparent", "baggage")}


@pytest.mark.parametrize("to_whom", ["all", "none", "here", "elsewhere"])
async def test_context_goes_to_whom_it_may(to_whom: str, engine: str, server: LoopbackServer, spans: Any) -> None:
    origins: Any = {"here": [server.url], "elsewhere": ["https://api.example.com"]}.get(to_whom, to_whom)
    from opentelemetry import baggage

    token = context.attach(baggage.set_baggage("tenant", "7"))
    try:
        async with Pynector(base_url=server.url, http_engine=engine, propagate=origins) as client:
            seen = await parents_seen(client)
    finally:
        context.detach(token)
    if to_whom in ("all", "here"):
        (attempt,) = attempts(spans)
        wanted = f"00-{attempt.context.trace_id:032x}-{attempt.context.span_id:016x}-{attempt.context.trace_flags:02x}"
        assert seen == {"traceparent": wanted, "baggage": "tenant=7"}
    else:
        assert seen == {}


async def test_a_callers_own_context_stays(client: Pynector, spans: Any) -> None:
    own = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    assert await parents_seen(client, headers={"traceparent": own}) == {"traceparent": own}


@pytest.mark.parametrize("value", [5, "some", ["api.example.com"], ["https://user:pw@a"], ["https://a/path"], [None]])
def test_propagate_is_checked(value: Any) -> None:
    with pytest.raises(ConfigurationError, match="propagate"):
        Pynector(propagate=value)


def test_propagate_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYNECTOR_PROPAGATE", "https://a.example, http://b.example:8080")
    Pynector()
    monkeypatch.setenv("PYNECTOR_PROPAGATE", "a.example")
    with pytest.raises(ConfigurationError, match="PYNECTOR_PROPAGATE"):
        Pynector()


async def test_what_is_suppressed_is_not_told_of_twice(client: Pynector, spans: Any) -> None:
    for key in (context._SUPPRESS_HTTP_INSTRUMENTATION_KEY, context._SUPPRESS_INSTRUMENTATION_KEY):
        token = context.attach(context.set_value(key, True))
        try:
            await client.request({"path": "/id/1"})
            await client.batch_request([({"path": "/id/1"}, {})])
        finally:
            context.detach(token)
    assert attempts(spans) == []
    assert len(requests(spans)) == 2


@pytest.mark.parametrize("way", ["request", "stream"])
async def test_what_an_auth_flow_sends_is_one_attempt(play: Any, engine: str, spans: Any, way: str) -> None:
    import httpx

    challenge = answer(b"", "401 Unauthorized", 'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth"')
    server = play([challenge, answer(b"ok"), "close"], [answer(b"anew")])
    async with Pynector(base_url=server.url, http_engine=engine, auth=httpx.DigestAuth("user", "password")) as client:
        for expected in (b"ok", b"anew"):
            # The second one finds that its connection has gone.
            if way == "request":
                assert await client.request({"path": "/"}) == expected
            else:
                async with client.stream({"path": "/"}) as response:
                    assert await response.read() == expected
    first, *others = attempts(spans)
    assert first.attributes["http.response.status_code"] == 200
    assert first.attributes["network.peer.port"] == server.port
    assert [span.attributes.get("http.response.status_code") for span in others] == [None, 200]
    assert others[1].attributes["http.request.resend_count"] == 1
    parents = [re.findall(rb"(?i)traceparent: (\S+)", request) for request in server.requests]
    assert parents[0] == parents[1]
    assert [len(found) for found in parents] == [1] * 4


async def test_what_instruments_httpx_sees_nothing(client: Pynector, spans: Any) -> None:
    import httpx

    seen: list[Any] = []

    async def watched(self: Any, *args: Any, **kwargs: Any) -> Any:
        seen.append(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(httpx.AsyncClient, "send", watched)
        patch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", watched)
        await client.request({"path": "/id/1"})
    assert seen == []
    assert len(attempts(spans)) == 1


async def test_what_is_sampled_out_costs_nothing(client: Pynector, no_providers: None) -> None:
    asked: list[str] = []

    class Off(Sampler):
        def should_sample(self, parent_context: Any, trace_id: int, name: str, *args: Any, **rest: Any) -> Any:
            asked.append(name)
            return ALWAYS_OFF.should_sample(parent_context, trace_id, name)

        def get_description(self) -> str:
            return "off"

    trace.set_tracer_provider(TracerProvider(sampler=Off(), shutdown_on_exit=False))
    await client.batch_request([({"path": "/id/1"}, {})] * 10)
    flags = (await parents_seen(client))["traceparent"].rpartition("-")[2]
    assert not int(flags, 16) & TraceFlags.SAMPLED
    assert asked == ["pynector.batch_request", "pynector.request"]


async def test_samplers_see_where_a_request_goes(client: Pynector, server: LoopbackServer, no_providers: None) -> None:
    seen: dict[str, Any] = {}

    class Curious(Sampler):
        def should_sample(self, parent: Any, trace_id: int, name: str, kind: Any, attributes: Any, *rest: Any) -> Any:
            seen[name] = dict(attributes or {})
            from opentelemetry.sdk.trace.sampling import Decision

            return SamplingResult(Decision.RECORD_AND_SAMPLE, attributes)

        def get_description(self) -> str:
            return "curious"

    trace.set_tracer_provider(TracerProvider(sampler=Curious(), shutdown_on_exit=False))
    await client.request({"path": "/id/1"})
    assert set(seen["GET"]) == {"http.request.method", "server.address", "server.port", "url.full"}


async def test_a_sampler_that_fails_harms_no_request(client: Pynector, no_providers: None) -> None:
    class Broken(Sampler):
        def should_sample(self, parent: Any, trace_id: int, name: str, *rest: Any, **more: Any) -> Any:
            if name == "GET":
                raise KeyError("the sampler's own fault")
            from opentelemetry.sdk.trace.sampling import ALWAYS_ON

            return ALWAYS_ON.should_sample(parent, trace_id, name)

        def get_description(self) -> str:
            return "broken"

    trace.set_tracer_provider(TracerProvider(sampler=Broken(), shutdown_on_exit=False))
    assert await client.request({"path": "/id/7"}) == b"7"
    assert await client.batch_request([({"path": "/id/7"}, {})]) == [b"7"]


# Services that call one another


@contextlib.asynccontextmanager
async def service(name: str, behind: str | None, engine: str) -> AsyncIterator[str]:
    """A service that answers with what the one behind it answers, and tells of it with a span; gives its URL."""
    tracer = trace.get_tracer(name)

    async with contextlib.AsyncExitStack() as stack:
        client = None
        if behind is not None:
            client = await stack.enter_async_context(Pynector(base_url=behind, http_engine=engine, timeout=120))

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                while True:
                    lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                    path = lines[0].split(" ")[1]
                    fields = dict(line.split(": ", 1) for line in lines[1:] if line)
                    above = propagate.extract({key.lower(): value for key, value in fields.items()})
                    attributes = {"path": path}
                    with tracer.start_as_current_span(name, context=above, attributes=attributes, kind=SpanKind.SERVER):
                        body = b"end" if client is None else await client.request({"path": path})
                    writer.write(answer(body))
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            server.close()


async def test_the_parents_are_right_through_three_services(engine: str, anyio_backend: Any, spans: Any) -> None:
    if anyio_backend[0] != "asyncio":
        return
    count = 1000 if engine == "native" and "loop_factory" in anyio_backend[1] else 50
    async with (
        service("c", None, engine) as c,
        service("b", c, engine) as b,
        service("a", b, engine) as a,
        Pynector(base_url=a, http_engine=engine, timeout=120) as client,
    ):
        with trace.get_tracer("caller").start_as_current_span("caller"):
            results = await client.batch_request([({"path": f"/{n}"}, {}) for n in range(count)], max_concurrency=50)
    assert results == [b"end"] * count
    finished = {span.context.span_id: span for span in spans.get_finished_spans()}
    (caller,) = [span for span in finished.values() if span.name == "caller"]
    assert {span.context.trace_id for span in finished.values()} == {caller.context.trace_id}
    ends = [span for span in finished.values() if span.name == "c"]
    assert sorted(int(span.attributes["path"][1:]) for span in ends) == list(range(count))
    hop = ["GET", "pynector.request"]
    wanted = ["c", *hop, "b", *hop, "a", *hop, "pynector.batch_request", "caller"]
    for end in ends:
        chain, span = [end], end
        while span.parent is not None:
            span = finished[span.parent.span_id]
            chain.append(span)
        assert [span.name for span in chain] == wanted
        services = [span.attributes["path"] for span in chain if span.kind is SpanKind.SERVER]
        assert services == [end.attributes["path"]] * 3
        urls = [span.attributes["url.full"] for span in chain if span.kind is SpanKind.CLIENT]
        assert all(url.endswith(end.attributes["path"]) for url in urls)
    assert len(finished) == 2 + count * 9


@pytest.mark.parametrize("call", ["batch_request", "batch_stream"])
async def test_nothing_stays_of_what_was_told_of_a_batch(
    client: Pynector, server: LoopbackServer, spans: Any, call: str
) -> None:
    entries: list[Any] = [({"path": path}, {}) for path in ("/id/1", "/status/404", "/redirect/1")]
    gc.collect()
    gc.disable()
    kinds = ("ObservedRequest", "Sending")
    before = {kind: living(kind) for kind in kinds}
    try:
        if call == "batch_request":
            await client.batch_request(entries)
        else:
            async with client.batch_stream(entries) as results:
                assert len([item async for item in results]) == 3
            # It knows its first error.
            del results
        assert [await left_at_last(before[kind], kind) for kind in kinds] == [[], []]
    finally:
        gc.enable()
