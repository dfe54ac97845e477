"""What users declare of how fast requests may start, and how many at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .._speedups.limits import Bucket
from ..config import MOST, at_least, flag, positive_seconds
from ..errors import ConfigurationError
from .breaker import CircuitBreaker
from .retry import RetryPolicy

Cost = Callable[[Any, Mapping[str, Any]], float]


@dataclass(frozen=True)
class Rate:
    """How many requests may start in a time; each attempt counts, retries too.

    A client's rate is shared by all its calls, each of which has its turn. Over a long time it is exact: who is woken
    late makes up for that, at 1.15 times the rate at most.

    Attributes:
        requests: How many, or how much where they have a cost: more than 0.
        per: In how many seconds, more than 0.
        burst: How many may start at once after a pause, 1 or more, and no more than `requests`.
        cost: What a request costs: a number, 0 or more, or a function of its data and options that returns one, such as
            its tokens or bytes.
        settle: A function of a `Response` that returns what its request has really cost, 0 or more, or None for no
            other cost; None for no such function.

    Raises:
        ConfigurationError: If a value is not valid.
    """

    requests: float
    per: float = 1.0
    burst: float = 1
    cost: float | Cost = 1
    settle: Callable[[Any], float | None] | None = None

    def __post_init__(self) -> None:
        _positive(self.requests, "Rate: requests")
        _positive(self.per, "Rate: per", " of seconds")
        burst = self.burst
        if not _is_number(burst) or not 1 <= burst <= max(1, self.requests):
            most = max(1, self.requests)
            said = f"a number from 1 to {most!r}, as requests is {self.requests!r}"
            raise ConfigurationError(f"Rate: burst must be {said}, not {burst!r}")
        if not callable(self.cost):
            checked_cost(self.cost, "Rate: cost", ", or a function of data and options that returns one")
        if self.settle is not None and not callable(self.settle):
            raise ConfigurationError(f"Rate: settle must be a function of the Response, or None, not {self.settle!r}")
        if not 0 < self.per / self.requests < math.inf:
            said = f"{self.requests!r} in {self.per!r} s is no rate that a clock can keep"
            raise ConfigurationError(f"Rate: requests and per: {said}")

    def bucket(self) -> Bucket:
        """Return what keeps it."""
        return Bucket(self.per / self.requests, self.burst, self.cost, self.settle)


@dataclass(frozen=True)
class Declared:
    """What was declared for a client, or for a call.

    Attributes:
        rates: How fast its requests may start.
        per_origin: The most of them at an origin at a time; None: any number.
        retry: When they are sent again; None: never.
        hedge_after: After how many seconds without an answer a second one is sent, "p95" or the like for the time that
            so many of a hundred have taken; None: never.
        breaker: When an origin is left alone; None: never.
        learn: Whether answers may say that their origin is to be left alone for a while.
        idempotency_key: Whether each has one; of one request, that itself or whether it has one.
    """

    rates: tuple[Rate, ...] = ()
    per_origin: int | None = None
    retry: RetryPolicy | None = None
    hedge_after: float | str | None = None
    breaker: CircuitBreaker | None = None
    learn: bool = False
    idempotency_key: bool | str = False

    @property
    def says_something(self) -> bool:
        """Whether anything is declared."""
        return self != NOTHING

    @property
    def has_limits(self) -> bool:
        """Whether its requests share anything."""
        return bool(self.rates or self.per_origin or self.breaker or self.learn)


NOTHING = Declared()

# What is declared where, and by which name.
NAMES = {
    "rate": "rates",
    "max_concurrency_per_origin": "per_origin",
    "retry": "retry",
    "hedge_after": "hedge_after",
    "breaker": "breaker",
    "learn": "learn",
    "idempotency_key": "idempotency_key",
}


def declared(given: Mapping[str, Any], of_request: bool = False) -> Declared:
    """Return what the arguments declare; those that are None, or not there, declare nothing.

    Args:
        given: The arguments.
        of_request: Whether they are those of one request, which may have a key of its own.

    Raises:
        ConfigurationError: If one is not valid.
    """
    checks = {**CHECKS, "idempotency_key": own_key} if of_request else CHECKS
    said = {NAMES[name]: checks[name](value, name) for name, value in given.items() if value is not None}
    return Declared(**said) if said else NOTHING


def rates(value: Any, where: str) -> tuple[Rate, ...]:
    """Accept a Rate, or several."""
    several = (value,) if isinstance(value, Rate) else value
    if not isinstance(several, (list, tuple)) or not all(isinstance(rate, Rate) for rate in several):
        raise ConfigurationError(f"{where} must be a Rate, such as Rate(10, per=1.0), or a list of them, not {value!r}")
    return tuple(several)


def retry_policy(value: Any, where: str) -> RetryPolicy:
    """Accept a RetryPolicy."""
    if not isinstance(value, RetryPolicy):
        raise ConfigurationError(f"{where} must be a RetryPolicy, such as RetryPolicy(attempts=3), not {value!r}")
    return value


def breaker(value: Any, where: str) -> CircuitBreaker:
    """Accept a CircuitBreaker."""
    if not isinstance(value, CircuitBreaker):
        raise ConfigurationError(f"{where} must be a CircuitBreaker, such as CircuitBreaker(), not {value!r}")
    return value


def hedge_after(value: Any, where: str) -> float | str:
    """Accept a number of seconds, or "p50" to "p99"."""
    if isinstance(value, str) and value in _QUANTILES:
        return value
    try:
        return positive_seconds(value, where)
    except ConfigurationError:
        said = 'a positive number of seconds, or "p50" to "p99"'
        raise ConfigurationError(f"{where} must be {said}, not {value!r}") from None


def own_hedge(value: Any, where: str, declared: float | str | None) -> float | str:
    """Accept what one entry of a batch has: a number of seconds, or what is declared for all of them."""
    hedge = hedge_after(value, where)
    if isinstance(hedge, str) and hedge != declared:
        raise ConfigurationError(f"{where} must be a number of seconds where it is an entry's own, not {hedge!r}")
    return hedge


def own_key(value: Any, where: str) -> bool | str:
    """Accept what one request's idempotency key is: True for a new one, False for none, or a str."""
    if isinstance(value, bool) or (isinstance(value, str) and value):
        return value
    raise ConfigurationError(f"{where} must be True or False, or the key, a non-empty str, not {value!r}")


_QUANTILES = frozenset(f"p{percent}" for percent in range(50, 100))

CHECKS: dict[str, Callable[[Any, str], Any]] = {
    "rate": rates,
    "max_concurrency_per_origin": at_least(1),
    "retry": retry_policy,
    "hedge_after": hedge_after,
    "breaker": breaker,
    "learn": flag,
    "idempotency_key": flag,
}


def checked_cost(value: Any, where: str, else_: str = "") -> float:
    """Accept what a request may cost; `else_` says what else may stand there."""
    if not _is_number(value) or not 0 <= value <= MOST:
        raise ConfigurationError(f"{where} must be a finite number, 0 or more{else_}, not {value!r}")
    return float(value)


def _positive(value: Any, where: str, of: str = "") -> None:
    if not _is_number(value) or not 0 < value <= MOST:
        raise ConfigurationError(f"{where} must be a positive finite number{of}, not {value!r}")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
