"""On each loop's own runner: there AnyIO knows of no loop where the loop calls back, which its runner hides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from loops import runners
from pynector import TimeoutError, WebSocketClosed
from wsservers import Url, client

Run = Callable[[Any], Any]
each = pytest.mark.parametrize("run", runners())


@each
def test_idempotent_requests_are_sent_again(url: Url, run: Run) -> None:
    async def main() -> None:
        async with client(url("/abort-after?after=100"), idempotent=True, connections=2, reconnect_delay=0.01) as it:
            answers = await it.batch_request([(f"{n}", {}) for n in range(1_000)], max_concurrency=50)
        assert answers == [b"%d" % n for n in range(1_000)]

    run(main())


@each
def test_a_lost_connection_is_made_anew(url: Url, run: Run) -> None:
    async def main() -> None:
        async with client(url("/close-after?after=1&code=1000"), reconnect_delay=0.01) as it:
            for _ in range(3):
                first, second = await it.batch_request([("a", {}), ("b", {})])
                assert (first, type(second)) == (b"a", WebSocketClosed)

    run(main())


@each
def test_a_connection_full_of_dead_requests_is_replaced_when_one_is_late(url: Url, run: Run) -> None:
    async def main() -> None:
        async with client(url("/silent"), max_in_flight=2, reconnect_delay=0.01) as it:
            results = await it.batch_request([(f"{n}", {"timeout": 0.2 + n / 10}) for n in range(6)])
        assert {type(result) for result in results} == {TimeoutError}

    run(main())
