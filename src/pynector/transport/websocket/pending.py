"""One request on its way."""

from typing import Any, Literal

from ..._speedups.told import succeed


class Pending:
    """One request on its way; the handle of `submit`.

    Args:
        owner: What it is given up at.
        deadline: When it must have ended, on the event loop's clock in seconds.
        completion: Gets the answer; see Completion.
        token: What to call the completion with.

    Attributes:
        deadline, token: See above.
        owner: See above; None once it has ended, for what the peer still owes an answer to keeps no client alive.
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
        "idempotent",
        "is_text",
        "key",
        "one_way",
        "owner",
        "payload",
        "repeats",
        "taken",
        "token",
        "was_sent",
    )

    def __init__(self, owner: Any, deadline: float, completion: Any, token: int) -> None:
        self.owner = owner
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
            owner = self.owner
            try:
                owner.given_up(self)
            except Exception as error:
                owner.complain("a request could not be given up", error)
            self._end()

    def fail(self, error: Any) -> None:
        """End it with an error, unless it has ended."""
        completion = self.completion
        owner = self.owner
        self._end()
        if completion is not None:
            try:
                completion.fail(self.token, error)
            except Exception as problem:
                # Those that come after it have their own answers.
                owner.complain("a request's end was not taken", problem)

    def succeed(self, answer: Any) -> None:
        """End it with its answer, unless it has ended."""
        completion = self.completion
        owner = self.owner
        self._end()
        if completion is not None:
            try:
                succeed(completion, self.token, answer)
            except Exception as problem:
                owner.complain("an answer was not taken", problem)

    def _end(self) -> None:
        # It may still be in a place of its own, or have a deadline.
        self.completion = None
        self.payload = b""
        self.connection = None
        taken = self.taken
        self.taken = None
        owner = self.owner
        self.owner = None
        if taken is not None:
            try:
                taken.discard(self.key)
            except Exception as error:
                # A key of the user's own may do anything when it is compared.
                owner.complain("a key could not be compared", error)
