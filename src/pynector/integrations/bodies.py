"""The bodies of requests and responses on their way between httpx, or its like, and the engine."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable
from typing import Any, Protocol

from ..errors import PynectorError
from ..transport.http.native.readable import is_readable
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

    Args:
        owner: Makes what is raised.
        relayed: What the body comes in.
        patience: How long that may take.
        request: What it answers.
        trace: Told of it, or None.
    """

    def __init__(self, owner: Failing, relayed: Relayed, patience: Patience, request: Any, trace: Trace | None) -> None:
        self._owner = owner
        self._relayed = relayed
        self._patience = patience
        self._request = request
        self._trace = trace

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        """Give the pieces."""
        relayed, trace = self._relayed, self._trace
        if trace is not None:
            await trace.started("receive_response_body")
        try:
            while (piece := relayed.taken()) != b"":
                if piece is None:
                    await relayed.news()
                else:
                    yield piece
        except PynectorError as error:
            relayed.leave()
            failure = self._owner.failure(error, self._patience, self._request)
            if trace is not None:
                await trace.failed("receive_response_body", failure)
            raise failure from error
        except BaseException:
            relayed.leave()
            raise
        if trace is not None:
            await trace.complete("receive_response_body")

    async def aclose(self) -> None:
        """End the exchange; a connection with a body that was not read to its end is closed."""
        self._relayed.leave()
        trace, self._trace = self._trace, None
        if trace is not None:
            await trace.started("response_closed")
            await trace.complete("response_closed")


class NetworkStream:
    """Tells of the connection that a response comes on; it is not read or written past the engine.

    Args:
        transport: The event loop's.
    """

    __slots__ = ("_transport",)

    def __init__(self, transport: Any) -> None:
        self._transport = transport

    def get_extra_info(self, info: str) -> Any:
        """Return what is known: "ssl_object", "client_addr", "server_addr", "socket" or "is_readable"; else None."""
        if self._transport is None:
            return None
        if info == "is_readable":
            sock = self.get_extra_info("socket")
            return sock is None or sock.fileno() < 0 or is_readable(sock.fileno())
        names = {"client_addr": "sockname", "server_addr": "peername"}
        return self._transport.get_extra_info(names.get(info, info))
