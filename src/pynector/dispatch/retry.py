"""When to send a failed request again, and after how long."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from ..errors import PynectorError, Sent, TimeoutError, TransportError
from ..transport.http.retry_after import retry_after_seconds


@dataclass(frozen=True)
class RetryPolicy:
    """Exponential backoff with full jitter (https://aws.amazon.com/builders-library: timeouts, retries and jitter).

    Before attempt n + 1 it waits a time drawn evenly from 0 to min(max_delay, delay * 2 ** (n - 1)) seconds. A peer's
    Retry-After (RFC 9110 section 10.2.3) is waited for in full where it is longer, up to max_delay.

    Attributes:
        max_attempts: The most attempts in all, 1 or more.
        delay: The mean scale of the first wait in seconds, 0 or more.
        max_delay: The longest wait in seconds, 0 or more.
        uniform: Draws a number evenly from a range; another source for tests.
        attempt_timeout: Seconds that one attempt may take; math.inf for no end but that of all.
        wall_clock: Seconds since the epoch, to which a Retry-After date is compared.
    """

    max_attempts: int = 3
    delay: float = 1.0
    max_delay: float = 60.0
    uniform: Callable[[float, float], float] = random.uniform
    attempt_timeout: float = math.inf
    wall_clock: Callable[[], float] = time.time

    def wait_before_next(self, attempt: int, error: Exception) -> float | None:
        """Give the seconds to wait after `attempt` (1 for the first) ended in `error`, or None: do not try again."""
        if attempt >= self.max_attempts:
            return None
        if isinstance(error, TimeoutError):
            may_pass = self.attempt_timeout < math.inf
        else:
            may_pass = isinstance(error, TransportError) and error.transient
        if not may_pass:
            return None
        # 2.0 ** 1024 overflows; by then the cap has long been reached.
        scale = min(self.max_delay, self.delay * 2.0 ** min(attempt - 1, 1000))
        return max(self.uniform(0.0, scale), self._asked_for(error))

    def _asked_for(self, error: Exception) -> float:
        response = getattr(error, "response", None)
        headers = getattr(response, "headers", None)
        text = headers.get("retry-after") if headers is not None else None
        if not text:
            return 0.0
        return min(self.max_delay, max(0.0, retry_after_seconds(text, self.wall_clock())))


async def repeated(
    send: Callable[[float], Awaitable[Any]],
    policy: RetryPolicy,
    limit: float,
    clock: Callable[[], float],
    tell: Callable[[PynectorError, int, float], None],
    sleep: Callable[[float], Awaitable[None]],
) -> Any:
    """Send a request again and again while it fails in a way that may pass, and give its answer.

    Args:
        send: Sends it within a number of seconds.
        policy: Says when to stop.
        limit: Seconds that all attempts and waits may take together; math.inf for no end.
        clock: The event loop's clock.
        tell: Told of an error, the attempt it ended, and the seconds before the next one.
        sleep: Waits for some seconds, or raises what ends the matter.

    Raises:
        TimeoutError: If the time is over.
        PynectorError: The last failure. Whatever it is, its `sent` is the most of all attempts.
    """
    end = clock() + limit
    attempt = 0
    left = limit
    sent: Sent | None = "none"
    wait: float | None = None
    while True:
        try:
            if wait is not None:
                await sleep(wait)
            left = end - clock()
            if left <= 0:
                raise TimeoutError(sent="none")
            attempt += 1
            answer = await send(min(left, policy.attempt_timeout))
        except PynectorError as error:
            if isinstance(error, TimeoutError) and left <= policy.attempt_timeout:
                error.seconds = limit
            if isinstance(error, (TransportError, TimeoutError)):
                error.after(sent)
                error.attempts = attempt
                sent = error.sent
            wait = policy.wait_before_next(attempt, error)
            if wait is None or clock() + wait >= end:
                raise
            tell(error, attempt, wait)
        else:
            if hasattr(answer, "attempts"):
                answer.attempts = attempt
            return answer
