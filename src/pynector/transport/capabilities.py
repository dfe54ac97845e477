"""What a transport can do beyond the contract, by what it has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..config import at_least
from ..errors import ConfigurationError, as_pynector_error


def can_exchange(transport: Any) -> bool:
    """Say whether a transport has one of the capabilities beyond `send` and `receive`."""
    return callable(getattr(transport, "exchange", None)) or callable(getattr(transport, "submit", None))


def check_transport(transport: Any) -> Any:
    """Give the transport.

    Raises:
        ConfigurationError: If it lacks a method; the message lists what it lacks.
    """
    needed = ["connect", "disconnect"]
    if not can_exchange(transport):
        needed += ["send", "receive"]
    missing = [name for name in needed if not callable(getattr(transport, name, None))]
    if missing or isinstance(transport, type):
        problem = "is a class, not an instance" if isinstance(transport, type) else "lacks "
        raise ConfigurationError(
            f"transport {transport!r} {problem}{', '.join(missing)}: it needs connect, disconnect, "
            "and either send and receive, exchange, or submit"
        )
    return transport


def capacity_of(transport: Any) -> int | None:
    """Return the most requests that a transport carries at a time, or None for any number.

    Raises:
        ConfigurationError: If what it says is no such number.
    """
    capacity = getattr(transport, "max_concurrency", None)
    return None if capacity is None else at_least(1)(capacity, f"max_concurrency of {type(transport).__name__}")


def check_options(transport: Any, options: Mapping[str, Any]) -> None:
    """Have a transport look at the options for all entries of a batch, where it can.

    Raises:
        ConfigurationError: If one is not valid.
    """
    check = getattr(transport, "check_options", None)
    if check is None or not options:
        return
    try:
        check(options)
    except Exception as error:
        problem = as_pynector_error(error)
        raise problem from (None if problem is error else error)


def counts_of(transport: Any) -> dict[str, int]:
    """Give what a transport counts itself; nothing where it does not."""
    counts = getattr(transport, "counts", None)
    return {} if counts is None else dict(counts())


def engine_of(transport: Any) -> tuple[str | None, str | None]:
    """Give the name of what a transport runs on, and why that is not the one it would prefer, where it can tell."""
    name, reason = getattr(transport, "engine_choice", None) or (None, None)
    return name, reason
