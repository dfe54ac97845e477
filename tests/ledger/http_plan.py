"""Which requests are sent, and what a server does to each.

It is decided by the seed, the request's key, the hop and how often that came, never by time. So a request can be played
again alone.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from .chance import Terse, drawn, stamped, text_of

IDEMPOTENT = ("GET", "PUT", "DELETE")
WITH_BODY = ("PUT", "POST", "PATCH")
MOST_HOPS = 3

ROADS = {"batch": 50, "request": 25, "stream": 10, "retry": 10, "cancel": 5}
METHODS = {"GET": 35, "POST": 30, "PUT": 15, "PATCH": 10, "DELETE": 10}
BODIES = {"bytes": 45, "json": 20, "chunked": 15, "sized": 10, "again": 10}
TARGETS = {"main": 92, "other": 5, "slam": 2, "refused": 1}
# Where nothing ever answers: only for requests that do not wait for long.
DEAD_ENDS = {"silent": 1, "dark": 1}

KINDS = {"fine": 58, "broken": 14, "redirect": 9, "status": 7, "early": 4, "parting": 8}
BREAKS = {"line": 1, "head": 1, "body": 2, "received": 2, "executed": 2, "answer": 3}
ENDS = {"reset": 4, "close": 4, "half": 1}
REDIRECTS = {301: 2, 302: 3, 303: 3, 307: 3, 308: 2}
STATUSES = {204: 2, 201: 1, 400: 1, 404: 1, 429: 2, 500: 2, 502: 1, 503: 2}
PARTINGS = {"told": 2, "fin": 3, "fin idle": 3, "reset idle": 2, "extra": 2, "brief": 1}
CUTS = {"whole": 60, "lines": 12, "random": 20, "bytes": 8}


@dataclass(frozen=True, repr=False)
class Call(Terse):
    """One request, as the client sends it.

    Attributes:
        key: Its number.
        road: What it is sent with: "batch", "request", "stream", "retry", or "cancel", which is given up after a while.
        method: Its method.
        body: What its body is made from: "none", "bytes", "json", "chunked" and "sized" (async iterators, without and
            with Content-Length), "again" (an object that gives a new iterator each time).
        size: How many bytes that has.
        target: The port it is sent to.
        is_hasty: Whether it has a short timeout; only such ones may be left without an answer.
        as_response: Whether it asks for a Response.
        is_styled: Whether it has header fields and parameters of its own.
        salt: Seeds what else the client has to choose.
    """

    key: int
    road: str
    method: str
    body: str = "none"
    size: int = 0
    target: str = "main"
    is_hasty: bool = False
    as_response: bool = False
    is_styled: bool = False
    salt: int = 0

    @property
    def text(self) -> str:
        """What its body says."""
        return text_of(self.key, self.size)

    @property
    def content(self) -> bytes:
        """Its body as it must arrive."""
        return json.dumps(self.text).encode() if self.body == "json" else self.text.encode()

    def has_body(self, method: str) -> bool:
        """Say whether it has its body where it goes as `method`: a redirect may have made a GET of it."""
        return self.body != "none" and method == self.method

    def may_repeat(self, method: str) -> bool:
        """Say whether it may be sent again where it goes as `method`."""
        return method in IDEMPOTENT and not (self.is_once and self.has_body(method))

    @property
    def is_once(self) -> bool:
        """Whether its body comes from an async iterator, which can be read once."""
        return self.body in ("chunked", "sized")


@dataclass(frozen=True, repr=False)
class Act(Terse):
    """What a server does to one arrival of a request.

    Attributes:
        kind: Why.
        breaks: Where it stops: after the "line", the "head", in the "body", when all is "received", when it is
            "executed", in the "answer"; "" nowhere.
        how: See Wire.stop.
        at: Which part of the body or answer comes before the break, or before an early answer.
        executes: Whether it executes a request that was received.
        status: What it answers.
        leads: The port that a redirect leads to.
        is_early: Whether it answers before it has read the body.
        interim: The interim responses before the answer.
        framing: How the end of the answer is told: "length", "chunked", "close".
        is_coded: Whether the answer's body is gzip.
        size: The bytes of the answer's body.
        cuts: How the answer is cut into pieces: "whole", in the middle of its "lines" ends, "random", into "bytes".
        pace: Seconds between two pieces.
        delay: Seconds before the answer.
        after: What becomes of the connection: "keep"; "told" (Connection: close); "fin" (with the answer), "fin idle"
            and "reset idle" (a while later), all without a word; "extra" (bytes after the answer's end); "brief"
            (Keep-Alive: timeout=1, and a FIN then).
        rest: How long that while is in seconds.
        salt: Seeds what else there is to choose.
    """

    kind: str = "fine"
    breaks: str = ""
    how: str = ""
    at: float = 0.5
    executes: bool = True
    status: int = 200
    leads: str = ""
    is_early: bool = False
    interim: tuple[int, ...] = ()
    framing: str = "length"
    is_coded: bool = False
    size: int = 0
    cuts: str = "whole"
    pace: float = 0.0
    delay: float = 0.0
    after: str = "keep"
    rest: float = 0.0
    salt: int = 0


class HTTPPlan:
    """All that is decided beforehand.

    Args:
        seed: Decides it.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def call(self, key: int) -> Call:
        """Return what is sent."""
        chance = Random(f"{self.seed} call {key}")
        is_hasty = chance.random() < 0.05
        method = drawn(chance, METHODS)
        body = drawn(chance, BODIES) if method in WITH_BODY else "none"
        target = drawn(chance, TARGETS)
        if is_hasty and chance.random() < 0.15:
            target = drawn(chance, DEAD_ENDS)
        return Call(
            key,
            road=drawn(chance, ROADS),
            method=method,
            body=body,
            size=_size(chance) if body != "none" else 0,
            target=target,
            is_hasty=is_hasty,
            as_response=chance.random() < 0.3,
            is_styled=chance.random() < 0.3,
            salt=chance.getrandbits(32),
        )

    def act(self, call: Call, hop: int, attempt: int, method: str) -> Act:
        """Return what a server does to a hop of a request that comes as `method` for the `attempt`-th time."""
        chance = Random(f"{self.seed} act {call.key} {hop} {attempt}")
        common = {
            "interim": drawn(chance, {(): 90, (100,): 4, (103,): 4, (100, 103, 103): 2}),
            "framing": drawn(chance, {"length": 62, "chunked": 32, "close": 6}),
            "is_coded": chance.random() < 0.1,
            "size": _size(chance),
            "cuts": drawn(chance, CUTS),
            "pace": drawn(chance, {0.0: 8, 0.001: 1}),
            "delay": 0.0 if chance.random() < 0.7 else chance.random() ** 2 * 0.02,
            "salt": chance.getrandbits(32),
        }
        kind = drawn(chance, KINDS)
        has_body = call.has_body(method)
        if call.is_hasty and chance.random() < 0.4:
            return Act("hang", **{**common, **_break(chance, has_body), "how": "hang"})
        if kind == "broken":
            return _without_ambiguity(Act(kind, **common, **_break(chance, has_body), how=drawn(chance, ENDS)))
        if kind == "redirect" and hop < MOST_HOPS:
            return self._redirect(chance, call, method, common)
        if kind == "status":
            return _status(chance, common)
        if kind == "early" and has_body:
            after = drawn(chance, {"keep": 3, "told": 1, "fin": 1, "reset idle": 1})
            return Act(kind, is_early=True, at=drawn(chance, {0.0: 2, 0.5: 1}), after=after, **common)
        if kind == "parting":
            return self._parting(chance, common)
        return Act(**common)

    def _redirect(self, chance: Random, call: Call, method: str, common: dict[str, Any]) -> Act:
        status = drawn(chance, REDIRECTS)
        leads = drawn(chance, {"main": 8, "other": 5, "refused": 2, "slam": 2, **(DEAD_ENDS if call.is_hasty else {})})
        # Who is led on with the same method has not been served yet.
        executes = next_method(method, status) != method
        act = Act(
            "redirect", status=status, leads=leads, executes=executes, **{**common, "size": chance.randrange(2000)}
        )
        breaks = chance.random() < 0.1
        return _without_ambiguity(replace(act, breaks="answer", how=drawn(chance, ENDS))) if breaks else act

    def _parting(self, chance: Random, common: dict[str, Any]) -> Act:
        after = drawn(chance, PARTINGS)
        rest = chance.random() ** 2 * 0.03
        if after == "extra":
            # They are to come together with the answer's end, or nobody could tell whose they are.
            common = {**common, "cuts": "whole", "size": chance.randrange(2000), "framing": "length"}
        if after in ("brief", "fin idle", "reset idle"):
            common = {**common, "framing": "length"}
        return Act("parting", after=after, rest=1.0 if after == "brief" else rest, **common)


def _status(chance: Random, common: dict[str, Any]) -> Act:
    status = drawn(chance, STATUSES)
    if status == 204:
        common = {**common, "framing": "length", "is_coded": False, "size": 0}
    return Act("status", status=status, executes=status < 300 or chance.random() < 0.5, **common)


def _break(chance: Random, has_body: bool) -> dict[str, Any]:
    breaks = drawn(chance, BREAKS)
    if breaks == "body" and not has_body:
        breaks = "head"
    return {"breaks": breaks, "at": chance.random()}


def _without_ambiguity(act: Act) -> Act:
    """Return an act whose answer cannot be taken for whole where it is not."""
    return replace(act, framing="chunked") if act.breaks == "answer" and act.framing == "close" else act


def _size(chance: Random) -> int:
    most = drawn(chance, {200: 60, 5_000: 25, 60_000: 12, 300_000: 3})
    return chance.randrange(most)


def next_method(method: str, status: int) -> str:
    """Return the method that a redirect asks for (https://fetch.spec.whatwg.org, HTTP-redirect fetch)."""
    return "GET" if status == 303 or (status in (301, 302) and method == "POST") else method


def answer_text(key: int, hop: int, attempt: int, method: str, size: int) -> bytes:
    """Return the body that answers one arrival: it says which, and has `size` bytes if that does not cut it."""
    return stamped(f"{key}/{hop}/{attempt}/{method}", key, size).encode()
