"""Events with fields, through structlog where the program configured it, else through standard logging."""

from __future__ import annotations

import logging
import sys
from typing import Any

logging.getLogger("pynector").addHandler(logging.NullHandler())


class EventLogger:
    """A logger of events with fields.

    Args:
        name: The logger's name.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._logger = logging.getLogger(name)

    def _has_handler(self) -> bool:
        logger: logging.Logger | None = self._logger
        while logger is not None:
            for handler in logger.handlers:
                if not isinstance(handler, logging.NullHandler):
                    return True
            logger = logger.parent if logger.propagate else None
        return False

    def tells(self, level: int) -> bool:
        """Say whether an event of a level would be heard."""
        structlog = _structlog()
        if structlog is not None:
            # What it filters out it does not say; but it may write to standard logging, where many events are too many.
            return level > logging.DEBUG or self._logger.isEnabledFor(level)
        return self._logger.isEnabledFor(level) and self._has_handler()

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
        structlog = _structlog()
        if structlog is not None:
            getattr(structlog.get_logger(self._name), logging.getLevelName(level).lower())(event, **fields)
        elif self._logger.isEnabledFor(level):
            text = " ".join([event, *(f"{name}={value}" for name, value in fields.items())])
            self._logger.log(level, "%s", text, extra={"event": event, "fields": fields})


def _structlog() -> Any:
    # A program that never imported structlog cannot have configured it.
    structlog = sys.modules.get("structlog")
    return structlog if structlog is not None and structlog.is_configured() else None
