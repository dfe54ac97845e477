"""What becomes of an exchange whose stream ends without an answer (RFC 9113 sections 5.4.2, 6.8 and 7)."""

from __future__ import annotations

from typing import Any

import ngh2

from .failures import (
    HTTP_1_1_REQUIRED,
    connection_lost,
    ended_by_server,
    name_of,
    never_sent,
    stream_reset,
    wants_http1,
)
from .http2stream import Stream

# RFC 9113 section 7.
NO_ERROR = 0x0
REFUSED_STREAM = 0x7


def refusal(stream: Stream, event: Any, said: tuple[int, bytes] | None) -> Any:
    """Return the error of an exchange that the server has not looked at; None if it may have.

    Args:
        stream: Where it was.
        event: The end of the stream.
        said: The code and the reason with which the server has ended the connection, or None.
    """
    is_ours = event.local_error is not None and not isinstance(event.local_error, ngh2.ConnectionClosingError)
    if event.error_code != REFUSED_STREAM or stream.is_final or is_ours:
        return None
    if stream.reset_code < 0 and said is not None:
        return ended_by_server(*said, "queue")
    return stream_reset(event.error_code, "queue")


def tell(owner: Any, stream: Stream, event: Any, phase: str) -> None:
    """Tell the owner of a connection what an exchange fails with.

    Args:
        owner: Who.
        stream: Where the exchange was.
        event: The end of the stream.
        phase: What was under way.
    """
    if event.local_error is not None:
        owner.unanswered(stream.exchange, never_sent(event.local_error), False)
    elif stream.reset_code >= 0 or event.error_code == REFUSED_STREAM:
        # No rule says that a server which wants HTTP/1.1 has not acted on it.
        may_repeat = event.error_code == HTTP_1_1_REQUIRED and not stream.is_final
        owner.unanswered(stream.exchange, stream_reset(event.error_code, phase), may_repeat)
    else:
        owner.failed(stream.exchange, f"the answer is not valid in HTTP/2 ({name_of(event.error_code)})", phase)


def tell_of_loss(
    owner: Any, ended: list[tuple[Stream, str]], said: tuple[int, bytes] | None, error: Any, used: bool
) -> None:
    """Tell the owner of a connection that is gone what the exchanges fail with that were on it.

    Args:
        owner: Who.
        ended: Where each was, and what was under way.
        said: The code and the reason with which the server has ended the connection, or None.
        error: What broke it, or None.
        used: Whether an exchange has ended on it before.
    """
    for stream, phase in ended:
        problem = connection_lost(error, phase) if said is None else ended_by_server(*said, phase)
        # A server that refuses a certificate, or the want of one, does so again.
        if phase == "queue" and (said is not None or problem.transient):
            owner.unprocessed(stream.exchange, problem)
        else:
            may_repeat = (used or wants_http1(problem)) and not stream.is_final
            owner.unanswered(stream.exchange, problem, may_repeat)
