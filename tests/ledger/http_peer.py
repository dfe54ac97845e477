"""The HTTP server: takes requests byte by byte, and does to each what the plan says."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Callable
from random import Random

from .answers import EXTRA, answer, interim, pieces
from .book import Arrival, Ledger
from .http_plan import Act, HTTPPlan, next_method
from .wire import Ended, Wire

REQUEST_LINE = re.compile(rb"([A-Z]+) /(\d+)/(\d+)/([A-Z]+)(?:\?[!-~]*)? HTTP/1\.1\r\n")

ENDS_IDLE = {"fin idle": "close", "brief": "close", "reset idle": "reset"}
"""How a connection ends that nothing comes on for a while."""

Address = Callable[[str], str]
"""Gives the base URL of a port by its name."""


def path_of(key: int, hop: int, method: str) -> str:
    """Return the path of a hop of a request, which says the method that it must have there."""
    return f"/{key}/{hop}/{method}"


class Stopped(Exception):
    """The server ended the connection."""


class HTTPPeer:
    """Serves connections.

    Args:
        plan: Says what to do.
        ledger: Takes note of what came.
        address: Where redirects lead.
    """

    def __init__(self, plan: HTTPPlan, ledger: Ledger, address: Address) -> None:
        self._plan = plan
        self._ledger = ledger
        self._address = address

    # Ports

    async def serve(self, wire: Wire) -> None:
        """Serve a connection as the plan says."""
        try:
            while await wire.rest():
                act = await self._serve_one(wire)
                if act.after in ENDS_IDLE and not await wire.rest(act.rest):
                    await wire.stop(ENDS_IDLE[act.after])
                    return
        except (Ended, Stopped):
            pass
        finally:
            wire.close()

    async def hang(self, wire: Wire) -> None:
        """Say nothing for ever."""
        try:
            self._arrive(wire, await wire.until(b"\r\n"), Act("silent"))
            await wire.drop()
        except (Ended, Stopped):
            pass
        finally:
            wire.close()

    async def slam(self, wire: Wire) -> None:
        """End a connection that was just made."""
        chance = Random(f"{self._plan.seed} slam {wire.number}")
        await asyncio.sleep(chance.choice([0.0, 0.0003, 0.003]))
        with contextlib.suppress(Stopped):
            if b"\r\n" in wire.buffer:
                self._arrive(wire, await wire.until(b"\r\n"), Act("slam"))
        await wire.stop(chance.choice(["reset", "close"]))

    # One request

    async def _serve_one(self, wire: Wire) -> Act:
        """Serve a request; return what was done to it.

        Raises:
            Ended: If the client ended the connection.
            Stopped: If the server did.
        """
        arrival = self._arrive(wire, await wire.until(b"\r\n"))
        act: Act = arrival.act
        await self._break(wire, act, "line")
        body = await self._head(wire, arrival)
        await self._break(wire, act, "head")
        await self._receive(wire, arrival, body)
        if not arrival.answered:
            await self._answer(wire, arrival)
        await self._part(wire, arrival)
        return act

    async def _break(self, wire: Wire, act: Act, where: str) -> None:
        """End the connection if this is where the plan says so."""
        if act.breaks == where:
            await wire.stop(act.how)
            raise Stopped

    def _arrive(self, wire: Wire, line: bytes, act: Act | None = None) -> Arrival:
        """Enter a request into the ledger, with what the plan has for it or `act`, or complain of what is none."""
        found = REQUEST_LINE.fullmatch(line)
        if found is None:
            before = self._ledger.on({wire.number})
            self._ledger.complain(f"no request, on connection {wire.number}: {line[:200]!r}\n{before}")
            raise Stopped
        key, hop, method = int(found[2]), int(found[3]), found[1].decode()
        attempt = self._ledger.attempts(key, hop)
        act = act or self._plan.act(self._plan.call(key), hop, attempt, method)
        arrival = self._ledger.enter(Arrival(key, hop, attempt, method, wire.number, act))
        if found[4] != found[1]:
            self._ledger.complain(f"it came as {method} and not as {found[4].decode()}", key)
        return arrival

    async def _head(self, wire: Wire, arrival: Arrival) -> Body:
        """Take the header fields; return what reads the body."""
        lines = (await wire.until(b"\r\n\r\n")).lower().split(b"\r\n")[:-2]
        arrival.head = "whole"
        fields = dict(line.split(b":", 1) for line in lines)
        length = fields.get(b"content-length", b"").strip()
        is_chunked = fields.get(b"transfer-encoding", b"").strip() == b"chunked"
        if len(fields) < len(lines) or b"host" not in fields or (length and is_chunked):
            self._ledger.complain(f"wrong header fields: {lines}", arrival.key)
            raise Stopped
        if (length or is_chunked) and not self._plan.call(arrival.key).has_body(arrival.method):
            self._ledger.complain(f"a body where none may be: {lines}", arrival.key)
        return Body(wire, int(length) if length else 0, is_chunked)

    async def _receive(self, wire: Wire, arrival: Arrival, body: Body) -> None:
        """Take the body, and answer early where the plan says so."""
        act: Act = arrival.act
        call = self._plan.call(arrival.key)
        expected = call.content if call.has_body(arrival.method) else b""
        mark = int(act.at * len(expected))
        while not arrival.is_whole:
            if act.is_early and not arrival.answered and len(arrival.body) >= mark:
                await self._answer(wire, arrival)
            piece = await body.piece()
            arrival.body += piece
            arrival.is_whole = not piece
            if len(arrival.body) >= mark:
                await self._break(wire, act, "body")
        if arrival.body != expected:
            self._ledger.complain(f"its body came as {bytes(arrival.body[:100])!r}..., {body}", arrival.key)
        await self._break(wire, act, "received")

    async def _answer(self, wire: Wire, arrival: Arrival) -> None:
        """Execute a request and answer it."""
        act: Act = arrival.act
        arrival.executed = act.executes
        await self._break(wire, act, "executed")
        if act.interim:
            await wire.write([interim(act)])
        if act.delay:
            await asyncio.sleep(act.delay)
        data = answer(arrival, self._location(arrival))
        if act.breaks == "answer":
            arrival.answered = "part"
            await wire.write(pieces(act, data[: int(act.at * len(data))]), act.pace)
            await self._break(wire, act, "answer")
        arrival.answered = "whole"
        extra = Random(act.salt).choice(EXTRA) if act.after == "extra" else b""
        if act.after == "fin":
            wire.cork()
        await wire.write(pieces(act, data + extra), act.pace)
        if act.after == "fin" or (act.framing == "close" and not act.is_early):
            wire.close()
            raise Stopped

    def _location(self, arrival: Arrival) -> str:
        act: Act = arrival.act
        if not act.leads:
            return ""
        path = path_of(arrival.key, arrival.hop + 1, next_method(arrival.method, act.status))
        is_here = act.leads == self._plan.call(arrival.key).target == "main" and not arrival.hop
        return path if is_here and act.salt % 2 else self._address(act.leads) + path

    async def _part(self, wire: Wire, arrival: Arrival) -> None:
        """See what becomes of the connection after an answer."""
        act: Act = arrival.act
        if act.framing == "close":
            raise Stopped
        if act.after in ("told", "extra"):
            # The client is to close it.
            if await wire.rest():
                said = f"it came on connection {wire.number} after an answer with {act.after}"
                self._ledger.complain(f"{said}: {bytes(wire.buffer[:100])!r}", arrival.key)
            raise Stopped


class Body:
    """Reads a request's body.

    Args:
        wire: Where from.
        length: How many bytes it has, if it is not chunked.
        is_chunked: Whether it comes in chunks.
    """

    def __init__(self, wire: Wire, length: int, is_chunked: bool) -> None:
        self._wire = wire
        self._left = length
        self._is_chunked = is_chunked
        self._is_first = True
        self._problem = ""

    def __str__(self) -> str:
        return self._problem or ("in chunks" if self._is_chunked else "with a length")

    async def piece(self) -> bytes:
        """Return the next piece, b"" at the end.

        Raises:
            Ended: If the client ends the connection before.
        """
        if self._left == 0 and self._is_chunked:
            self._left = await self._next_size()
        if self._left == 0:
            return b""
        piece = await self._wire.some(self._left)
        self._left -= len(piece)
        return piece

    async def _next_size(self) -> int:
        if not self._is_first and await self._wire.until(b"\r\n") != b"\r\n":
            self._problem = "a chunk longer than its size"
        self._is_first = False
        line = await self._wire.until(b"\r\n")
        if not re.fullmatch(rb"[0-9a-fA-F]+\r\n", line):
            self._problem = f"no chunk size: {line[:100]!r}"
            return 0
        size = int(line, 16)
        if size == 0 and await self._wire.until(b"\r\n") != b"\r\n":
            self._problem = "a trailer"
        return size
