"""The loops and engines that are tried."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import anyio

from loops import BACKENDS

from .http_trial import HTTPTrial
from .trial import Trial, Verdict
from .ws_trial import WebSocketTrial

LOOPS: dict[str, Any] = {str(backend.id): backend.values[0] for backend in BACKENDS}
ENGINES = ("native", "httpx", "fifo", "id")
"""Those of HTTP, and those of WebSocket by how answers are found."""


@dataclass(frozen=True)
class Case:
    """A loop and an engine.

    Attributes:
        loop: "asyncio", "uvloop" or "trio".
        engine: One of ENGINES.
    """

    loop: str
    engine: str

    def trial(self, seed: int) -> Trial:
        """Return a trial; it is not open yet."""
        replay = f"python -m tests.ledger --loop {self.loop} --engine {self.engine} --seed {seed}"
        if self.engine in ("fifo", "id"):
            return WebSocketTrial(self.engine, seed, replay)
        return HTTPTrial(self.engine, seed, replay)

    def run(self, work: Callable[[], Awaitable[Any]]) -> Any:
        """Run a coroutine function on the loop."""
        name, options = LOOPS[self.loop]
        return anyio.run(work, backend=name, backend_options=options)


CASES = [Case(loop, engine) for loop in LOOPS for engine in ENGINES if (loop, engine) != ("trio", "native")]


def tried(case: Case, keys: range, seed: int) -> Verdict:
    """Send requests in rounds, and return what they came to."""
    with case.trial(seed) as trial:
        case.run(lambda: trial.run(keys))
    return trial.verdict
