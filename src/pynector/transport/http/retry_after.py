"""What a Retry-After field says (RFC 9110 section 10.2.3)."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

_SECONDS = re.compile(r"[0-9]+(?:\.[0-9]*)?|\.[0-9]+")


def asked_by(error: BaseException, most: float, wall_clock: Callable[[], float] = time.time) -> float:
    """Return the seconds for which the response of an error asks to be left alone, 0 to `most`; 0 where it has none."""
    headers = getattr(getattr(error, "response", None), "headers", None)
    text = headers.get("retry-after") if headers is not None else None
    return min(most, max(0.0, retry_after_seconds(text, wall_clock()))) if text else 0.0


def retry_after_seconds(text: str, now: float) -> float:
    """Return the seconds a Retry-After value asks for, from `now` (seconds since the epoch); 0.0 if it is malformed.

    RFC 9110 section 10.2.3 has whole seconds; there are servers that send fractions.
    """
    text = text.strip()
    if _SECONDS.fullmatch(text):
        return float(text)
    # Only for the rare peer that gives a date.
    from datetime import timezone
    from email.utils import parsedate_to_datetime

    try:
        date = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return 0.0
    if date.tzinfo is None:
        # RFC 9110 section 5.6.7: it is in UTC, also in the form that does not say so.
        date = date.replace(tzinfo=timezone.utc)
    return date.timestamp() - now
