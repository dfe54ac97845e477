"""What requests cost, for the rates that hold for them, and what answers say that they have cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._speedups.call import Call
from .._speedups.limits import Bucket, Limits
from ..unraisable import unraisable
from .limits import checked_cost


class Costs:
    """The costs of a call's requests.

    Args:
        every: The limits that hold.

    Attributes:
        constant: What each costs; None: not all cost the same.
        settles: Whether answers may say what their requests have cost.
    """

    def __init__(self, every: list[Limits]) -> None:
        self._every = every
        constant = [[_constant(bucket) for bucket in limits.buckets] for limits in every]
        is_constant = all(cost is not None for costs in constant for cost in costs)
        self.constant = constant if is_constant else None
        self._is_told_broken = False
        self.settles = any(bucket.settle is not None for limits in every for bucket in limits.buckets)

    def of(self, call: Call) -> Any:
        """Return what an attempt costs, for each rate of each of the limits.

        Raises:
            Exception: What a user's function raises, or a ConfigurationError of what it returns.
        """
        if self.constant is not None:
            return self.constant
        data, options = call.entry
        return [[_cost(bucket, data, options) for bucket in limits.buckets] for limits in self._every]

    def settle(self, call: Call, response: Any) -> None:
        """Take note of what an answer says that its request has cost."""
        for limits, costs in zip(self._every, call.costs, strict=True):
            least = 0.0
            for bucket, cost in zip(limits.buckets, costs, strict=True):
                if bucket.settle is not None:
                    difference = self._difference(bucket, cost, response)
                    bucket.correct(difference)
                    least = min(least, difference)
            if least < 0:
                limits.eased()

    def _difference(self, bucket: Bucket, cost: float, response: Any) -> float:
        """Return how much more a request has cost than was taken for it."""
        try:
            assert bucket.settle is not None
            real = bucket.settle(response)
            return 0.0 if real is None else checked_cost(real, "what settle returns") - cost
        except Exception as error:
            # The answer stands, at the cost that was taken for it.
            if not self._is_told_broken:
                self._is_told_broken = True
                unraisable(error)
            return 0.0


def _constant(bucket: Bucket) -> float | None:
    return None if callable(bucket.cost) else float(bucket.cost)


def _cost(bucket: Bucket, data: Any, options: Mapping[str, Any]) -> float:
    return checked_cost(bucket.cost(data, options) if callable(bucket.cost) else bucket.cost, "cost")
