"""What an entry of a batch is: data and its own options, a timeout and a key among them."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from .._speedups.dispatcher import doubtful_timeouts, first_malformed
from ..config import Check, positive_seconds
from ..errors import ConfigurationError
from .limits import own_hedge, own_key, retry_policy

if TYPE_CHECKING:
    from ..transport.http.request import HTTPRequest

# What entries may have of their own beside the transport's options.
OF_ENTRIES = frozenset({"retry", "hedge_after", "idempotency_key"})

Request = tuple[Any, dict[str, Any]]
Requests: TypeAlias = "Iterable[Request | HTTPRequest] | AsyncIterable[Request | HTTPRequest]"
Describe = Callable[[Any, Mapping[str, Any]], "str | None"]


@dataclass(frozen=True)
class Common:
    """What holds for all entries of a batch.

    Attributes:
        options: Their options; an entry's own go before them.
        timeout: Seconds an entry may take that says nothing else; math.inf for no end.
        describe: Names a request for error messages.
        is_single: Whether it is one request, and no batch.
    """

    options: dict[str, Any] = field(repr=False)
    timeout: float
    describe: Describe
    is_single: bool = False

    def timeout_of(self, entry: Request) -> float:
        """Return the seconds that an entry may take.

        Raises:
            ConfigurationError: If the entry or its timeout is not valid.
        """
        _, own = entry
        if isinstance(own, Malformed):
            raise own.problem
        timeout = own.get("timeout")
        return self.timeout if timeout is None else positive_seconds(timeout, "timeout")

    def name(self, index: int, entry: Request) -> str | None:
        """Return an entry's name for an error message."""
        data, own = entry
        described = None if isinstance(own, Malformed) else self.describe(data, {**self.options, **own})
        return described or (None if self.is_single else f"request {index} of the batch")


class Malformed(dict[str, Any]):
    """Stands for the options of an entry that is none.

    Args:
        problem: What is wrong with it.
    """

    def __init__(self, problem: ConfigurationError) -> None:
        super().__init__(malformed=True)
        self.problem = problem


def checked_requests(requests: Any) -> Sequence[Request] | None:
    """Return the requests of a list or a tuple as (data, options), or None: they are read one by one.

    Raises:
        ConfigurationError: If `requests` is not an iterable, or a list with what is no request, or with a timeout that
            is not valid; the message names the first wrong index.
    """
    checked_source(requests)
    if not isinstance(requests, (list, tuple)):
        return None
    # A copy, because a batch takes its entries one by one while its caller may go on with the list.
    entries = list(requests)
    wrong = first_malformed(entries)
    if wrong >= 0:
        entries[wrong:] = [checked_entry(index, entry) for index, entry in enumerate(entries[wrong:], wrong)]
        for _, own in entries[wrong:]:
            if isinstance(own, Malformed):
                raise own.problem
    for index, timeout in doubtful_timeouts(entries):
        if timeout is not None:
            positive_seconds(timeout, f"requests[{index}]: timeout")
    return entries


def check_own_rules(entries: Sequence[Request], hedge: float | str | None) -> None:
    """Check what entries have of their own beside the transport's options.

    Args:
        entries: The entries.
        hedge: The `hedge_after` that is declared for all of them, or None.

    Raises:
        ConfigurationError: If a value is not valid; the message names the index.
    """
    checks: dict[str, Check] = {**_CHECKS, "hedge_after": partial(own_hedge, declared=hedge)}
    for index, (_, own) in enumerate(entries):
        if own and not OF_ENTRIES.isdisjoint(own):
            for name, check in checks.items():
                if own.get(name) is not None:
                    check(own[name], f"requests[{index}]: {name}")


_CHECKS: dict[str, Check] = {"retry": retry_policy, "idempotency_key": own_key}


def checked_source(requests: Any) -> Any:
    """Return what entries are read from, one by one.

    Raises:
        ConfigurationError: If it is neither an iterable nor an asynchronous one.
    """
    if isinstance(requests, (str, bytes, bytearray, Mapping)) or not isinstance(requests, (Iterable, AsyncIterable)):
        raise ConfigurationError(
            "requests must be an iterable, or an asynchronous one, of tuples (data, options) or of HTTPRequests, "
            f"not {type(requests).__name__}"
        )
    return requests


def checked_entry(index: int, entry: Any) -> Request:
    """Return an entry that was read; one that is none fails in its place."""
    if isinstance(entry, tuple) and len(entry) == 2 and isinstance(entry[1], dict):
        return entry
    if not isinstance(entry, tuple):
        # Only here, because HTTP is much to import for whoever has no use for it.
        from ..transport.http.request import HTTPRequest

        if isinstance(entry, HTTPRequest):
            return entry, {}
    return entry, Malformed(no_entry(index, entry))


def no_entry(index: int, entry: object) -> ConfigurationError:
    """Return the error of what is no entry."""
    return ConfigurationError(
        f"requests[{index}] must be a tuple (data, options) with a dict of options, or an HTTPRequest, "
        f"not {shape_of(entry)}"
    )


def shape_of(entry: object) -> str:
    """Return the type of a value, and of what is in it, for a message."""
    # The data may be large or secret, so the message shows types only.
    if isinstance(entry, (tuple, list)):
        inside = ", ".join(type(item).__name__ for item in entry[:4])
        return f"{type(entry).__name__} ({inside}{', ...' if len(entry) > 4 else ''})"
    return type(entry).__name__
