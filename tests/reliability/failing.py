"""Calls that leave the client's code, and what makes each of them fail."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import wraps
from importlib.util import find_spec
from typing import Any
from unittest.mock import patch

import h11
import trio
import trio._socket
from disturbances import Disturbance
from endings import Ending
from stepping import SteppedLoop, Steps
from websockets.protocol import Protocol

from pynector import PynectorError, TimeoutError
from pynector.transport.http import decoding
from pynector.transport.net import trionet
from pynector.transport.net.triosocket import TrioTransport

Trip = Callable[[], object]
Install = Callable[[SteppedLoop, Trip], AbstractContextManager[None]]


def is_there(package: str) -> bool:
    """Say whether a package is installed."""
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:
        return False


class OddError(Exception):
    """An error of a kind that nobody expects."""


class OddEnd(BaseException):
    """What is no error, and no cancellation."""


SAID = "injected"


def _is_odd_end(outcome: object) -> bool:
    """Say whether it is one, or a task group's way to tell of some."""
    inner = getattr(outcome, "exceptions", ())
    return isinstance(outcome, OddEnd) or (bool(inner) and all(map(_is_odd_end, inner)))


class Fails(Disturbance):
    """A call fails: the n-th one, from 1 on.

    Args:
        name: What is called.
        install: Has each call of it call another function before, on the running loop.
        error: What is raised.
        matters: Whether the request may fail for it.
    """

    first = 1

    def __init__(self, name: str, install: Install, error: type[BaseException], matters: bool = True) -> None:
        self.name = f"{name}: {error.__name__}"
        self._install = install
        self._error = error
        self._matters = matters
        self._steps = Steps()

    def counted(self, loop: SteppedLoop) -> Steps:
        return self._steps

    def tripping(self, loop: SteppedLoop) -> Callable[[], object]:
        return self._steps.tick if self._install is nothing else lambda: None

    @contextmanager
    def installed(self, loop: SteppedLoop) -> Iterator[None]:
        with self._install(loop, self._steps.tick):
            yield

    @contextmanager
    def around(self, run: Any) -> Iterator[Callable[[], object]]:
        yield self._fail

    def _fail(self) -> None:
        raise self._error(SAID)

    def faults_in(self, heard: list[str], was_done: bool) -> list[str]:
        own = [told for told in heard if SAID in told or self._error.__name__ in told]
        faults = [told for told in heard if told not in own]
        if was_done and not self._matters and len(own) != 1:
            faults.append(f"what failed was not told once, but {own}")
        # Loops tell of what is raised in their callbacks, which is theirs; but no task of ours is to end unheard.
        return faults + [told for told in own if "never retrieved" in told and issubclass(self._error, Exception)]

    def allows(self, outcome: object, run: Any) -> bool:
        if isinstance(outcome, TimeoutError):
            # The failure was lost, and only the clock ended the request.
            return bool(run.scenario.ends_late)
        return self._matters and (isinstance(outcome, PynectorError) or _is_odd_end(outcome))


def called(owner: Any, name: str, trip: Trip) -> AbstractContextManager[Any]:
    """Have a function of a class or module call `trip` before."""
    call = getattr(owner, name)

    @wraps(call)
    def tripping(*args: Any, **options: Any) -> Any:
        trip()
        return call(*args, **options)

    return patch.object(owner, name, tripping)


def awaited(owner: Any, name: str, trip: Trip) -> AbstractContextManager[Any]:
    """Have a coroutine function call `trip` before; as any, it fails when it is awaited."""
    call = getattr(owner, name)

    @wraps(call)
    async def tripping(*args: Any, **options: Any) -> Any:
        trip()
        return await call(*args, **options)

    return patch.object(owner, name, tripping)


class _Tripping:
    """Stands before an object: each method that is called calls `trip` before."""

    def __init__(self, inner: Any, trip: Trip) -> None:
        self._inner = inner
        self._trip = trip

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if not callable(found):
            return found

        def tripping(*args: Any, **options: Any) -> Any:
            self._trip()
            return found(*args, **options)

        return tripping


def nothing(loop: SteppedLoop, trip: Trip) -> Any:
    """What the scenario calls fails by itself."""
    return ExitStack()


def _all(*patches: AbstractContextManager[Any]) -> ExitStack:
    stack = ExitStack()
    for one in patches:
        stack.enter_context(one)
    return stack


def resolver(loop: SteppedLoop, trip: Trip) -> Any:
    if loop.name == "trio":
        return _all(
            awaited(trio._highlevel_open_tcp_stream, "getaddrinfo", trip), awaited(trio.socket, "getaddrinfo", trip)
        )
    return awaited(type(asyncio.get_running_loop()), "getaddrinfo", trip)


def connecting(loop: SteppedLoop, trip: Trip) -> Any:
    if loop.name == "trio":
        return _all(awaited(trio._socket._SocketType, "connect", trip), awaited(trionet.TrioNetwork, "connected", trip))
    kind = type(asyncio.get_running_loop())
    return _all(awaited(kind, "sock_connect", trip), awaited(kind, "create_connection", trip))


