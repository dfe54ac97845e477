"""Responses whose body is read while it comes, at the pace of the slower side."""

from __future__ import annotations

from ..headers import Headers
from ..request import PreparedRequest
from ..response import Response
from .incoming import Incoming
from .wire import request_of


class IncomingStream(Incoming):
    """Gives a response as it comes in to one reader; see RawStream."""

    __slots__ = ()

    @property
    def headers(self) -> Headers:
        """See RawStream."""
        return Headers.of_head(self.start)

    @property
    def http_version(self) -> str:
        """See RawStream."""
        return f"HTTP/{self.version}"

    @property
    def history(self) -> tuple[Response, ...]:
        """See RawStream."""
        history: tuple[Response, ...] = self.exchange.history
        return history

    @property
    def request(self) -> PreparedRequest:
        """See RawStream; it is decoded again when it is asked for."""
        return request_of(self.exchange)

    async def receive(self) -> bytes:
        """See RawStream."""
        while (piece := self.taken()) is None:
            await self.news()
        received: bytes = piece
        return received

    async def aclose(self) -> None:
        """See RawStream."""
        self.leave()
