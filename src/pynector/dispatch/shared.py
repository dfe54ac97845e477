"""What the calls of a client share: its limits, how many extra requests they may send, how long answers take."""

from __future__ import annotations

from collections import Counter

from .._speedups.breaker import CLOSED, OPEN
from .._speedups.budget import Budget
from .._speedups.limits import Limits
from .._speedups.quantile import Quantile
from ..eventloop import Runtime
from .limits import Declared

# How many extra requests a second there may be in a policy's budget, beside its share.
FLOOR = 10.0


class Shared:
    """What the calls of a client share, on one event loop.

    Args:
        own: What is declared for the client.

    Attributes:
        own: See above.
        limits: Its limits, or None.
        counts: How often something has happened, by name.
    """

    def __init__(self, own: Declared) -> None:
        self.own = own
        self.limits = limits_of(own)
        self.counts: Counter[str] = Counter()
        self._runtime: Runtime | None = None
        self._budgets: dict[tuple[float, float], Budget] = {}
        self._quantiles: dict[str, Quantile] = {}

    def on(self, runtime: Runtime) -> Shared:
        """Return what they share on the event loop that runs: another one's clock is another, and nothing is left of
        what was under way there; only what was counted is kept."""
        if self._runtime is runtime:
            return self
        there = self
        if self._runtime is not None and not self._runtime.serves():
            there = Shared(self.own)
            there.counts.update(self.numbers())
        there._runtime = runtime
        return there

    def numbers(self) -> dict[str, int]:
        """Return how often something has happened, by name."""
        # A copy made at once: any thread may ask.
        numbers = dict(self.counts)
        for name, waits in self._waits():
            if waits:
                numbers[name] = numbers.get(name, 0) + waits
        return numbers

    def _waits(self) -> tuple[tuple[str, int], ...]:
        limits = self.limits
        return () if limits is None else (("rate_waits", limits.waits), ("origin_waits", limits.origin_waits))

    def circuits(self) -> dict[str, str]:
        """Return the client's origins whose circuit is not closed, and what it is."""
        known = {} if self.limits is None else self.limits.origins()
        states = {key: place.breaker.state for key, place in known.items() if place.breaker is not None}
        return {key: "open" if state == OPEN else "half-open" for key, state in states.items() if state != CLOSED}

    def budget(self, share: float | None, floor: float = FLOOR) -> Budget | None:
        """Return what bounds extra requests to a share of the others and so many a second; None for no bound."""
        if share is None:
            return None
        if (share, floor) not in self._budgets:
            self._budgets[share, floor] = Budget(share, floor)
        return self._budgets[share, floor]

    def quantile(self, name: str) -> Quantile:
        """Return what knows within which time so many of a hundred of the client's answers have come, as "p95"."""
        if name not in self._quantiles:
            self._quantiles[name] = quantile_of(name)
        return self._quantiles[name]


class Sharing:
    """What the calls of a client share, on whichever event loop they run.

    Args:
        own: What is declared for the client.
    """

    def __init__(self, own: Declared) -> None:
        self._shared = Shared(own)

    def on(self, runtime: Runtime) -> Shared:
        """Return what they share on the event loop that runs."""
        self._shared = self._shared.on(runtime)
        return self._shared

    def numbers(self) -> dict[str, int]:
        """Return how often something has happened, by name, on all of them."""
        return self._shared.numbers()

    def circuits(self) -> dict[str, str]:
        """Return the client's origins whose circuit is not closed, and what it is."""
        return self._shared.circuits()


def quantile_of(name: str) -> Quantile:
    """Return what finds out within which time so many of a hundred answers come, as "p95"."""
    return Quantile(int(name[1:]) / 100)


def limits_of(own: Declared) -> Limits | None:
    """Return what keeps the limits that were declared, or None for none."""
    if not own.has_limits:
        return None
    make = None if own.breaker is None else own.breaker.make
    return Limits([rate.bucket() for rate in own.rates], own.per_origin or 0, make, own.learn)
