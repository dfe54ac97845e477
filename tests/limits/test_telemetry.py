"""What is told of requests that limits hold for, or that are sent more than once."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import anyio
import pytest
from opentelemetry.trace import StatusCode
from scripted import eventually

from limits.noting import Answer, Asked, Gate, NotingServer
from loops import EVERYWHERE
from pynector import CircuitBreaker, CircuitOpen, Pynector, Rate, RetryPolicy, TimeoutError

Serve = Callable[..., NotingServer]

pytestmark = pytest.mark.anyio

AGAIN = RetryPolicy(5, backoff=0.001)


def gets(count: int) -> list[Any]:
    return [({"path": f"/{number}"}, {}) for number in range(count)]


def flaky(asked: Asked) -> Answer:
    """Fails twice at each path."""
    return Answer(503 if asked.number < 2 else 200, b"ok")


async def single(client: Pynector, **rules: Any) -> list[Any]:
    return [await client.request({"path": "/0"}, **rules)]


async def listed(client: Pynector, **rules: Any) -> list[Any]:
    return await client.batch_request(gets(1), 5, **rules)


async def streamed(client: Pynector, **rules: Any) -> list[Any]:
    async with client.batch_stream(iter(gets(1)), max_concurrency=5, **rules) as results:
        return [item.result async for item in results]


ways = pytest.mark.parametrize("ask", [single, listed, streamed])


def told(spans: Any) -> tuple[Any, list[Any]]:
    """The one request's span, and those of its attempts as they began."""
    finished = sorted(spans.get_finished_spans(), key=lambda span: span.start_time)
    (request,) = [span for span in finished if span.name == "pynector.request"]
    attempts = [span for span in finished if span.name == "GET"]
    assert {span.parent.span_id for span in attempts} == {request.context.span_id}
    return request, attempts


@EVERYWHERE
@ways
async def test_what_is_sent_again_is_one_request(ask: Any, serve: Serve, spans: Any, points: Any) -> None:
    server = serve(flaky)
    async with Pynector(base_url=server.url) as client:
        assert await ask(client, retry=AGAIN) == [b"ok"]
    request, attempts = told(spans)
    assert [event.name for event in request.events] == ["retry", "retry"]
    assert [event.attributes["attempt"] for event in request.events] == [1, 2]
    assert request.status.status_code is StatusCode.UNSET
    assert request.attributes["response.size"] == 2
    assert [span.attributes["http.response.status_code"] for span in attempts] == [503, 503, 200]
    assert [span.attributes.get("http.request.resend_count") for span in attempts] == [None, 1, 2]
    assert sum(point.count for point in points("http.client.request.duration")) == 3
    assert sum(point.count for point in points("pynector.scheduler.queue_time")) == (0 if ask is single else 1)


@EVERYWHERE
@ways
async def test_a_hedge_belongs_to_its_request(ask: Any, serve: Serve, spans: Any, points: Any) -> None:
    gate = Gate()

    async def play(asked: Asked) -> Answer:
        if asked.number == 0:
            await gate.passed()
        return Answer(200, b"ok")

    server = serve(play)
    async with Pynector(base_url=server.url) as client:
        assert await ask(client, hedge_after=0.05) == [b"ok"]
        request, attempts = told(spans)
    assert [event.name for event in request.events] == ["hedge"]
    assert [span.attributes.get("http.request.resend_count") for span in attempts] == [None, 1]
    # Who is given up has neither failed nor a duration.
    assert [span.attributes.get("http.response.status_code") for span in attempts] == [None, 200]
    assert all(span.status.status_code is StatusCode.UNSET for span in attempts)
    assert sum(point.count for point in points("http.client.request.duration")) == 1


async def test_an_event_says_the_status_of_the_answer_that_counts(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    gate = Gate()

    async def play(asked: Asked) -> Answer:
        if asked.number == 0:
            await gate.passed()
            return Answer(201, b"ok")
        return Answer(503)

    server = serve(play)
    caplog.set_level(logging.INFO, "pynector")
    async with Pynector(base_url=server.url) as client, anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: client.request({"path": "/"}, hedge_after=0.05))
        while client.stats().limits.get("hedges", 0) == 0 or server.in_flight > 1:  # noqa: ASYNC110 - nobody tells
            await anyio.sleep(0.01)
        await anyio.sleep(0.05)
        gate.open()
    (fields,) = [one.fields for one in caplog.records if one.msg == "%s" and one.event == "request.complete"]  # type: ignore[attr-defined]
    assert (fields["status"], fields["attempts"]) == (201, 2)


async def test_what_waits_to_be_sent_again_ends_with_its_batch(serve: Serve, spans: Any) -> None:
    async def broken(asked: Asked) -> Answer:
        return Answer(503)

    slowly = RetryPolicy(5, backoff=5, jitter=0)
    async with Pynector(base_url=serve(broken).url) as client:
        with anyio.fail_after(20):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(lambda: client.batch_request(gets(1), retry=slowly))
                while not client.stats().retries:  # noqa: ASYNC110 - nobody tells
                    await anyio.sleep(0.01)
                tasks.cancel_scope.cancel()
        request, _ = told(spans)
        assert request.status.status_code is StatusCode.UNSET
        spans.clear()
        (result,) = await client.batch_request(gets(1), retry=slowly, timeout=2)
    request, attempts = told(spans)
    assert isinstance(result, TimeoutError)
    assert request.attributes["error.type"] == "pynector.TimeoutError"
    assert [span.attributes["error.type"] for span in attempts] == ["503"]


