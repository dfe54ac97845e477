"""What holds for every request."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .load import Load
from .outcome import Outcome

# What a busy machine may add to a request's time (seconds).
MARGIN = 5.0


def ended_wrong(call: Any, outcome: Outcome) -> Iterator[str]:
    """Say where a request did not end once, and in time."""
    if outcome.ended != (0 if outcome.cancelled else 1):
        yield f"it ended {outcome.ended} times"
    timeout = Load.timeout_of(call)
    if outcome.elapsed is not None and outcome.elapsed > timeout + MARGIN:
        yield f"it took {outcome.elapsed:.1f} s, and its timeout was {timeout:g} s"
