"""For how long an answer asks its client to leave the server alone.

By Retry-After (RFC 9110 section 10.2.3), by the fields RateLimit and RateLimit-Policy (the Internet-Draft
draft-ietf-httpapi-ratelimit-headers since its version 8, and its versions 6 and 7), and by those that servers have had
before and beside them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from .retry_after import retry_after_seconds

# What asks for more than a month is a mistake, or is meant to do harm.
LONGEST = 31 * 86400.0
# No number of seconds that is as large is a wait, and no time since 2001 is less; of milliseconds, the same.
_EPOCH = 1e9
_EPOCH_MILLISECONDS = 1e12

_TOO_MANY_REQUESTS = 429
_UNAVAILABLE = 503

# Fields in pairs: what is left of a quota, and when there is more. A pair for each quota that a server may have.
_QUOTAS = (
    ("ratelimit-remaining", "ratelimit-reset"),
    ("x-ratelimit-remaining", "x-ratelimit-reset"),
    ("x-rate-limit-remaining", "x-rate-limit-reset"),
    *((f"x-ratelimit-remaining-{what}", f"x-ratelimit-reset-{what}") for what in ("requests", "tokens")),
    *(
        (f"anthropic-ratelimit-{what}-remaining", f"anthropic-ratelimit-{what}-reset")
        for what in ("requests", "tokens", "input-tokens", "output-tokens")
    ),
)

_NUMBER = re.compile(r"[0-9]{1,18}(?:\.[0-9]{0,18})?")
_DURATION = re.compile(r"(?:[0-9]{1,18}(?:\.[0-9]{1,18})?(?:ms|us|µs|ns|d|h|m|s))+")
_PART = re.compile(r"([0-9.]+)([a-zµ]+)")
_UNITS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_TIMESTAMP = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]+)?([Zz]|[+-][0-9:]{5})")

# A member of a list or a dictionary, and a parameter of it (RFC 9651 sections 3.1 and 3.2), as far as they are met.
_KEY = r"[a-z*][a-z0-9_.*-]*"
_VALUE = r'"(?:[^"\\]|\\["\\])*"|:[A-Za-z0-9+/=]*:|\?[01]|[A-Za-z0-9*+-][^\s",;=]*'
_MEMBER = re.compile(rf"[ \t]*(?:({_KEY})=)?({_VALUE})((?:[ \t]*;[ ]*{_KEY}(?:=(?:{_VALUE}))?)*)[ \t]*(,|$)")
_PARAMETER = re.compile(rf";[ ]*({_KEY})(?:=({_VALUE}))?")

_CONCURRENCY = '"concurrent-requests"'


class _Quota(NamedTuple):
    """What is left of one, if that is said, and the seconds until there is more."""

    remaining: float | None
    reset: float


class _Member(NamedTuple):
    key: str | None
    value: str
    parameters: dict[str, str]


def pause_asked_for(status: int, headers: Mapping[str, str], wall_now: float) -> float:
    """Return the seconds for which an answer asks its client to send nothing more to its origin; 0.0 for none.

    A Retry-After of a 429 or 503 goes before all else. Without it, that is the longest wait for a quota of which
    nothing is left, whatever the status; and the shortest wait that a 429 names, where it says of no quota that nothing
    is left. What is malformed, over already, or longer than a month is not there.

    Args:
        status: The answer's.
        headers: Its fields, asked for in lower case.
        wall_now: Seconds since the epoch, for times of day where the answer has no Date to compare them with.
    """
    if status in (_TOO_MANY_REQUESTS, _UNAVAILABLE) and "retry-after" in headers:
        asked = _sensible(retry_after_seconds(headers["retry-after"], _clock(headers, wall_now)))
        if asked:
            return asked
    waits = list(_quotas(headers, wall_now))
    spent = [quota.reset for quota in waits if quota.remaining == 0]
    if spent:
        return max(spent)
    if status == _TOO_MANY_REQUESTS and waits:
        return min(quota.reset for quota in waits)
    return 0.0


def _sensible(seconds: float) -> float:
    return seconds if 0.0 < seconds <= LONGEST else 0.0


def _clock(headers: Mapping[str, str], wall_now: float) -> float:
    """Return the time by the server's clock: by it, it says until when."""
    return retry_after_seconds(headers.get("date", ""), 0.0) or wall_now


def _quotas(headers: Mapping[str, str], wall_now: float) -> Iterator[_Quota]:
    """Give the quotas that an answer tells of, and for which there is something to wait."""
    for remaining_name, reset_name in _QUOTAS:
        text = headers.get(reset_name)
        if text is not None:
            reset = _sensible(_seconds_until(text.strip(), headers, wall_now))
            if reset:
                yield _Quota(_number(headers.get(remaining_name, "")), reset)
    if "ratelimit" in headers:
        yield from _listed(headers["ratelimit"], headers.get("ratelimit-policy", ""))


def _number(text: str) -> float | None:
    text = text.strip()
    return float(text) if _NUMBER.fullmatch(text) else None


def _seconds_until(text: str, headers: Mapping[str, str], wall_now: float) -> float:
    """Return the seconds that a reset says in one of the forms there are; 0.0 if it is none of them."""
    number = _number(text)
    if number is not None:
        if number < _EPOCH:
            return number
        return (number if number < _EPOCH_MILLISECONDS else number / 1000) - _clock(headers, wall_now)
    if _DURATION.fullmatch(text):
        return sum(float(amount) * _UNITS[unit] for amount, unit in _PART.findall(text))
    timestamp = _TIMESTAMP.fullmatch(text)
    if timestamp is None:
        return retry_after_seconds(text, _clock(headers, wall_now))
    second, fraction, zone = timestamp.groups()
    try:
        date = datetime.fromisoformat(second.upper() + ("+00:00" if zone in "Zz" else zone))
    except ValueError:
        return 0.0
    return date.timestamp() + float(fraction or 0) - _clock(headers, wall_now)


def _listed(limits: str, policies: str) -> Iterator[_Quota]:
    """Give the quotas of the field RateLimit; what RateLimit-Policy says of one is for where that says too little."""
    members = _members(limits)
    if members and members[0].key is not None:
        # Versions 6 and 7 of the draft: limit=100, remaining=0, reset=5.
        named = {member.key: _number(member.value) for member in members}
        yield from _waited(named.get("remaining"), named.get("reset"))
        return
    known = {member.value: member.parameters for member in _members(policies)}
    for member in members:
        policy = known.get(member.value, {})
        # How many may be under way at a time is nothing to wait for.
        if policy.get("qu") != _CONCURRENCY:
            reset = member.parameters.get("t") or policy.get("w", "")
            yield from _waited(_number(member.parameters.get("r", "")), _number(reset))


def _waited(remaining: float | None, reset: float | None) -> Iterator[_Quota]:
    if reset is not None and _sensible(reset):
        yield _Quota(remaining, reset)


def _members(text: str) -> list[_Member]:
    """Return the members of a list or dictionary; none of one that is malformed (RFC 9651 section 4.2)."""
    members = []
    at = 0
    while at < len(text):
        match = _MEMBER.match(text, at)
        if match is None:
            return []
        key, value, parameters, _ = match.groups()
        members.append(_Member(key, value, dict(_PARAMETER.findall(parameters))))
        at = match.end()
    return members