async def test_requests_of_a_batch_that_is_late_are_late(serve: Serve, spans: Any) -> None:
    async def silent(asked: Asked) -> Answer:
        await Gate().passed()
        raise AssertionError

    async with Pynector(base_url=serve(silent).url) as client:
        await client.batch_request(gets(1), timeout=1)
    request, attempts = told(spans)
    assert request.attributes["error.type"] == attempts[0].attributes["error.type"] == "pynector.TimeoutError"


REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")


class Noting(logging.Handler):
    """Keeps events, and in which context they were told."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, Any, str]] = []

    def emit(self, record: Any) -> None:
        self.seen.append((record.event, record.fields, REQUEST_ID.get()))


@pytest.fixture
def noting(monkeypatch: pytest.MonkeyPatch) -> Iterator[Noting]:
    logger, handler = logging.getLogger("pynector"), Noting()
    monkeypatch.setattr(logger, "handlers", [handler])
    logger.setLevel(logging.DEBUG)
    yield handler
    logger.setLevel(logging.NOTSET)


@EVERYWHERE
@ways
async def test_events_of_all_attempts_are_the_callers(ask: Any, serve: Serve, spans: Any, noting: Noting) -> None:
    async with Pynector(base_url=serve(flaky).url) as client:
        # Whoever opens a connection lends it no context.
        await client.request({"path": "/another"}, retry=AGAIN)
        noting.seen.clear()
        spans.clear()
        token = REQUEST_ID.set("mine")
        await ask(client, retry=AGAIN)
        REQUEST_ID.reset(token)
    request, _ = told(spans)
    seen = [one for one in noting.seen if one[0] in ("request.start", "retry", "request.complete")]
    assert [event for event, _, _ in seen] == ["request.start", "retry", "retry", "request.complete"]
    assert seen[-1][1]["attempts"] == 3
    for _, fields, request_id in seen:
        assert fields["span_id"] == f"{request.context.span_id:016x}"
        assert fields.get("index") == (None if ask is single else 0)
        assert request_id == "mine"


@EVERYWHERE
async def test_what_limits_have_done_is_counted_when_somebody_looks(serve: Serve, points: Any, tmp_path: Path) -> None:
    def counted(name: str) -> int:
        (point,) = points(name)
        return int(point.value)

    def answered(asked: Asked) -> Answer:
        return Answer(500 if asked.path == "/broken" else 200)

    server, broken = serve(answered), [({"path": "/broken"}, {})]
    # There have been other clients.
    async with Pynector(base_url=server.url) as client:
        await client.batch_request(gets(1))
    names = (
        "pynector.rate.waits",
        "pynector.origin.waits",
        "pynector.circuit.refusals",
        "pynector.checkpoint.found",
    )
    before = [counted(name) for name in names]
    breaker = CircuitBreaker(minimum=1, failure_rate=0.01)
    client = Pynector(base_url=server.url, rate=Rate(200), breaker=breaker)
    narrow = Pynector(base_url=server.url, max_concurrency_per_origin=1)
    async with client, narrow:
        await narrow.batch_request(gets(3))
        assert narrow.stats().limits == {"origin_waits": 2}
        for _ in range(2):
            await client.batch_request(gets(3), checkpoint=tmp_path / "job.db")
        failures = await client.batch_request(broken * 3, max_concurrency=1)
        assert [isinstance(failure, CircuitOpen) for failure in failures] == [False, True, True]
        (circuit,) = points("pynector.open_circuits")
        assert circuit.value == 1
        assert f"{circuit.attributes['server.address']}:{circuit.attributes['server.port']}" in server.url
        assert circuit.attributes["pynector.circuit.state"] == "open"
        limits = client.stats().limits
        waits = limits["rate_waits"]
        assert waits > 0
        assert (limits["circuit_open"], limits["checkpoint_found"]) == (2, 3)
    after = [was + more for was, more in zip(before, (waits, 2, 2, 3), strict=True)]
    assert [counted(name) for name in names] == after
    del client, narrow
    gc.collect()
    # A counter never falls.
    assert [counted(name) for name in names] == after
    # A task that was cancelled has the frames of whoever did it until its next turn.
    await eventually(lambda: gc.collect() >= 0 and not points("pynector.open_circuits"))
    assert points("pynector.open_circuits") == []


@pytest.mark.parametrize("known", [True, False])
async def test_time_in_the_queue_begins_when_an_entry_could_be_sent(known: bool, serve: Serve, points: Any) -> None:
    entries = gets(3)

    async def later() -> Any:
        for entry in entries:
            await anyio.sleep(0.2)
            yield entry

    async with Pynector(base_url=serve().url) as client:
        await client.batch_request(entries if known else later(), 1, rate=Rate(5))
    (queue,) = points("pynector.scheduler.queue_time")
    assert queue.count == 3
    # A list waits for its rate from the beginning; what is read at that rate does not.
    assert queue.sum >= 0.5 if known else queue.sum < 0.5
