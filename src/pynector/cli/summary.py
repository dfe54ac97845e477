"""What a batch came to, in numbers."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from ..dispatch.bar import duration, per_time
from .latencies import Latencies, shown
from .request import amount

if TYPE_CHECKING:
    from ..dispatch.item import Item


class Summary:
    """Counts results; it takes the same memory for any number.

    Attributes:
        succeeded, failed, retries, received: How many, the last in bytes of decoded bodies.
        skipped: How many records were done by an earlier run.
        bad: How many lines were no record, or made no request.
        latencies: How long they took.
    """

    __slots__ = (
        "_errors",
        "_first_error",
        "_statuses",
        "bad",
        "failed",
        "latencies",
        "received",
        "retries",
        "skipped",
        "succeeded",
    )

    def __init__(self) -> None:
        self.succeeded = 0
        self.failed = 0
        self.retries = 0
        self.received = 0
        self.skipped = 0
        self.bad = 0
        self._statuses: dict[int, int] = {}
        self._errors: Counter[str] = Counter()
        self._first_error = ""
        self.latencies = Latencies()

    @property
    def done(self) -> int:
        """How many results there were."""
        return self.succeeded + self.failed

    def add(self, item: Item) -> None:
        """Count a result, and how long it took."""
        self.count(item)
        if item.attempts:
            self.latencies.add(item.elapsed)

    def count(self, item: Item) -> None:
        """Count a result."""
        error = item.error
        response: Any = item.result if error is None else getattr(error, "response", None)
        if error is None:
            self.succeeded += 1
        else:
            self.failed += 1
            self._errors[type(error).__name__] += 1
            self._first_error = self._first_error or str(error)
        if response is not None:
            status = response.status_code
            self._statuses[status] = self._statuses.get(status, 0) + 1
            self.received += len(response.content)
        attempts = item.attempts
        if attempts > 1:
            self.retries += attempts - 1

    def figures(self, seconds: float, rate: float | None = None) -> dict[str, Any]:
        """Return the numbers for machines; see `lines`."""
        if rate is None:
            rate = self.done / seconds if seconds > 0 else 0.0
        return {
            "done": self.done,
            "succeeded": self.succeeded,
            "failed": self.failed,
            "skipped": self.skipped,
            "bad_lines": self.bad,
            "statuses": {str(status): count for status, count in sorted(self._statuses.items())},
            "errors": dict(self._errors.most_common()),
            "retries": self.retries,
            "bytes": self.received,
            "seconds": round(seconds, 3),
            "rate": round(rate, 3),
            "latency": {name: round(value, 6) for name, value in self.latencies.named().items()},
        }

    def lines(self, seconds: float, rate: float | None = None) -> list[str]:
        """Return the numbers in words.

        Args:
            seconds: How long it took.
            rate: How many a second there were; None: all of them in these seconds.
        """
        if rate is None:
            rate = self.done / seconds if seconds > 0 else 0.0
        took = f"{seconds:.1f} s" if seconds < 60 else duration(seconds)
        ended = f"{self.succeeded:,} succeeded, {self.failed:,} failed"
        said = [f"{self.done:,} done in {took} ({per_time(rate)}): {ended}"]
        said[0] += "".join(
            f", {count:,} {what}"
            for count, what in ((self.skipped, "done before"), (self.bad, "left out"), (self.retries, "retries"))
            if count
        )
        rows = {
            "statuses": "  ".join(f"{status}: {count:,}" for status, count in sorted(self._statuses.items())),
            "errors": "  ".join(f"{name}: {count:,}" for name, count in self._errors.most_common()),
            "first": self._first_error,
        }
        if self.latencies.total:
            named = self.latencies.named().items()
            rows["latency"] = "  ".join(f"{name} {shown(value)}" for name, value in named)
            rows["bytes"] = f"{amount(self.received)} received"
        return said + [f"  {name:<9} {row}" for name, row in rows.items() if row]
