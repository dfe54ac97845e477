"""What type checkers are to find right, and the types that they are to find. It is never run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

from typing_extensions import Unpack, assert_type

import pynector.blocking
from pynector import (
    BatchItem,
    BatchStream,
    HTTPRequest,
    Pynector,
    PynectorError,
    Rate,
    Response,
    RetryPolicy,
    StreamedResponse,
    Subscription,
)
from pynector.options import HTTPClientOptions, HTTPRequestOptions


async def bodies() -> None:
    async with Pynector(base_url="https://example.com", timeout=3, rate=[Rate(5), Rate(100, per=60)]) as client:
        assert_type(client, Pynector[bytes])
        assert_type(await client.request({"path": "/"}), bytes)
        assert_type(await client.request(None, 5, path="/", headers={"a": "b"}), bytes)
        assert_type(await client.request(None, as_response=True, params=[("a", 1)]), Response)
        assert_type(await client.request_with_retry({"path": "/"}, 4, attempt_timeout=1.0), bytes)
        assert_type(await client.get("/", params={"a": [1, 2]}), bytes)
        assert_type(await client.post("/", json=[1], as_response=True), Response)
        assert_type(await client.put("/", data={"form": "field"}, idempotency_key=True), bytes)
        async with client.stream({"path": "/"}) as response:
            assert_type(response, StreamedResponse)
            async for chunk in response.iter_bytes():
                assert_type(chunk, bytes)
        async with client.events("/", 3, headers={"a": "b"}) as events:
            async for event in events:
                assert_type(event.data, str)


async def responses() -> None:
    async with Pynector(base_url="https://example.com", as_response=True, retry=RetryPolicy(3)) as client:
        assert_type(client, Pynector[Response])
        assert_type(await client.request({"path": "/"}), Response)
        assert_type(await client.get("/"), Response)
        assert_type(await client.get("/", as_response=False), bytes)
        assert_type(await client.batch_request([({"path": "/"}, {})]), list[Response | PynectorError])


async def batches(client: Pynector[bytes], own: list[tuple[dict[str, str], dict[str, float]]]) -> None:
    assert_type(await client.batch_request(own, 5), list[bytes | PynectorError])
    assert_type(await client.batch_request(own, raise_on_error=True), list[bytes])
    assert_type(await client.batch_request(own, as_response=True), list[Response | PynectorError])
    assert_type(await client.batch_request(own, raise_on_error=True, as_response=True), list[Response])
    assert_type(await client.batch_request(own, as_response=False, checkpoint="a.db"), list[bytes | PynectorError])
    requests = (HTTPRequest(path=f"/{n}") for n in range(3))
    async with client.batch_stream(requests, max_concurrency="auto", progress=True) as results:
        assert_type(results, BatchStream[bytes])
        async for item in results:
            assert_type(item, BatchItem[bytes])
            if item.ok:
                print(item.result.decode())
            if item.error is None:
                assert_type(item.result, bytes)
            else:
                assert_type(item.error, PynectorError)
    async with client.batch_stream(endless(), as_response=True) as others:
        print([item.result.status_code async for item in others if item.ok])


async def endless() -> AsyncIterator[HTTPRequest]:
    while True:
        yield HTTPRequest(path="/")


async def messages() -> None:
    async with Pynector(transport_type="websocket", url="ws://127.0.0.1/", correlation="id") as client:
        assert_type(client, Pynector[Any])
        assert_type(await client.request({"a": 1}, as_response=True), Any)
        async with client.subscribe(max_queue=5, overflow="wait") as subscription:
            assert_type(subscription, Subscription)


class OwnTransport:
    """Of the kind that anybody may write."""


async def others() -> None:
    async with Pynector(OwnTransport(), its_option=3) as client:
        assert_type(client, Pynector[Any])
        assert_type(await client.request("data", own_option=5), Any)
        assert_type(await client.batch_request([("data", {})], own_option=5), list[Any])
    Pynector(transport_type="mine", its_option=5)
    Pynector(config={"timeout": 5}, base_url="https://example.com")


async def whichever(client: Pynector) -> None:
    assert_type(await client.request({"path": "/"}, own_option=5), Any)


async def any_of_them() -> None:
    await whichever(Pynector())
    await whichever(Pynector(as_response=True))
    await whichever(Pynector(OwnTransport()))


def made(**options: Unpack[HTTPClientOptions]) -> Pynector[bytes]:
    return Pynector(**options)


async def asked(client: Pynector[bytes], **options: Unpack[HTTPRequestOptions]) -> bytes:
    return await client.request(None, **options)


def blocking(own: list[tuple[Any, dict[str, Any]]]) -> Iterator[bytes]:
    with pynector.blocking.Pynector(base_url="https://example.com") as client:
        assert_type(client, pynector.blocking.Pynector[bytes])
        assert_type(client.get("/"), bytes)
        assert_type(client.post("/", json=1, as_response=True), Response)
        assert_type(client.batch_request(own), list[bytes | PynectorError])
        with client.batch_stream(own) as results:
            for item in results:
                assert_type(item, BatchItem[bytes])
                if item.ok:
                    yield item.result
        with client.stream({"path": "/"}) as response:
            assert_type(response.read(), bytes)
    with pynector.blocking.Pynector(as_response=True) as other:
        assert_type(other.get("/"), Response)
