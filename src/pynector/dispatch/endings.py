"""The errors of requests that are ended from outside: late, cancelled, or with their client; how far each had come."""

from __future__ import annotations

from ..errors import (
    Phase,
    PynectorError,
    Sent,
    TimeoutError,
    TransportError,
    as_pynector_error,
    cancelled_itself,
    client_closed,
)
from ..transport.contract import Handle


class CutOff:
    """What stands for a request whose exchange was cancelled: it says which that was, and how far it had come.

    Args:
        cancelled: The exception its exchange was ended with; a transport notes there `phase`, `sent` and `request`.
    """

    def __init__(self, cancelled: BaseException) -> None:
        self._progress = getattr(cancelled, "phase", None), getattr(cancelled, "sent", None)
        self._name: str | None = getattr(cancelled, "request", None)

    def name(self) -> str | None:
        """See Handle."""
        return self._name

    def progress(self) -> tuple[Phase | None, Sent | None]:
        """See Handle."""
        return self._progress

    def cancel(self) -> None:
        """See Handle: it has ended."""


def late(timeout: float, cancelled: BaseException | None = None) -> TimeoutError:
    """Give the error of a request that had no answer within `timeout` seconds.

    `cancelled` is the exception its exchange was ended with; a transport notes there its name, and how far it had come.
    """
    cut_off = None if cancelled is None else CutOff(cancelled)
    phase, sent = _progress(cut_off)
    return TimeoutError(request=_name(cut_off), phase=phase, sent=sent, seconds=timeout)


def escaped(handle: Handle | None = None) -> TransportError:
    """Give the error of a request whose transport raised a cancellation that nobody had asked for."""
    return cancelled_itself()


def not_connected(error: Exception) -> PynectorError:
    """Return the error of a transport that cannot connect."""
    wrapped = as_pynector_error(error)
    if wrapped is not error and isinstance(wrapped, (TransportError, TimeoutError)):
        wrapped.phase, wrapped.sent = "connect", "none"
    return wrapped


def closed(handle: Handle | None = None) -> TransportError:
    """Return the error of a request that the end of its client has ended."""
    return client_closed(*_progress(handle), _name(handle))


def drained(handle: Handle | None = None) -> TransportError:
    """Return the error of a request that was read and is not sent, as its stream is to start nothing new."""
    return TransportError("not sent: the stream was drained", phase="queue", sent="none")


def batch_late(handle: Handle | None = None) -> TimeoutError:
    """Return the error of a request that the end of its batch's time has ended."""
    phase, sent = _progress(handle)
    said = "the batch's timeout passed before the answer came"
    return TimeoutError(said, request=_name(handle), phase=phase, sent=sent)


def _progress(handle: Handle | None) -> tuple[Phase | None, Sent | None]:
    """Say how far a request has come, if its transport can tell."""
    progress = getattr(handle, "progress", None)
    return (None, None) if progress is None else progress()


def _name(handle: Handle | None) -> str | None:
    """Name a request by what was sent, if its transport can; what it was made of may have changed."""
    name = getattr(handle, "name", None)
    return None if name is None else name()
