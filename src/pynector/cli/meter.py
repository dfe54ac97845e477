"""A transport around another one, which times what goes through it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import Any

from ..transport.contract import Completion, Handle

Note = Callable[[int, float, float], object]


class Meter:
    """Passes requests on to a transport and takes the time of each.

    Args:
        inner: A transport with `exchange`, with `submit`, or with both.
        note: Called when a request has ended, with its number, 0 for the first that started, and when it started and
            ended (`time.perf_counter`); None: `seconds` has how long each took.

    Attributes:
        seconds: How long each request took, in the order in which they ended.
    """

    def __init__(self, inner: Any, note: Note | None = None) -> None:
        self._inner = inner
        self.seconds: list[float] = []
        self._note = note or self._take
        self._begun = 0

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
        number = self._number()
        started = time.perf_counter()
        try:
            return await self._inner.exchange(data, **options)
        finally:
            self._note(number, started, time.perf_counter())

    def _submit(
        self,
        data: Any,
        options: Mapping[str, Any],
        deadline: float,
        completion: Completion,
        token: int,
    ) -> Handle | None:
        timed = _Timed(completion, self._note, self._number())
        handle: Handle | None = self._inner.submit(data, options, deadline, timed, token)
        return handle

    def _number(self) -> int:
        self._begun += 1
        return self._begun - 1

    def _take(self, number: int, started: float, ended: float) -> None:
        self.seconds.append(ended - started)


class _Timed:
    """A completion that notes the time and passes the answer on."""

    __slots__ = ("_completion", "_note", "_number", "_started")

    def __init__(self, completion: Completion, note: Note, number: int) -> None:
        self._completion = completion
        self._note = note
        self._number = number
        self._started = time.perf_counter()

    def succeed(self, token: int, response: Any) -> None:
        self._note(self._number, self._started, time.perf_counter())
        self._completion.succeed(token, response)

    def fail(self, token: int, error: BaseException) -> None:
        self._note(self._number, self._started, time.perf_counter())
        self._completion.fail(token, error)


def percentile(values: list[float], share: float) -> float:
    """Give the least value that `share` (0 to 1) of the values do not exceed; 0.0 if there are none."""
    if not values:
        return 0.0
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
