"""What limits, hedges, circuits and checkpoints have come to in all clients: metrics, read when somebody looks."""

from __future__ import annotations

import threading
import weakref
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Protocol

from .guard import METRICS, Guard

# By the names that a client's `stats().limits` has: metric, unit, description.
COUNTERS = {
    "rate_waits": ("pynector.rate.waits", "{wait}", "Times that requests waited for a client's rate."),
    "origin_waits": (
        "pynector.origin.waits",
        "{wait}",
        "Times that requests waited for a place at an origin, by a client's limit.",
    ),
    "pauses": ("pynector.origin.pauses", "{pause}", "Pauses of an origin that an answer asked for."),
    "hedges": ("pynector.request.hedges", "{request}", "Requests sent beside another that had no answer yet."),
    "hedges_won": ("pynector.request.hedges_won", "{request}", "Hedges whose answer came first."),
    "budget_refused": ("pynector.budget.refusals", "{request}", "Retries and hedges that were beyond the budget."),
    "circuit_open": ("pynector.circuit.refusals", "{request}", "Requests that failed at once with CircuitOpen."),
    "checkpoint_found": ("pynector.checkpoint.found", "{request}", "Requests whose result an earlier run had kept."),
}


class Tallied(Protocol):
    """What the calls of a client share; it does not keep the client."""

    def numbers(self) -> Mapping[str, int]:
        """Return how often something has happened, by name."""

    def circuits(self) -> Mapping[str, str]:
        """Return the origins whose circuit is not closed, and what it is."""


_tallied: weakref.WeakSet[Tallied] = weakref.WeakSet()

# Those of clients that are gone: their numbers stay, for a counter never falls. The garbage collector may add some at
# any moment, also with the lock held.
_gone: deque[Tallied] = deque()
_of_others: Counter[str] = Counter()
_lock = threading.Lock()

_guard = Guard("pynector.core")


def tally(client: object, shared: Tallied) -> None:
    """Count what the calls of a client share, too, for as long as it lives."""
    with _lock:
        _living()
        _tallied.add(shared)
    weakref.finalize(client, _gone.append, shared).atexit = False


def create_tallies(meter: Any) -> None:
    """Have a meter read what has been counted."""
    for name, (metric, unit, description) in COUNTERS.items():
        meter.create_observable_counter(metric, callbacks=[partial(_total, name)], unit=unit, description=description)
    meter.create_observable_up_down_counter(
        "pynector.open_circuits",
        callbacks=[_open_circuits],
        unit="{circuit}",
        description="Origins whose circuit is open or half-open.",
    )


def _living() -> list[Tallied]:
    """Return those whose clients live, and add up the numbers of the others."""
    living = list(_tallied)
    while _gone:
        shared = _gone.popleft()
        _of_others.update(_guard.call(METRICS, shared.numbers) or {})
        _tallied.discard(shared)
        if shared in living:
            living.remove(shared)
    return living


def _total(name: str, _: Any) -> Iterator[Any]:
    from opentelemetry.metrics import Observation

    with _lock:
        living, total = _living(), 0
        for shared in living:
            total += (_guard.call(METRICS, shared.numbers) or {}).get(name, 0)
        total += _of_others[name]
    yield Observation(total)


def _open_circuits(_: Any) -> Iterator[Any]:
    from opentelemetry.metrics import Observation

    with _lock:
        living = _living()
    sums: Counter[tuple[str, str]] = Counter()
    for shared in living:
        sums.update((_guard.call(METRICS, shared.circuits) or {}).items())
    for (origin, state), count in sums.items():
        attributes = _guard.call(METRICS, _attributes, origin) or {}
        yield Observation(count, {**attributes, "pynector.circuit.state": state})


def _attributes(origin: str) -> dict[str, Any]:
    """Return what is said of an origin, if there is one: other transports than HTTP know of none."""
    from urllib.parse import urlsplit

    parts = urlsplit(origin)
    if not parts.hostname:
        return {}
    return {"server.address": parts.hostname, "server.port": parts.port, "url.scheme": parts.scheme}
