"""Requests that are messages, and which of them an answer belongs to."""

from collections import deque
from typing import Any


class Pending:
    """One request on its way; the handle of `submit`.

    Args:
        hub: What it is given up at.
        deadline: When it must have ended, on the event loop's clock in seconds.
        completion: Gets the answer; see Completion.
        token: What to call the completion with.

    Attributes:
        hub, deadline, token: See above.
        completion: See above; None once it has ended or was given up.
        payload: Its message.
        is_text: Whether that is text.
        key: What its answer is found by, or None.
        as_response: Whether the answer is a Message.
        idempotent: Whether it may be sent again on another connection.
        one_way: Whether it ends when it is sent, for nothing answers it.
        repeats: How often it was sent again.
        connection: What it was sent on, or None before that and when it has ended.
        error: What its answer says that went wrong, or None.
    """

    __slots__ = (
        "as_response",
        "completion",
        "connection",
        "deadline",
        "error",
        "hub",
        "idempotent",
        "is_text",
        "key",
        "one_way",
        "payload",
        "repeats",
        "token",
    )

    def __init__(self, hub: Any, deadline: float, completion: Any, token: int) -> None:
        self.hub = hub
        self.deadline = deadline
        self.completion = completion
        self.token = token
        self.payload = b""
        self.is_text = False
        self.key: Any = None
        self.as_response = False
        self.idempotent = False
        self.one_way = False
        self.repeats = 0
        self.connection: Any = None
        self.error: Any = None

    def cancel(self) -> None:
        """See Handle."""
        if self.completion is not None:
            self.completion = None
            self.hub.given_up(self)

    def fail(self, error: Any) -> None:
        """End it with an error, unless it has ended."""
        completion = self.completion
        self.completion = None
        # It may still be in a place of its own, or have a deadline: until then it should hold no more than it must.
        self.payload = b""
        self.connection = None
        if completion is not None:
            completion.fail(self.token, error)

    def succeed(self, answer: Any) -> None:
        """End it with its answer, unless it has ended."""
        completion = self.completion
        self.completion = None
        # It may still be in a place of its own, or have a deadline: until then it should hold no more than it must.
        self.payload = b""
        self.connection = None
        if completion is not None:
            completion.succeed(self.token, answer)


class Matcher:
    """The requests in flight on one connection."""

    __slots__ = ()

    def add(self, pending: Pending) -> None:
        """Take note of a request that is being sent.

        Raises:
            ConfigurationError: If its answer could not be told from another's.
        """
        raise NotImplementedError

    def give_up(self, pending: Pending) -> None:
        """Take note that nobody waits for a request's answer any more."""
        raise NotImplementedError

    def match(self, payload: bytes, is_text: bool) -> Any:
        """Give the request that a message answers, with its `error` set if the answer is one.

        Returns:
            The request; one without a completion if it has ended, or never was; None if the message is the peer's own.
        """
        raise NotImplementedError

    def is_stuck(self) -> bool:
        """Say whether nobody waits for any of the answers that the peer owes."""
        raise NotImplementedError

    def drain(self) -> list[Any]:
        """Give the requests in the order in which they were sent, and forget them."""
        raise NotImplementedError

    def size(self) -> int:
        """Say how many answers the peer owes."""
        raise NotImplementedError


class FifoMatcher(Matcher):
    """The n-th answer is the n-th request's. One that was given up still owns its place."""

    __slots__ = ("_ended", "_places")

    def __init__(self) -> None:
        self._places: Any = deque()
        # How many of them were given up.
        self._ended = 0

    def add(self, pending: Pending) -> None:
        """See Matcher."""
        self._places.append(pending)

    def give_up(self, pending: Pending) -> None:
        """See Matcher."""
        self._ended += 1

    def match(self, payload: bytes, is_text: bool) -> Any:
        """See Matcher."""
        if not self._places:
            return None
        pending: Pending = self._places.popleft()
        if pending.completion is None:
            self._ended -= 1
        return pending

    def is_stuck(self) -> bool:
        """See Matcher."""
        return self._ended == len(self._places)

    def drain(self) -> list[Any]:
        """See Matcher."""
        places = list(self._places)
        self._places.clear()
        self._ended = 0
        return places

    def size(self) -> int:
        """See Matcher."""
        return len(self._places)
