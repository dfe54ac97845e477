"""The HTTP transport: requests in, bytes out. It follows redirects, decodes and judges statuses over an engine."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Any

from ...callbacks import running_loop
from ...errors import TransportError
from ...eventloop import ClientContext
from ...unraisable import warn
from ..contract import OriginCounts, RequestObserver, Snapshot
from .choosing import OTHERS, Choice, chosen_engine
from .engine import Engine, StandIn
from .opened import Opened
from .options import LEAST, OPTION_NAMES, HTTPOptions
from .request import check_option_names, label, prepare
from .response import Response
from .streaming import StreamedResponse
from .traits import HTTPTraits

if TYPE_CHECKING:
    from typing_extensions import Self

USER_AGENT = "pynector"

_log = logging.getLogger("pynector.transport")

# Why clients do not run on the native engine, each told once.
_told: set[str] = set()


class HTTPTransport:
    """Sends HTTP requests. Made by HTTPTransportFactory.

    Args:
        **options: See HTTPTransportFactory.create_transport.

    Attributes:
        options: The options, checked.
        context: Where its connections live.
        engine_choice: The engine that it runs on, or ran on last; None before it has connected.
        stand_in: What answers in tests instead of servers, to one transport or, set on the class, to all; None
            elsewhere.

    Raises:
        ConfigurationError: If an option is not valid.
    """

    observable = True
    stand_in: StandIn | None = None

    def __init__(self, **options: Any) -> None:
        self.options = HTTPOptions(options, USER_AGENT)
        self.traits = HTTPTraits(self.options)
        self.context = ClientContext()
        self.on_connection: Callable[[str, str, int], None] | None = None
        self.engine_choice: Choice | None = None
        self._engine: Engine | None = None
        self._ending: list[Engine] = []
        self._capacity = self.options.max_connections or LEAST
        self._was_narrow = False
        self.submit: Callable[..., Any] | None = None
        # Sends what another client has encoded; the native engine alone can do so.
        self.relay: Any = None
        self._pending: tuple[Any, dict[str, Any]] | None = None

    @property
    def max_concurrency(self) -> int | None:
        """The most requests at a time: as many as connections, or any number over HTTP/2."""
        return None if self.options.http2 else self._capacity

    def make_room(self, window: int) -> None:
        """Have as many connections as a batch is to have requests in flight, unless the user has said how many."""
        if self._engine is None:
            return
        self._capacity = self._engine.make_room(window)
        if self.options.http2:
            # A server that speaks it takes more than one request on a connection.
            return
        if window > self._capacity and not self._was_narrow:
            self._was_narrow = True
            warn(
                _log,
                "max_concurrency=%d, but there are %d connections at the most: see max_connections",
                window,
                self._capacity,
            )

    def describe(self, data: Any, options: Mapping[str, Any]) -> str:
        """Name a request by its method and its URL without user, query and fragment."""
        return label(data, options, self.options)

    def check_options(self, options: Mapping[str, Any]) -> None:
        """Raise a ConfigurationError if a request's options have an unknown name or setting."""
        check_option_names(options)
        self.options.for_request(options)

    def snapshot(self, data: Any, options: Mapping[str, Any]) -> Snapshot:
        """Fix what a request sends.

        Raises:
            ConfigurationError: If the request is not valid.
        """
        request = prepare(data, options, self.options)
        return Snapshot(request, self.options.for_request(options), not request.is_one_shot)

    async def connect(self) -> None:
        """Make ready to send. Connections are made when requests need them."""
        if self._engine is not None:
            return
        if self.stand_in is not None:
            self.engine_choice, self._engine = Choice("fake"), self.stand_in.engine_for(self)
            return
        self._engine = engine = self.real_engine()
        self.submit, self.relay = getattr(engine, "submit", None), getattr(engine, "relay", None)

    def real_engine(self) -> Engine:
        """Make the engine that the options ask for.

        Raises:
            ConfigurationError: If there is none, or a file of the TLS options is not valid.
        """
        self.engine_choice = choice = chosen_engine(self.options)
        if choice.reason is not None and choice.reason not in _told:
            _told.add(choice.reason)
            warn(_log, "http_engine='auto' runs on %s and not on the native engine: %s", choice.engine, choice.reason)
        if choice.engine in OTHERS:
            from .httpx.engine import HttpxEngine

            return HttpxEngine(choice.engine, self.options, self.tell, self.context)
        from .native.engine import NativeEngine

        if not self.options.tls.is_default:
            # What is wrong with a file is to be known now, not at the first https request.
            self.options.tls.context()
        return NativeEngine(self.options, running_loop(self.context), self.tell)

    def tell(self, event: str, host: str, port: int) -> None:
        """Tell of a connection: "open" or "close", host and port."""
        if self.on_connection is not None:
            self.on_connection(event, host, port)

    def origins(self) -> list[OriginCounts]:
        """Count connections and requests by origin; through httpx, requests only."""
        return [] if self._engine is None else self._engine.origins()

    async def disconnect(self) -> None:
        """Close every connection."""
        if self._engine is not None:
            self._ending.append(self._engine)
            self._engine = self.submit = self.relay = None
        # One whose end was cancelled in the middle is ended by the next call.
        for engine in list(self._ending):
            await engine.disconnect()
            if engine in self._ending:
                self._ending.remove(engine)

    async def exchange(self, data: Any, observer: RequestObserver | None = None, /, **options: Any) -> bytes | Response:
        """Send a request and give the decoded body, or a Response with `as_response=True`.

        Args:
            data: A dict that describes the request, an HTTPRequest, a dict or list to send as JSON, a raw body of str
                or bytes, or None.
            observer: Told of its attempts, or None.
            **options: The fields of HTTPRequest; `auth`, `as_response`, `raise_for_status`, `follow_redirects`,
                `max_redirects`, `max_response_bytes`, `json_dumps`.

        Raises:
            ConfigurationError: If the request is not valid. Nothing was sent.
            TransportError: If the exchange failed, or, as an HTTPStatusError, its status is 400 or above.
        """
        if self._engine is None:
            raise TransportError("the transport is not connected", phase="connect", sent="none")
        return await self._engine.exchange(data, options, observer)

    def stream(
        self, data: Any, options: Mapping[str, Any], timeout: float, observer: RequestObserver | None = None
    ) -> AbstractAsyncContextManager[StreamedResponse]:
        """See StreamTransport."""
        if self._engine is None:
            raise TransportError("the transport is not connected", phase="connect", sent="none")
        return Opened(self._engine, data, options, timeout, observer)

    # The specification's pair, for whoever drives the transport by hand

    async def send(self, data: Any, /, **options: Any) -> None:
        """Take note of a request; `receive` sends it and gives its answer."""
        self._pending = (data, options)

    async def receive(self) -> AsyncIterator[bytes]:
        """Send the request noted last, and give its answer's body."""
        if self._pending is None:
            raise TransportError("receive() without a send() before it", phase="write", sent="none")
        (data, options), self._pending = self._pending, None
        answer = await self.exchange(data, **options)
        yield answer.content if isinstance(answer, Response) else answer

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        await self.disconnect()


