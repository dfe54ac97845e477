"""Retries: which failures, how often, and after how long."""

from __future__ import annotations

import logging
import math
import time
from email.utils import formatdate
from types import SimpleNamespace
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pynector import (
    ConfigurationError,
    ConnectError,
    ConnectionLost,
    HTTPStatusError,
    Pynector,
    PynectorError,
    RemoteError,
    ResponseTooLarge,
    RetryPolicy,
    TimeoutError,
    TransportError,
)
from pynector.transport.http.retry_after import retry_after_seconds
from transports import ExchangeOnly

NOW = 1_000_000_000.0


def answer(status: int = 503, **headers: str) -> Any:
    return SimpleNamespace(status_code=status, headers={name.replace("_", "-"): v for name, v in headers.items()})


def wait(attempt: int, error: PynectorError, draw: float = 1.0, **fields: Any) -> float | None:
    """The wait after an attempt, by a policy that draws always the same part of the range, at a fixed time."""
    policy = RetryPolicy(**{"attempts": 10**6, **fields})
    return policy.wait_after(attempt, error, lambda low, high: low + draw * (high - low), lambda: NOW)


class Failing(ExchangeOnly):
    """Fails with the errors given, in turn, then answers, or `hangs`."""

    hangs = False

    def __init__(self, *failures: BaseException) -> None:
        super().__init__()
        self.failures = list(failures)
        self.attempts = 0

    async def exchange(self, data: Any, /, **options: Any) -> Any:
        self.attempts += 1
        self.options.append(options)
        if self.failures:
            raise self.failures.pop(0)
        if self.hangs:
            await anyio.sleep_forever()
        return data


# The policy


@given(st.integers(1, 5000), st.floats(0, 1e6), st.floats(0, 1e6), st.floats(0, 1), st.floats(0, 1))
def test_draws_from_an_exponential_range_up_to_the_cap(
    attempt: int, backoff: float, cap: float, jitter: float, draw: float
) -> None:
    waited = wait(attempt, TransportError(), draw, backoff=backoff, max_backoff=cap, jitter=jitter)
    most = min(cap, backoff * 2.0 ** min(attempt - 1, 1000))
    least = most * (1 - jitter)
    assert waited == pytest.approx(least + draw * (most - least))


def test_the_range_doubles() -> None:
    assert [wait(n, TransportError(), backoff=0.5, max_backoff=5) for n in range(1, 7)] == [0.5, 1, 2, 4, 5, 5]


def test_5000_attempts_do_not_overflow() -> None:
    assert wait(5000, TransportError()) == 60.0


def test_the_default_draws_are_random_and_in_range() -> None:
    waits = {RetryPolicy().wait_after(1, TransportError()) for _ in range(50)}
    assert len(waits) > 1
    assert all(wait is not None and 0 <= wait <= 1 for wait in waits)


def test_the_last_attempt_is_the_last() -> None:
    assert wait(2, TransportError(), attempts=3) is not None
    assert wait(3, TransportError(), attempts=3) is None


PERMANENT = RemoteError("no such method")


@pytest.mark.parametrize(
    ("error", "fields"),
    [
        (TimeoutError("late"), {}),
        (TimeoutError("late"), {"attempt_timeout": math.inf}),
        (ConfigurationError("wrong"), {}),
        (PynectorError("a bug"), {}),
        (ResponseTooLarge("long"), {}),
        (HTTPStatusError("no", response=answer(404)), {}),
        (HTTPStatusError("no", response=answer(503)), {"statuses": [429]}),
        (HTTPStatusError("no", response=answer(503)), {"statuses": [], "errors": TransportError}),
        (ConnectionLost("lost"), {"errors": ConnectError}),
        (PERMANENT, {}),
    ],
)
def test_what_does_not_pass_is_not_repeated(error: PynectorError, fields: dict[str, Any]) -> None:
    assert wait(1, error, **fields) is None


@pytest.mark.parametrize(
    ("error", "fields"),
    [
        (TimeoutError("late"), {"attempt_timeout": 5}),
        (HTTPStatusError("no", response=answer(503)), {}),
        (HTTPStatusError("no", response=answer(404)), {"statuses": {404}}),
        (ConnectError("refused"), {"errors": (ConnectError, ConnectionLost)}),
        (PERMANENT, {"errors": RemoteError}),
    ],
)
def test_what_may_pass_is_repeated(error: PynectorError, fields: dict[str, Any]) -> None:
    assert wait(1, error, **fields) == 1.0


