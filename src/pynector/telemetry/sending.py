"""One of the times that a request is sent, as it is told of: first, again after a failure, or beside another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Protocol

from ..errors import Phase, Sent
from .attempts import AttemptsSoFar, ObservedAttempts

if TYPE_CHECKING:
    from ..transport.contract import Completion, Handle

Submit = Callable[[Any, Mapping[str, Any], float, "Completion", int], "Handle | None"]


class Sending(ObservedAttempts):
    """Stands before a request's completion, and before the transport's handle.

    Args:
        so_far: What is known of its request.
        completion: The request's.

    Attributes:
        handle: The transport's, until it has ended.
        ended: Whether it has.
    """

    __slots__ = ("_caller", "_completion", "ended", "handle")

    def __init__(self, so_far: AttemptsSoFar, completion: Completion) -> None:
        super().__init__(so_far)
        # Its end comes in the context of a connection, and what is told of it is the caller's.
        self._caller = copy_context()
        # Until its end: the one holds all results, and errors hold this; the other leads back here by its options.
        self._completion: Completion | None = completion
        self.handle: Any = None
        self.ended = False

    def succeed(self, token: int, response: Any) -> None:
        """See Completion."""
        completion, _ = self._let_go()
        self._so_far.status = self._status
        try:
            if self.has_attempt():
                self._caller.run(self.end_attempt, None)
        finally:
            if completion is not None:
                completion.succeed(token, response)

    def fail(self, token: int, error: BaseException) -> None:
        """See Completion."""
        completion, _ = self._let_go()
        self._so_far.status = self._status
        try:
            self._caller.run(self.end_attempt, error)
        finally:
            if completion is not None:
                completion.fail(token, error)

    def current(self) -> Any:
        """Give a context in which its request's span is the current one."""
        return self._so_far.current()

    def progress(self) -> tuple[Phase | None, Sent | None]:
        """See Handle: how far it has come is the same, whoever is told of it."""
        progress = getattr(self.handle, "progress", None)
        return (None, None) if progress is None else progress()

    def cancel(self) -> None:
        """See Handle."""
        _, handle = self._let_go()
        try:
            self._caller.run(self.end_attempt, None, cancelled=True)
        finally:
            if handle is not None:
                handle.cancel()

    def _let_go(self) -> tuple[Completion | None, Any]:
        self.ended = True
        completion, self._completion = self._completion, None
        handle, self.handle = self.handle, None
        return completion, handle


class Request(Protocol):
    """A request as it is told of."""

    def current(self) -> AbstractContextManager[Any]:
        """Give a context in which its span is the current one."""

    def sending(self, completion: Completion) -> Sending:
        """Return what stands before its completion once more."""


def told(submit: Callable[..., Any], observable: bool, request_of: Callable[[Completion, int, Any], Request]) -> Submit:
    """Return a `submit` whose requests are told of.

    Args:
        submit: The transport's, or what stands for it.
        observable: Whether it reports attempts.
        request_of: Returns the request that is sent, from its completion, its token and its data.
    """

    def observed(
        data: Any, options: Mapping[str, Any], deadline: float, completion: Completion, token: int
    ) -> Handle | None:
        request = request_of(completion, token, data)
        sending = request.sending(completion)
        try:
            with request.current():
                observer = {"observer": sending} if observable else {}
                handle = submit(data, options, deadline, sending, token, **observer)
            if not sending.ended:
                sending.handle = handle
        except Exception as error:
            # It must not raise; if it does, the request has ended all the same.
            sending.fail(token, error)
        return None if sending.ended else sending

    return observed
