"""The loops and engines that are tried."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import anyio

from loops import BACKENDS

from .http_plan import HTTPPlan
from .http_trial import HTTPTrial
from .trial import Trial, Verdict
from .ws_plan import WebSocketPlan
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

    def __str__(self) -> str:
        return f"{self.engine}-{self.loop}"

    def trial(self, seed: int) -> Trial:
        """Return a trial; it is not open yet."""
        replay = f"python -m tests.ledger --loop {self.loop} --engine {self.engine} --seed {seed}"
        if self.engine in ("fifo", "id"):
            return WebSocketTrial(self.engine, WebSocketPlan(seed, self.engine == "id"), replay)
        return HTTPTrial(self.engine, HTTPPlan(seed), replay)

    def run(self, work: Callable[[], Awaitable[Any]]) -> Any:
        """Run a coroutine function on the loop."""
        name, options = LOOPS[self.loop]
        return anyio.run(work, backend=name, backend_options=options)


def _is_possible(case: Case) -> bool:
    return case.engine != "native" or find_spec("httptools") is not None


CASES = [case for case in (Case(loop, engine) for loop in LOOPS for engine in ENGINES) if _is_possible(case)]


def tried(case: Case, keys: range, trial: Trial, size: int = 1_000) -> Verdict:
    """Send requests in rounds of a size, and return what they came to."""
    with trial:
        case.run(lambda: trial.run(keys, size))
    return trial.verdict