@pytest.mark.parametrize(
    "fields",
    [
        {"attempts": 0},
        {"attempts": True},
        {"attempts": 2.0},
        {"backoff": -1},
        {"backoff": math.nan},
        {"max_backoff": math.inf},
        {"jitter": 1.1},
        {"jitter": None},
        {"statuses": 503},
        {"statuses": ["503"]},
        {"statuses": [99]},
        {"errors": "ConnectError"},
        {"errors": (ValueError,)},
        {"methods": "GET"},
        {"methods": [""]},
        {"respect_retry_after": 1},
        {"attempt_timeout": 0},
        {"budget": -0.1},
        {"budget": "all"},
    ],
)
def test_a_policy_that_cannot_be_is_refused_by_name(fields: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=f"RetryPolicy: {next(iter(fields))} must be"):
        RetryPolicy(**fields)


def test_methods_are_compared_in_capitals() -> None:
    assert RetryPolicy(methods=["get", "Post"]).methods == {"GET", "POST"}


@pytest.mark.parametrize(
    ("text", "waited"),
    [
        ("5", 5.0),
        (" 7 ", 7.0),
        ("0", 1.0),
        ("3600", 60.0),
        ("9" * 400, 60.0),
        ("-5", 1.0),
        ("1.5", 1.5),
        ("2.", 2.0),
        ("0.5", 1.0),
        *((text, 1.0) for text in ("-1.5", "inf", "-inf", "infinity", "nan", "1e1", "+5", "5 s", "5_0", "0x9", ".")),
        ("soon", 1.0),
        ("", 1.0),
        ("\u0665", 1.0),
        (formatdate(NOW + 10, usegmt=True), 10.0),
        (formatdate(NOW - 10, usegmt=True), 1.0),
        (formatdate(NOW + 9999, usegmt=True), 60.0),
        ("Sat, 99 Foo 2001 99:99:99 GMT", 1.0),
        ("Fri, 31 Dec 999999 23:59:59 GMT", 1.0),
    ],
)
def test_retry_after_is_honoured_up_to_the_cap(text: str, waited: float) -> None:
    error = HTTPStatusError("no", response=answer(retry_after=text))
    assert wait(1, error) == waited
    assert wait(1, error, respect_retry_after=False) == 1.0


@pytest.mark.parametrize("response", [answer(), None, SimpleNamespace(status_code=503, headers=None)])
def test_without_retry_after_the_range_holds(response: Any) -> None:
    error = TransportError("busy")
    error.response = response  # type: ignore[attr-defined]
    assert wait(1, error) == 1.0


