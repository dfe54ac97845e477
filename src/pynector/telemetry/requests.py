"""One request as it is told of: a span around its attempts, and an event at its start and at its end."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..errors import PynectorError, as_pynector_error
from .attempts import AttemptsSoFar, ObservedAttempts
from .conventions import error_type
from .guard import EVENTS, SPANS
from .listeners import Listeners
from .sending import Sending, Submit, told
from .spans import closed, ids_of, started

if TYPE_CHECKING:
    from .._speedups.results import Results
    from ..transport.contract import Completion


class ObservedRequest(AttemptsSoFar):
    """One request as it is told of, with all its attempts.

    Args:
        listeners: Who is told.
        context: OpenTelemetry's context for its span; None: the caller's.
        level: The level of its events; None: nobody wants them.
        data: What is sent.
        index: Its place in a batch, or None.

    Attributes:
        ended: Whether its end has been told.
    """

    __slots__ = ("_answer", "_fields", "_level", "_observers", "_started", "ended")

    def __init__(
        self, listeners: Listeners, context: Any, level: int | None, data: Any, index: int | None = None
    ) -> None:
        span = None
        context = context or listeners.context
        if listeners.tracer is not None:
            span, context = started(listeners, "pynector.request", context)
        super().__init__(listeners, context, span, byte_length(data))
        self._level = level
        self._fields: dict[str, Any] = {} if index is None else {"index": index}
        self._answer: Any = None
        self._started = time.perf_counter()
        # Who is told of attempts that may not have ended; they lead back to this.
        self._observers: list[ObservedAttempts] = []
        self.ended = False

    def begin(self, **fields: Any) -> None:
        """Tell of its start."""
        events = self.listeners.events
        if self._level is not None and events.tells(self._level):
            ids = ids_of(self.span, self.listeners.guard)
            events.log(self._level, "request.start", **self._fields, data_size=self.size, **fields, **ids)

    def observer(self) -> ObservedAttempts:
        """Return whom a transport that can be observed tells of its attempts."""
        observer = ObservedAttempts(self)
        self._observers = [observer]
        return observer

    def sending(self, completion: Completion) -> Sending:
        """Return what stands before its completion once more, and whom the transport tells."""
        sending = Sending(self, completion)
        if self._observers:
            self._observers = [other for other in self._observers if isinstance(other, Sending) and not other.ended]
            if self._observers and self.span is not None:
                self.listeners.guard.call(SPANS, self.span.add_event, "hedge")
        self._observers.append(sending)
        return sending

    def entries(self, source: Iterator[Any]) -> Iterator[Any]:
        """See Observed."""
        return source

    def submitter(self, submit: Callable[..., Any], observable: bool) -> Submit:
        """See Observed, for a batch of this one request."""
        return told(submit, observable, lambda completion, token, data: self)

    def results(self, results: Results) -> Results:
        """See Observed: whoever awaits its result tells of its end."""
        return results

    def answered(self, answer: Any) -> Any:
        """Give the answer back."""
        self._answer = answer
        return answer

    def retried(self, index: int, error: PynectorError, attempt: int, wait: float) -> dict[str, Any]:
        """See Observed."""
        if self.span is not None:
            fields = {"attempt": attempt, "wait": wait, "error.type": error_type(error)}
            self.listeners.guard.call(SPANS, self.span.add_event, "retry", fields)
        return {**self._fields, **ids_of(self.span, self.listeners.guard)}

    def left(self, error: BaseException | None, is_its_own: bool = True) -> None:
        """Tell of its end; what is no PynectorError of its own is its caller's: cancelled, or failed by himself."""
        with self.current():
            if error is None or (is_its_own and isinstance(error, PynectorError)):
                self.end(error)
            else:
                self.give_up()

    def give_up(self) -> None:
        """Tell that nobody wants its answer any more, which is no error."""
        if not self.ended:
            self.ended = True
            self._end_attempts(None, cancelled=True)
            self._end_span({})

    def end(self, error: BaseException | None) -> None:
        """Tell of its end: by an answer, or by an error."""
        if self.ended:
            return
        self.ended = True
        guard = self.listeners.guard
        received = None if error is not None else answer_length(self._answer)
        problem = None if error is None else guard.call(EVENTS, as_pynector_error, error) or PynectorError()
        self._end_attempts(problem)
        attributes: dict[str, Any] = {}
        if self.size is not None:
            attributes["request.size"] = self.size
        if received is not None:
            attributes["response.size"] = received
        if problem is not None:
            attributes["error.type"] = error_type(problem)
        self._end_span(attributes)
        if self._level is not None:
            self._tell_end(self._level, problem, received)

    def _end_attempts(self, error: BaseException | None, cancelled: bool = False) -> None:
        observers, self._observers = self._observers, []
        for observer in observers:
            observer.end_attempt(error, cancelled)

    def _end_span(self, attributes: Mapping[str, Any]) -> None:
        if self.span is not None:
            closed(self.span, attributes, self.listeners.guard)

    def _tell_end(self, level: int, problem: PynectorError | None, received: int | None) -> None:
        events = self.listeners.events
        if problem is not None and level != logging.DEBUG:
            level = logging.ERROR
        if not events.tells(level):
            return
        fields = {**self._fields, "data_size": self.size}
        if problem is None:
            fields["result_size"] = received
        else:
            fields["error_type"] = error_type(problem)
            for name in ("request", "phase", "sent"):
                if getattr(problem, name, None) is not None:
                    fields[name] = getattr(problem, name)
        if self.attempts:
            fields["attempts"] = self.attempts
        if self.status:
            fields["status"] = self.status
        fields["duration"] = round(time.perf_counter() - self._started, 6)
        name = "request.complete" if problem is None else "request.error"
        events.log(level, name, **fields, **ids_of(self.span, self.listeners.guard))


def byte_length(data: Any) -> int | None:
    """Give the size of data in bytes where it can be had without encoding it, else None."""
    try:
        if isinstance(data, (bytes, bytearray)):
            return len(data)
        if isinstance(data, memoryview):
            return data.nbytes
        if isinstance(data, str) and data.isascii():
            return len(data)
    except Exception:
        # A view that was released, or a proxy of nothing: what the transport makes of it is the request's end.
        return None
    return None


def answer_length(answer: Any) -> int | None:
    """Give the size of an answer in bytes, or of its `content` if it has one, else None."""
    try:
        return byte_length(getattr(answer, "content", answer))
    except Exception:
        return None
