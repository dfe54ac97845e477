"""What one client did at one limit in `pynector bench`."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import Any

from .meter import percentile


@dataclass
class Turns:
    """What one client did at one limit.

    Attributes:
        client: Its name.
        limit: The most requests in flight at a time.
        rates: Answers a second, a turn each.
        cpu: CPU seconds of this process, of all turns.
        latencies: How long each request took, in seconds.
        errors: How many requests failed or had a wrong answer.
        problem: The first failure, in words.
    """

    client: str
    limit: int
    rates: list[float] = field(default_factory=list)
    cpu: float = 0.0
    latencies: list[float] = field(default_factory=list)
    errors: int = 0
    problem: str | None = None

    @property
    def rate(self) -> float:
        """Answers a second, the median of the turns."""
        return statistics.median(self.rates) if self.rates else 0.0

    def figures(self) -> dict[str, Any]:
        """Give the row for machines."""
        sent = len(self.latencies)
        return {
            "limit": self.limit,
            "client": self.client,
            "requests": sent,
            "requests/s": round(self.rate, 1),
            "p50 ms": round(percentile(self.latencies, 0.5) * 1e3, 3),
            "p99 ms": round(percentile(self.latencies, 0.99) * 1e3, 3),
            "cpu us": round(self.cpu / sent * 1e6, 2) if sent else 0.0,
            "errors": self.errors,
        }

    def row(self) -> tuple[str, ...]:
        """Give the cells of the table."""
        found = self.figures()
        return (
            f"{self.limit:,}",
            self.client,
            f"{found['requests/s']:,.0f}",
            f"{found['p50 ms']:.2f}",
            f"{found['p99 ms']:.2f}",
            f"{found['cpu us']:,.0f}",
            f"{self.errors:,}",
        )
