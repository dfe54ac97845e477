"""Sends the messages of a plan through a client, and keeps what becomes of each."""

from __future__ import annotations

from random import Random
from typing import Any

import anyio

from pynector import Pynector

from .load import MOST_ATTEMPTS, Load
from .outcome import Outcome
from .ws_plan import Message


class WebSocketLoad(Load):
    """The messages of one client.

    Args:
        client: Sends them.
        by_id: Whether answers are found by id, else they come in order.
        outcomes: Takes what becomes of each, by key.
    """

    def __init__(self, client: Pynector, by_id: bool, outcomes: dict[int, Outcome]) -> None:
        super().__init__(client, outcomes)
        self._by_id = by_id

    async def alone(self, call: Message, outcome: Outcome) -> None:
        """See Load."""
        data, options = self.request(call)
        if call.road == "retry":
            outcome.take(await self.client.request_with_retry(data, MOST_ATTEMPTS, 0.005, **options))
        elif call.road == "cancel":
            with anyio.move_on_after(Random(call.salt).random() ** 2 * 0.03) as scope:
                outcome.take(await self.client.request(data, **options))
            outcome.cancelled = scope.cancelled_caught
        else:
            outcome.take(await self.client.request(data, **options))

    def request(self, call: Message) -> tuple[Any, dict[str, Any]]:
        """See Load."""
        options: dict[str, Any] = {"timeout": self.timeout_of(call), "idempotent": call.is_idempotent}
        if call.as_response:
            options["as_response"] = True
        if call.road == "one way":
            options["one_way"] = True
        if self._by_id:
            # The client's own are positive numbers.
            own = {"id": f"own {call.key}" if call.salt % 2 else -call.key - 1} if call.has_id else {}
            return {"key": call.key, **own, "text": call.text}, options
        said = f"{call.key} {call.text}"
        return said.encode() if call.is_binary else said, options