# RFC 9110 section 5.6.7: the three forms of a date, and what servers make of them.
DATES = [
    "Sun, 06 Nov 1994 08:49:37 GMT",
    "Sunday, 06-Nov-94 08:49:37 GMT",
    "Sun Nov  6 08:49:37 1994",
    "Sun, 06 Nov 1994 08:49:37",
    "Sun, 06 Nov 1994 08:49:37 -0000",
]


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="its time zone cannot be changed")
@pytest.mark.parametrize("text", DATES)
def test_a_date_is_in_utc_wherever_this_machine_is(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    for zone in ("UTC0", "EAST-9", "WEST5"):
        with monkeypatch.context() as patched:
            patched.setenv("TZ", zone)
            time.tzset()
            asked = retry_after_seconds(text, 784111777.0 - 5)
        time.tzset()
        assert asked == 5.0


@given(st.text())
def test_any_text_is_some_number_of_seconds(text: str) -> None:
    assert not math.isnan(retry_after_seconds(text, NOW))


# The client


@pytest.mark.anyio
@pytest.mark.parametrize("attempts", [1, 2, 5])
async def test_max_retries_counts_all_attempts(attempts: int) -> None:
    failures = [TransportError(str(n)) for n in range(9)]
    transport = Failing(*failures)
    async with Pynector(transport) as client:
        with pytest.raises(TransportError) as caught:
            await client.request_with_retry("x", max_retries=attempts, retry_delay=0)
    assert transport.attempts == attempts
    assert caught.value is failures[attempts - 1]


@pytest.mark.anyio
async def test_stops_at_the_first_answer() -> None:
    transport = Failing(ConnectionResetError(), TransportError())
    async with Pynector(transport) as client:
        assert await client.request_with_retry("x", 5, 0, color="red") == "x"
    assert transport.attempts == 3
    assert transport.options == [{"color": "red"}] * 3


@pytest.mark.anyio
async def test_waits_before_it_repeats() -> None:
    transport = Failing(HTTPStatusError("busy", response=answer(retry_after="1")))
    async with Pynector(transport, config={"max_retry_delay": 0.05}) as client:
        started = time.monotonic()
        assert await client.request_with_retry("x", retry_delay=0) == "x"
    assert time.monotonic() - started >= 0.04


@pytest.mark.anyio
@pytest.mark.parametrize(
    "error", [TimeoutError("late"), ConfigurationError("wrong"), ValueError("bug"), ResponseTooLarge("long")]
)
async def test_what_does_not_pass_is_raised_at_once(error: Exception) -> None:
    transport = Failing(error)
    async with Pynector(transport) as client:
        with pytest.raises(PynectorError) as caught:
            await client.request_with_retry("x", retry_delay=0)
    assert error in (caught.value, caught.value.__cause__)
    assert transport.attempts == 1


@pytest.mark.anyio
async def test_one_deadline_covers_all_attempts() -> None:
    transport = Failing(TransportError("once"), TransportError("twice"))
    transport.hangs = True
    async with Pynector(transport, config={"timeout": 60}) as client:
        started = time.monotonic()
        with pytest.raises(TimeoutError):
            await client.request_with_retry("x", 50, 0, timeout=0.1)
    assert time.monotonic() - started < 30
    assert transport.attempts == 3


@pytest.mark.anyio
async def test_a_wait_that_would_pass_the_deadline_is_not_begun() -> None:
    failure = HTTPStatusError("busy", response=answer(retry_after="59"))
    transport = Failing(failure)
    async with Pynector(transport) as client:
        with pytest.raises(HTTPStatusError) as caught:
            await client.request_with_retry("x", timeout=20)
    assert caught.value is failure
    assert transport.attempts == 1


class Slow(logging.Handler):
    """A handler that takes its time."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage().startswith("retry"):
            time.sleep(0.7)


@pytest.mark.anyio
async def test_a_wait_that_took_too_long_is_a_timeout_that_tells_what_was_sent() -> None:
    transport = Failing(TransportError("lost", phase="headers", sent="full"))
    logger, slow = logging.getLogger("pynector"), Slow()
    logger.addHandler(slow)
    try:
        async with Pynector(transport) as client:
            with pytest.raises(TimeoutError, match=r"^no whole answer within ") as caught:
                await client.request_with_retry("x", retry_delay=0, timeout=0.6)
    finally:
        logger.removeHandler(slow)
    assert caught.value.sent == "full"
    assert transport.attempts == 1


@pytest.mark.anyio
async def test_a_timeout_too_short_for_anything_is_a_timeout() -> None:
    transport = Failing()
    async with Pynector(transport) as client:
        with pytest.raises(TimeoutError) as caught:
            await client.request_with_retry("x", timeout=5e-324)
    assert caught.value.sent == "none"
    assert transport.attempts == 0


@pytest.mark.anyio
@pytest.mark.parametrize(
    "arguments",
    [
        {"max_retries": 0},
        {"max_retries": -1},
        {"max_retries": True},
        {"max_retries": 1.5},
        {"retry_delay": -1},
        {"retry_delay": math.inf},
        {"retry_delay": "1"},
        {"timeout": 0},
    ],
)
async def test_a_bad_argument_is_named_and_nothing_is_sent(arguments: dict[str, Any]) -> None:
    transport = Failing()
    async with Pynector(transport) as client:
        with pytest.raises(ConfigurationError, match=next(iter(arguments))):
            await client.request_with_retry("x", **arguments)
    assert transport.attempts == 0


@pytest.mark.anyio
async def test_the_answer_says_how_many_attempts_it_took() -> None:
    response = SimpleNamespace(attempts=1)
    async with Pynector(Failing(TransportError(), TransportError())) as client:
        assert await client.request_with_retry(response, retry_delay=0) is response
    assert response.attempts == 3
    # What cannot be told is an answer all the same.
    fixed = RetryPolicy(1)
    async with Pynector(Failing(TransportError())) as client:
        assert await client.request_with_retry(fixed, retry_delay=0) is fixed


@pytest.mark.anyio
async def test_a_failed_connect_is_repeated() -> None:
    transport = Failing()
    transport.refuse = [ConnectionRefusedError(), OSError("no route")]
    client = Pynector(transport)
    assert await client.request_with_retry("x", retry_delay=0) == "x"
    assert transport.connects == 3
    await client.aclose()


@pytest.mark.anyio
async def test_without_telemetry_it_repeats_too() -> None:
    async with Pynector(Failing(TransportError()), enable_telemetry=False) as client:
        assert await client.request_with_retry("x", retry_delay=0) == "x"
