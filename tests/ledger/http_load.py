"""Sends the requests of a plan through a client, and keeps what became of each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from random import Random
from typing import Any

import anyio

from pynector import Pynector

from .http_peer import path_of
from .http_plan import Call
from .load import MOST_ATTEMPTS, Load
from .outcome import Outcome


class Again:
    """A body that gives a new iterator each time."""

    def __init__(self, content: bytes, chance: Random) -> None:
        self._content = content
        self._chance = chance

    def __aiter__(self) -> AsyncIterator[bytes]:
        return in_pieces(self._content, self._chance)


async def in_pieces(content: bytes, chance: Random) -> AsyncIterator[bytes]:
    """Give a body in some pieces, with a pause here and there."""
    start, most = 0, max(1, len(content) // 3)
    while start < len(content):
        size = chance.randint(1, most)
        yield content[start : start + size]
        start += size
        if chance.random() < 0.3:
            await anyio.sleep(chance.choice([0.0, 0.001, 0.005]))


class HTTPLoad(Load):
    """The requests of one client.

    Args:
        client: Sends them.
        address: Gives the base URL of a port by its name; the client's own is that of "main".
        outcomes: Takes what becomes of each, by key.
    """

    def __init__(self, client: Pynector, address: Callable[[str], str], outcomes: dict[int, Outcome]) -> None:
        super().__init__(client, outcomes)
        self._address = address

    async def alone(self, call: Call, outcome: Outcome) -> None:
        """See Load."""
        roads = {"stream": self._stream, "retry": self._retry, "cancel": self._cancel}
        await roads.get(call.road, self._single)(call, outcome)

    async def _single(self, call: Call, outcome: Outcome) -> None:
        data, options = self.request(call)
        outcome.take(await self.client.request(data, **options))

    async def _retry(self, call: Call, outcome: Outcome) -> None:
        data, options = self.request(call)
        answer = await self.client.request_with_retry(data, MOST_ATTEMPTS, 0.005, **options)
        outcome.take(answer)

    async def _cancel(self, call: Call, outcome: Outcome) -> None:
        with anyio.move_on_after(Random(call.salt).random() ** 2 * 0.03) as scope:
            await self._single(call, outcome)
        outcome.cancelled = scope.cancelled_caught

    async def _stream(self, call: Call, outcome: Outcome) -> None:
        data, options = self.request(call)
        options.pop("as_response", None)
        chance = Random(call.salt)
        most = chance.choice([None, None, 0, 1])
        async with self.client.stream(data, **options) as response:
            outcome.status = response.status_code
            if most == 0:
                outcome.whole = False
            elif chance.random() < 0.5:
                async for piece in response.iter_bytes(chance.choice([None, 100, 5_000])):
                    outcome.answer = (outcome.answer or b"") + piece
                    if most:
                        outcome.whole = False
                        break
            else:
                outcome.answer = await response.read()
        outcome.ended += 1

    def request(self, call: Call) -> tuple[dict[str, Any], dict[str, Any]]:
        """See Load."""
        path = path_of(call.key, 0, call.method)
        place = {"path": path} if call.target == "main" else {"url": self._address(call.target) + path}
        data: dict[str, Any] = {"method": call.method, **place}
        if call.body != "none":
            data.update(self._body(call))
        options: dict[str, Any] = {}
        if call.is_hasty or call.salt % 2:
            options["timeout"] = self.timeout_of(call)
        if call.as_response:
            options["as_response"] = True
        if call.is_styled:
            options["headers"] = {"X-Styled": f"{call.key}", **options.get("headers", {})}
            options["params"] = {"q": call.key, "r": "a b"}
        return data, options

    def _body(self, call: Call) -> dict[str, Any]:
        chance = Random(call.salt)
        if call.body == "json":
            return {"json": call.text}
        if call.body == "bytes":
            return {"content": call.content}
        if call.body == "again":
            return {"content": Again(call.content, chance)}
        fields: dict[str, Any] = {"content": in_pieces(call.content, chance)}
        if call.body == "sized":
            fields["headers"] = {"Content-Length": str(call.size)}
        return fields
