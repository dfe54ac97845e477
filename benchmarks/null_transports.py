"""Transports that answer at once: what is left is the cost of the batch itself."""

from __future__ import annotations

import asyncio
from typing import Any


class NullExchange:
    """Answers within the call."""

    max_concurrency = None

    async def connect(self) -> None:
        pass

    async def disconnect(self) -> None:
        pass

    async def exchange(self, data: Any, /, **options: Any) -> Any:
        return data


class NullSubmit:
    """Answers from the event loop's next turn, as many as have been submitted by then."""

    max_concurrency = None

    def __init__(self) -> None:
        self._submitted: list[tuple[Any, int, Any]] = []

    async def connect(self) -> None:
        pass

    async def disconnect(self) -> None:
        pass

    def submit(self, data: Any, options: Any, deadline: float, completion: Any, token: int) -> None:
        if not self._submitted:
            asyncio.get_running_loop().call_soon(self._answer)
        self._submitted.append((completion, token, data))

    def _answer(self) -> None:
        submitted, self._submitted = self._submitted, []
        for completion, token, data in submitted:
            completion.succeed(token, data)
