"""FakeTransport: answers without a server, below the rules of the HTTP transport."""

from __future__ import annotations

import gzip
import re
from collections.abc import AsyncIterator
from contextlib import ExitStack
from importlib.util import find_spec
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from pynector import (
    ConfigurationError,
    ConnectError,
    ConnectionLost,
    DecodingError,
    HTTPStatusError,
    Pynector,
    PynectorError,
    ResponseTooLarge,
    TimeoutError,
    TooManyRedirects,
    TransportError,
    blocking,
)
from pynector.testing import Answer, Asked, FakeTransport, NoAnswer

pytestmark = pytest.mark.anyio

BASE = "https://api.example.com/v1"


@pytest.fixture
def fake() -> FakeTransport:
    return FakeTransport(base_url=BASE, headers={"X-Client": "one"}, params={"lang": "en"})


async def test_answers_come_by_the_code_of_the_real_transport(fake: FakeTransport) -> None:
    fake.answer("/v1/json", {"a": "ä"})
    fake.answer("/v1/zip", Answer(content=gzip.compress(b"text"), headers={"Content-Encoding": "gzip"}))
    fake.answer("/v1/text", Answer(201, text="ä", headers={"X-Id": "7"}))
    async with Pynector(transport=fake) as client:
        assert await client.request({"path": "json"}) == '{"a": "ä"}'.encode()
        assert await client.request({"path": "zip"}) == b"text"
        response = await client.request({"path": "text"}, as_response=True)
    assert (response.status_code, response.text, response.headers["x-id"]) == (201, "ä", "7")
    assert response.headers["content-length"] == "2"
    assert response.url == f"{BASE}/text?lang=en"


async def test_what_was_asked_is_told_as_a_server_gets_it(fake: FakeTransport) -> None:
    fake.answer(None, 200)
    async with Pynector(transport=fake) as client:
        await client.request({"path": "a", "params": {"n": [1, 2]}, "json": {"b": 1}, "headers": {"X-Own": "two"}})
    [asked] = fake.asked("/v1/a", method="post", host="api.*")
    assert (asked.method, asked.path, asked.host, asked.json()) == ("POST", "/v1/a", "api.example.com", {"b": 1})
    assert asked.params == {"lang": ["en"], "n": ["1", "2"]}
    assert (asked.headers["x-client"], asked.headers["x-own"]) == ("one", "two")
    assert (asked.headers["content-length"], asked.text) == ("7", '{"b":1}')
    assert asked.url == f"{BASE}/a?lang=en&n=1&n=2"
    assert fake.asked("/v1/b") == fake.asked(method="GET") == fake.asked(host="other") == []


@pytest.mark.parametrize(
    ("where", "fits"),
    [
        ("/v1/items/7", True),
        ("/v1/items/*", True),
        ("/v1/items/?x=*", False),
        ("/v1/items/7?*n=2*", True),
        ("/v1/items", False),
        ("https://*.example.com/*", True),
        ("http://*", False),
        (re.compile(r"items/\d\?"), True),
        (re.compile(r"items/\d$"), False),
        (None, True),
    ],
)
async def test_a_pattern_fits_or_not(fake: FakeTransport, where: Any, fits: bool) -> None:
    fake.answer(where, "first")
    fake.answer(None, "other")
    async with Pynector(transport=fake) as client:
        got = await client.request({"path": "items/7", "params": {"n": 2}})
    assert got == (b"first" if fits else b"other")
    assert len(fake.asked(where)) == fits


async def test_a_sequence_is_used_up_and_the_next_answer_counts(fake: FakeTransport) -> None:
    fake.answer("/v1/a", "one", "two")
    fake.answer("/v1/a", "rest")
    with pytest.raises(AssertionError, match="/v1/a; /v1/a; asked was nothing"):
        fake.assert_all_used()
    async with Pynector(transport=fake) as client:
        got = [await client.request({"path": "a"}) for _ in range(4)]
    assert got == [b"one", b"two", b"rest", b"rest"]
    fake.assert_all_used()


