"""Sends requests through a client as a program would: some in a batch, some singly from some tasks."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from typing import Any

import anyio

from pynector import Pynector

from .outcome import Outcome

# Seconds that a request may take which never has to wait, and one that may be left without an answer.
PATIENT = 30.0
HASTY = 0.25

# Those of request_with_retry.
MOST_ATTEMPTS = 3


class Load(ABC):
    """The requests of one client.

    Args:
        client: Sends them.
        outcomes: Takes what becomes of each, by key.
    """

    def __init__(self, client: Pynector, outcomes: dict[int, Outcome]) -> None:
        self.client = client
        self._outcomes = outcomes

    @abstractmethod
    def request(self, call: Any) -> tuple[Any, dict[str, Any]]:
        """Return a request as the client takes it, and its options."""

    @abstractmethod
    async def alone(self, call: Any, outcome: Outcome) -> None:
        """Send one request by its road, and take its result."""

    @staticmethod
    def timeout_of(call: Any) -> float:
        """Return the seconds that a request may take."""
        return HASTY if call.is_hasty else PATIENT

    async def send(self, calls: list[Any], window: int) -> None:
        """Send requests, `window` of them at a time: half of these of a batch, and half singly."""
        for call in calls:
            self._outcomes[call.key] = Outcome()
        batch = [call for call in calls if call.road == "batch"]
        others = iter([call for call in calls if call.road != "batch"])

        async def work() -> None:
            for call in others:
                await self._send(call)

        async with anyio.create_task_group() as tasks:
            for _ in range(max(1, window // 2)):
                tasks.start_soon(work)
            tasks.start_soon(self._send_batch, batch, max(1, window // 2))

    async def _send_batch(self, calls: list[Any], window: int) -> None:
        results = await self.client.batch_request([self.request(call) for call in calls], max_concurrency=window)
        for call, result in zip(calls, results, strict=True):
            self._outcomes[call.key].take(result)

    async def _send(self, call: Any) -> None:
        outcome = self._outcomes[call.key]
        started = time.monotonic()
        try:
            await self.alone(call, outcome)
        except Exception as error:
            outcome.take(error)
        outcome.elapsed = time.monotonic() - started