class HTTPTransportFactory:
    """Makes HTTP transports."""

    option_names = OPTION_NAMES

    def create_transport(self, **options: Any) -> HTTPTransport:
        """Make a transport.

        Args:
            **options: base_url, headers, params, cookies and auth of every request; http_engine ("auto", "native",
                "httpx" or "httpx2"), http2 (True: where the server has it; "only": nothing else, in clear text, too),
                verify and cert (TLS), max_connections (over all origins, 1 or more; None: as many as the largest
                max_concurrency of a batch, 100 at least, and fewer than three quarters of the descriptors that the
                process may have), max_streams (requests at a time on a connection of HTTP/2, 1 or more; None:
                as many as its server takes), ping_interval and ping_timeout (seconds of silence after which the server
                of a connection of HTTP/2 is asked whether it is there, and which it may take to answer; None: it is not
                asked, and any time), max_connections_per_origin (1 or more; None: any number), max_keepalive
                (idle connections to an origin, 0 or more; None: any number), keepalive_expiry (seconds), proxy,
                trust_env, uds (path of a Unix socket), resolve (a dict of "host:port" to the address to connect to),
                server_hostname (the name that TLS asks for and verifies; None: the URL's host), socket_options (a list
                of (level, name, value)), persist_cookies, redirect_headers (names that may go to another origin), and
                what a request may set anew: as_response, raise_for_status, follow_redirects, max_redirects,
                max_response_bytes (bytes; None: any number), json_dumps (gives a value as JSON, as str or bytes).

        Raises:
            ConfigurationError: If an option is not valid.
        """
        return HTTPTransport(**options)
