"""Requests that are messages, and which of them an answer belongs to."""

from collections import deque
from typing import Any, Literal


class Pending:
    """One request on its way; the handle of `submit`.

    Args:
        hub: What it is given up at.
        deadline: When it must have ended, on the event loop's clock in seconds.
        completion: Gets the answer; see Completion.
        token: What to call the completion with.

    Attributes:
        deadline, token: See above.
        hub: See above; None once it has ended, for what the peer still owes an answer to keeps no client alive.
        completion: See above; None once it has ended or was given up.
        payload: Its message.
        is_text: Whether that is text.
        key: What its answer is found by, or None.
        taken: The keys that nobody else may use, its own among them until it ends; None if that is not taken yet.
        as_response: Whether the answer is a Message.
        idempotent: Whether it may be sent again on another connection.
        one_way: Whether it ends when it is sent, for nothing answers it.
        repeats: How often it was sent again.
        connection: What it was sent on, or None; None, too, once it has ended.
        was_sent: Whether it was sent, on whatever connection.
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
        "taken",
        "token",
        "was_sent",
    )

    def __init__(self, hub: Any, deadline: float, completion: Any, token: int) -> None:
        self.hub = hub
        self.deadline = deadline
        self.completion = completion
        self.token = token
        self.payload = b""
        self.is_text = False
        self.key: Any = None
        self.taken: Any = None
        self.as_response = False
        self.idempotent = False
        self.one_way = False
        self.repeats = 0
        self.connection: Any = None
        self.was_sent = False
        self.error: Any = None

    @property
    def sent(self) -> Literal["none", "full"]:
        """How much of it may have left, over all connections it was sent on: "none" or "full"."""
        return "full" if self.was_sent else "none"

    def progress(self) -> tuple[Literal["connect", "headers"], Literal["none", "full"]]:
        """See Handle."""
        return "connect" if self.connection is None else "headers", self.sent

    def cancel(self) -> None:
        """See Handle."""
        if self.completion is not None:
            self.completion = None
            hub = self.hub
            try:
                hub.given_up(self)
            except Exception as error:
                hub.complain("a request could not be given up", error)
            self._end()

    def fail(self, error: Any) -> None:
        """End it with an error, unless it has ended."""
        completion = self.completion
        hub = self.hub
        self._end()
        if completion is not None:
            try:
                completion.fail(self.token, error)
            except Exception as problem:
                # Those that come after it have their own answers.
                hub.complain("a request's end was not taken", problem)

    def succeed(self, answer: Any) -> None:
        """End it with its answer, unless it has ended."""
        completion = self.completion
        hub = self.hub
        self._end()
        if completion is not None:
            try:
                completion.succeed(self.token, answer)
            except Exception as problem:
                hub.complain("an answer was not taken", problem)

    def _end(self) -> None:
        # It may still be in a place of its own, or have a deadline.
        self.completion = None
        self.payload = b""
        self.connection = None
        taken = self.taken
        self.taken = None
        hub = self.hub
        self.hub = None
        if taken is not None:
            try:
                taken.discard(self.key)
            except Exception as error:
                # A key of the user's own may do anything when it is compared.
                hub.complain("a key could not be compared", error)


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

    def held(self) -> Any:
        """Give the collection that holds the requests, always the same one; it holds nothing else."""
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

    def held(self) -> Any:
        """See Matcher."""
        return self._places
