"""The HTTP transport: requests in, bytes out. It follows redirects, decodes and judges statuses over an engine."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any

from ...errors import ConfigurationError, HTTPStatusError, TooManyRedirects, TransportError
from .decoding import decode
from .engine import Engine
from .headers import Headers
from .options import OPTION_NAMES, HTTPOptions
from .redirects import redirected
from .request import PreparedRequest, label, prepare
from .response import RawResponse, Response

if TYPE_CHECKING:
    from typing_extensions import Self

USER_AGENT = "pynector"


class HTTPTransport:
    """Sends HTTP requests. Made by HTTPTransportFactory.

    Args:
        **options: See HTTPTransportFactory.create_transport.

    Raises:
        ConfigurationError: If an option is not valid.
    """

    def __init__(self, **options: Any) -> None:
        self._options = HTTPOptions(options, USER_AGENT)
        if self._options.http_engine == "native":
            raise ConfigurationError("http_engine='native' is not available in this version")
        self._engine: Engine | None = None
        self._pending: tuple[Any, dict[str, Any]] | None = None

    @property
    def max_concurrency(self) -> int | None:
        """The most requests at a time: as many as connections, or any number over HTTP/2."""
        return None if self._options.http2 else self._options.max_connections

    def describe(self, data: Any, options: Mapping[str, Any]) -> str:
        """Name a request by its method and its URL without user, query and fragment."""
        return label(data, options, self._options)

    async def connect(self) -> None:
        """Make ready to send. Connections are made when requests need them."""
        if self._engine is None:
            from .httpx_engine import HttpxEngine

            self._engine = HttpxEngine(self._options)
        await self._engine.connect()

    async def disconnect(self) -> None:
        """Close every connection."""
        engine, self._engine = self._engine, None
        if engine is not None:
            await engine.disconnect()

    async def exchange(self, data: Any, /, **options: Any) -> bytes | Response:
        """Send a request and give the decoded body, or a Response with `as_response=True`.

        Args:
            data: A dict that describes the request, an HTTPRequest, a dict or list to send as JSON, a raw body of str
                or bytes, or None.
            **options: The fields of HTTPRequest; `auth`, `as_response`, `raise_for_status`, `follow_redirects`,
                `max_redirects`, `max_response_bytes`.

        Raises:
            ConfigurationError: If the request is not valid. Nothing was sent.
            TransportError: If the exchange failed, or, as an HTTPStatusError, its status is 400 or above.
        """
        started = time.perf_counter()
        settings = self._options.for_request(options)
        request = prepare(data, options, self._options)
        limit: int | None = settings["max_response_bytes"]
        request, raw = await self._follow(request, settings)
        headers = Headers(raw.headers)
        content = raw.body
        if request.method != "HEAD":
            content = _named(decode, request, raw.body, headers.get("content-encoding"), limit)
        wants_error = settings["raise_for_status"] and raw.status >= 400
        if not settings["as_response"] and not wants_error:
            return content
        elapsed = time.perf_counter() - started
        response = Response(raw.status, headers, content, str(request.url), raw.http_version, elapsed)
        if wants_error:
            phrase = f"{raw.status} {response.reason_phrase}".strip()
            raise HTTPStatusError(f"the server answered {phrase}", response=response, request=request.label)
        return response

    async def _follow(self, request: PreparedRequest, settings: dict[str, Any]) -> tuple[PreparedRequest, RawResponse]:
        """Send a request, and what its redirects ask for; give the last request and its answer."""
        hops = 0
        while True:
            raw = await self._send(request, settings["max_response_bytes"])
            if not settings["follow_redirects"]:
                return request, raw
            following = _named(
                redirected,
                request,
                request,
                raw.status,
                Headers(raw.headers),
                self._options.redirect_headers,
            )
            if following is None:
                return request, raw
            hops += 1
            if hops > settings["max_redirects"]:
                raise TooManyRedirects(
                    f"more than max_redirects={settings['max_redirects']} redirects",
                    request=request.label,
                    phase="body",
                    sent="full",
                )
            request = following

    async def _send(self, request: PreparedRequest, limit: int | None) -> RawResponse:
        if self._engine is None:
            raise TransportError(
                "the transport is not connected",
                request=request.label,
                phase="connect",
                sent="none",
            )
        # A coding may add a little to what it cannot compress; the decoded size is what the limit is about.
        room = None if limit is None else limit + limit // 100 + 1024
        try:
            return await self._engine.send(request, room)
        except TransportError as error:
            error.request = request.label
            raise

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
            **options: base_url, headers, params, cookies and auth of every request; http_engine ("auto", "native" or
                "httpx"), http2, verify and cert (TLS), max_connections and max_keepalive (connections, 1 and 0 or
                more), keepalive_expiry (seconds), proxy, trust_env, uds (path of a Unix socket), persist_cookies,
                redirect_headers (names that may go to another origin), and what a request may set anew: as_response,
                raise_for_status, follow_redirects, max_redirects, max_response_bytes (bytes; None: any number).

        Raises:
            ConfigurationError: If an option is not valid.
        """
        return HTTPTransport(**options)


def _named(function: Any, request: PreparedRequest, *arguments: Any) -> Any:
    """Call a function; a TransportError out of it gets the request's name."""
    try:
        return function(*arguments)
    except TransportError as error:
        error.request = request.label
        raise
