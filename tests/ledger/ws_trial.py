"""Trials of WebSocket clients."""

from __future__ import annotations

from collections.abc import Iterator

from pynector import Pynector

from .load import PATIENT
from .outcome import Outcome
from .trial import Trial
from .ws_load import WebSocketLoad
from .ws_peer import WebSocketPeer
from .ws_plan import Message, WebSocketPlan
from .ws_verdict import MOST_RECONNECTS, problems


class WebSocketTrial(Trial):
    """Trials of a correlation.

    Args:
        correlation: "fifo" or "id".
        plan: What is sent, and what the server does.
        replay: See Trial.
    """

    scheme = "ws"

    def __init__(self, correlation: str, plan: WebSocketPlan, replay: str) -> None:
        super().__init__(plan.seed, replay)
        self._correlation = correlation
        self._plan = plan
        self.server.add("main", WebSocketPeer(self._plan, self.ledger).serve)

    def client(self, number: int) -> Pynector:
        """See Trial."""
        return Pynector(
            transport_type="websocket",
            url=self.server.address("main"),
            correlation=self._correlation,
            connections=4,
            max_in_flight=5 if number % 2 else None,
            max_reconnects=MOST_RECONNECTS,
            reconnect_delay=0.005,
            open_timeout=2.0,
            ping_interval=1.0,
            timeout=PATIENT,
            trust_env=False,
            enable_telemetry=self.listens(number),
        )

    def call(self, key: int) -> Message:
        """See Trial."""
        return self._plan.call(key)

    async def send(self, client: Pynector, calls: list[Message], outcomes: dict[int, Outcome]) -> None:
        """See Trial."""
        await WebSocketLoad(client, self._plan.by_id, outcomes).send(calls, self.window)

    def judge(self, call: Message, outcome: Outcome) -> tuple[str, Iterator[str]]:
        """See Trial."""
        row = self.ledger.row(call.key)
        return outcome.kind(bool(row.arrivals)), problems(call, outcome, row, self._plan.by_id)
