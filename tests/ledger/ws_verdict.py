"""Holds what the client says of each message against what the ledger knows of it."""

from __future__ import annotations

import json
from collections.abc import Iterator

from pynector import ConnectError, ProtocolError, RemoteError, TimeoutError, WebSocketClosed

from .book import Arrival, Row
from .load import MOST_ATTEMPTS
from .outcome import Outcome, told
from .verdict import ended_wrong
from .ws_peer import answer_payload
from .ws_plan import Message

# The client's option: how often a message may be sent again.
MOST_RECONNECTS = 6


def problems(call: Message, outcome: Outcome, row: Row, by_id: bool) -> Iterator[str]:
    """Say what is wrong with what became of a message."""
    yield from ended_wrong(call, outcome)
    if outcome.error is not None:
        yield from wrong_error(call, outcome.error, row)
    elif outcome.ended and not _is_its_own(call, outcome, row, by_id):
        yield f"its answer is not its own: {outcome}"
    most = (MOST_ATTEMPTS if call.road == "retry" else 1) * (1 + MOST_RECONNECTS if call.is_idempotent else 1)
    executed = sum(arrival.executed for arrival in row.arrivals)
    if len(row.arrivals) > most or executed > most:
        yield f"it came {len(row.arrivals)} times and was executed {executed} times, at most {most}"


def wrong_error(call: Message, error: BaseException, row: Row) -> Iterator[str]:
    """Say what is wrong with an error."""
    if not isinstance(error, (ConnectError, ProtocolError, RemoteError, TimeoutError, WebSocketClosed)):
        yield f"no such error may be: {told(error)}"
        return
    if error.sent == "none" and row.arrivals:
        yield f"it claims that nothing was sent: {told(error)}"
    if isinstance(error, TimeoutError) and not call.is_hasty:
        yield f"nobody made it wait, but its time was over: {told(error)}"
    if isinstance(error, RemoteError):
        said = [f"{call.key}/{arrival.attempt}" for arrival in row.arrivals if arrival.act.is_remote]
        if error.data not in said:
            yield f"it is another's: {told(error)}, {error.data}"


def _is_its_own(call: Message, outcome: Outcome, row: Row, by_id: bool) -> bool:
    if call.road == "one way":
        return outcome.answer is None
    return any(_answers(arrival, outcome.answer or b"", by_id) for arrival in row.arrivals)


def _answers(arrival: Arrival, answer: bytes, by_id: bool) -> bool:
    if arrival.answered != "whole":
        return False
    if not by_id:
        return answer == answer_payload(by_id, arrival, None)
    found = json.loads(answer)
    return bool(found == json.loads(answer_payload(by_id, arrival, found.get("id"))))
