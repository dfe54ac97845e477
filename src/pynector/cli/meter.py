"""A transport around another one, which times what goes through it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import Any

from ..transport.contract import Completion, Handle


class Meter:
    """Passes requests on to a transport and takes the time of each.

    Args:
        inner: A transport with `exchange`, with `submit`, or with both.

    Attributes:
        seconds: How long each request took, in the order in which they ended.
    """

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.seconds: list[float] = []

    @property
    def max_concurrency(self) -> int | None:
        """The most requests at a time."""
        most: int | None = getattr(self._inner, "max_concurrency", None)
        return most

    @property
    def submit(self) -> Callable[..., Handle | None] | None:
        """The inner transport's `submit`, timed, or None if it has none."""
        return self._submit if callable(getattr(self._inner, "submit", None)) else None

    def describe(self, data: Any, options: Mapping[str, Any]) -> str:
        """See TransportProtocol."""
        return str(self._inner.describe(data, options))

    async def connect(self) -> None:
        """See TransportProtocol."""
        await self._inner.connect()

    async def disconnect(self) -> None:
        """See TransportProtocol."""
        await self._inner.disconnect()

    async def exchange(self, data: Any, /, **options: Any) -> Any:
        """See ExchangeTransport."""
        started = time.perf_counter()
        try:
            return await self._inner.exchange(data, **options)
        finally:
            self.seconds.append(time.perf_counter() - started)

    def _submit(
        self,
        data: Any,
        options: Mapping[str, Any],
        deadline: float,
        completion: Completion,
        token: int,
    ) -> Handle | None:
        handle: Handle | None = self._inner.submit(data, options, deadline, _Timed(completion, self.seconds), token)
        return handle


class _Timed:
    """A completion that notes the time and passes the answer on."""

    __slots__ = ("_completion", "_seconds", "_started")

    def __init__(self, completion: Completion, seconds: list[float]) -> None:
        self._completion = completion
        self._seconds = seconds
        self._started = time.perf_counter()

    def succeed(self, token: int, response: Any) -> None:
        self._seconds.append(time.perf_counter() - self._started)
        self._completion.succeed(token, response)

    def fail(self, token: int, error: BaseException) -> None:
        self._seconds.append(time.perf_counter() - self._started)
        self._completion.fail(token, error)


def percentile(values: list[float], share: float) -> float:
    """Give the least value that `share` (0 to 1) of the values do not exceed; 0.0 if there are none."""
    if not values:
        return 0.0
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
