"""The WebSocket server: takes frames, and does to each message what the plan says."""

from __future__ import annotations

import asyncio
import json
import re
from random import Random
from typing import Any

from .answers import cut
from .book import Arrival, Ledger
from .chance import stamped
from .wire import Ended, Wire
from .ws_frames import (
    BINARY,
    CLOSE,
    GARBAGE,
    PING,
    PONG,
    TEXT,
    Frame,
    acceptance,
    farewell,
    frame,
    message,
    parsed,
)
from .ws_plan import LATE, Reply, WebSocketPlan

# How a message says whose it is, at its beginning: by id, and in order.
BY_ID = re.compile(rb'\{"key":(\d+),')
IN_ORDER = re.compile(rb"(\d+) ")


class WebSocketPeer:
    """Serves connections.

    Args:
        plan: Says what to do.
        ledger: Takes note of what came.
    """

    def __init__(self, plan: WebSocketPlan, ledger: Ledger) -> None:
        self._plan = plan
        self._ledger = ledger

    async def serve(self, wire: Wire) -> None:
        """Serve a connection as the plan says."""
        conversation = Conversation(self._plan, self._ledger, wire)
        try:
            if await self._shake_hands(wire):
                await conversation.run()
        except Ended:
            pass
        finally:
            await conversation.end()
            wire.close()

    async def _shake_hands(self, wire: Wire) -> bool:
        """Take the handshake; say whether messages follow."""
        head = await wire.until(b"\r\n\r\n")
        found = re.search(rb"\r\nSec-WebSocket-Key: *([!-~]+)\r\n", head, re.IGNORECASE)
        if found is None:
            self._ledger.complain(f"no handshake: {head!r}")
            return False
        way = self._plan.handshake(wire.number)
        data = acceptance(found[1])
        if way == "503":
            await wire.write([b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"])
            return False
        if way in ("reset", "close", "hang"):
            await wire.stop(way)
            return False
        if way == "slow":
            await wire.write(cut(data, set(range(0, len(data), 20))), 0.001)
        else:
            await wire.write([data + (farewell(1013) if way == "farewell" else b"")])
        return True


class Conversation:
    """The messages of one connection.

    Args:
        plan: See WebSocketPeer.
        ledger: See WebSocketPeer.
        wire: The connection.
    """

    def __init__(self, plan: WebSocketPlan, ledger: Ledger, wire: Wire) -> None:
        self._plan = plan
        self._ledger = ledger
        self._wire = wire
        self._writing = asyncio.Lock()
        self._answers: set[asyncio.Task[None]] = set()
        self._is_over = False

    async def run(self) -> None:
        """Take messages, until either side ends the connection.

        Raises:
            Ended: If the client does, without a close frame.
        """
        while await self._wire.rest():
            taken = await self._frame()
            if taken.opcode == CLOSE:
                if not self._is_over:
                    await self._wire.write([frame(CLOSE, taken.payload[:2])])
                return
            if taken.opcode == PING:
                await self._write(frame(PONG, taken.payload))
            elif taken.opcode != PONG:
                await self._take(taken)

    async def end(self) -> None:
        """Take note of what came and was not looked at, and answer nothing any more."""
        for task in list(self._answers):
            task.cancel()
        await asyncio.gather(*self._answers, return_exceptions=True)
        while (taken := parsed(self._wire.buffer)) is not None:
            if taken.opcode in (TEXT, BINARY):
                self._arrive(taken)
            if not taken.is_whole:
                return
            self._wire.take(taken.size)

    async def _frame(self) -> Frame:
        """Take a frame; what of one has come stays in the buffer until it is whole."""
        while (taken := parsed(self._wire.buffer)) is None or not taken.is_whole:
            await self._wire.grow()
        self._wire.take(taken.size)
        return taken

    def _arrive(self, taken: Frame) -> Arrival | None:
        """Enter a message into the ledger, or complain of what is none."""
        found = (BY_ID if self._plan.by_id else IN_ORDER).match(taken.payload)
        if found is None or not taken.is_masked or not taken.is_last or taken.opcode not in (TEXT, BINARY):
            if taken.is_whole:
                self._ledger.complain(f"no message, on connection {self._wire.number}: {taken}"[:500])
            return None
        key = int(found[1])
        attempt = self._ledger.attempts(key, 0)
        act = self._plan.act(self._plan.call(key), attempt)
        kind = "text" if taken.opcode == TEXT else "bytes"
        arrival = self._ledger.enter(Arrival(key, 0, attempt, kind, self._wire.number, act))
        arrival.body += taken.payload
        arrival.head, arrival.is_whole = "whole", taken.is_whole
        return arrival

    async def _take(self, taken: Frame) -> None:
        """Take a message, and see to its answer."""
        arrival = self._arrive(taken)
        if arrival is None:
            await self._wire.stop("reset")
            return
        if self._is_over:
            return
        key, said = None, taken.payload.partition(b" ")[2].decode()
        if self._plan.by_id:
            received = json.loads(taken.payload)
            key, said = received.get("id"), received["text"]
        if said != self._plan.call(arrival.key).text:
            self._ledger.complain(f"it came as {taken.payload[:200]!r}", arrival.key)
        if self._plan.by_id:
            self._wire.owed += 1
            task = asyncio.get_running_loop().create_task(self._answer(arrival, key))
            self._answers.add(task)
            task.add_done_callback(self._answered)
        else:
            await self._answer(arrival, key)

    def _answered(self, task: asyncio.Task[None]) -> None:
        self._answers.discard(task)
        self._wire.owed -= 1
        if not task.cancelled() and task.exception() is not None:
            self._ledger.complain(f"the server failed: {task.exception()!r}")

    async def _answer(self, arrival: Arrival, key: Any) -> None:
        """Do to a message what the plan says."""
        act: Reply = arrival.act
        arrival.executed = act.executes
        if act.breaks in ("arrived", "executed"):
            await self._stop(act)
        if self._is_over or act.is_silent or self._plan.call(arrival.key).road == "one way":
            return
        if act.is_late or act.delay:
            await asyncio.sleep(LATE if act.is_late else act.delay)
            if self._is_over:
                return
        data = self._message(arrival, key)
        if act.breaks == "answer":
            part = data[: int(act.at * len(data))]
            arrival.answered = "whole" if part == data else "part"
            await self._stop(act, part)
            return
        arrival.answered = "whole"
        if act.is_twice:
            pushed = json.dumps({"jsonrpc": "2.0", "method": "push", "params": arrival.key}).encode()
            data = frame(TEXT, pushed) + data * 2
        await self._write(data, act)

    def _message(self, arrival: Arrival, key: Any) -> bytes:
        """Return the answer to a message as it stands on the wire."""
        act: Reply = arrival.act
        opcode = BINARY if arrival.method == "bytes" else TEXT
        return message(opcode, answer_payload(self._plan.by_id, arrival, key), act.parts, act.pings)

    async def _write(self, data: bytes, act: Reply | None = None) -> None:
        """Write something whole, before anything else."""
        async with self._writing:
            if not self._is_over:
                await self._wire.write(cut(data, _places(act, data)), act.pace if act else 0.0)

    async def _stop(self, act: Reply, part: bytes = b"") -> None:
        """End the connection, after a part of a message: nothing may come between them."""
        async with self._writing:
            if self._is_over:
                return
            self._is_over = True
            await self._wire.write(cut(part, _places(act, part)), act.pace)
            if act.how == "farewell":
                await self._wire.write([farewell(act.code, "enough")])
            elif act.how == "garbage":
                await self._wire.write([Random(act.salt).choice(list(GARBAGE.values()))])
            elif act.how == "half":
                self._wire.half_close()
            else:
                await self._wire.stop(act.how)


def answer_payload(by_id: bool, arrival: Arrival, key: Any) -> bytes:
    """Return what answers one arrival: it says which."""
    act: Reply = arrival.act
    text = stamped(f"{arrival.key}/{arrival.attempt}", arrival.key, act.size)
    if not by_id:
        return text.encode()
    if act.is_remote:
        said: dict[str, Any] = {"error": {"code": -32000, "message": "no", "data": f"{arrival.key}/{arrival.attempt}"}}
    else:
        said = {"result": text}
    return json.dumps({"jsonrpc": "2.0", "id": key, **said}).encode()


def _places(act: Reply | None, data: bytes) -> set[int]:
    if act is None or act.cuts == "whole" or not data:
        return set()
    if act.cuts == "bytes":
        return set(range(1, min(40, len(data))))
    chance = Random(act.salt + 1)
    return {chance.randrange(len(data)) for _ in range(5)}
