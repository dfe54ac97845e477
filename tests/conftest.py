"""Fixtures of the whole suite: the event loops, and the bundled server."""

from __future__ import annotations

import contextlib
import gc
import sys
from collections.abc import Generator, Iterator
from importlib.util import find_spec
from typing import Any

import hypothesis
import pytest

from engines import HAS_HTTP2, cannot_be, engines, is_over_http2, way_of
from loops import BACKENDS
from pynector.testing import LoopbackServer
from repeated import mark_repeated


def installed(module: str) -> bool:
    """Say whether an optional package is there."""
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


# The files that are about an optional package, and the package: without it there is nothing to test.
SDK = ("opentelemetry", "opentelemetry.sdk")
ABOUT = {
    "test_bar.py": ("rich", "termios"),
    "test_typing.py": ("basedpyright", "mypy", "ruff"),
    "growth/test_outcomes.py": ("httptools",),
    "limits/test_telemetry.py": SDK,
    "telemetry/test_contexts.py": SDK,
    "telemetry/test_every_call.py": SDK,
    "telemetry/test_faults.py": (*SDK, "structlog"),
    "telemetry/test_guard.py": (*SDK, "structlog"),
    "telemetry/test_spans.py": SDK,
    "telemetry/test_structlog.py": ("structlog",),
    "fakes/test_others.py": ("respx", "vcr"),
    "many/test_dask.py": ("distributed", "pandas"),
    "many/test_ray.py": ("ray",),
    "http/test_metrics.py": SDK,
    "http/test_propagation.py": SDK,
    "http/test_secrets.py": SDK,
    "http/test_spans.py": SDK,
    "http/test_engines_agree.py": ("httptools",),
    "fuzz/test_command.py": ("httptools",),
    "fuzz/test_targets.py": ("httptools",),
    "http/test_head.py": ("httptools",),
    "http/test_http1.py": ("httptools",),
    "http/test_httpx_transports.py": ("httptools",),
    "http/test_http2_ends.py": ("httptools", "ngh2"),
    "http/test_http2_faults.py": ("httptools", "ngh2"),
    "http/test_http2_flow.py": ("httptools", "ngh2"),
    "http/test_http2_ledger.py": ("httptools", "ngh2"),
    "http/test_http2_servers.py": ("httptools", "ngh2"),
    "http/test_through_proxies.py": ("httptools", "ngh2"),
}
collect_ignore = [file for file, packages in ABOUT.items() if not all(map(installed, packages))]


# A machine may pause, or be slow for a moment, in any example; and a run fails by what was changed, not by what chance
# has found in it. That is looked for with --hypothesis-profile=search.
hypothesis.settings.register_profile("search", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.register_profile("suite", hypothesis.settings.get_profile("search"), derandomize=True)
hypothesis.settings.load_profile("suite")


@pytest.hookimpl(wrapper=True, optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> Generator[None, int, int]:
    """A test waits for a good part of its time, for a server or for what is late: `-n auto` is two for each core."""
    if config.option.dist == "no":
        # Neighbours stay together, and so use the same servers; who is done takes tests of who is not.
        config.option.dist = "worksteal"
    cores = yield
    return 2 * cores


def pytest_collection_finish() -> None:
    """No search for garbage looks again at what there is before the first test: the tests themselves, most of all."""
    if sys.implementation.name == "cpython":
        gc.collect()
        gc.freeze()


@pytest.hookimpl(trylast=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """What has the fixture `engine` is asked of each; nothing is made to be left out, for that takes a while, too."""
    if "engine" not in metafunc.fixturenames or hasattr(metafunc.module, "engine"):
        return
    if not any("engine" in mark.args[0] for mark in metafunc.definition.iter_markers("parametrize")):
        metafunc.parametrize("engine", engines(metafunc.config.getoption("markexpr")), indirect=True)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What cannot be asked of an engine is not asked; what the other build need not be asked is marked."""
    asked: list[pytest.Item] = []
    left_out: list[pytest.Item] = []
    for item in items:
        (left_out if cannot_be(item) else asked).append(item)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = asked
    mark_repeated(items)


@pytest.fixture(params=BACKENDS)
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    """Runs an async test on every event loop."""
    return request.param


@pytest.fixture
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of each engine, for clients that speak HTTP/2 where it is the third, or that are led through a proxy."""
    if is_over_http2(request.node):
        monkeypatch.setenv("PYNECTOR_HTTP2", "only")
        yield "native"
    elif (way := way_of(request.node)) is not None:
        from ways import led_through

        with led_through(way, monkeypatch):
            yield "native"
    else:
        yield str(request.param)


@pytest.fixture
def http_version(request: pytest.FixtureRequest) -> str:
    """What is spoken on the engine."""
    return "HTTP/2" if is_over_http2(request.node) else "HTTP/1.1"


@pytest.fixture(scope="session")
def server() -> Iterator[LoopbackServer]:
    """The bundled server, in a process of its own."""
    with LoopbackServer(http2=HAS_HTTP2) as running:
        yield running


@pytest.fixture(autouse=True)
def _no_collector(monkeypatch: pytest.MonkeyPatch) -> None:
    """What configure_telemetry sets up sends nothing to where nobody is."""
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "none")
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", "none")


@pytest.fixture(autouse=True)
def _no_leaks() -> Iterator[None]:
    """What a test leaves open is found here, not in a later test: an unclosed socket warns when it is collected."""
    yield
    if sys.implementation.name == "cpython":
        gc.collect(1)


# OpenTelemetry, where it is installed


@pytest.fixture
def no_providers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Leaves no provider behind, and finds none."""
    from opentelemetry import trace
    from opentelemetry.metrics import _internal as metrics
    from opentelemetry.util._once import Once

    for module, name in ((trace, "_TRACER_PROVIDER"), (metrics, "_METER_PROVIDER")):
        monkeypatch.setattr(module, name, None)
        monkeypatch.setattr(module, f"{name}_SET_ONCE", Once())
    yield
    for provider in (trace.get_tracer_provider(), metrics.get_meter_provider()):
        if hasattr(provider, "shutdown"):
            with contextlib.suppress(Exception):
                provider.shutdown()


@pytest.fixture
def spans(no_providers: None) -> Any:
    """What OpenTelemetry's SDK exports, in memory."""
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    exporter, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    return exporter


@pytest.fixture
def points(no_providers: None) -> Any:
    """Gives the data points of a metric of OpenTelemetry's SDK, by its name."""
    from opentelemetry import metrics
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader

    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    metrics.set_meter_provider(provider)

    def read(name: str | None = None) -> list[Any]:
        data: Any = reader.get_metrics_data()
        found = [m for r in data.resource_metrics for s in r.scope_metrics for m in s.metrics] if data else []
        return [m for m in found if name is None] or [p for m in found if m.name == name for p in m.data.data_points]

    return read


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown() -> Generator[None, None, None]:
    """A test that leaves a provider behind is found here, not where a later test sees what it adds to requests."""
    yield
    trace: Any = sys.modules.get("opentelemetry.trace")
    if trace is not None and trace._TRACER_PROVIDER is not None:
        trace._TRACER_PROVIDER = None
        raise AssertionError("it has set up OpenTelemetry: let it have the fixture no_providers")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What is logged may hold what no terminal can show, nor a process tell another one."""
    report = yield
    report.sections = [(name, text.encode("utf-8", "backslashreplace").decode()) for name, text in report.sections]
    return report
