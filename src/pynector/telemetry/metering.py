"""The metrics, where a program has set up OpenTelemetry's."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from .conventions import DURATION_BUCKETS
from .guard import METRICS, Guard
from .opentelemetry import meter_provider
from .tallies import create_tallies

if TYPE_CHECKING:
    from ..transport.contract import OriginCounts


class Source(Protocol):
    """Knows the connections of a client."""

    def origins(self) -> Iterable[OriginCounts]:
        """Count them by origin."""


class Meters:
    """The instruments of one meter provider.

    Args:
        meter: OpenTelemetry's meter.
    """

    def __init__(self, meter: Any) -> None:
        self.duration = meter.create_histogram(
            "http.client.request.duration",
            unit="s",
            description="Duration of HTTP client requests.",
            explicit_bucket_boundaries_advisory=DURATION_BUCKETS,
        )
        self.batch_size = meter.create_histogram(
            "pynector.batch.size", unit="{request}", description="Requests of a batch."
        )
        self.batch_duration = meter.create_histogram(
            "pynector.batch.duration", unit="s", description="Duration of a batch."
        )
        self.retries = meter.create_counter(
            "pynector.request.retries", unit="{retry}", description="Attempts beyond the first."
        )
        self.queue_time = meter.create_histogram(
            "pynector.scheduler.queue_time",
            unit="s",
            description="Time from when a request of a batch could be sent to when it was.",
            explicit_bucket_boundaries_advisory=DURATION_BUCKETS,
        )
        # Counted when somebody looks, so that no request pays for them.
        create_tallies(meter)
        meter.create_observable_up_down_counter(
            "http.client.active_requests",
            callbacks=[_active_requests],
            unit="{request}",
            description="Number of active HTTP requests.",
        )
        meter.create_observable_up_down_counter(
            "http.client.open_connections",
            callbacks=[_open_connections],
            unit="{connection}",
            description="Number of outbound HTTP connections that are active or idle.",
        )


_sources: weakref.WeakSet[Source] = weakref.WeakSet()
_latest: tuple[Any, Meters | None] = (None, None)

# The exporter's thread goes through the sources while a program makes clients.
_lock = threading.Lock()

_guard = Guard("pynector.core")


def record(instrument: Any, value: float, attributes: Mapping[str, Any] | None, guard: Guard, context: Any) -> None:
    """Record a value in a histogram, as measured in a context of OpenTelemetry's, whatever a view or a reader raises.

    The context is not always the current one: an answer comes in that of its connection.
    """
    try:
        instrument.record(value, attributes, context)
    except Exception as error:
        guard.failed(METRICS, error)


def watch(source: Source) -> None:
    """Count the connections of a client, too, for as long as it lives."""
    with _lock:
        _sources.add(source)


def meters_in_use(name: str, guard: Guard) -> Meters | None:
    """Give the instruments, or None where no program has set up metrics, or they could not be made.

    Args:
        name: The meter's name.
        guard: Takes what a provider raises.
    """
    global _latest
    try:
        provider = meter_provider()
        if provider is None:
            return None
        if provider is not _latest[0]:
            # Once: to make some of them again and again gives a warning each time.
            _latest = (provider, None)
            _latest = (provider, Meters(provider.get_meter(name)))
    except Exception as error:
        guard.failed(METRICS, error)
        return None
    return _latest[1]


def _active_requests(_: Any) -> Iterator[Any]:
    from opentelemetry.metrics import Observation

    for attributes, count in _sums():
        yield Observation(count.requests, attributes)


def _open_connections(_: Any) -> Iterator[Any]:
    from opentelemetry.metrics import Observation

    for attributes, count in _sums():
        for state, number in (("active", count.active), ("idle", count.idle)):
            if number is not None:
                yield Observation(number, {**attributes, "http.connection.state": state})


def _sums() -> list[tuple[dict[str, Any], OriginCounts]]:
    """Count by origin over all clients. It runs in the thread of whoever exports."""
    sums: dict[tuple[str, str, int], OriginCounts] = {}
    with _lock:
        sources = list(_sources)
    for source in sources:
        _guard.call(METRICS, _add, sums, source)
    return [
        ({"server.address": host, "server.port": port, "url.scheme": scheme}, count)
        for (scheme, host, port), count in sums.items()
        if scheme.startswith("http")
    ]


def _add(sums: dict[tuple[str, str, int], OriginCounts], source: Source) -> None:
    for count in source.origins():
        before = sums.get(count.origin)
        sums[count.origin] = count if before is None else before.plus(count)
