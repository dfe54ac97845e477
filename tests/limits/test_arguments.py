"""What cannot be is told by the name of its class and argument, and what would be right."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import pytest

from limits.noting import NotingServer
from pynector import CircuitBreaker, ConfigurationError, Pynector, Rate, RetryPolicy

Serve = Callable[..., NotingServer]

pytestmark = pytest.mark.anyio

# Of each argument what is wrong for all of them, and what would be right.
RIGHT: dict[Any, dict[str, str]] = {
    Rate: {
        "requests": "a positive finite number",
        "per": "a positive finite number of seconds",
        "burst": "a number from 1 to 5, as requests is 5",
        "cost": "a finite number, 0 or more, or a function",
        "settle": "a function of the Response, or None",
    },
    RetryPolicy: {
        "attempts": "a whole number of at least 1",
        "backoff": "a number of seconds, 0 or more",
        "max_backoff": "a number of seconds, 0 or more",
        "jitter": "a number from 0 to 1",
        "statuses": "a collection of statuses, such as 503",
        "errors": "a collection of classes of PynectorErrors",
        "methods": "a collection of HTTP methods, such as 'GET'",
        "respect_retry_after": "True or False",
        "attempt_timeout": "a positive number of seconds or math.inf",
        "budget": "a number from 0 to 1000",
    },
    CircuitBreaker: {
        "failure_rate": "a number above 0 and at most 1",
        "window": "a positive number of seconds",
        "minimum": "a whole number of at least 1",
        "cooldown": "a number of seconds, 0 or more",
        "probes": "a whole number of at least 1",
    },
}


@pytest.mark.parametrize("kind", RIGHT, ids=lambda kind: kind.__name__)
def test_an_argument_that_cannot_be_is_named(kind: Any) -> None:
    assert list(RIGHT[kind]) == [field.name for field in dataclasses.fields(kind)]
    for name, right in RIGHT[kind].items():
        for wrong in (-1, math.nan, "1", object()):
            given = {"requests": 5, name: wrong} if kind is Rate else {name: wrong}
            with pytest.raises(ConfigurationError) as caught:
                kind(**given)
            assert str(caught.value).startswith(f"{kind.__name__}: {name} must be {right}"), wrong


def test_two_that_contradict_are_named() -> None:
    with pytest.raises(ConfigurationError, match=r"Rate: burst must be .* from 1 to 1, as requests is 0\.5, not 2"):
        Rate(0.5, burst=2)
    with pytest.raises(ConfigurationError, match=r"Rate: requests and per: .* is no rate that a clock can keep"):
        Rate(1e-300, per=1e15)


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ({"rate": 100}, r"rate must be a Rate, such as Rate\(10, per=1.0\), or a list of them, not 100"),
        ({"retry": 3}, r"retry must be a RetryPolicy, such as RetryPolicy\(attempts=3\), not 3"),
        ({"breaker": True}, r"breaker must be a CircuitBreaker, such as CircuitBreaker\(\), not True"),
        ({"hedge_after": 0}, 'hedge_after must be a positive number of seconds, or "p50" to "p99", not 0'),
        ({"hedge_after": "p100"}, 'hedge_after must be a positive number of seconds, or "p50" to "p99", not \'p100\''),
    ],
)
async def test_a_value_where_an_object_belongs_is_told_so(argument: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        Pynector(**argument)
    async with Pynector() as client:
        with pytest.raises(ConfigurationError, match=said):
            await client.batch_request([], **argument)


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("rate", "a client and of a batch"),
        ("checkpoint", "batch_request and batch_stream"),
        ("ordered", "batch_stream"),
        ("key", "a batch's entry"),
    ],
)
async def test_what_belongs_elsewhere_is_told_so(name: str, where: str) -> None:
    async with Pynector(base_url="http://127.0.0.1:9") as client:
        with pytest.raises(ConfigurationError, match=f"no option '{name}': it is an (argument|option) of {where}"):
            await client.request({"path": "/"}, **{name: 1})


@pytest.mark.parametrize(
    "own", [{"retry": 3}, {"hedge_after": -1}, {"hedge_after": "p95"}, {"idempotency_key": ""}], ids=str
)
async def test_a_list_is_checked_before_anything_is_sent(own: dict[str, Any], serve: Serve) -> None:
    server = serve()
    async with Pynector(base_url=server.url) as client:
        with pytest.raises(ConfigurationError, match=rf"requests\[1\]: {next(iter(own))} must be "):
            await client.batch_request([({"path": "/0"}, {}), ({"path": "/1"}, own)])
    assert server.asked == []


async def test_a_request_may_have_a_key_of_its_own(serve: Serve) -> None:
    server = serve()
    async with Pynector(base_url=server.url) as client:
        await client.request({"method": "POST", "path": "/order"}, idempotency_key="order-7")
        with pytest.raises(ConfigurationError, match="idempotency_key must be True or False, or the key"):
            await client.request({"path": "/"}, idempotency_key="")
    assert [one.fields["idempotency-key"] for one in server.asked] == ["order-7"]
