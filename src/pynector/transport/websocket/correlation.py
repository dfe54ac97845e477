"""Which answer is whose: by order, by an id in JSON, or by functions of the user's own."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Mapping
from typing import Any, Protocol

from ..._speedups.messages import FifoMatcher, Matcher, Pending
from ...errors import ConfigurationError, PynectorError, RemoteError
from .messages import Message, json_payload, payload_of

KeyOf = Callable[[Any], Hashable]


LATE = Pending(None, 0.0, None, 0)
"""Stands for the request that a message answers where it has ended, or never was."""


class Correlation(Protocol):
    """A way to find whose answer a message is."""

    def encode(self, data: Any, one_way: bool) -> tuple[bytes, bool, Hashable]:
        """Give a request's payload, whether it is text, and the key of its answer, None where there is to be none.

        Raises:
            ConfigurationError: If it cannot be sent.
        """

    def matcher(self) -> Matcher:
        """Give what matches on a new connection."""


class Fifo:
    """Answers come in the order of the requests."""

    def encode(self, data: Any, one_way: bool) -> tuple[bytes, bool, Hashable]:
        """See Correlation."""
        payload, is_text = payload_of(data)
        return payload, is_text, None

    def matcher(self) -> Matcher:
        """See Correlation."""
        return FifoMatcher()


class KeyMatcher(Matcher):
    """Requests by key.

    Args:
        read: Gives the key of a message, None where it has none; the error it stands for, or None; and whether it is
            the peer's own if nobody waits for its key.
        taken: The keys of what is in flight, on this connection and the client's others: what is sent again may come
            to be on another one.
    """

    def __init__(
        self, read: Callable[[bytes, bool], tuple[Hashable, PynectorError | None, bool]], taken: set[Hashable]
    ) -> None:
        self._read = read
        self._taken = taken
        self._by_key: dict[Hashable, Pending] = {}

    def size(self) -> int:
        """See Matcher."""
        return len(self._by_key)

    def add(self, pending: Pending) -> None:
        """See Matcher."""
        if pending.key in self._taken:
            raise ConfigurationError(f"a request with the key {pending.key!r} is in flight already")
        self._taken.add(pending.key)
        self._by_key[pending.key] = pending

    def give_up(self, pending: Pending) -> None:
        """See Matcher."""
        if self._by_key.get(pending.key) is pending:
            del self._by_key[pending.key]
            self._taken.discard(pending.key)

    def is_stuck(self) -> bool:
        """See Matcher."""
        return False

    def match(self, payload: bytes, is_text: bool) -> Pending | None:
        """See Matcher."""
        key, error, own = self._read(payload, is_text)
        if key is None:
            return None
        pending = self._by_key.pop(key, None)
        if pending is None:
            return None if own else LATE
        self._taken.discard(key)
        pending.error = error
        return pending

    def drain(self) -> list[Pending]:
        """See Matcher."""
        pending = list(self._by_key.values())
        self._taken.difference_update(self._by_key)
        self._by_key.clear()
        return pending


# Beyond it, JSON's numbers are not exact everywhere (RFC 8259 section 6).
MOST_ID = 1 << 53


class ById:
    """Requests and answers are JSON objects with an id in common, as in JSON-RPC 2.0.

    Args:
        id_key: The member that is the id.
    """

    def __init__(self, id_key: str) -> None:
        self._id_key = id_key
        self._last = 0
        self._taken: set[Hashable] = set()

    def encode(self, data: Any, one_way: bool) -> tuple[bytes, bool, Hashable]:
        """See Correlation. A request without an id gets one, a number that is above all others so far."""
        if not isinstance(data, Mapping):
            raise ConfigurationError(f"with correlation='id' a message must be a dict, not {type(data).__name__}")
        data = dict(data)
        key = data.get(self._id_key)
        if one_way:
            return json_payload(data), True, None
        if key is None:
            self._last += 1
            key = self._last
            data[self._id_key] = key
        elif isinstance(key, bool) or not isinstance(key, (str, int)):
            raise ConfigurationError(f"a message's {self._id_key!r} must be a str or an int, not {key!r}")
        elif isinstance(key, int) and self._last < key < MOST_ID:
            self._last = key
        return json_payload(data), True, key

    def matcher(self) -> Matcher:
        """See Correlation."""
        return KeyMatcher(self._read, self._taken)

    def _read(self, payload: bytes, is_text: bool) -> tuple[Hashable, PynectorError | None, bool]:
        try:
            message = json.loads(payload)
        except (ValueError, RecursionError):
            return None, None, True
        if not isinstance(message, dict):
            return None, None, True
        key = message.get(self._id_key)
        if isinstance(key, bool) or not (isinstance(key, (str, int)) or (isinstance(key, float) and key.is_integer())):
            return None, None, True
        error = message.get("error")
        asks = "method" in message
        if asks and "jsonrpc" in message and "result" not in message and error is None:
            # In JSON-RPC a request of the peer's own, whose ids are its own, too.
            return None, None, True
        problem = remote_error(error) if error is not None and "result" not in message else None
        return key, problem, asks


class ByFunctions:
    """The user's own functions give the keys.

    Args:
        of_request: Gives the key of the data of a request.
        of_message: Gives the key of a Message, or None if it answers nobody.
    """

    def __init__(self, of_request: KeyOf, of_message: KeyOf) -> None:
        self._of_request = of_request
        self._of_message = of_message
        self._taken: set[Hashable] = set()

    def encode(self, data: Any, one_way: bool) -> tuple[bytes, bool, Hashable]:
        """See Correlation."""
        payload, is_text = payload_of(data)
        if one_way:
            return payload, is_text, None
        key = self._of_request(data)
        if key is None:
            raise ConfigurationError("the correlation's first function must give a key, not None")
        hash(key)
        return payload, is_text, key

    def matcher(self) -> Matcher:
        """See Correlation."""
        return KeyMatcher(self._read, self._taken)

    def _read(self, payload: bytes, is_text: bool) -> tuple[Hashable, PynectorError | None, bool]:
        return self._of_message(Message(payload, is_text)), None, False


def remote_error(error: Any) -> RemoteError:
    """Give the error that an `error` member stands for (JSON-RPC 2.0 section 5.1, or anything else)."""
    if not isinstance(error, dict):
        return RemoteError("the peer answered with an error", data=error)
    code = error.get("code")
    said = error.get("message")
    return RemoteError(
        f"the peer answered with error {code}: {said}" if isinstance(said, str) else "the peer answered with an error",
        code=code if isinstance(code, int) else None,
        data=error.get("data"),
    )
