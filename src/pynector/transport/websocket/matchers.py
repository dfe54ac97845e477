"""The requests in flight on one connection, and which of them an answer belongs to: by order, or by key."""

from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from ...errors import ConfigurationError
from .pending import Pending

LATE = Pending(None, 0.0, None, 0)
"""Stands for the request that a message answers where it has ended, or never was."""


class Reading(NamedTuple):
    """What a message says of whose answer it is.

    Attributes:
        key: The key of its request, or None.
        error: The error it stands for, or None.
        is_own: Whether it is the peer's own if nobody waits for its key.
        is_anyones: Whether it answers the one request in flight, if there is just one, though it has no key.
    """

    key: Any
    error: Any = None
    is_own: bool = False
    is_anyones: bool = False


class Matcher:
    """The requests in flight on one connection, and which of them an answer belongs to: by order.

    The n-th answer is the n-th request's. One that was given up still owns its place.
    """

    __slots__ = ("_ended", "_places")

    def __init__(self) -> None:
        self._places: Any = deque()
        # How many of them were given up.
        self._ended = 0

    def add(self, pending: Pending) -> None:
        """Take note of a request that is being sent.

        Raises:
            ConfigurationError: If its answer could not be told from another's.
        """
        self._places.append(pending)

    def give_up(self, pending: Pending) -> None:
        """Take note that nobody waits for a request's answer any more."""
        self._ended += 1

    def match(self, payload: bytes, is_text: bool) -> Any:
        """Give the request that a message answers, with its `error` set if the answer is one.

        Returns:
            The request; one without a completion if it has ended, or never was; None if the message is the peer's own.
        """
        if not self._places:
            return None
        pending: Pending = self._places.popleft()
        if pending.completion is None:
            self._ended -= 1
        return pending

    def is_stuck(self) -> bool:
        """Say whether nobody waits for any of the answers that the peer owes."""
        return self._ended == len(self._places)

    def drain(self) -> list[Any]:
        """Give the requests in the order in which they were sent, and forget them."""
        places = list(self._places)
        self._places.clear()
        self._ended = 0
        return places

    def held(self) -> Any:
        """Give the collection that holds the requests, always the same one; it holds nothing else."""
        return self._places


class KeyMatcher(Matcher):
    """Those of them that are found by a key, all of a Matcher's methods in another way.

    Args:
        read: Reads a message: its payload, and whether it is text.
        taken: The keys of what is in flight, on this connection and the client's others: what is sent again may come
            to be on another one.
    """

    __slots__ = ("_by_key", "_given_up", "_read", "_taken")

    def __init__(self, read: Callable[[bytes, bool], Reading], taken: set[Any]) -> None:
        super().__init__()
        self._read = read
        self._taken = taken
        self._by_key: dict[Any, Pending] = {}
        # Requests that nobody waits for any more, and whose answer has not come.
        self._given_up = 0

    def add(self, pending: Pending) -> None:
        """See Matcher."""
        # What is sent again has its key since it was sent first.
        if pending.taken is None:
            if pending.key in self._taken:
                raise ConfigurationError(f"a request with the key {pending.key!r} is in flight already")
            self._taken.add(pending.key)
            pending.taken = self._taken
        self._by_key[pending.key] = pending

    def give_up(self, pending: Pending) -> None:
        """See Matcher."""
        if self._by_key.get(pending.key) is pending:
            del self._by_key[pending.key]
            self._given_up += 1

    def is_stuck(self) -> bool:
        """See Matcher."""
        return False

    def match(self, payload: bytes, is_text: bool) -> Any:
        """See Matcher."""
        key, error, is_own, is_anyones = self._read(payload, is_text)
        if key is None and is_anyones and len(self._by_key) == 1 and not self._given_up:
            (key,) = self._by_key
        if key is None:
            return None
        pending = self._by_key.pop(key, None)
        if pending is not None:
            pending.error = error
            return pending
        if is_own:
            return None
        self._given_up = max(0, self._given_up - 1)
        return LATE

    def drain(self) -> list[Any]:
        """See Matcher."""
        pending = list(self._by_key.values())
        self._by_key.clear()
        self._given_up = 0
        return pending

    def held(self) -> Any:
        """See Matcher."""
        return self._by_key
