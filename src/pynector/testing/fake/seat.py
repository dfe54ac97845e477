"""Puts what answers in the place of servers: of one HTTP transport, or of all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial

from ...errors import ConfigurationError
from ...transport.http.choosing import OTHERS, obstacle_to_other
from ...transport.http.engine import Engine, StandIn
from ...transport.http.request import PreparedRequest
from ...transport.http.response import Response
from ...transport.http.transport import HTTPTransport
from .answers import Answer, Failure
from .asked import Asked

# What frames a message belongs to the connection that it goes over.
FRAMING = frozenset({"connection", "content-length", "host", "keep-alive", "transfer-encoding"})


class Real:
    """The engine that a transport would have had, made when it is first needed.

    Args:
        transport: The transport.
    """

    def __init__(self, transport: HTTPTransport) -> None:
        self._transport = transport
        self._engine: Engine | None = None

    async def ask(self, asked: Asked) -> Response:
        """Send a request to its server, and return what that answers, whatever its status; no redirect is followed.

        Raises:
            TransportError: If the exchange failed.
        """
        if self._engine is None:
            self._engine = self._transport.real_engine()
        headers = [pair for pair in asked.headers.pairs() if pair[0].lower() not in FRAMING]
        request = PreparedRequest(asked.method, asked.where, headers, asked.content or None)
        options = {"as_response": True, "raise_for_status": False, "follow_redirects": False}
        answer = await self._engine.exchange(request, options, None)
        assert isinstance(answer, Response)
        return answer

    async def aclose(self) -> None:
        """Close its connections."""
        engine, self._engine = self._engine, None
        if engine is not None:
            await engine.disconnect()


class Seat:
    """See StandIn.

    Args:
        reply: Answers a request, with what would ask a server at hand.
    """

    def __init__(self, reply: Callable[[Real, Asked], Awaitable[Answer | Failure]]) -> None:
        self._reply = reply

    def engine_for(self, transport: HTTPTransport) -> Engine:
        """See StandIn.

        Raises:
            ConfigurationError: If neither httpx2 nor httpx is installed, which the rules run on.
        """
        from ...transport.http.httpx.engine import HttpxEngine
        from .network import FakeRoutes

        package = next((name for name in OTHERS if obstacle_to_other(name) is None), None)
        if package is None:
            raise ConfigurationError("pynector.testing needs httpx2 or httpx to answer by itself: pip install httpx")
        real = Real(transport)
        routes = FakeRoutes(transport.options, partial(self._reply, real), real.aclose)
        return HttpxEngine(package, transport.options, transport.tell, transport.context, routes)


@contextmanager
def everywhere(stand_in: StandIn) -> Iterator[None]:
    """Have all HTTP transports that connect meanwhile be answered by it, in whatever thread; but for FakeTransports."""
    before = HTTPTransport.stand_in
    HTTPTransport.stand_in = stand_in
    try:
        yield
    finally:
        HTTPTransport.stand_in = before
