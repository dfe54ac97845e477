"""Redirects that are followed by the same request with another target: no more is looked at than that needs."""

from typing import Any

from ..response import response_as_sent
from ..urls import start_of
from .exchange import Exchange, space_after, target_of
from .target import is_path

COMPILED = not __file__.endswith(".py")

# Whatever the status of a redirect, it is the same method that is sent again, and there is no body.
_GET, _HEAD = b"GET", b"HEAD"

_NAME = b"location:"


def sent_on(exchange: Exchange, status: int, head: bytes, version: str, now: float) -> bool:
    """Follow a redirect whose request is the one before with another target, or say that it is not so simple.

    Args:
        exchange: What it answers.
        status: Its status code.
        head: Its status line and header fields, without the empty line.
        version: The HTTP version, "1.1" or the like.
        now: The time, on the event loop's clock in seconds.
    """
    if exchange.request is not None or exchange.observer is not None:
        return False
    if len(exchange.history) >= exchange.settings["max_redirects"]:
        return False
    payload, pool = exchange.payload, exchange.pool
    data, start = payload, space_after(payload, 0)
    method = data[:start]
    if method != _GET and method != _HEAD:
        return False
    location = location_in(head)
    if location is None:
        return False
    target = _below(location.decode("latin-1"), start_of(pool.origin))
    if target is None:
        return False
    rest = data[space_after(payload, start + 1) : len(payload)]
    elapsed, history = now - exchange.started, exchange.history
    answer = response_as_sent(status, head, b"", pool.origin, target_of(payload), version, elapsed, history)
    exchange.hop(answer)
    exchange.payload = b"%b %b%b" % (method, target.encode("ascii"), rest)
    exchange.repeatable = True
    pool.dispatch(exchange, now)
    return True


def _below(location: str, start: str) -> Any:
    """Return where a location leads below what URLs of its origin begin with; None for a closer look."""
    if location.startswith(start):
        location = location[len(start) - 1 :]
    if not is_path(location) or location.startswith("//") or "/." in location:
        return None
    return location


def location_in(head: bytes) -> Any:
    """Return the value of a head's field Location, which a parser has found valid; None for none, or several."""
    data, size = head, len(head)
    found: Any = None
    start = next_line(head, 0)
    while start < size:
        end = next_line(head, start)
        # l, in either case.
        if end - start >= 9 and data[start] | 32 == 108 and data[start : start + 9].lower() == _NAME:
            if found is not None:
                return None
            found = data[start + 9 : end].strip(b" \t\r\n")
        start = end
    return found


def next_line(head: bytes, start: int) -> int:
    """Return where the line after the one at a place begins, or the end."""
    if COMPILED:
        end = byte_at(head, 10, start) + 1  # type: ignore[name-defined] # noqa: F821
        return end if end < len(head) else len(head)
    return head.find(b"\n", start) + 1 or len(head)
