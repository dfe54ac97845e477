"""Sends requests of every form: encoded for a pool of its own, through an auth flow, or by another engine."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from ....errors import ConfigurationError, TransportError, most_sent
from ..answers import raw_limit
from ..methods import IDEMPOTENT
from ..options import HTTPOptions
from ..request import PreparedRequest, observed, prepare
from ..urls import parse_url
from .exchange import NO_LIMIT, Exchange, url_of
from .failures import wants_http1
from .flows import run_flow
from .pool import Pool
from .pools import Pools
from .submitter import Place, Terms
from .tasks import Tasks
from .upload import renew_upload
from .wire import EncodedFields, encode_fields, encoder_for, put_request, request_of

if TYPE_CHECKING:
    # It takes a while to import, and is nobody's who keeps none.
    from ..cookies import KeptCookies


class Sender:
    """Sends the requests of a client, and sends them again.

    Args:
        options: The transport's options.
        tasks: Where bodies are read while they are sent.
        pools: The connections.
        cookies: What gives requests those that are kept, or None.
    """

    def __init__(self, options: HTTPOptions, tasks: Tasks, pools: Pools, cookies: KeptCookies | None) -> None:
        self._options = options
        self._tasks = tasks
        self._pools = pools
        self._cookies = cookies

    def submit(self, exchange: Exchange, now: float) -> None:
        """Send the request that an exchange's data and options describe."""
        if self._pools.closed:
            error = TransportError("the transport is closed", phase="connect", sent="none", came_of="closed")
            exchange.owner.failed(exchange, error)
            return
        try:
            self.terms(exchange.options).hold_for(exchange)
            self.send(exchange, prepare(exchange.data, exchange.options, self._options), now)
        except Exception as error:
            exchange.owner.failed(exchange, error)

    def terms(self, options: Mapping[str, Any]) -> Terms:
        """Return what holds for the answers of requests with these settings.

        Raises:
            ConfigurationError: If one is not valid.
        """
        settings = self._options.for_request(options)
        limit = raw_limit(settings)
        return Terms(settings, NO_LIMIT if limit is None else limit, self._cookies is not None)

    def place(self, origin: str) -> Place | None:
        """Return where "http://host:port" leads, or None if the encoder cannot write requests to it."""
        try:
            url = parse_url(origin + "/")
        except ConfigurationError:
            return None
        # A query or a fragment may come before the first slash, too: "http://host?next=/path".
        if url.target != "/" or "#" in origin or url.userinfo is not None:
            return None
        encoder = encoder_for(self._options, url._replace(target=""))
        return None if encoder is None else Place(encoder, partial(self._pools.pool, url.origin))

    def send(self, exchange: Exchange, request: PreparedRequest, now: float) -> None:
        """Send a request: on a connection, or through its auth flow."""
        if exchange.passing is not None:
            # At another origin other header fields may go along.
            exchange.observer, exchange.passing = exchange.passing, None
        exchange.request = request
        exchange.is_head = request.method == "HEAD"
        if request.auth is not None:
            run_flow(self._tasks, exchange, observed(request, exchange.observer), self.send)
        else:
            self._load(exchange, request).dispatch(exchange, now)

    def send_again(self, exchange: Exchange, problem: TransportError) -> None:
        """Send a request again, whose connection was dead before it arrived."""
        exchange.sent = most_sent(exchange.sent, problem.sent)
        request = request_of(exchange)
        # Its pool may have been dropped with its last connection.
        exchange.pool = self._pools.again(exchange.pool, wants_http1(problem))
        if exchange.observer is not None:
            exchange.observer.failed(problem)
            put_request(exchange, self._as_sent(exchange, request))
        renew_upload(self._tasks, exchange, request)
        exchange.pool.send_again(exchange)

    def passed_fields(self, passed: Any) -> bytes:
        """Return the header fields that go along with requests to the client's own origin, as on the wire."""
        fields = passed.attempt("GET", self._options.base, self._options.header_pairs, 0)
        return encode_fields(fields)

    def tell(self, exchange: Exchange, payload: bytes, pool: Pool, has_own: bool) -> bytes:
        """See Sender of submitter.py."""
        head, _, body = payload.partition(b"\r\n\r\n")
        method = head[: head.index(b" ")].decode("ascii")
        fields = EncodedFields(payload, pool.origin) if has_own else self._options.header_pairs
        added = exchange.observer.attempt(method, url_of(payload, pool.origin), fields, len(body or exchange.body))
        if not added:
            return payload
        exchange.added = encode_fields(added)
        return b"%b\r\n%b\r\n%b" % (head, exchange.added, body)

    def _load(self, exchange: Exchange, request: PreparedRequest) -> Pool:
        """Put the request of an exchange on it as it is sent, and return the pool it belongs to."""
        put_request(exchange, self._as_sent(exchange, request))
        exchange.closes = request.closes
        exchange.repeatable = request.method in IDEMPOTENT and not request.is_one_shot
        renew_upload(self._tasks, exchange, request)
        return self._pools.pool(request.url.origin)

    def _as_sent(self, exchange: Exchange, request: PreparedRequest) -> PreparedRequest:
        """Return a request as it is sent now, and tell the observer of the attempt."""
        request = observed(request, exchange.observer)
        return request if self._cookies is None else self._cookies.added_to(request)