async def test_a_function_answers_by_what_was_asked(fake: FakeTransport) -> None:
    async def later(asked: Asked) -> Any:
        return [asked.path]

    fake.answer("/v1/now", lambda asked: asked.content)
    fake.answer("/v1/later", later)
    async with Pynector(transport=fake) as client:
        assert await client.request({"path": "now", "content": b"body"}) == b"body"
        assert await client.request({"path": "later"}) == b'["/v1/later"]'


@pytest.mark.parametrize(
    ("failure", "phase", "sent"),
    [
        (ConnectError("refused"), "connect", "none"),
        (ConnectError("shaken off", phase="tls"), "tls", "none"),
        (ConnectionLost("gone"), "headers", "full"),
        (ConnectionLost("gone", phase="write"), "write", "partial"),
        (ConnectionLost("gone", phase="body", sent="full"), "body", "full"),
        (TimeoutError(phase="queue"), "queue", "none"),
        (Answer(content=b"half", failure=ConnectionLost("cut")), "body", "full"),
    ],
    ids=repr,
)
async def test_a_failure_says_how_far_it_had_come(fake: FakeTransport, failure: Any, phase: str, sent: str) -> None:
    fake.answer("/v1/a", failure)
    async with Pynector(transport=fake) as client:
        problems = []
        for _ in range(2):
            with pytest.raises((TransportError, TimeoutError)) as caught:
                await client.request({"path": "a"})
            problems.append(caught.value)
    first, second = problems
    assert (first.phase, first.sent, first.request) == (phase, sent, f"GET {BASE}/a")
    assert first is not second
    assert len(fake.requests) == 2


async def test_statuses_and_limits_are_judged(fake: FakeTransport) -> None:
    fake.answer("/v1/404", Answer(404, json={"why": "no"}))
    fake.answer("/v1/long", "x" * 100)
    fake.answer("/v1/broken", Answer(text="no gzip", headers={"Content-Encoding": "gzip"}))
    async with Pynector(transport=fake) as client:
        with pytest.raises(HTTPStatusError) as caught:
            await client.request({"path": "404"})
        assert await client.request({"path": "404"}, raise_for_status=False) == b'{"why": "no"}'
        with pytest.raises(ResponseTooLarge):
            await client.request({"path": "long"}, max_response_bytes=99)
        with pytest.raises(DecodingError):
            await client.request({"path": "broken"})
        assert await client.request({"path": "404", "method": "HEAD"}, raise_for_status=False) == b""
    assert caught.value.response.content == b'{"why": "no"}'


async def test_redirects_are_followed_by_the_same_rules(fake: FakeTransport) -> None:
    fake.answer("/v1/old", Answer(303, headers={"Location": "https://other.example.com/new"}))
    fake.answer("https://other.example.com/new", "here")
    fake.answer("/v1/round", Answer(302, headers={"Location": "/v1/round"}))
    async with Pynector(transport=fake) as client:
        response = await client.request(
            {"path": "old", "json": 1, "headers": {"Authorization": "secret"}}, as_response=True
        )
        assert (response.content, [hop.status_code for hop in response.history]) == (b"here", [303])
        with pytest.raises(TooManyRedirects):
            await client.request({"path": "round"}, max_redirects=3)
    first, second = fake.requests[:2]
    assert (first.method, second.method, second.content) == ("POST", "GET", b"")
    assert "authorization" in first.headers
    assert "authorization" not in second.headers
    assert len(fake.asked("/v1/round")) == 4


async def test_retries_send_again(fake: FakeTransport) -> None:
    fake.answer("/v1/a", ConnectionLost("gone"), 503, "well")
    async with Pynector(transport=fake) as client:
        response = await client.request_with_retry({"path": "a"}, max_retries=5, retry_delay=0.001, as_response=True)
    assert (response.content, response.attempts, len(fake.requests)) == (b"well", 3, 3)


async def test_a_batch_has_its_window_and_its_order(fake: FakeTransport) -> None:
    under_way = most = 0

    async def answer(asked: Asked) -> Any:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await anyio.lowlevel.checkpoint()
        under_way -= 1
        return ConnectError("no") if asked.path.endswith("/7") else asked.path

    fake.answer(None, answer)
    async with Pynector(transport=fake) as client:
        results = await client.batch_request([({"path": f"{n}"}, {}) for n in range(20)], max_concurrency=4)
    assert isinstance(results[7], ConnectError)
    assert [r for r in results if isinstance(r, bytes)] == [f"/v1/{n}".encode() for n in range(20) if n != 7]
    assert most <= 4


