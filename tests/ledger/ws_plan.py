"""Which messages are sent, and what a server does to each; see http_plan."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

from .chance import Terse, drawn, text_of

ROADS = {"batch": 55, "request": 25, "retry": 8, "cancel": 5, "one way": 7}

# A connection that breaks takes some fifteen messages with it.
KINDS = {"fine": 955, "broken": 15, "parting": 5, "remote": 10, "twice": 15}
BREAKS = {"arrived": 2, "executed": 2, "answer": 3}
CUTTING_ENDS = {"reset": 3, "close": 3, "half": 1}
# In the middle of a frame these would be read as the rest of it.
ENDS = {**CUTTING_ENDS, "farewell": 3, "garbage": 2}
CODES = (1000, 1001, 1008, 1011, 1012, 1013)
HANDSHAKES = {"fine": 84, "slow": 6, "503": 2, "reset": 2, "close": 2, "farewell": 3, "hang": 1}
CUTS = {"whole": 75, "random": 15, "bytes": 10}

# For how long an answer is held back that a hasty request does not wait for (seconds).
LATE = 0.4


@dataclass(frozen=True, repr=False)
class Message(Terse):
    """One request, as the client sends it.

    Attributes:
        key: Its number.
        road: What it is sent with: "batch", "request", "retry", "cancel" (given up after a while), or "one way".
        is_idempotent: Whether it may be sent again.
        is_hasty: Whether it has a short timeout; only such ones may be left without an answer.
        has_id: Whether it has an id of its own, where answers are found by id.
        is_binary: Whether it is bytes, where answers come in order.
        as_response: Whether it asks for a Message.
        size: How many bytes its text has.
        salt: Seeds what else the client has to choose.
    """

    key: int
    road: str
    is_idempotent: bool = False
    is_hasty: bool = False
    has_id: bool = False
    is_binary: bool = False
    as_response: bool = False
    size: int = 0
    salt: int = 0

    @property
    def text(self) -> str:
        """What it says."""
        return text_of(self.key, self.size)


@dataclass(frozen=True, repr=False)
class Reply(Terse):
    """What a server does to one arrival of a message.

    Attributes:
        kind: Why.
        breaks: Where it ends the connection: when the message has "arrived", is "executed", in the "answer"; or
            nowhere, "".
        how: "farewell" with a close frame, "garbage" with what no server may send, else see Wire.stop.
        code: That of the close frame.
        at: Which part of the answer comes before the break.
        executes: Whether it executes the message.
        is_late: Whether the answer comes when a hasty request has ended.
        is_silent: Whether no answer comes; only where they are found by id.
        is_remote: Whether the answer is an error; only where they are found by id.
        is_twice: Whether the answer comes twice, and something that nobody asked for before it; only there, too.
        parts: The frames of the answer.
        pings: Whether there are pings between them.
        size: The bytes of the answer's text.
        cuts, pace, delay, salt: See http_plan.Act.
    """

    kind: str = "fine"
    breaks: str = ""
    how: str = ""
    code: int = 1000
    at: float = 0.5
    executes: bool = True
    is_late: bool = False
    is_silent: bool = False
    is_remote: bool = False
    is_twice: bool = False
    parts: int = 1
    pings: bool = False
    size: int = 0
    cuts: str = "whole"
    pace: float = 0.0
    delay: float = 0.0
    salt: int = 0


class WebSocketPlan:
    """All that is decided beforehand.

    Args:
        seed: Decides it.
        by_id: Whether answers are found by id, else they come in order.
    """

    def __init__(self, seed: int, by_id: bool) -> None:
        self.seed = seed
        self.by_id = by_id

    def call(self, key: int) -> Message:
        """Return what is sent."""
        chance = Random(f"{self.seed} message {key}")
        road = drawn(chance, ROADS)
        return Message(
            key,
            road,
            is_idempotent=chance.random() < 0.4,
            is_hasty=chance.random() < 0.04,
            # One that is sent again by request_with_retry would find the late answer to the first.
            has_id=chance.random() < 0.5 and road not in ("retry", "one way"),
            is_binary=chance.random() < 0.3,
            as_response=chance.random() < 0.3,
            size=_size(chance),
            salt=chance.getrandbits(32),
        )

    def act(self, call: Message, attempt: int) -> Reply:
        """Return what a server does to a message that comes for the `attempt`-th time."""
        chance = Random(f"{self.seed} reply {call.key} {attempt}")
        common: dict[str, Any] = {
            "parts": drawn(chance, {1: 8, 2: 1, 5: 1}),
            "pings": chance.random() < 0.3,
            "size": _size(chance),
            "cuts": drawn(chance, CUTS),
            "pace": drawn(chance, {0.0: 8, 0.001: 1}),
            "delay": 0.0 if chance.random() < (0.6 if self.by_id else 0.95) else chance.random() ** 2 * 0.01,
            "salt": chance.getrandbits(32),
        }
        kind = drawn(chance, KINDS)
        if call.is_hasty and chance.random() < (0.5 if self.by_id else 0.1):
            return Reply("hang", is_late=True, is_silent=self.by_id and chance.random() < 0.5, **common)
        if kind == "broken":
            breaks = drawn(chance, BREAKS)
            code = chance.choice(CODES)
            how = drawn(chance, CUTTING_ENDS if breaks == "answer" else ENDS)
            executes = breaks != "arrived"
            return Reply(kind, breaks=breaks, how=how, code=code, executes=executes, at=chance.random(), **common)
        if kind == "parting":
            # All of the answer comes, and the end of the connection with it.
            return Reply(kind, breaks="answer", how=drawn(chance, ENDS), code=chance.choice(CODES), at=1.0, **common)
        if self.by_id and kind == "remote":
            return Reply(kind, is_remote=True, executes=chance.random() < 0.5, **common)
        if self.by_id and kind == "twice":
            return Reply(kind, is_twice=True, **common)
        return Reply(**common)

    def handshake(self, connection: int) -> str:
        """Return what a server does to a handshake: "fine", "slow", a status, "farewell" after it, or see Wire.stop."""
        return str(drawn(Random(f"{self.seed} handshake {connection}"), HANDSHAKES))


def _size(chance: Random) -> int:
    return chance.randrange(drawn(chance, {200: 75, 5_000: 18, 60_000: 6, 200_000: 1}))
