"""The WebSocket transport."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from ...callbacks import running_loop
from ...errors import ConfigurationError, TransportError
from ...eventloop import ClientContext, Forgotten
from ..awaiting import answer_to
from ..contract import Handle, OriginCounts
from .options import OPTION_NAMES, WebSocketOptions
from .pool import ConnectionPool
from .subscription import Subscription

COUNTS = ("late", "unclaimed", "reconnects")


class WebSocketTransport:
    """Sends messages and gives their answers. Made by WebSocketTransportFactory.

    Args:
        **options: See WebSocketTransportFactory.create_transport.

    Raises:
        ConfigurationError: If an option is not valid.
    """

    watches_itself = True

    def __init__(self, **options: Any) -> None:
        self._options = WebSocketOptions(options)
        self._context = ClientContext()
        self._pool: ConnectionPool | None = None
        # What pools that are gone have counted, and those that are not: the one in use, and those that have not been
        # closed to the end, because that is under way or was cancelled. Together, for any thread may look.
        self._past: tuple[Counter[str], tuple[ConnectionPool, ...]] = Counter(), ()
        self._forgotten: Forgotten | None = None
        self.submit: Callable[..., Handle | None] | None = None
        self.on_connection: Callable[[str, str, int], None] | None = None

    def describe(self, data: Any, options: Mapping[str, Any]) -> str:
        """Name a request by the URL without its query."""
        parts = urlsplit(self._options.url)
        return f"message to {parts.scheme}://{parts.netloc}{parts.path}"

    def check_options(self, options: Mapping[str, Any]) -> None:
        """Raise a ConfigurationError if the options of a request are not valid."""
        self._options.for_request(options)

    async def connect(self) -> None:
        """Make all connections.

        Raises:
            ConfigurationError: If a TLS option is not valid.
            ConnectError: If a connection cannot be made.
        """
        if self._pool is not None:
            if not self._pool.is_over():
                return
            # Its connections went with its event loop.
            self._forget(self._pool)
        pool = ConnectionPool(self._options, running_loop(self._context), self._tell)
        await self._context.complete(pool.open())
        gone, pools = self._past
        self._past = gone, (*pools, pool)
        self._pool = pool
        self.submit = pool.requests.submit
        self._forgotten = Forgotten(self, pool.close, "a WebSocket client")
        await self._forgotten.watch()

    def _tell(self, event: str, host: str, port: int) -> None:
        if self.on_connection is not None:
            self.on_connection(event, host, port)

    def origins(self) -> list[OriginCounts]:
        """Count connections and requests; any thread may ask."""
        pool = self._pool
        return [] if pool is None else [pool.origin_counts()]

    async def disconnect(self) -> None:
        """Close every connection. If it is cancelled, whoever calls it next waits for the rest."""
        self.submit = self._pool = None
        try:
            for pool in self._past[1]:
                if not pool.is_over():
                    await pool.close()
                self._forget(pool)
        finally:
            if self._forgotten is not None and self._pool is None:
                # What was begun comes to its end by itself now. This waits for nothing.
                await self._forgotten.leave()

    def _forget(self, pool: ConnectionPool) -> None:
        gone, pools = self._past
        # It may be gone already: two may close it at a time.
        if pool in pools:
            self._past = gone + Counter(pool.counts()), tuple(one for one in pools if one is not pool)

    async def exchange(self, data: Any, /, **options: Any) -> Any:
        """Send a message and give its answer; see ExchangeTransport.

        Raises:
            ConfigurationError: If the message is not valid. Nothing was sent.
            TransportError: If there is no answer.
        """
        if self.submit is None:
            raise TransportError("the transport is not connected", phase="connect", sent="none")
        return await answer_to(self.submit, data, options)

    def subscribe(self, **options: Any) -> Subscription:
        """Give a subscription to the messages that answer nobody.

        Args:
            **options: See Subscription.

        Raises:
            ConfigurationError: If an option is not valid, or the transport is not connected.
        """
        pool = self._pool
        if pool is None:
            raise ConfigurationError("subscribe() needs a transport that is connected")
        return pool.subscribe(**options)

    def counts(self) -> dict[str, int]:
        """Give how many messages were late or unclaimed, and how often a connection was made anew.

        Any thread may ask.
        """
        gone, pools = self._past
        return {name: gone[name] + sum(pool.counts()[name] for pool in pools) for name in COUNTS}


class WebSocketTransportFactory:
    """Makes WebSocket transports."""

    option_names = OPTION_NAMES

    def create_transport(self, **options: Any) -> WebSocketTransport:
        """Make a transport.

        Args:
            **options: url; correlation ("fifo", "id", or a pair of functions) and id_key; connections and max_in_flight
                (1 or more; None: any number); open_timeout, ping_interval and ping_timeout (seconds; None: none);
                compression ("deflate" or None); max_message_bytes (None: any number); subprotocols, origin; headers,
                which may be a function that is asked for them at each handshake, and auth, as for HTTP; verify and
                cert (TLS); proxy and trust_env; resolve and server_hostname, as for HTTP; socket_options (a list of
                (level, name, value)); max_reconnects (0 or more) and reconnect_delay (seconds); on_message; and what a
                request may set anew: idempotent, as_response, json_dumps (gives a value as JSON, as str or bytes). A
                request may have one_way, too.

        Raises:
            ConfigurationError: If an option is not valid.
        """
        return WebSocketTransport(**options)
