"""When a failed request is sent again, and after how long."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from ..causes import RETRYABLE_STATUS
from ..config import at_least, flag, optional, positive_seconds, seconds
from ..errors import ConfigurationError, HTTPStatusError, PynectorError, TimeoutError, TransportError
from ..transport.http.methods import IDEMPOTENT
from ..transport.http.retry_after import asked_by

# A budget of more extra requests than that for each first one is none.
MOST_BUDGET = 1000.0


@dataclass(frozen=True)
class RetryPolicy:
    """Which failures a request is sent again after, and when: exponential backoff with jitter.

    Before attempt n + 1 it waits a time drawn evenly from the range up to min(max_backoff, backoff * 2 ** (n - 1))
    seconds (https://aws.amazon.com/builders-library: timeouts, retries and jitter). While it waits, it holds no place
    in the window. A wait that would pass the request's timeout is not begun: the failure stands.

    Attributes:
        attempts: The most attempts in all, 1 or more.
        backoff: The upper end of the first wait in seconds, 0 or more; each next one is twice that.
        max_backoff: The longest wait in seconds, 0 or more.
        jitter: Which part of a wait is drawn at random, 0 (none) to 1 (all of it).
        statuses: Statuses of HTTP answers that may pass.
        errors: Classes of errors that may pass; None: TransportErrors with `transient` True. A status is judged by
            `statuses` alone, and a TimeoutError, which only `attempt_timeout` can make pass, by that.
        methods: Methods of HTTP requests that may have been executed and may be sent again all the same; None: all.
            Over a transport that has no methods, None means any request, else only what was never sent is sent again.
            What was never sent, or has an idempotency key, is sent again whatever its method.
        respect_retry_after: Whether the peer's Retry-After (RFC 9110 section 10.2.3) is waited for where it is longer,
            up to `max_backoff`.
        attempt_timeout: Seconds that one attempt may take, more than 0; what takes longer is sent again. None: only the
            request's own timeout ends it.
        budget: How many requests of a client may be extra ones (retries, and hedges) in any 10 s, as a share of first
            attempts in them under policies with this budget, and 100 more; 0 or more. Beyond it failures stand. None:
            any number.

    Raises:
        ConfigurationError: If a value is not valid.
    """

    attempts: int = 3
    backoff: float = 1.0
    max_backoff: float = 60.0
    jitter: float = 1.0
    statuses: Collection[int] = RETRYABLE_STATUS
    errors: type[PynectorError] | tuple[type[PynectorError], ...] | None = None
    methods: Collection[str] | None = IDEMPOTENT
    respect_retry_after: bool = True
    attempt_timeout: float | None = None
    budget: float | None = 0.2

    def __post_init__(self) -> None:
        at_least(1)(self.attempts, "RetryPolicy: attempts")
        for name in ("backoff", "max_backoff"):
            seconds(getattr(self, name), f"RetryPolicy: {name}")
        share(self.jitter, "RetryPolicy: jitter", 1.0)
        flag(self.respect_retry_after, "RetryPolicy: respect_retry_after")
        optional(positive_seconds)(self.attempt_timeout, "RetryPolicy: attempt_timeout")
        if self.budget is not None:
            share(self.budget, "RetryPolicy: budget", MOST_BUDGET)
        object.__setattr__(
            self, "statuses", frozenset(_all(self.statuses, _is_status, "statuses", "statuses, such as 503"))
        )
        if self.errors is not None:
            errors = self.errors if isinstance(self.errors, tuple) else (self.errors,)
            object.__setattr__(self, "errors", tuple(_all(errors, _is_error, "errors", "classes of PynectorErrors")))
        if self.methods is not None:
            methods = _all(self.methods, _is_method, "methods", "HTTP methods, such as 'GET'")
            object.__setattr__(self, "methods", frozenset(method.upper() for method in methods))

    def may_pass(self, error: PynectorError) -> bool:
        """Say whether another attempt may have an answer, by what the last one ended with."""
        if isinstance(error, HTTPStatusError):
            return error.status_code in self.statuses
        if isinstance(error, TimeoutError):
            return self.attempt_timeout is not None and self.attempt_timeout < math.inf
        if self.errors is not None:
            return isinstance(error, self.errors)
        return isinstance(error, TransportError) and error.transient

    def wait_after(
        self,
        attempt: int,
        error: PynectorError,
        uniform: Callable[[float, float], float] = random.uniform,
        wall_clock: Callable[[], float] = time.time,
    ) -> float | None:
        """Return the seconds to wait after an attempt, or None: it is the last one.

        Args:
            attempt: Its number, 1 for the first.
            error: What it ended with.
            uniform: Draws a number evenly from a range.
            wall_clock: Seconds since the epoch, which a date in Retry-After is compared to.
        """
        if attempt >= self.attempts or not self.may_pass(error):
            return None
        # 2.0 ** 1024 overflows; by then the cap has long been reached.
        most = min(self.max_backoff, self.backoff * 2.0 ** min(attempt - 1, 1000))
        return max(uniform(most * (1.0 - self.jitter), most), self._asked_for(error, wall_clock))

    def _asked_for(self, error: PynectorError, wall_clock: Callable[[], float]) -> float:
        return asked_by(error, self.max_backoff, wall_clock) if self.respect_retry_after else 0.0


def share(value: Any, where: str, most: float) -> float:
    """Accept a number from 0 to `most`."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= most:
        raise ConfigurationError(f"{where} must be a number from 0 to {most:g}, not {value!r}")
    return float(value)


def _all(values: Any, fits: Callable[[Any], bool], name: str, said: str) -> list[Any]:
    if isinstance(values, Collection) and not isinstance(values, (str, bytes)) and all(map(fits, values)):
        return list(values)
    raise ConfigurationError(f"RetryPolicy: {name} must be a collection of {said}, not {values!r}")


def _is_status(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 100 <= value <= 999


def _is_error(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, PynectorError)


def _is_method(value: Any) -> bool:
    return isinstance(value, str) and value != ""
