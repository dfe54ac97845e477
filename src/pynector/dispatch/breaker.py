"""When a server that fails is left alone: what the user says of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .._speedups.breaker import Breaker
from ..config import Check, at_least, positive_seconds, seconds
from ..errors import ConfigurationError


def _rate(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= 1:
        raise ConfigurationError(f"{where} must be a number above 0 and at most 1, not {value!r}")
    return float(value)


_CHECKS: dict[str, Check] = {
    "failure_rate": _rate,
    "window": positive_seconds,
    "minimum": at_least(1),
    "cooldown": seconds,
    "probes": at_least(1),
}


@dataclass(frozen=True)
class CircuitBreaker:
    """Requests to an origin fail at once for a while when too many of those before have failed.

    Attributes:
        failure_rate: The share of failures at which it opens, above 0 and at most 1.
        window: The last seconds that share is taken of, above 0. They are known to a tenth.
        minimum: How many requests must have ended in them before it can open, 1 or more.
        cooldown: Seconds that it stays open, 0 or more. Then it lets probes through.
        probes: How many requests must succeed then before it closes, 1 or more; no more than these are sent until it
            does. The first one that fails opens it again.

    Raises:
        ConfigurationError: If a value is not valid.
    """

    failure_rate: float = 0.5
    window: float = 10.0
    minimum: int = 20
    cooldown: float = 30.0
    probes: int = 1

    def __post_init__(self) -> None:
        for name, check in _CHECKS.items():
            object.__setattr__(self, name, check(getattr(self, name), f"CircuitBreaker: {name}"))

    def make(self) -> Breaker:
        """Return a breaker for one origin."""
        return Breaker(self.failure_rate, self.window, self.minimum, self.cooldown, self.probes)
