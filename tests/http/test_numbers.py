"""Numbers that the checks accept do not overflow anywhere, whatever their size."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from pynector import Pynector
from pynector.testing import LoopbackServer

pytestmark = pytest.mark.anyio

LARGE = [sys.maxsize, 2**63, 2**64 + 1, 10**400]
COUNTS = ["max_connections", "max_keepalive", "max_redirects", "max_response_bytes", "max_concurrency"]


@pytest.mark.parametrize("number", LARGE, ids=["maxsize", "2**63", "2**64", "10**400"])
@pytest.mark.parametrize("name", COUNTS)
async def test_a_count_may_be_as_large_as_one_likes(
    server: LoopbackServer, engine: str, name: str, number: int
) -> None:
    paths = ["/bytes/100000", "/compressed/gzip?size=1000", "/redirect/1?to=/id/7"]
    requests: Any = [({"method": "DELETE", "path": "/inspect"}, {}), *(({"path": path}, {}) for path in paths)]
    options: dict[str, Any] = {name: number}
    async with Pynector(base_url=server.url, http_engine=engine, **options) as client:
        answers = await client.batch_request(requests, raise_on_error=True)
        async with client.stream({"path": paths[1]}) as response:
            assert await response.read() == answers[2]
    assert [len(answers[1]), answers[3]] == [100_000, b"7"]


@pytest.mark.parametrize("number", LARGE, ids=["maxsize", "2**63", "2**64", "10**400"])
async def test_a_count_of_one_request_may_be_as_large_as_one_likes(
    server: LoopbackServer, engine: str, number: int
) -> None:
    async with Pynector(base_url=server.url, http_engine=engine) as client:
        limits: dict[str, Any] = {"max_response_bytes": number, "max_redirects": number}
        assert await client.request({"path": "/redirect/1?to=/id/7"}, **limits) == b"7"
        assert await client.batch_request([({"path": "/id/7"}, limits)], max_concurrency=number) == [b"7"]
        assert await client.request_with_retry({"path": "/id/7"}, max_retries=number) == b"7"
        async with client.stream({"path": "/bytes/1000"}, **limits) as response:
            assert [len(piece) async for piece in response.iter_bytes(number)] == [1000]


@pytest.mark.parametrize("seconds", [1e9, 1e18, 1e300, sys.float_info.max, int(sys.float_info.max)])
async def test_a_time_may_be_as_long_as_one_likes(server: LoopbackServer, engine: str, seconds: float) -> None:
    options: dict[str, Any] = {"timeout": seconds, "max_retry_delay": seconds, "keepalive_expiry": seconds}
    async with Pynector(base_url=server.url, http_engine=engine, **options) as client:
        for _ in range(2):
            assert await client.request({"path": "/id/7"}) == b"7"
        assert await client.batch_request([({"path": "/id/7"}, {"timeout": seconds})], timeout=seconds) == [b"7"]
        assert await client.request_with_retry({"path": "/id/7"}, timeout=seconds) == b"7"
        async with client.stream({"path": "/id/7"}, timeout=seconds) as response:
            assert await response.read() == b"7"
