"""The bodies of requests and responses on their way between httpx, or its like, and the engine."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from typing import Any, Protocol

from ..errors import PynectorError
from ..transport.http.native.relayed import Patience, Relayed
from ..transport.http.sources import content_of
from .tracing import Trace


class RequestBody:
    """Gives a request's body, and remembers what the caller's own code has failed with.

    Args:
        stream: The request's.

    Attributes:
        error: What that was, or None.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.error: Exception | None = None

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """Give the pieces, once."""
        stream = self._stream
        source: Any = stream if isinstance(stream, AsyncIterable) else content_of(iter(stream), "content")
        pieces = aiter(source)
        try:
            async for piece in pieces:
                yield piece
        except Exception as error:
            self.error = error
            raise
        finally:
            if hasattr(pieces, "aclose"):
                await pieces.aclose()


class Failing(Protocol):
    """Whoever knows what a request fails with."""

    def failure(self, error: PynectorError, patience: Patience, request: Any) -> Exception:
        """Return what is raised for an error of the engine's."""


class ResponseBody:
    """Gives a response's body as it comes; a class of each package is made of it.

    It gives the pieces itself: of most bodies there is one, for which a generator costs more than all else here.

    Args:
        owner: Makes what is raised.
        relayed: What the body comes in.
        request: What it answers.
        trace: Told of it, or None.

    Attributes:
        response: What it is the body of, where that is bound to it; see RelayTransport. Or None.
    """

    response: Any = None

    def __init__(self, owner: Failing, relayed: Relayed, request: Any, trace: Trace | None) -> None:
        self._owner = owner
        self._relayed = relayed
        self._request = request
        self._trace = trace

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Give the pieces."""
        return self if self._trace is None else self._trace.pieces(self)

    async def __anext__(self) -> bytes:
        """Return the next piece."""
        relayed = self._relayed
        try:
            while (piece := relayed.taken()) is None:
                await relayed.news()
        except PynectorError as error:
            relayed.leave()
            raise self._owner.failure(error, relayed.patience, self._request) from error
        except BaseException:
            relayed.leave()
            raise
        if not piece:
            raise StopAsyncIteration
        found: bytes = piece
        return found

    def rest(self) -> Any:
        """Return all of it where that has come, or None: then it is to be waited for, or fails, or is traced."""
        return None if self._trace is not None else self._relayed.rest()

    async def aclose(self) -> None:
        """End the exchange; a connection with a body that was not read to its end is closed."""
        self._relayed.leave()
        unbind(self)
        trace, self._trace = self._trace, None
        if trace is not None:
            await trace.started("response_closed")
            await trace.complete("response_closed")


def unbind(body: Any) -> None:
    """Put a body that is closed in the place of what its response has around it, where that keeps the response."""
    response, body.response = body.response, None
    if response is not None:
        response.stream = body
