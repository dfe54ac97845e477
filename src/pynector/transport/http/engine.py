"""What an engine is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from ..contract import OriginCounts, RequestObserver
from .response import Response
from .streaming import RawStream


class Engine(Protocol):
    """Gives answers to requests."""

    @property
    def name(self) -> str:
        """Its name, as http_engine= takes it."""

    async def disconnect(self) -> None:
        """Close every connection."""

    def origins(self) -> list[OriginCounts]:
        """Count connections and requests by origin; any thread may ask."""

    def make_room(self, window: int) -> int:
        """Take note that a batch is to have `window` requests in flight, and return how many there may be."""

    async def exchange(
        self, data: Any, options: Mapping[str, Any], observer: RequestObserver | None
    ) -> bytes | Response:
        """Send a request and give its answer.

        A cancelled call notes on the exception, as `phase` and `sent`, how far it had come.

        Raises:
            ConfigurationError: If the request is not valid.
            TransportError: If the exchange failed, with `phase` and `sent`.
        """

    async def open(
        self, data: Any, options: Mapping[str, Any], timeout: float, observer: RequestObserver | None
    ) -> RawStream:
        """Send a request and give its response when its head has come, after redirects.

        Args:
            data: See `exchange`.
            options: See `exchange`.
            timeout: Seconds the exchange may take to the end of the body; math.inf for no end.

        Raises:
            ConfigurationError: If the request is not valid.
            TransportError: If the exchange failed, with `phase` and `sent`.
            TimeoutError: If the head does not come in time.
        """


class StandIn(Protocol):
    """Answers in tests instead of servers."""

    def engine_for(self, transport: Any) -> Engine:
        """Make the engine of an HTTPTransport that connects."""
