"""How a batch is to go, as its arguments say."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from .config import at_least, flag, positive_seconds, window
from .dispatch.limits import CHECKS, NOTHING, Declared, declared
from .dispatch.reporting import Wanted, checked_progress


@dataclass(frozen=True)
class Plan:
    """What holds for a batch.

    Attributes:
        window: The most entries in flight at a time; None: as many as the transport carries.
        is_adaptive: Whether the window follows what the server can bear.
        limit: Seconds the batch may take; math.inf for no end.
        raise_on_error: Whether the first failure ends it.
        lookahead: See Batch.
        own: What else is declared for it.
        progress: Who wants to know how far it has come, or None.
        checkpoint: See Batch.
    """

    window: int | None
    is_adaptive: bool
    limit: float
    raise_on_error: bool = False
    lookahead: int | None = None
    own: Declared = NOTHING
    progress: Wanted | None = None
    checkpoint: tuple[Any, bool] | None = None

    @property
    def has_rules(self) -> bool:
        """Whether more holds for its entries than a window."""
        return self.is_adaptive or self.checkpoint is not None or self.own.says_something


def plan_of(
    most: Any,
    timeout: Any,
    lookahead: Any,
    said: tuple[Any, ...],
    told: tuple[Any, Any],
    file: tuple[Any, Any],
) -> Plan:
    """Return the plan of a batch.

    Args:
        most: Its `max_concurrency`, or else the client's.
        timeout, lookahead: See `Pynector.batch_stream`.
        said: What it declares, in the order of the names in CHECKS.
        told: Its `on_progress` and `progress`.
        file: Its `checkpoint` and `retry_failed`.

    Raises:
        ConfigurationError: If one is not valid.
    """
    size = None if most is None else window(most, "max_concurrency")
    limit = math.inf if timeout is None else positive_seconds(timeout, "timeout")
    own = declared(dict(zip(CHECKS, said, strict=True)))
    path, is_sent_again = file[0], flag(file[1], "retry_failed")
    return Plan(
        None if isinstance(size, str) else size,
        isinstance(size, str),
        limit,
        lookahead=None if lookahead is None else at_least(0)(lookahead, "lookahead"),
        own=own,
        progress=checked_progress(*told),
        checkpoint=None if path is None else (path, is_sent_again),
    )
