"""One request as it is told of: a span around its attempts, and an event at its start and at its end."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from ..errors import PynectorError, as_pynector_error
from .attempts import ObservedAttempts
from .conventions import error_type
from .guard import EVENTS, SPANS
from .listeners import Listeners
from .spans import attached, closed, ids_of, started


class ObservedRequest(ObservedAttempts):
    """One request as it is told of, with its attempts.

    Args:
        listeners: Who is told.
        context: OpenTelemetry's context for its span; None: the caller's.
        level: The level of its events; None: nobody wants them.
        data: What is sent.
        index: Its place in a batch, or None.
    """

    __slots__ = ("_answer", "_fields", "_level", "_started", "ended")

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
        self.ended = False

    def begin(self, **fields: Any) -> None:
        """Tell of its start."""
        events = self._listeners.events
        if self._level is not None and events.tells(self._level):
            ids = ids_of(self._span, self._listeners.guard)
            events.log(self._level, "request.start", **self._fields, data_size=self._size, **fields, **ids)

    def current(self) -> Any:
        """Give a context in which its span is the current one."""
        return attached(None if self._span is None else self._context, self._listeners.guard)

    def submitter(self, submit: Callable[..., Any], observable: bool) -> Callable[..., Any]:
        """Return a `submit` that tells of this one request's attempts, where the transport reports them."""
        return partial(submit, observer=self) if observable else submit

    def answered(self, answer: Any) -> Any:
        """Give the answer back."""
        self._answer = answer
        return answer

    def retried(self, error: PynectorError, attempt: int, wait: float) -> None:
        """Take note that it is sent again after `wait` seconds."""
        self.failed(error)
        if self._span is not None:
            fields = {"attempt": attempt, "wait": wait, "error.type": error_type(error)}
            self._listeners.guard.call(SPANS, self._span.add_event, "retry", fields)

    def left(self, error: BaseException | None) -> None:
        """Tell of its end; what is no PynectorError is its caller's: he was cancelled, or failed on his own."""
        with self.current():
            if error is None or isinstance(error, PynectorError):
                self.end(error)
            else:
                self.give_up()

    def give_up(self) -> None:
        """Tell that nobody wants its answer any more, which is no error."""
        if not self.ended:
            self.ended = True
            self._end_attempt(None, cancelled=True)
            self._end_span({})

    def end(self, error: BaseException | None) -> None:
        """Tell of its end: by an answer, or by an error."""
        if self.ended:
            return
        self.ended = True
        guard = self._listeners.guard
        received = None if error is not None else answer_length(self._answer)
        problem = None if error is None else guard.call(EVENTS, as_pynector_error, error) or PynectorError()
        self._end_attempt(problem)
        attributes: dict[str, Any] = {}
        if self._size is not None:
            attributes["request.size"] = self._size
        if received is not None:
            attributes["response.size"] = received
        if problem is not None:
            attributes["error.type"] = error_type(problem)
        self._end_span(attributes)
        if self._level is not None:
            self._tell_end(self._level, problem, received)

    def _end_span(self, attributes: Mapping[str, Any]) -> None:
        if self._span is not None:
            closed(self._span, attributes, self._listeners.guard)

    def _tell_end(self, level: int, problem: PynectorError | None, received: int | None) -> None:
        events = self._listeners.events
        if problem is not None and level != logging.DEBUG:
            level = logging.ERROR
        if not events.tells(level):
            return
        fields = {**self._fields, "data_size": self._size}
        if problem is None:
            fields["result_size"] = received
        else:
            fields["error_type"] = error_type(problem)
            for name in ("request", "phase", "sent"):
                if getattr(problem, name, None) is not None:
                    fields[name] = getattr(problem, name)
        if self.attempts:
            fields["attempts"] = self.attempts
        if self._status:
            fields["status"] = self._status
        fields["duration"] = round(time.perf_counter() - self._started, 6)
        name = "request.complete" if problem is None else "request.error"
        events.log(level, name, **fields, **ids_of(self._span, self._listeners.guard))


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
