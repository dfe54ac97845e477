"""What the program's telemetry raises ends here: it never reaches a request, and is told of once."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from ..unraisable import unraisable
from .conventions import error_type
from .writing import has_handler, structlog_in_use, write

P = ParamSpec("P")
T = TypeVar("T")

SPANS = "spans"
METRICS = "metrics"
EVENTS = "events"
PROPAGATION = "propagation"


class Guard:
    """Stands between Pynector and all that belongs to the program: span processors, samplers, instruments, handlers.

    What fails is told of once for each part (spans, metrics, events, propagation), so that a processor that fails at
    each request does not flood the log. It goes to the logger; where that is what fails, or nobody reads it, to
    `sys.unraisablehook`. What is called for each request has a `try` of its own around it and calls `failed`, for it
    costs nothing; all else goes through `call`.

    Args:
        name: The logger's name.
    """

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(name)
        self._told: set[str] = set()

    def call(self, part: str, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T | None:
        """Return what a function returns, or None if it raises an Exception.

        Others pass, such as KeyboardInterrupt and cancellation: they are no failures of telemetry.
        """
        try:
            return function(*args, **kwargs)
        except Exception as error:
            self.failed(part, error)
            return None

    def failed(self, part: str, error: Exception) -> None:
        """Tell that a part of telemetry failed, the first time that it does."""
        if part in self._told:
            return
        self._told.add(part)
        if part == EVENTS or not self._logged(part, error):
            unraisable(error)

    def _logged(self, part: str, error: Exception) -> bool:
        """Log a failure, and return whether that went well."""
        try:
            heard = structlog_in_use() is not None or has_handler(self._logger)
            if heard:
                fields = {"part": part, "error_type": error_type(error), "at": _place(error)}
                write(self._logger, logging.ERROR, "telemetry.error", fields)
        except Exception:
            return False
        return heard


def _place(error: Exception) -> str:
    """Return the module and the line that raised an error."""
    trace = error.__traceback__
    assert trace is not None
    while trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_globals.get('__name__')}:{trace.tb_lineno}"