async def test_streams_come_in_the_pieces_that_are_given(fake: FakeTransport) -> None:
    fake.answer("/v1/a", Answer(content=[b"one", b"", b"two"]))
    fake.answer("/v1/cut", Answer(content=[b"one"], failure=ConnectionLost("cut")))
    fake.answer("/v1/left", Answer(content=[b"x"] * 100, failure=ConnectionLost("cut")))
    async with Pynector(transport=fake) as client:
        async with client.stream({"path": "a"}) as response:
            assert [piece async for piece in response.iter_bytes()] == [b"one", b"two"]
        async with client.stream({"path": "cut"}) as response:
            pieces = response.iter_bytes()
            assert await anext(pieces) == b"one"
            with pytest.raises(ConnectionLost) as caught:
                await anext(pieces)
        async with client.stream({"path": "left"}) as response:
            assert await anext(response.iter_bytes()) == b"x"
        assert client.stats().in_flight == 0
    assert (caught.value.phase, caught.value.sent) == ("body", "full")


async def test_uploads_are_read(fake: FakeTransport) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"one"
        yield b"two"

    fake.answer(None, lambda asked: asked.content)
    async with Pynector(transport=fake) as client:
        assert await client.request({"path": "a", "content": pieces()}) == b"onetwo"
        assert await client.request({"path": "a", "content": b"x" * 100_000}) == b"x" * 100_000
    assert fake.requests[0].headers["transfer-encoding"] == "chunked"


async def test_latency_is_waited_for_and_a_deadline_holds(fake: FakeTransport) -> None:
    fake.answer("/v1/slow", Answer(latency=3600.0))
    fake.answer("/v1/soon", Answer(text="soon", latency=0.001))
    async with Pynector(transport=fake) as client:
        assert await client.request({"path": "soon"}) == b"soon"
        with pytest.raises(TimeoutError) as caught:
            await client.request({"path": "slow"}, timeout=0.05)
    assert (caught.value.phase, caught.value.sent) == ("headers", "full")


