"""What an engine is: it carries one request to one server and gives the answer as it came."""

from __future__ import annotations

from typing import Protocol

from .request import PreparedRequest
from .response import RawResponse


class Engine(Protocol):
    """Carries requests. Redirects, codings and statuses are not its business."""

    name: str

    async def connect(self) -> None:
        """Make ready to send."""

    async def disconnect(self) -> None:
        """Close every connection."""

    async def send(self, request: PreparedRequest, limit: int | None) -> RawResponse:
        """Send one request and give its answer.

        A cancelled call notes on the exception, as `phase` and `sent`, how far it had come.

        Args:
            request: The request.
            limit: The most bytes the body may have as it comes, or None.

        Raises:
            TransportError: If the exchange failed, with `phase` and `sent`.
        """
