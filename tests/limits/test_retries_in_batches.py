"""Requests of batches that are sent again: which, how often, and with what."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from limits.noting import Answer, Asked, Gate, NotingServer
from loops import EVERYWHERE, VIRTUALLY
from pynector import (
    ConnectError,
    ConnectionLost,
    HTTPStatusError,
    Pynector,
    PynectorError,
    Rate,
    RetryPolicy,
    TimeoutError,
    TransportError,
    testing,
)
from pynector.testing import FakeTransport, virtual_time
from transports import Connectable, MemoryTransport
from wsservers import client as websocket
from wsservers import running

Serve = Callable[..., NotingServer]

pytestmark = pytest.mark.anyio

BUSY = Answer(503, b"busy")
AT_ONCE = RetryPolicy(backoff=0.0)


def busy_at_first(times: int, answer: Answer = BUSY) -> Callable[[Asked], Answer]:
    return lambda asked: answer if asked.number < times else Answer()


def puts(count: int, **options: Any) -> list[Any]:
    return [({"method": "PUT", "path": f"/{n}", "json": {"n": n}}, dict(options)) for n in range(count)]


# Which


@pytest.mark.parametrize(
    ("fields", "repeated"),
    [
        ({}, {"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"}),
        ({"methods": ["post", "GET"]}, {"POST", "GET"}),
        ({"methods": None}, {"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "POST", "PATCH"}),
        ({"statuses": [429]}, set()),
    ],
)
async def test_methods_and_statuses_that_are_repeated(serve: Serve, fields: Any, repeated: set[str]) -> None:
    server = serve(busy_at_first(1))
    methods = ["GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE", "POST", "PATCH"]
    requests: list[Any] = [({"method": method, "path": f"/{method}"}, {}) for method in methods]
    async with Pynector(base_url=server.url) as client:
        results = await client.batch_request(requests, retry=RetryPolicy(backoff=0.0, **fields))
    assert {method for method in methods if server.paths.count(f"/{method}") == 2} == repeated
    assert {method for method, result in zip(methods, results, strict=True) if isinstance(result, bytes)} == repeated


async def test_an_entry_s_own_policy_goes_before_the_call_s_and_that_before_the_client_s(serve: Serve) -> None:
    server = serve(lambda asked: BUSY)
    entries = [*puts(1), ({"path": "/own"}, {"retry": RetryPolicy(4, 0.0)})]
    async with Pynector(base_url=server.url, retry=RetryPolicy(2, 0.0)) as client:
        await client.batch_request(puts(1))
        assert len(server.asked) == 2
        results = await client.batch_request(entries, retry=RetryPolicy(3, 0.0))
        assert [result.attempts for result in results] == [3, 4]
        assert (server.paths.count("/0"), server.paths.count("/own")) == (5, 4)
    async with Pynector(base_url=server.url) as client:
        results = await client.batch_request(entries)
        assert [result.attempts for result in results] == [1, 4]


@EVERYWHERE
async def test_a_connection_that_breaks_is_repeated_where_that_is_safe(serve: Serve) -> None:
    server = serve(busy_at_first(2, Answer(0)))
    entries: list[Any] = [({"path": "/get"}, {}), ({"method": "POST", "path": "/post", "content": b"1"}, {})]
    async with Pynector(base_url=server.url) as client:
        got, posted = await client.batch_request(entries, retry=RetryPolicy(5, 0.0))
    assert got == b"ok"
    assert isinstance(posted, ConnectionLost)
    assert (posted.sent, posted.attempts, server.paths.count("/post")) == ("full", 1, 1)


async def test_what_was_never_sent_is_repeated_whatever_it_is() -> None:
    with NotingServer() as gone:
        pass
    async with Pynector(base_url=gone.url) as client:
        (refused,) = await client.batch_request([({"method": "POST", "path": "/"}, {})], retry=AT_ONCE)
    assert isinstance(refused, ConnectError)
    assert (refused.attempts, refused.sent) == (3, "none")


async def test_errors_that_a_policy_does_not_name_stand(serve: Serve) -> None:
    server = serve(lambda asked: Answer(0))
    async with Pynector(base_url=server.url) as client:
        policy = RetryPolicy(backoff=0.0, errors=ConnectError)
        (lost,) = await client.batch_request([({"method": "PUT", "path": "/", "content": once()}, {})], retry=policy)
    assert (type(lost), lost.attempts) == (ConnectionLost, 1)


# What it comes to


@pytest.mark.parametrize("as_response", [False, True])
async def test_a_status_that_is_no_error_is_repeated_all_the_same(serve: Serve, as_response: bool) -> None:
    server = serve(lambda asked: BUSY if asked.path == "/1" else Answer(404, b"gone") if asked.number else BUSY)
    async with Pynector(base_url=server.url, raise_for_status=False) as client:
        results = await client.batch_request(puts(2), retry=AT_ONCE, as_response=as_response)
    if as_response:
        assert [(one.status_code, one.content, one.attempts) for one in results] == [
            (404, b"gone", 2),
            (503, b"busy", 3),
        ]
    else:
        assert results == [b"gone", b"busy"]


@pytest.mark.parametrize("ordered", [False, True])
async def test_an_item_says_how_many_attempts_it_took(serve: Serve, ordered: bool) -> None:
    server = serve(lambda asked: BUSY if asked.number < int(asked.path[1:]) else Answer())
    async with (
        Pynector(base_url=server.url) as client,
        client.batch_stream(puts(4), retry=AT_ONCE, ordered=ordered) as results,
    ):
        items = {item.index: item async for item in results}
    assert [(items[n].ok, items[n].attempts) for n in range(4)] == [(True, 1), (True, 2), (True, 3), (False, 3)]
    error = items[3].error
    assert isinstance(error, HTTPStatusError)
    assert (error.status_code, error.attempts) == (503, 3)


async def test_the_first_failure_is_raised_when_no_attempt_is_left(serve: Serve) -> None:
    server = serve(lambda asked: Answer() if asked.path != "/2" and asked.number else BUSY)
    async with Pynector(base_url=server.url) as client:
        assert await client.batch_request(puts(2), retry=AT_ONCE, raise_on_error=True) == [b"ok"] * 2
        with pytest.raises(HTTPStatusError) as failed:
            await client.batch_request(puts(3), 1, retry=AT_ONCE, raise_on_error=True)
    assert failed.value.attempts == server.paths.count("/2") == 3


# Time


@pytest.fixture
def fake() -> FakeTransport:
    return FakeTransport(base_url="http://api.invalid")


@VIRTUALLY
async def test_a_deadline_is_for_all_attempts_of_a_request(fake: FakeTransport) -> None:
    fake.answer(None, testing.Answer(latency=60))
    with virtual_time():
        async with Pynector(fake, timeout=20) as client:
            results = await client.batch_request(puts(3), retry=RetryPolicy(100, 0.0, attempt_timeout=6))
    assert [type(result) for result in results] == [TimeoutError] * 3
    assert [(result.attempts, result.seconds, result.sent) for result in results] == [(4, 20, "full")] * 3
    assert len(fake.requests) == 12


@VIRTUALLY
async def test_an_attempt_that_takes_too_long_is_repeated(fake: FakeTransport) -> None:
    for number in range(3):
        fake.answer(f"/{number}", testing.Answer(latency=60), "ok")
    with virtual_time() as passed:
        async with Pynector(fake) as client:
            results = await client.batch_request(puts(3), retry=RetryPolicy(backoff=0.0, attempt_timeout=6))
    assert results == [b"ok"] * 3
    assert (len(fake.requests), passed.elapsed) == (6, 6)


@EVERYWHERE
async def test_a_retry_that_finds_no_slot_ends_in_time(serve: Serve) -> None:
    gate = Gate()

    async def play(asked: Asked) -> Answer:
        if asked.path == "/1":
            await gate.passed()
        return BUSY

    server = serve(play)
    first, second = puts(2)
    first[1]["timeout"] = 0.5
    policy = RetryPolicy(1000, 0.2, jitter=0.0)
    async with (
        Pynector(base_url=server.url) as client,
        client.batch_stream([first, second], max_concurrency=1, retry=policy) as results,
    ):
        with anyio.fail_after(20):
            late = await anext(results)
        assert (late.index, type(late.error), late.attempts) == (0, TimeoutError, 1)
        gate.open()


async def test_a_retry_that_no_rate_lets_through_ends_in_time(serve: Serve) -> None:
    server = serve(lambda asked: BUSY)
    async with Pynector(base_url=server.url, timeout=1) as client:
        with anyio.fail_after(20):
            (late,) = await client.batch_request(puts(1), rate=Rate(1, per=36_000.0), retry=RetryPolicy(backoff=0.01))
    assert (type(late), late.attempts, late.sent, late.seconds) == (TimeoutError, 1, "full", 1)


async def test_a_wait_holds_no_place_in_the_window(serve: Serve) -> None:
    server = serve(busy_at_first(1))
    policy = RetryPolicy(backoff=2, jitter=0.0)
    async with Pynector(base_url=server.url) as client:
        assert await client.batch_request(puts(6), 1, retry=policy) == [b"ok"] * 6
    # None of them went a second time before all had gone once.
    assert server.paths[:6] == [f"/{n}" for n in range(6)]


# Budget


async def test_extra_requests_stay_within_the_budget(serve: Serve) -> None:
    server = serve(lambda asked: BUSY)
    async with Pynector(base_url=server.url) as client:
        results = await client.batch_request(puts(200), 20, retry=RetryPolicy(5, 0.0, budget=0.1))
        assert 100 <= len(server.asked) - 200 <= 120
        # It is the client's.
        await client.batch_request(puts(50), 20, retry=RetryPolicy(5, 0.0, budget=0.1))
        assert len(server.asked) - 250 <= 125
    assert all(isinstance(result, HTTPStatusError) for result in results)


# What is sent


@EVERYWHERE
async def test_an_idempotency_key_is_the_same_over_all_attempts_and_each_request_s_own(serve: Serve) -> None:
    server = serve(busy_at_first(2))
    named = {"method": "POST", "path": "/named", "headers": {"Idempotency-Key": "mine"}}
    entries: list[Any] = [({"method": "POST", "path": f"/{n}"}, {}) for n in range(3)]
    entries += [({"method": "POST", "path": "/own"}, {"idempotency_key": "key-7"}), (named, {})]
    async with Pynector(base_url=server.url) as client:
        assert await client.batch_request(entries, retry=AT_ONCE, idempotency_key=True) == [b"ok"] * 5
        assert await client.request({"method": "POST", "path": "/single"}, retry=AT_ONCE, idempotency_key=True) == b"ok"
    keys = {path: {one.fields["idempotency-key"] for one in server.asked if one.path == path} for path in server.paths}
    assert all(len(same) == 1 for same in keys.values())
    assert (keys["/own"], keys["/named"]) == ({"key-7"}, {"mine"})
    assert len(set.union(*keys.values())) == len(keys) == 6
    assert all(server.paths.count(path) == 3 for path in keys)


async def once() -> AsyncIterator[bytes]:
    yield b"the "
    yield b"body"


def now() -> Iterator[bytes]:
    yield b"the body"


@pytest.mark.parametrize("content", [once, now], ids=["asynchronous", "generator"])
async def test_a_body_that_can_be_read_once_is_sent_once(serve: Serve, content: Any) -> None:
    server = serve(lambda asked: BUSY)
    async with Pynector(base_url=server.url) as client:
        entry = ({"method": "PUT", "path": "/", "content": content()}, {})
        (failed,) = await client.batch_request([entry], retry=AT_ONCE)
    assert isinstance(failed, HTTPStatusError)
    assert [one.body for one in server.asked] == [b"the body"]


@pytest.mark.parametrize("kind", ["content", "files"])
async def test_a_file_is_sent_whole_each_time_or_once(serve: Serve, kind: str, tmp_path: Path) -> None:
    server = serve(busy_at_first(2))
    path = tmp_path / "body"
    path.write_bytes(b"the body" * 100)
    with path.open("rb") as file:
        given: Any = {"content": file} if kind == "content" else {"files": {"a": ("name", file)}}
        async with Pynector(base_url=server.url) as client:
            (result,) = await client.batch_request([({"method": "PUT", "path": "/", **given}, {})], retry=AT_ONCE)
    assert len({one.body for one in server.asked}) == 1
    assert b"the body" * 100 in server.asked[0].body
    assert (len(server.asked), type(result)) in {(3, bytes), (1, HTTPStatusError)}


@EVERYWHERE
async def test_what_is_sent_again_is_what_was_sent_first(serve: Serve) -> None:
    server = serve(busy_at_first(2))

    def requests() -> Iterator[Any]:
        data: dict[str, Any] = {"method": "PUT", "path": "/", "json": {"n": [0]}, "headers": {}}
        options: dict[str, Any] = {"params": {"a": ["1"]}}
        # One dict for all, as whoever reads a file line by line may have it.
        for number in range(5):
            data["path"] = f"/{number}"
            data["json"]["n"][0] = number
            data["headers"]["X-Number"] = str(number)
            options["params"]["a"][0] = str(number)
            yield data, options
        data["json"]["n"][0] = object()
        data["headers"]["X-Number"] = None
        options["params"] = object()

    async with Pynector(base_url=server.url) as client:
        assert await client.batch_request(requests(), 5, retry=RetryPolicy(backoff=0.05)) == [b"ok"] * 5
    assert len(server.asked) == 15
    for asked in server.asked:
        number = asked.path[1]
        assert asked.path == f"/{number}?a={number}"
        assert (asked.body.replace(b" ", b""), asked.fields["x-number"]) == (b'{"n":[%s]}' % number.encode(), number)


# Other transports


class Failing(Connectable):
    """Fails for the first two times with each data, and notes what it was given."""

    def __init__(self, error: type[PynectorError] = TransportError) -> None:
        super().__init__()
        self.error = error
        self.seen: list[Any] = []

    async def exchange(self, data: Any, /, **options: Any) -> Any:
        self.seen.append((str(data), options))
        await anyio.lowlevel.checkpoint()
        if sum(str(data) == seen for seen, _ in self.seen) <= 2:
            raise self.error("no", sent="none") if self.error is ConnectError else self.error("no")
        return data


@pytest.mark.parametrize(
    ("error", "methods", "count"),
    [(TransportError, None, 3), (TransportError, ["GET"], 1), (ConnectError, ["GET"], 3)],
)
@EVERYWHERE
async def test_over_a_transport_of_one_s_own_methods_are_nothing(error: Any, methods: Any, count: int) -> None:
    transport = Failing(error)
    policy = RetryPolicy(backoff=0.0, methods=methods)
    data = [{"n": [number]} for number in range(4)]
    async with (
        Pynector(transport) as client,
        client.batch_stream([(one, {"colour": "red"}) for one in data], max_concurrency=2, retry=policy) as results,
    ):
        items = [item async for item in results]
    assert [(item.ok, item.attempts) for item in items] == [(count == 3, count)] * 4
    assert len(transport.seen) == 4 * count
    assert all(options == {"colour": "red"} for _, options in transport.seen)


@EVERYWHERE
async def test_over_a_transport_that_sends_and_receives() -> None:
    class Flaky(MemoryTransport):
        async def send(self, data: Any, **options: Any) -> None:
            await super().send(data, **options)
            if self.sent.count(data) == 1:
                self.wire[-1] = TransportError("no")

    transport = Flaky()
    async with Pynector(transport) as client:
        results = await client.batch_request([(n, {}) for n in range(5)], retry=RetryPolicy(backoff=0.0, methods=None))
    assert results == [str(n).encode() for n in range(5)]
    assert sorted(transport.sent) == sorted(2 * list(range(5)))


@EVERYWHERE
async def test_over_a_websocket() -> None:
    entries = [(f"{n}", {}) for n in range(8)]
    with running() as port:
        # Each connection is closed after an answer: what was in flight then may have been executed.
        async with websocket(f"ws://127.0.0.1:{port}/close-after?after=1&code=1011", connections=1) as client:
            results = await client.batch_request(entries, 1, retry=RetryPolicy(4, 0.0, methods=None))
            assert results == [str(n).encode() for n in range(8)]
            results = await client.batch_request(entries, 1, retry=RetryPolicy(4, 0.0))
            lost = [result for result in results if isinstance(result, ConnectionLost)]
            assert lost
            assert {(error.sent, error.attempts) for error in lost} == {("full", 1)}
