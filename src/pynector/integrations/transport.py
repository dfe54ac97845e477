"""A transport of httpx, and of what is made like it, over Pynector's engine."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import anyio

from ..errors import PynectorError
from ..transport.http.native.relayed import Patience, Relayed
from .arguments import checked_options, checked_retries, transport_options
from .extensions import Patiences, checked_server_name, checked_trace
from .failures import may_be_tried_again, raised_for
from .heads import head_of
from .lives import Life
from .messages import InvalidMessage, Messages
from .tracing import Trace

# How long to wait before a connection is tried a second time again; each time after that twice as long (seconds).
_DELAY = 0.5


class RelayTransport:
    """What PynectorTransport is, for any package.

    Attributes:
        package: The package.
        body_class: ResponseBody as the package wants it, or what is made of the same.
        response_class: Makes responses whose bodies have no coding.
        headers_class: Their header fields, and those of others; None where they are made of pairs.
        binds: Whether the package's client puts a stream around a response's that keeps the response, so that neither
            is let go of but by the garbage collector.
    """

    package: ModuleType
    body_class: Callable[..., Any]
    response_class: Callable[..., Any]
    headers_class: Any = None
    binds = False

    def __init__(
        self,
        verify: Any = True,
        cert: Any = None,
        trust_env: bool = False,
        http1: bool = True,
        http2: bool = False,
        limits: Any = None,
        proxy: Any = None,
        uds: str | None = None,
        local_address: str | None = None,
        retries: int = 0,
        socket_options: Any = None,
        **options: Any,
    ) -> None:
        """Make a transport. Connections are made when requests need them, on the event loop that then runs.

        Args:
            verify: True for the system's and certifi's authorities, the path of a CA file or folder, an
                ssl.SSLContext, or False.
            cert: The path of a client certificate with its key, or (certificate, key[, password]).
            trust_env: Whether the environment's proxies, and SSLKEYLOGFILE, count. A client that is given a transport
                of the package's own has no proxies of the environment either.
            http1: Whether HTTP/1.1 is spoken.
            http2: Whether HTTP/2 is: where the server has it, or, with http1=False, always.
            limits: The package's Limits. None: 100 connections, each kept for 5 s when nothing is on it.
            proxy: The URL of a proxy, or the package's Proxy.
            uds: The path of a Unix socket.
            local_address: Is refused.
            retries: How often a connection that cannot be made is tried again, 0 or more.
            socket_options: Tuples (level, name, value).
            **options: Pynector's max_connections_per_origin, max_streams, ping_interval, ping_timeout, resolve and
                server_hostname; see HTTPTransportFactory.

        Raises:
            ConfigurationError: If an argument is not valid.
        """
        self._options = checked_options(
            transport_options(
                verify, cert, trust_env, http1, http2, limits, proxy, uds, local_address, socket_options, options
            )
        )
        self._retries = checked_retries(retries)
        self._messages = Messages(self.package.ByteStream)
        self._patiences = Patiences()
        # That used last, and all whose loops are not over.
        self._life: Life | None = None
        self._lives: list[Life] = []

    async def handle_async_request(self, request: Any) -> Any:
        """Send a request, and return its response when the head has come.

        Raises:
            TransportError: The package's, one of those below it.
        """
        extensions = request.extensions
        try:
            patience = self._patiences.of(extensions.get("timeout"))
            tell = checked_trace(extensions["trace"]) if "trace" in extensions else None
            name = checked_server_name(extensions["sni_hostname"]) if "sni_hostname" in extensions else None
            message, source = self._messages.of(request, name)
        except InvalidMessage as error:
            raise getattr(self.package, error.raised)(str(error), request=request) from None
        trace = None if tell is None else Trace(tell, request)
        tries = 0
        while True:
            try:
                life = self._life
                if life is None or not life.runtime.serves():
                    life = self._life_here()
                relay = life.relay or await life.begin()
                if trace is not None:
                    return self._response(await trace.relayed(relay, message, patience), request, trace)
                relayed = relay.begin(message, patience)
                try:
                    # Not in a coroutine of its own: of many requests at a time each would have one more that is cold.
                    while not relayed.arrived():
                        await relayed.news()
                except BaseException:
                    relayed.leave()
                    raise
                return self._response(relayed, request, None)
            except PynectorError as error:
                if source is not None and source.error is not None:
                    # What the caller's own code raises is the caller's.
                    raise source.error from None
                if tries >= self._retries or not may_be_tried_again(error):
                    # No name for it here: it and this frame would keep each other.
                    raise await self._told(error, patience, request, trace) from error
            await anyio.sleep(_DELAY * 2 ** (tries - 1) if tries else 0)
            tries += 1

    async def aclose(self) -> None:
        """Close the connections on this event loop; what is in flight fails. The transport may be used again."""
        here = [life for life in self._lives if life.runtime.serves()]
        self._life, self._lives = None, [life for life in self._lives if life not in here]
        for life in here:
            await life.end()

    def failure(self, error: PynectorError, patience: Patience, request: Any) -> Exception:
        """Return what a request fails with."""
        return raised_for(error, patience, self.package, request)

    async def _told(self, error: PynectorError, patience: Patience, request: Any, trace: Trace | None) -> Exception:
        """Return what a request without a response fails with, when it was told of."""
        failure = self.failure(error, patience, request)
        if trace is not None:
            await trace.failed("receive_response_headers", failure)
        return failure

    def _life_here(self) -> Life:
        """Return what there is on this event loop; that of one that is over has ended with it."""
        self._lives = [life for life in self._lives if not life.runtime.is_over()]
        found = [life for life in self._lives if life.runtime.serves()]
        if not found:
            found = [Life(self._options, self)]
            self._lives += found
        self._life = found[0]
        return found[0]

    def _response(self, relayed: Relayed, request: Any, trace: Trace | None) -> Any:
        body = self.body_class(self, relayed, request, trace)
        make = self.package.Response if relayed.encoded else self.response_class
        fields, extensions = head_of(relayed)
        if self.headers_class is None:
            pairs = [(name, value) for name, _, value in fields]
            response = make(relayed.status, headers=pairs, stream=body, extensions=extensions)
        else:
            response = make(relayed.status, stream=body, extensions=extensions)
            headers = response.headers
            headers.__class__ = self.headers_class
            headers._list = fields
        if self.binds:
            body.response = response
        return response