def context(loop: SteppedLoop, trip: Trip) -> Any:
    return _all(*(called(ssl.SSLContext, name, trip) for name in ("load_verify_locations", "wrap_bio")))


def tls(loop: SteppedLoop, trip: Trip) -> Any:
    return _all(*(called(ssl.SSLObject, name, trip) for name in ("do_handshake", "read", "write")))


def parser(loop: SteppedLoop, trip: Trip) -> Any:
    stack = _all(
        *(called(h11.Connection, name, trip) for name in ("receive_data", "next_event")),
        *(called(Protocol, name, trip) for name in ("receive_data", "receive_eof", "events_received")),
    )
    if is_there("httptools"):
        from pynector.transport.http.native.engine import NativeEngine

        make = NativeEngine.make_parser

        def make_tripping(protocol: Any) -> Any:
            trip()
            return _Tripping(make(protocol), trip)

        stack.enter_context(patch.object(NativeEngine, "make_parser", staticmethod(make_tripping)))
    return stack


def decoder(loop: SteppedLoop, trip: Trip) -> Any:
    # zlib, or what is faster and takes its place.
    module = decoding.zlib
    make = module.decompressobj

    def make_tripping(*args: Any, **options: Any) -> Any:
        trip()
        return _Tripping(make(*args, **options), trip)

    return patch.object(module, "decompressobj", make_tripping)


def writing(loop: SteppedLoop, trip: Trip) -> Any:
    """Give bytes to a transport; the class of uvloop's cannot be changed."""
    if loop.name == "trio":
        return _all(
            awaited(trio.SocketStream, "send_all", trip),
            *(called(TrioTransport, name, trip) for name in ("write", "writelines")),
        )
    transport = asyncio.selector_events._SelectorSocketTransport  # type: ignore[attr-defined]
    return _all(*(called(transport, name, trip) for name in ("write", "writelines")))


def writing_over_tls(loop: SteppedLoop, trip: Trip) -> Any:
    """Give bytes to a transport of asyncio's over TLS."""
    transport = asyncio.sslproto._SSLProtocolTransport  # type: ignore[attr-defined]
    return _all(*(called(transport, name, trip) for name in ("write", "writelines")))


def completion(loop: SteppedLoop, trip: Trip) -> Any:
    """Whoever is told of a request's end."""
    return called(Ending, "told", trip)


# Telemetry


class _Handler(logging.Handler):
    def __init__(self, trip: Trip) -> None:
        super().__init__(logging.DEBUG)
        self._trip = trip

    def emit(self, record: logging.LogRecord) -> None:
        self._trip()


@contextmanager
def logged(loop: SteppedLoop, trip: Trip) -> Iterator[None]:
    """A log handler of the program's own."""
    logger, handler = logging.getLogger("pynector"), _Handler(trip)
    level = logger.level
    logger.setLevel(logging.DEBUG)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


@contextmanager
def structlogged(loop: SteppedLoop, trip: Trip) -> Iterator[None]:
    """A processor of structlog."""
    import structlog

    def process(_: Any, method: str, event: Any) -> Any:
        trip()
        raise structlog.DropEvent

    structlog.configure(processors=[process])
    try:
        yield
    finally:
        structlog.reset_defaults()


@contextmanager
def traced(loop: SteppedLoop, trip: Trip) -> Iterator[None]:
    """A span processor, a sampler and a propagator of OpenTelemetry."""
    from opentelemetry import propagate, trace
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
    from opentelemetry.sdk.trace.sampling import ALWAYS_ON, Sampler

    class Processor(SpanProcessor):
        def on_start(self, span: Any, parent_context: Any = None) -> None:
            trip()

        def on_end(self, span: Any) -> None:
            trip()

    class Sometimes(Sampler):
        def should_sample(self, *args: Any, **options: Any) -> Any:
            trip()
            return ALWAYS_ON.should_sample(*args, **options)

        def get_description(self) -> str:
            return "sometimes"

    provider = TracerProvider(sampler=Sometimes(), shutdown_on_exit=False)
    provider.add_span_processor(Processor())
    propagator = propagate.get_global_textmap()
    with patch.object(trace, "_TRACER_PROVIDER", provider):
        propagate.set_global_textmap(_Tripping(propagator, trip))  # type: ignore[arg-type]
        try:
            yield
        finally:
            propagate.set_global_textmap(propagator)
            provider.shutdown()


@contextmanager
def metered(loop: SteppedLoop, trip: Trip) -> Iterator[None]:
    """The instruments of OpenTelemetry."""
    from opentelemetry.metrics import _internal as metrics
    from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader

    provider = MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False)
    with (
        patch.object(metrics, "_METER_PROVIDER", provider),
        called(Counter, "add", trip),
        called(Histogram, "record", trip),
    ):
        yield
    provider.shutdown()


# What telemetry calls, and the package that it is of.
_TELEMETRY: list[tuple[str, Install, str]] = [
    ("log handler", logged, "logging"),
    ("structlog", structlogged, "structlog"),
    ("spans", traced, "opentelemetry.sdk"),
    ("metrics", metered, "opentelemetry.sdk"),
]
TELEMETRY = {name: install for name, install, package in _TELEMETRY if is_there(package)}
