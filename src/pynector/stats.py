"""What a client has done and is doing, in numbers, without any telemetry package."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Stats:
    """The numbers of one client; see `Pynector.stats`.

    Attributes:
        requests: Requests that have ended, by an answer or an error; each attempt is one.
        errors: How many of them ended in an error, by the name of its class.
        retries: Attempts beyond the first.
        in_flight: Requests that have started and not ended.
        queued: Requests of batches that have not started, and started ones that wait for a connection.
        connections: Connections by state, "active" and "idle"; empty where the transport cannot tell.
        transport: What the transport itself counts, by name; for WebSocket "late" (answers that nobody waited for any
            more), "unclaimed" (messages of the peer's own that nobody took) and "reconnects".
        limits: What limits and retries have done, by name: "rate_waits" (how often requests had to wait for the
            client's rate), "origin_waits" (for a place at an origin, by the client's limit), "pauses" (of an origin, as
            an answer asked for it), "retries_503" and the like (by status or class of error), "hedges", "hedges_won"
            (whose answer came first), "budget_refused" (retries and hedges that were beyond the budget), "circuit_open"
            (requests that were refused), "checkpoint_found" (requests that an earlier run had the result of).
        circuits: Origins whose circuit is not closed, each with "open" or "half-open".
        engine: What the transport runs on, for HTTP "native", "httpx" or "httpx2", as it connected last; None where it
            has not, or cannot tell.
        engine_reason: Why that is not the one it would prefer; None where it is, or was asked for.
    """

    requests: int = 0
    errors: dict[str, int] = field(default_factory=dict)
    retries: int = 0
    in_flight: int = 0
    queued: int = 0
    connections: dict[str, int] = field(default_factory=dict)
    transport: dict[str, int] = field(default_factory=dict)
    limits: dict[str, int] = field(default_factory=dict)
    circuits: dict[str, str] = field(default_factory=dict)
    engine: str | None = None
    engine_reason: str | None = None


class Counters:
    """What a client has done so far; its fields are those of Stats."""

    __slots__ = ("errors", "requests", "retries")

    def __init__(self) -> None:
        self.requests = 0
        self.retries = 0
        self.errors: Counter[str] = Counter()

    def failed(self, error: BaseException, count: int = 1) -> None:
        """Count requests that ended in an error."""
        self.requests += count
        self.errors[type(error).__name__] += count

    def collected(self, count: int) -> None:
        """Count the requests of a batch; those that failed were told of one by one."""
        self.requests += count

    def failed_in_batch(self, error: BaseException) -> None:
        """Count the error of a request of a batch that goes on."""
        self.errors[type(error).__name__] += 1
