"""Writes an event with its fields: through structlog where the program configured it, else through standard logging."""

from __future__ import annotations

import logging
import sys
from typing import Any

logging.getLogger("pynector").addHandler(logging.NullHandler())


def structlog_in_use() -> Any | None:
    """Return structlog if the program configured it: one that never imported it cannot have done so."""
    structlog = sys.modules.get("structlog")
    return structlog if structlog is not None and structlog.is_configured() else None


def has_handler(logger: logging.Logger) -> bool:
    """Return whether anybody reads what a logger writes."""
    reading: logging.Logger | None = logger
    while reading is not None:
        for handler in reading.handlers:
            if not isinstance(handler, logging.NullHandler):
                return True
        reading = reading.parent if reading.propagate else None
    return False


def write(logger: logging.Logger, level: int, event: str, fields: dict[str, Any]) -> None:
    """Write an event at a level of the logging module; whatever a processor, filter or handler raises comes through."""
    structlog = structlog_in_use()
    if structlog is not None:
        getattr(structlog.get_logger(logger.name), logging.getLevelName(level).lower())(event, **fields)
    elif logger.isEnabledFor(level):
        text = " ".join([event, *(f"{name}={value}" for name, value in fields.items())])
        logger.log(level, "%s", text, extra={"event": event, "fields": fields})
