"""Trials of HTTP clients."""

from __future__ import annotations

from collections.abc import Iterator

from pynector import Pynector

from .http_load import HTTPLoad
from .http_peer import HTTPPeer
from .http_plan import Call, HTTPPlan
from .http_verdict import problems
from .load import PATIENT
from .outcome import Outcome
from .trial import Trial


class HTTPTrial(Trial):
    """Trials of an HTTP engine.

    Args:
        engine: "native" or "httpx".
        plan: What is sent, and what the server does.
        replay: See Trial.
    """

    scheme = "http"

    def __init__(self, engine: str, plan: HTTPPlan, replay: str) -> None:
        super().__init__(plan.seed, replay)
        self._engine = engine
        self._plan = plan
        peer = HTTPPeer(self._plan, self.ledger, self.server.address)
        for name, serve in {"main": peer.serve, "other": peer.serve, "slam": peer.slam, "silent": peer.hang}.items():
            self.server.add(name, serve)

    def client(self, number: int) -> Pynector:
        """See Trial."""
        return Pynector(
            base_url=self.server.address("main"),
            http_engine=self._engine,
            timeout=PATIENT,
            max_connections=max(1, self.window // 3) if number % 2 else self.window + 20,
            trust_env=False,
            enable_telemetry=self.listens(number),
        )

    def call(self, key: int) -> Call:
        """See Trial."""
        return self._plan.call(key)

    async def send(self, client: Pynector, calls: list[Call], outcomes: dict[int, Outcome]) -> None:
        """See Trial."""
        await HTTPLoad(client, self.server.address, outcomes).send(calls, self.window)

    def judge(self, call: Call, outcome: Outcome) -> tuple[str, Iterator[str]]:
        """See Trial."""
        row = self.ledger.row(call.key)
        return outcome.kind(bool(row.arrivals)), problems(call, outcome, row)
