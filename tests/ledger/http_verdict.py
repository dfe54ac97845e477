"""Holds what the client says of each HTTP request against what the ledger knows of it."""

from __future__ import annotations

from collections.abc import Iterator

from pynector import (
    ConnectError,
    ConnectionLost,
    HTTPStatusError,
    ProtocolError,
    TimeoutError,
)

from .book import Arrival, Row
from .http_plan import Act, Call, answer_text
from .load import MOST_ATTEMPTS
from .outcome import Outcome, told
from .verdict import ended_wrong

# What a stream's error has of the body at the most (bytes); docs/http.md.
MOST_OF_AN_ERROR = 1 << 16

EXPECTED = (ConnectError, ConnectionLost, HTTPStatusError, ProtocolError, TimeoutError)


def problems(call: Call, outcome: Outcome, row: Row) -> Iterator[str]:
    """Say what is wrong with what became of a request."""
    yield from ended_wrong(call, outcome)
    if outcome.error is not None:
        yield from wrong_error(call, outcome.error, row)
    elif outcome.ended:
        yield from _not_its_own(call, outcome.status, outcome.answer or b"", outcome.whole, row)
    yield from too_often(call, row)


def too_often(call: Call, row: Row) -> Iterator[str]:
    """Say where a request came, or was executed, more often than it may."""
    chains = MOST_ATTEMPTS if call.road == "retry" else 1
    for arrivals in row.hops():
        most = chains * (2 if call.may_repeat(arrivals[0].method) else 1)
        executed = sum(arrival.executed for arrival in arrivals)
        if len(arrivals) > most or executed > most:
            yield f"hop {arrivals[0].hop} came {len(arrivals)} times and was executed {executed} times, at most {most}"


def wrong_error(call: Call, error: BaseException, row: Row) -> Iterator[str]:
    """Say what is wrong with an error."""
    if not isinstance(error, EXPECTED):
        yield f"no such error may be: {told(error)}"
        return
    if error.sent == "none" and row.arrivals:
        yield f"it claims that nothing was sent: {told(error)}"
    if isinstance(error, TimeoutError) and not call.is_hasty:
        yield f"nobody made it wait, but its time was over: {told(error)}"
    if isinstance(error, ProtocolError) and not _lacks_body(call, row):
        yield f"the server broke no protocol: {told(error)}"
    if error.request is not None and f"/{call.key}/" not in error.request:
        yield f"it names another request: {told(error)}"
    if isinstance(error, HTTPStatusError):
        content = error.response.content  # type: ignore[union-attr]
        whole = call.road != "stream" or len(content) < MOST_OF_AN_ERROR
        yield from _not_its_own(call, error.status_code, content, whole, row)


def _not_its_own(call: Call, status: int | None, content: bytes, whole: bool, row: Row) -> Iterator[str]:
    if not any(_answers(arrival, status, content, whole) for arrival in row.arrivals):
        yield f"its answer is not its own: {status} {content[:100]!r} ({len(content)} bytes)"


def _answers(arrival: Arrival, status: int | None, content: bytes, whole: bool) -> bool:
    """Say whether an answer is that to an arrival, or begins like it where it was not read whole."""
    act: Act = arrival.act
    if status not in (None, act.status) or (whole and arrival.answered != "whole") or not arrival.answered:
        return False
    if act.status == 204:
        return not content
    own = answer_text(arrival.key, arrival.hop, arrival.attempt, arrival.method, act.size)
    return own == content if whole else own.startswith(content)


def _lacks_body(call: Call, row: Row) -> bool:
    """Say whether a redirect wanted a body again that can be sent once."""
    return call.is_once and any(arrival.act.leads and call.has_body(arrival.method) for arrival in row.arrivals)
