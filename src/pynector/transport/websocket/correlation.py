"""Which answer is whose: by order, by an id in JSON, or by functions of the user's own."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Mapping
from typing import Any, Protocol

from ...causes import text_of
from ...errors import ConfigurationError, ProtocolError, RemoteError
from ...eventloop import ENDS
from ..json_text import Dumps, scalar_of
from .matchers import KeyMatcher, Matcher, Reading
from .messages import Message, json_payload, payload_of

KeyOf = Callable[[Any], Hashable]


class Correlation(Protocol):
    """A way to find whose answer a message is."""

    def encode(self, data: Any, one_way: bool, dumps: Dumps | None) -> tuple[bytes, bool, Hashable]:
        """Give a request's payload, whether it is text, and the key of its answer, None where there is to be none.

        Args:
            data: What is to be sent.
            one_way: Whether nothing answers it.
            dumps: The user's own encoder of JSON, or None.

        Raises:
            ConfigurationError: If it cannot be sent.
        """

    def matcher(self) -> Matcher:
        """Give what matches on a new connection."""


class Fifo:
    """Answers come in the order of the requests."""

    def encode(self, data: Any, one_way: bool, dumps: Dumps | None) -> tuple[bytes, bool, Hashable]:
        """See Correlation."""
        payload, is_text = payload_of(data, dumps)
        return payload, is_text, None

    def matcher(self) -> Matcher:
        """See Correlation."""
        return Matcher()


OWN = Reading(None)
"""What no request asked for."""


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

    def encode(self, data: Any, one_way: bool, dumps: Dumps | None) -> tuple[bytes, bool, Hashable]:
        """See Correlation. A request without an id gets one, a number that is above all others so far."""
        if not isinstance(data, Mapping):
            raise ConfigurationError(f"with correlation='id' a message must be a dict, not {type(data).__name__}")
        data = dict(data)
        key = data.get(self._id_key)
        if one_way:
            return json_payload(data, dumps), True, None
        if key is None:
            self._last += 1
            key = self._last
            data[self._id_key] = key
        elif isinstance(key, bool) or not isinstance(key, (str, int)):
            raise ConfigurationError(f"a message's {self._id_key!r} must be a str or an int, not {key!r}")
        elif isinstance(key, int) and self._last < key < MOST_ID:
            self._last = key
        return json_payload(data, dumps), True, key

    def matcher(self) -> Matcher:
        """See Correlation."""
        return KeyMatcher(self._read, self._taken)

    def _read(self, payload: bytes, is_text: bool) -> Reading:
        try:
            message = json.loads(payload)
        except (ValueError, RecursionError) as error:
            return self._read_in_part(payload, error)
        if not isinstance(message, dict):
            return OWN
        key = message.get(self._id_key)
        problem = remote_problem(message)
        asks = "method" in message
        if isinstance(key, bool) or not (isinstance(key, (str, int)) or (isinstance(key, float) and key.is_integer())):
            return OWN if asks or key is not None or problem is None else Reading(None, problem, is_anyones=True)
        if asks and problem is None and "jsonrpc" in message and "result" not in message:
            # In JSON-RPC a request of the peer's own, whose ids are its own, too.
            return OWN
        return Reading(key, problem, asks)

    def _read_in_part(self, payload: bytes, error: Exception) -> Reading:
        """Read what Python's JSON refuses: it may have a number that is too long, be too deep, or be no JSON."""
        said = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        problem = ProtocolError(f"the answer is JSON that cannot be read: {said}", phase="body", sent="full")
        key = scalar_of(payload, self._id_key)
        if key is not None:
            return OWN if scalar_of(payload, "method") is not None else Reading(key, problem, is_own=True)
        is_no_json = isinstance(error, (json.JSONDecodeError, UnicodeDecodeError))
        return OWN if is_no_json else Reading(None, problem, is_anyones=True)


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

    def encode(self, data: Any, one_way: bool, dumps: Dumps | None) -> tuple[bytes, bool, Hashable]:
        """See Correlation."""
        payload, is_text = payload_of(data, dumps)
        if one_way:
            return payload, is_text, None
        try:
            key = called(self._of_request, data)
            hash(key)
        except Exception as error:
            raise ConfigurationError(f"the correlation's functions failed: {type(error).__name__}") from error
        if key is None:
            raise ConfigurationError("the correlation's first function must give a key, not None")
        return payload, is_text, key

    def matcher(self) -> Matcher:
        """See Correlation."""
        return KeyMatcher(self._read, self._taken)

    def _read(self, payload: bytes, is_text: bool) -> Reading:
        return Reading(called(self._of_message, Message(payload, is_text)))


def called(function: Callable[[Any], Any], argument: Any) -> Any:
    """Call a function of the user's own.

    Raises:
        Exception: What it raises, or what stands for that: a cancellation out of it, say, is its own failure.
    """
    try:
        return function(argument)
    except (Exception, *ENDS):
        raise
    except BaseException as error:
        raise RuntimeError(f"{type(error).__name__}: {text_of(error)}") from error


def remote_problem(message: dict[str, Any]) -> RemoteError | None:
    """Give the error that an answer stands for, or None if it is a success."""
    error = message.get("error")
    if error is None or ("result" in message and (message["result"] is not None or not error)):
        return None
    return remote_error(error)


def remote_error(error: Any) -> RemoteError:
    """Give the error that an `error` member stands for (JSON-RPC 2.0 section 5.1, or anything else)."""
    if not isinstance(error, dict):
        return RemoteError("the peer answered with an error", data=error)
    code = error.get("code")
    said = error.get("message")
    return RemoteError(
        f"the peer answered with error {code}: {said}" if isinstance(said, str) else "the peer answered with an error",
        code=code if isinstance(code, int) and not isinstance(code, bool) else None,
        data=error.get("data"),
    )
