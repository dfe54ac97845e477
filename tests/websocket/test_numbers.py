"""Numbers that the checks accept do not overflow anywhere, whatever their size."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from wsservers import Url, client

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("number", [sys.maxsize, 2**63, 10**400], ids=["maxsize", "2**63", "10**400"])
@pytest.mark.parametrize("name", ["max_in_flight", "max_message_bytes", "max_reconnects", "max_concurrency"])
async def test_a_count_may_be_as_large_as_one_likes(url: Url, name: str, number: int) -> None:
    options: dict[str, Any] = {name: number}
    async with client(url("/echo"), **options) as it:
        assert await it.batch_request([("a", {}), ("b", {})], max_concurrency=number) == [b"a", b"b"]
        async with it.subscribe(max_queue=number):
            assert await it.request("c") == b"c"


@pytest.mark.parametrize("seconds", [1e9, 1e300, sys.float_info.max])
async def test_a_time_may_be_as_long_as_one_likes(url: Url, seconds: float) -> None:
    names = ["timeout", "open_timeout", "ping_interval", "ping_timeout", "reconnect_delay"]
    options: dict[str, Any] = dict.fromkeys(names, seconds)
    async with client(url("/echo"), **options) as it:
        assert await it.request("a", timeout=seconds) == b"a"
