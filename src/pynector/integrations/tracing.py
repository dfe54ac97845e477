"""What httpcore's `trace` extension tells of a request, as far as it is the request's own: no connecting is."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

from ..transport.http.native.relayed import Patience, Relayed
from ..transport.http.native.relaying import Message, Relay


class Trace:
    """Tells who has asked.

    Args:
        tell: The extension: an async function of an event's name and what is known of it.
        request: The request.
    """

    def __init__(self, tell: Any, request: Any) -> None:
        self._tell = tell
        self._request = request
        # Which protocol is spoken is known when an answer has come.
        self._prefix = "http11"

    async def relayed(self, relay: Relay, message: Message, patience: Patience) -> Relayed:
        """Send a message, and return its answer when the head has come."""
        await self.started("send_request_headers")
        relayed = relay.begin(message, patience)
        try:
            # Whatever is left of it is written by and by.
            await self.complete("send_request_headers")
            await self.started("send_request_body")
            await self.complete("send_request_body")
            await self.started("receive_response_headers")
            while not relayed.arrived():
                await relayed.news()
            self._prefix = "http2" if relayed.version == "2" else "http11"
            await self.complete("receive_response_headers", (relayed.version, relayed.status))
        except BaseException:
            relayed.leave()
            raise
        return relayed

    async def pieces(self, body: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
        """Give the pieces of a response's body."""
        await self.started("receive_response_body")
        while True:
            try:
                piece = await anext(body)
            except StopAsyncIteration:
                break
            except Exception as error:
                await self.failed("receive_response_body", error)
                raise
            yield piece
        await self.complete("receive_response_body")

    async def started(self, name: str) -> None:
        """Tell that something begins."""
        await self._say(f"{name}.started", {"request": self._request})

    async def complete(self, name: str, value: Any = None) -> None:
        """Tell that something has ended well, and with what."""
        await self._say(f"{name}.complete", {"return_value": value})

    async def failed(self, name: str, error: Exception) -> None:
        """Tell that something has failed, and with what."""
        await self._say(f"{name}.failed", {"exception": error})

    async def _say(self, event: str, known: dict[str, Any]) -> None:
        told = self._tell(f"{self._prefix}.{event}", known)
        # That of a synchronous client is no async function.
        if told is not None:
            await told
