"""Events with fields."""

from __future__ import annotations

import logging
import sys
from typing import Any

from .guard import EVENTS, Guard
from .writing import has_handler, structlog_in_use, write


class EventLogger:
    """A logger of events with fields. Whatever hears them, it never raises an Exception.

    Args:
        name: The logger's name.
        guard: Takes what a handler or a processor raises; None: one of its own.
    """

    def __init__(self, name: str, guard: Guard | None = None) -> None:
        self._logger = logging.getLogger(name)
        self._guard = Guard(name) if guard is None else guard

    def tells(self, level: int) -> bool:
        """Say whether an event of a level would be heard."""
        try:
            # Each request is asked this: where nobody has imported it, there is no call for it.
            if "structlog" in sys.modules and structlog_in_use() is not None:
                # What it filters out it does not say; but it may write to standard logging, where many are too many.
                return level > logging.DEBUG or self._logger.isEnabledFor(level)
            return self._logger.isEnabledFor(level) and has_handler(self._logger)
        except Exception as error:
            self._guard.failed(EVENTS, error)
            return False

    def log(self, level: int, event: str, **fields: Any) -> None:
        """Log at a level of the logging module."""
        self._log(level, event, fields)

    def debug(self, event: str, **fields: Any) -> None:
        """Log at DEBUG."""
        self._log(logging.DEBUG, event, fields)

    def info(self, event: str, **fields: Any) -> None:
        """Log at INFO."""
        self._log(logging.INFO, event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        """Log at WARNING."""
        self._log(logging.WARNING, event, fields)

    def error(self, event: str, **fields: Any) -> None:
        """Log at ERROR."""
        self._log(logging.ERROR, event, fields)

    def _log(self, level: int, event: str, fields: dict[str, Any]) -> None:
        try:
            write(self._logger, level, event, fields)
        except Exception as error:
            self._guard.failed(EVENTS, error)
