"""What goes wrong where nobody waits for it: in callbacks, in tasks, and when objects are collected."""

from __future__ import annotations

import contextlib
import logging
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from typing import Any


class _Handler(logging.Handler):
    """Tells of what asyncio and Pynector complain of; the events of Pynector's telemetry are heard, and dropped."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        super().__init__(logging.DEBUG)
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.WARNING and record.name in ("asyncio", "pynector"):
            self._tell(self.format(record))


@contextlib.contextmanager
def noise(tell: Callable[[str], None]) -> Iterator[None]:
    """Tell of what event loops and finalizers complain of, and of what was not closed, as long as this lasts."""

    def raised(unraisable: Any) -> None:
        said = "".join(traceback.format_exception(unraisable.exc_value))
        tell(f"{unraisable.err_msg or 'ignored'}: {unraisable.object!r}: {said}")

    handler, hook = _Handler(tell), sys.unraisablehook
    loggers = [logging.getLogger(name) for name in ("asyncio", "pynector")]
    propagated = [logger.propagate for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.propagate = False
    sys.unraisablehook = raised
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", ResourceWarning)
            warnings.simplefilter("error", RuntimeWarning)
            yield
    finally:
        sys.unraisablehook = hook
        for logger, propagates in zip(loggers, propagated, strict=True):
            logger.removeHandler(handler)
            logger.propagate = propagates
