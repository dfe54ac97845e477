"""Responses whose body is read while it comes, at the pace of the slower side."""

from typing import Any

from ..headers import Headers
from ..request import PreparedRequest
from ..response import Response
from .incoming import Incoming
from .wire import request_of


class IncomingStream(Incoming):
    """Gives a response as it comes in to one reader; see RawStream."""

    __slots__ = ()

    async def opened(self) -> Any:
        """Wait for the head, and return this.

        Raises:
            PynectorError: If the exchange failed.
        """
        try:
            while not self.arrived():
                await self.news()
        except BaseException:
            self.leave()
            raise
        return self

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
        piece: Any = self.taken()
        while piece is None:
            await self.news()
            piece = self.taken()
        received: bytes = piece
        return received

    async def aclose(self) -> None:
        """See RawStream."""
        self.leave()
