"""Takes the one answer that somebody awaits."""

from typing import Any

from .told import Told


class Answer(Told):
    """The completion of a single request.

    Args:
        future: Awaited by whoever wants the answer; its result is None, whatever the answer is.

    Attributes:
        future: See above.
        ended: Whether there is an answer or a failure.
        response: The answer.
        error: The failure, or None.
    """

    __slots__ = ("ended", "error", "future", "response")

    def __init__(self, future: Any) -> None:
        self.future = future
        self.ended = False
        self.response: Any = None
        self.error: Any = None

    def succeed(self, token: int, response: Any) -> None:
        """See Completion. What comes after the first answer is ignored."""
        if not self.ended:
            self.ended = True
            self.response = response
            self._wake()

    def fail(self, token: int, error: Any) -> None:
        """See Completion. What comes after the first answer is ignored."""
        if not self.ended:
            self.ended = True
            self.error = error
            self._wake()

    def taken(self) -> Any:
        """Return the answer, or raise the failure, once: this does not keep it."""
        error, self.error = self.error, None
        if error is None:
            return self.response
        try:
            raise error
        finally:
            # Or the frames that it comes through would keep it, and it them.
            del error

    def _wake(self) -> None:
        # It is done already when its waiter was cancelled.
        if not self.future.done():
            self.future.set_result(None)
