"""Sends requests of every form: encoded for a pool of its own, or by another engine."""

from __future__ import annotations

from typing import Any

from ....errors import TransportError
from ...contract import RequestObserver
from ..answers import raw_limit
from ..options import REQUEST_SETTINGS, HTTPOptions
from ..request import IDEMPOTENT, PreparedRequest, observed, prepare
from .elsewhere import Elsewhere
from .encoder import RequestEncoder
from .exchange import NO_LIMIT, Exchange
from .passed import PassedFields
from .pool import Pool
from .pools import Pools
from .tasks import Tasks
from .upload import renew_upload, stop_upload
from .wire import decode_request, encode_fields, encode_request, request_of, url_of

# With these options the encoder may write a request.
ENCODABLE = (frozenset(setting.name for setting in REQUEST_SETTINGS) - {"json_dumps"}) | {"headers", "params"}


class Sender:
    """Sends the requests of a client, and sends them again.

    Args:
        options: The transport's options.
        tasks: Where bodies are read while they are sent.
        pools: The connections.
        elsewhere: What is not sent from here.
        encoder: Encodes most requests to the client's own origin; None if it can none.
    """

    def __init__(
        self, options: HTTPOptions, tasks: Tasks, pools: Pools, elsewhere: Elsewhere, encoder: RequestEncoder | None
    ) -> None:
        self._options = options
        self._tasks = tasks
        self._pools = pools
        self._elsewhere = elsewhere
        self._encoder = encoder

    def submit(self, exchange: Exchange, now: float) -> None:
        """Send the request that an exchange's data and options describe."""
        if self._pools.closed:
            error = TransportError("the transport is closed", phase="connect", sent="none")
            exchange.owner.failed(exchange, error)
            return
        is_told = exchange.observer is not None
        if exchange.sink is None and (exchange.options or is_told) and self._submit_encoded(exchange, now):
            return
        try:
            self._settle(exchange)
            self.send(exchange, prepare(exchange.data, exchange.options, self._options), now)
        except Exception as error:
            exchange.owner.failed(exchange, error)

    def send(self, exchange: Exchange, request: PreparedRequest, now: float) -> None:
        """Send a request, from here or from elsewhere."""
        if exchange.passing is not None:
            # Elsewhere other header fields may go along.
            exchange.observer, exchange.passing = exchange.passing, None
        if self._elsewhere.takes(request):
            stop_upload(exchange)
            self._elsewhere.start(exchange, request)
        else:
            self._load(exchange, request).dispatch(exchange, now)

    def stays(self, request: PreparedRequest) -> bool:
        """Say whether a request is sent from here."""
        return not self._elsewhere.takes(request)

    def send_again(self, exchange: Exchange, problem: TransportError) -> None:
        """Send a request again, whose connection was dead before it arrived."""
        exchange.sent = problem.sent
        request = request_of(exchange)
        if exchange.observer is not None:
            exchange.observer.failed(problem)
            exchange.payload = encode_request(observed(request, exchange.observer))
        renew_upload(self._tasks, exchange, request)
        exchange.pool.send_again(exchange)

    def passed_lines(self, passed: Any) -> list[bytes]:
        """Return the header fields that go along with requests to the client's own origin, as on the wire."""
        fields = passed.attempt("GET", self._options.base, self._options.header_pairs, 0)
        return encode_fields(fields).split(b"\r\n")[:-1]

    def _settle(self, exchange: Exchange) -> None:
        """Say what holds for the answer of an exchange."""
        settings = exchange.settings = self._options.for_request(exchange.options)
        exchange.body_only = exchange.observer is None and wants_body_only(settings)
        exchange.limit = limit_of(settings)

    def _submit_encoded(self, exchange: Exchange, now: float) -> bool:
        """Send a request that the encoder can write, or say that it cannot."""
        data, options = exchange.data, exchange.options
        if self._encoder is None or not ENCODABLE.issuperset(options) or type(data) is not dict:
            return False
        observer, passed = exchange.observer, None
        if isinstance(observer, PassedFields):
            observer, passed = None, observer
        has_own = "headers" in options or "headers" in data
        if observer is not None and has_own:
            # It is to see them all.
            return False
        try:
            payload = self._encoder.encode(data, options.get("headers"), options.get("params"))
            if passed is not None and payload is not None:
                payload = passed.added_to(payload, has_own, self.passed_lines)
            if payload is None:
                return False
            exchange.observer, exchange.passing = observer, passed
            self._settle(exchange)
        except Exception as error:
            exchange.owner.failed(exchange, error)
            return True
        exchange.payload = payload if observer is None else self._told(exchange, observer, payload)
        method = payload[: payload.index(b" ")].decode("ascii")
        exchange.is_head = method == "HEAD"
        exchange.repeatable = method in IDEMPOTENT
        self._pools.own.dispatch(exchange, now)
        return True

    def _told(self, exchange: Exchange, observer: RequestObserver, payload: bytes) -> bytes:
        """Tell an observer of an encoded request, and return the request with the header fields that it adds."""
        head, _, body = payload.partition(b"\r\n\r\n")
        method = head[: head.index(b" ")].decode("ascii")
        origin = self._pools.own.origin
        added = observer.attempt(method, url_of(payload, origin), self._options.header_pairs, len(body))
        if not added:
            return payload
        # What it adds belongs to this attempt.
        exchange.request = decode_request(payload, origin)
        return b"%b\r\n%b\r\n%b" % (head, encode_fields(added), body)

    def _load(self, exchange: Exchange, request: PreparedRequest) -> Pool:
        """Put a request into an exchange, and return the pool it belongs to."""
        exchange.request = request
        exchange.payload = encode_request(observed(request, exchange.observer))
        exchange.is_head = request.method == "HEAD"
        exchange.closes = request.closes
        exchange.repeatable = request.method in IDEMPOTENT and not request.is_one_shot
        renew_upload(self._tasks, exchange, request)
        if exchange.sink is not None:
            exchange.body_only, exchange.limit = False, NO_LIMIT
        if exchange.observer is not None:
            exchange.body_only = False
        return self._pools.pool(request.url.origin)


def wants_body_only(settings: dict[str, Any]) -> bool:
    """Say whether a good response's body is the answer as it comes."""
    return not settings["as_response"] and settings["max_response_bytes"] is None


def limit_of(settings: dict[str, Any]) -> int:
    """Return the most bytes a body may have before it is decoded, or NO_LIMIT."""
    limit = raw_limit(settings)
    return NO_LIMIT if limit is None else limit
