"""Who is told of a request's end by a call of C's, whose arguments need not be objects, where it is compiled."""

from typing import Any


class Told:
    """A completion of our own; see Completion."""

    __slots__ = ()

    def succeed(self, token: int, response: Any) -> None:
        """See Completion."""

    def fail(self, token: int, error: Any) -> None:
        """See Completion."""


def succeed(completion: Any, token: int, response: Any) -> None:
    """Tell a completion, ours or another's, of an answer."""
    if isinstance(completion, Told):
        told: Told = completion
        told.succeed(token, response)
    else:
        completion.succeed(token, response)
