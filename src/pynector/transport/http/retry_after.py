"""What a Retry-After field says (RFC 9110 section 10.2.3)."""

from __future__ import annotations

import re

_SECONDS = re.compile(r"[0-9]+(?:\.[0-9]*)?|\.[0-9]+")


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
