"""Puts each answer of a batch in its place, once."""

from collections.abc import Callable
from typing import Any

from .scheduler import Scheduler


class Collector:
    """The completion that a transport is given for the entries of one batch; a token is an entry's index.

    Args:
        scheduler: The batch's scheduler; it is told what has ended.
        translate: Makes a PynectorError of whatever a transport failed with, and the token.

    Attributes:
        results: One item an entry: the answer, the error, or, while in flight, the handle to cancel it by.
        wake: Called after a completion while not `busy`; None for nobody.
        busy: True while somebody starts entries and will go on by himself, so that `wake` is not called.
        failures: How many entries have failed.
        first_error: The first failure in time.
    """

    __slots__ = (
        "_done",
        "_scheduler",
        "_translate",
        "busy",
        "failures",
        "first_error",
        "results",
        "wake",
    )

    def __init__(
        self,
        scheduler: Scheduler,
        translate: Callable[[BaseException, int], BaseException],
    ) -> None:
        self._scheduler = scheduler
        self._translate = translate
        self.wake: Callable[[], object] | None = None
        self._done = bytearray(scheduler.total)
        self.results: list[Any] = [None] * scheduler.total
        self.busy = False
        self.failures = 0
        self.first_error: BaseException | None = None

    def succeed(self, token: int, response: object) -> None:
        """Take the answer of an entry. A second completion of one entry is ignored: the first one stands."""
        if self._settle(token):
            self.results[token] = response
            self._scheduler.finish(False)
            if self.wake is not None and not self.busy:
                self.wake()

    def fail(self, token: int, error: BaseException) -> None:
        """Take the failure of an entry. A second completion of one entry is ignored: the first one stands."""
        if self._settle(token):
            problem = self._translate(error, token)
            self.results[token] = problem
            self.failures += 1
            if self.first_error is None:
                self.first_error = problem
            self._scheduler.finish(True)
            if self.wake is not None and not self.busy:
                self.wake()

    def attach(self, token: int, handle: object) -> None:
        """Keep the handle of an entry in flight in the place of its answer."""
        if not self._done[token]:
            self.results[token] = handle

    def complete(self) -> bool:
        """Say whether every entry has its answer or its error."""
        return self._scheduler.in_flight == 0 and self._scheduler.started == self._scheduler.total

    def abandon(self, error: Callable[[int, Any], BaseException]) -> None:
        """End the batch: cancel what is in flight, and put `error(index, handle)` in each place without an answer."""
        self._scheduler.stopped = True
        for token in range(self._scheduler.total):
            if self._done[token]:
                continue
            self._done[token] = 1
            handle = self.results[token]
            self.results[token] = error(token, handle)
            self.failures += 1
            if token < self._scheduler.started:
                self._scheduler.finish(True)
                if handle is not None:
                    handle.cancel()

    def _settle(self, token: int) -> bool:
        if token < 0 or token >= self._scheduler.started:
            raise ValueError(f"token {token} is not of a request in flight")
        if self._done[token]:
            return False
        self._done[token] = 1
        return True