async def test_cookies_and_http2_are_as_the_options_say() -> None:
    fake = FakeTransport(base_url=BASE, persist_cookies=True, http2=True)
    fake.answer(None, Answer(headers=[("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]))
    async with Pynector(transport=fake) as client:
        await client.request({"path": "a"})
        response = await client.request({"path": "a"}, as_response=True)
        assert (client.stats().engine, response.http_version) == ("fake", "HTTP/2")
    assert "cookie" not in fake.requests[0].headers
    assert fake.requests[1].headers["cookie"] == "a=1; b=2"


async def test_what_has_no_answer_is_an_error_that_is_not_retried(fake: FakeTransport) -> None:
    fake.answer("/v1/a", 200)

    def wrong(asked: Asked) -> Any:
        raise AssertionError("not as it should be")

    fake.answer("/v1/wrong", wrong)
    async with Pynector(transport=fake) as client:
        with pytest.raises(NoAnswer, match=r"no answer to GET https://api.example.com/v1/b.*it has for /v1/a"):
            await client.request_with_retry({"path": "b"}, max_retries=3, retry_delay=0.001)
        with pytest.raises(AssertionError, match="no answer to GET"):
            fake.assert_all_answered()
        with pytest.raises(NoAnswer, match="not as it should be"):
            await client.request_with_retry({"path": "wrong"}, max_retries=3, retry_delay=0.001)
    assert len(fake.requests) == 2


async def test_everywhere_answers_to_clients_with_their_own_options() -> None:
    with FakeTransport().everywhere() as fake:
        fake.answer("https://a.example.com/x/*", "a")
        async with Pynector(base_url="https://a.example.com/x", headers={"X-Mine": "1"}) as client:
            assert await client.request({"path": "y"}) == b"a"
            assert await client.batch_request([({"path": f"{n}"}, {}) for n in range(3)]) == [b"a"] * 3
        with FakeTransport().everywhere() as inner:
            inner.answer(None, "b")
            async with Pynector() as client:
                assert await client.request({"url": "https://a.example.com/x/y"}) == b"b"
        async with Pynector() as client:
            assert await client.request({"url": "https://a.example.com/x/y"}) == b"a"
    assert fake.requests[0].headers["x-mine"] == "1"


async def test_everywhere_fails_at_its_end_where_there_was_no_answer() -> None:
    with ExitStack() as held:
        held.enter_context(FakeTransport().everywhere())
        async with Pynector() as client:
            [result] = await client.batch_request([({"url": "https://a.example.com/x"}, {})])
        with pytest.raises(AssertionError, match="no answer to GET"):
            held.close()
    assert isinstance(result, NoAnswer)


@pytest.mark.skipif(find_spec("httptools") is None, reason="what is tested is the native engine's")
async def test_clients_of_httpx_are_told_that_they_are_not_answered() -> None:
    import httpx

    from pynector.integrations.httpx import PynectorTransport

    with FakeTransport().everywhere():
        async with httpx.AsyncClient(transport=PynectorTransport()) as client:
            with pytest.raises(httpx.LocalProtocolError, match="answers Pynector's own clients"):
                await client.get("http://127.0.0.1:9/")


async def test_after_everywhere_there_is_network_again(server: Any) -> None:
    with FakeTransport().everywhere() as fake:
        fake.answer(None, "fake")
    async with Pynector(base_url=server.url) as client:
        assert await client.request({"path": "/id/7"}) == b"7"
        assert client.stats().engine != "fake"
    assert fake.requests == []


def test_loops_may_have_one_transport_in_turn(fake: FakeTransport) -> None:
    fake.answer(None, "well")

    async def main() -> bytes:
        async with Pynector(transport=fake) as client, fake:
            return await client.request({"path": "a"})

    for backend in ("asyncio", "trio"):
        assert anyio.run(main, backend=backend) == b"well"


def test_a_blocking_client_is_answered_too() -> None:
    with FakeTransport().everywhere() as fake:
        fake.answer("/a", {"a": 1}, 503, ConnectionLost("gone"))
        with blocking.Pynector(base_url="https://api.example.com") as client:
            assert client.request({"path": "/a"}) == b'{"a": 1}'
            with pytest.raises(HTTPStatusError):
                client.request({"path": "/a"})
            with pytest.raises(ConnectionLost):
                client.request({"path": "/a"})
        fake.assert_all_used()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda fake: fake.answer("/a"), "no answer for /a"),
        (lambda fake: fake.answer("a", 200), "where must be a path with a slash"),
        (lambda fake: fake.answer(7, 200), "where must be"),
        (lambda fake: fake.answer(re.compile(b"a"), 200), "where must be"),
        (lambda fake: fake.answer(None, 200, method=7), "method must be a str"),
        (lambda fake: fake.answer(None, ConnectionLost), "an answer must be"),
        (lambda fake: fake.answer(None, None), "an answer must be"),
        (lambda fake: fake.answer(None, ValueError("x")), "a failure must be"),
        (lambda fake: fake.answer(None, 99), "status must be"),
        (lambda fake: fake.answer(None, True), "status must be"),
        (lambda fake: fake.answer(None, HTTPStatusError("x")), "give the status"),
        (lambda fake: Answer(json=1, text="1"), "one body"),
        (lambda fake: Answer(json=object()), "json cannot be sent"),
        (lambda fake: Answer(content="text"), "content must be bytes"),
        (lambda fake: Answer(content=["text"]), "content must be bytes"),
        (lambda fake: Answer(latency=-1), "latency must be"),
        (lambda fake: Answer(headers={"a b": "c"}), "not a header name"),
        (lambda fake: Answer(failure=ValueError()), "a failure must be"),
    ],
)
def test_what_cannot_be_is_refused(fake: FakeTransport, make: Any, said: str) -> None:
    with pytest.raises((ConfigurationError, TypeError), match=said):
        make(fake)


def test_what_they_are_stands_in_their_reprs(fake: FakeTransport) -> None:
    assert repr(Answer(text="abc")) == "<Answer 200, 3 bytes>"
    assert issubclass(NoAnswer, PynectorError)
