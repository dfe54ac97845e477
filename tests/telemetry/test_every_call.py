"""A fault at each call into the program's telemetry, one after another: no result changes, and it is told of once."""

from __future__ import annotations

import itertools
import logging
import sys
from collections.abc import Callable
from typing import Any

import pytest
from asking import BATCH, ENGINES, Ask, counts, outcome_of, streamed
from opentelemetry import context, metrics, propagate, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider

from pynector import Pynector, RetryPolicy
from pynector.testing import LoopbackServer
from transports import ExchangeOnly

pytestmark = pytest.mark.anyio

# By one of these methods what belongs to the program is known; all else that OpenTelemetry gives are values.
FOREIGN = ("start_span", "is_recording", "create_histogram", "record", "add")


class Calls:
    """Counts calls, and raises at one of them.

    Args:
        fatal: The number of that call, from 1 on.

    Attributes:
        count: How many there were.
    """

    def __init__(self, fatal: int) -> None:
        self._fatal = fatal
        self.count = 0

    def __call__(self) -> None:
        self.count += 1
        if self.count == self._fatal:
            raise LookupError(f"call {self.count}")

    def tap(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Count the calls of a function, and of the methods of what it gives."""

        def call(*args: Any, **kwargs: Any) -> Any:
            given = function(*args, **kwargs)
            # After its work, so that what is started has been started, and what is ended has ended.
            self()
            return Tapped(given, self) if any(hasattr(given, name) for name in FOREIGN) else given

        return call


@trace.Span.register
class Tapped:
    """An object whose methods are counted."""

    def __init__(self, real: Any, calls: Calls) -> None:
        self._real, self._calls = real, calls

    def __getattr__(self, name: str) -> Any:
        return self._calls.tap(getattr(self._real, name))


class Handler(logging.Handler):
    """Counts, too, and keeps what it is told of telemetry's failures."""

    def __init__(self, calls: Calls) -> None:
        super().__init__()
        self._calls = calls
        self.failures: list[Any] = []

    def emit(self, record: Any) -> None:
        if record.event == "telemetry.error":
            self.failures.append(record.fields)
        self._calls()


def listen(calls: Calls, patch: pytest.MonkeyPatch) -> Handler:
    """Make all listen, by calls that are counted."""
    handler = Handler(calls)
    tracing: Any = Tapped(TracerProvider(shutdown_on_exit=False), calls)
    metering: Any = Tapped(MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False), calls)
    patch.setattr(trace, "get_tracer_provider", calls.tap(lambda: tracing))
    patch.setattr(metrics, "get_meter_provider", calls.tap(lambda: metering))
    functions: Any = ((context, "attach"), (context, "detach"), (propagate, "inject"), (trace, "set_span_in_context"))
    for module, name in functions:
        patch.setattr(module, name, calls.tap(getattr(module, name)))
    logger = logging.getLogger("pynector")
    patch.setattr(logger, "handlers", [handler])
    patch.setattr(logger, "level", logging.DEBUG)
    return handler


OVER_HTTP: list[Ask] = [
    lambda client: client.request({"path": "/redirect/1"}),
    lambda client: client.request_with_retry({"path": "/status/503"}, 2, 0),
    lambda client: client.batch_request([BATCH[n] for n in (0, 1, 2, 5)], 2),
    streamed,
]

AGAIN = RetryPolicy(2, backoff=0, methods=None)

OVER_ANY: list[Ask] = [
    lambda client: client.request("a"),
    lambda client: client.request_with_retry(ConnectionResetError("gone"), 2, 0),
    lambda client: client.batch_request([("a", {}), ("b", {}), (ConnectionResetError("gone"), {})], 2),
    lambda client: client.batch_request([(ConnectionResetError("gone"), {})], retry=AGAIN),
]


async def check_every_call(make: Callable[[bool], Pynector], asked: list[Ask], patch: pytest.MonkeyPatch) -> None:
    """Ask with a fault at each call until there are no more calls."""
    unraisable: list[Any] = []
    patch.setattr(sys, "unraisablehook", lambda failure: unraisable.append(failure.exc_value))

    async def outcomes(client: Pynector) -> Any:
        async with client:
            return [await outcome_of(ask, client) for ask in asked], counts(client.stats())

    expected = await outcomes(make(False))
    for fatal in itertools.count(1):
        calls = Calls(fatal)
        with patch.context() as inner:
            handler = listen(calls, inner)
            assert await outcomes(make(True)) == expected, fatal
        if calls.count < fatal:
            break
        assert len(handler.failures) + len(unraisable) == 1, fatal
        unraisable.clear()
    assert fatal > 30
    assert unraisable == handler.failures == []


@pytest.mark.parametrize(
    ("anyio_backend", "engine"), [where for where in ENGINES if where.id != "uvloop-native"], indirect=["engine"]
)
async def test_over_http(engine: str, server: LoopbackServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def make(enabled: bool) -> Pynector:
        return Pynector(base_url=server.url, http_engine=engine, enable_telemetry=enabled)

    await check_every_call(make, OVER_HTTP, monkeypatch)


async def test_over_any_transport(monkeypatch: pytest.MonkeyPatch) -> None:
    await check_every_call(lambda enabled: Pynector(ExchangeOnly(), enable_telemetry=enabled), OVER_ANY, monkeypatch)
