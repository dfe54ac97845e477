"""Which answer is whose: by order, by an id in JSON, or by functions of the user's own."""

from __future__ import annotations

import itertools
import json
from collections import deque
from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any, Protocol

from ...errors import ConfigurationError, RemoteError
from .messages import Message, Pending, json_payload, payload_of

KeyOf = Callable[[Any], Hashable]


class Nobody:
    """Stands for the request of a message that answers none."""


PUSHED = Nobody()
"""The message is the peer's own."""
LATE = Nobody()
"""It answers a request that has ended, or one that never was."""


class Matcher(Protocol):
    """The requests in flight on one connection."""

    def add(self, pending: Pending) -> None:
        """Take note of a request that is being sent.

        Raises:
            ConfigurationError: If its answer could not be told from another's.
        """

    def give_up(self, pending: Pending) -> None:
        """Take note that nobody waits for a request's answer any more."""

    def match(self, payload: bytes, is_text: bool) -> tuple[Pending | Nobody, Any]:
        """Give the request that a message answers, PUSHED or LATE, and the answer: an error, the payload, or None."""

    def is_stuck(self) -> bool:
        """Say whether nobody waits for any of the answers that the peer owes."""

    def drain(self) -> list[Pending]:
        """Give the requests in the order in which they were sent, and forget them."""

    def __len__(self) -> int:
        """Say how many answers the peer owes."""


class Correlation(Protocol):
    """A way to find whose answer a message is."""

    def encode(self, data: Any) -> tuple[bytes, bool, Hashable]:
        """Give a request's payload, whether it is text, and the key of its answer.

        Raises:
            ConfigurationError: If it cannot be sent.
        """

    def matcher(self) -> Matcher:
        """Give what matches on a new connection."""


class FifoMatcher:
    """The n-th answer is the n-th request's. One that was given up still owns its place."""

    def __init__(self) -> None:
        self._places: deque[Pending] = deque()

    def __len__(self) -> int:
        return len(self._places)

    def add(self, pending: Pending) -> None:
        """See Matcher."""
        self._places.append(pending)

    def give_up(self, pending: Pending) -> None:
        """See Matcher."""

    def is_stuck(self) -> bool:
        """See Matcher."""
        return all(pending.completion is None for pending in self._places)

    def match(self, payload: bytes, is_text: bool) -> tuple[Pending | Nobody, Any]:
        """See Matcher."""
        if not self._places:
            return PUSHED, None
        pending = self._places.popleft()
        return (LATE if pending.completion is None else pending), payload

    def drain(self) -> list[Pending]:
        """See Matcher."""
        places = list(self._places)
        self._places.clear()
        return places


class Fifo:
    """Answers come in the order of the requests."""

    def encode(self, data: Any) -> tuple[bytes, bool, Hashable]:
        """See Correlation."""
        payload, is_text = payload_of(data)
        return payload, is_text, None

    def matcher(self) -> Matcher:
        """See Correlation."""
        return FifoMatcher()


class KeyMatcher:
    """Requests by key.

    Args:
        read: Gives the key of a message and its answer; the key is None where it has none. The last of the three is
            whether a message with a key that nobody waits for is the peer's own.
    """

    def __init__(self, read: Callable[[bytes, bool], tuple[Hashable, Any, bool]]) -> None:
        self._read = read
        self._by_key: dict[Hashable, Pending] = {}

    def __len__(self) -> int:
        return len(self._by_key)

    def add(self, pending: Pending) -> None:
        """See Matcher."""
        if pending.key in self._by_key:
            raise ConfigurationError(f"a request with the key {pending.key!r} is in flight already")
        self._by_key[pending.key] = pending

    def give_up(self, pending: Pending) -> None:
        """See Matcher."""
        if self._by_key.get(pending.key) is pending:
            del self._by_key[pending.key]

    def is_stuck(self) -> bool:
        """See Matcher."""
        return False

    def match(self, payload: bytes, is_text: bool) -> tuple[Pending | Nobody, Any]:
        """See Matcher."""
        key, answer, own = self._read(payload, is_text)
        if key is None:
            return PUSHED, None
        pending = self._by_key.pop(key, None)
        if pending is None:
            return (PUSHED if own else LATE), None
        return pending, answer

    def drain(self) -> list[Pending]:
        """See Matcher."""
        pending = list(self._by_key.values())
        self._by_key.clear()
        return pending


class ById:
    """Requests and answers are JSON objects with an id in common, as in JSON-RPC 2.0.

    Args:
        id_key: The member that is the id.
    """

    def __init__(self, id_key: str) -> None:
        self._id_key = id_key
        self._ids: Iterator[int] = itertools.count(1)

    def encode(self, data: Any) -> tuple[bytes, bool, Hashable]:
        """See Correlation. A request without an id gets one."""
        if not isinstance(data, Mapping):
            raise ConfigurationError(f"with correlation='id' a message must be a dict, not {type(data).__name__}")
        key = data.get(self._id_key)
        if key is None:
            key = next(self._ids)
            data = {**data, self._id_key: key}
        elif isinstance(key, bool) or not isinstance(key, (str, int)):
            raise ConfigurationError(f"a message's {self._id_key!r} must be a str or an int, not {key!r}")
        return json_payload(data), True, key

    def matcher(self) -> Matcher:
        """See Correlation."""
        return KeyMatcher(self._read)

    def _read(self, payload: bytes, is_text: bool) -> tuple[Hashable, Any, bool]:
        try:
            message = json.loads(payload)
        except (ValueError, RecursionError):
            return None, None, True
        if not isinstance(message, dict):
            return None, None, True
        key = message.get(self._id_key)
        if isinstance(key, bool) or not isinstance(key, (str, int)):
            return None, None, True
        error = message.get("error")
        answer: Any = payload
        if error is not None and "result" not in message:
            answer = remote_error(error)
        return key, answer, "method" in message


class ByFunctions:
    """The user's own functions give the keys.

    Args:
        of_request: Gives the key of the data of a request.
        of_message: Gives the key of a Message, or None if it answers nobody.
    """

    def __init__(self, of_request: KeyOf, of_message: KeyOf) -> None:
        self._of_request = of_request
        self._of_message = of_message

    def encode(self, data: Any) -> tuple[bytes, bool, Hashable]:
        """See Correlation."""
        payload, is_text = payload_of(data)
        key = self._of_request(data)
        if key is None:
            raise ConfigurationError("the correlation's first function must give a key, not None")
        hash(key)
        return payload, is_text, key

    def matcher(self) -> Matcher:
        """See Correlation."""
        return KeyMatcher(lambda payload, is_text: (self._of_message(Message(payload, is_text)), payload, False))


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
