"""The metrics, where a program has set up OpenTelemetry's."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Protocol

from .conventions import DURATION_BUCKETS
from .opentelemetry import meter_provider

if TYPE_CHECKING:
    from ..transport.protocol import OriginCounts


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
            "pynector.request.retries", unit="{retry}", description="Attempts of request_with_retry beyond the first."
        )
        self.queue_time = meter.create_histogram(
            "pynector.scheduler.queue_time",
            unit="s",
            description="Time from the start of a batch to that of a request of it.",
            explicit_bucket_boundaries_advisory=DURATION_BUCKETS,
        )
        # Counted when somebody looks, so that no request pays for them.
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


def watch(source: Source) -> None:
    """Count the connections of a client, too, for as long as it lives."""
    _sources.add(source)


def meters_in_use(name: str) -> Meters | None:
    """Give the instruments, or None where no program has set up metrics.

    Args:
        name: The meter's name.
    """
    global _latest
    provider = meter_provider()
    if provider is None:
        return None
    if provider is not _latest[0]:
        _latest = (provider, Meters(provider.get_meter(name)))
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
    for source in list(_sources):
        for count in source.origins():
            before = sums.get(count.origin)
            sums[count.origin] = count if before is None else before.plus(count)
    return [
        ({"server.address": host, "server.port": port, "url.scheme": scheme}, count)
        for (scheme, host, port), count in sums.items()
        if scheme.startswith("http")
    ]
