"""What became of a request."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from typing import Any

from pynector import PynectorError, TimeoutError, TransportError


@dataclass
class Outcome:
    """What became of a request.

    Attributes:
        answer: Its body, or of a stream as much of it as was read; None if there was none.
        status: The answer's status, where it is told.
        whole: Whether the whole answer was read.
        error: What it failed with, or None.
        ended: How often it ended.
        elapsed: Seconds it took, None in a batch.
        cancelled: Whether it was given up.
    """

    answer: bytes | None = None
    status: int | None = None
    whole: bool = True
    error: BaseException | None = None
    ended: int = 0
    elapsed: float | None = None
    cancelled: bool = False

    def take(self, result: Any) -> None:
        """Take the result of a request: its answer's body, its Response or Message, or its error."""
        self.ended += 1
        if isinstance(result, BaseException):
            self.error = result
        elif result is None or isinstance(result, bytes):
            self.answer = result
        else:
            self.answer, self.status = result.content, getattr(result, "status_code", None)

    def kind(self, seen: bool) -> str:
        """Return what became of it in some words, for counting; `seen` says whether anything of it arrived."""
        if self.cancelled:
            return "cancelled"
        if self.error is None:
            return "answered"
        sent = getattr(self.error, "sent", None)
        return f"{type(self.error).__name__} {sent}{'' if seen or sent == 'none' else ' unseen'}"

    def __str__(self) -> str:
        if self.cancelled:
            return "cancelled"
        end = told(self.error) if self.error else f"{self.status or ''} {(self.answer or b'')[:100]!r}"
        return f"ended {self.ended} times{'' if self.elapsed is None else f' after {self.elapsed:.3f} s'}: {end}"


def told(error: BaseException) -> str:
    """Return an error in a line, with how far it says that the request came, and its cause; others whole."""
    if not isinstance(error, PynectorError):
        return "".join(traceback.format_exception(error))
    progress = f" (phase {error.phase}, sent {error.sent})" if isinstance(error, (TransportError, TimeoutError)) else ""
    cause = f", from {error.__cause__!r}" if error.__cause__ is not None else ""
    return f"{type(error).__name__}: {error}{progress}{cause}"
