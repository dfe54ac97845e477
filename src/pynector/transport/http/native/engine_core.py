"""Takes the requests of a client and gives their answers: the straight way of those that are plain.

What is not plain, a redirect or an error, say, is the subclass's.
"""

from typing import Any

from .encoder import RequestEncoder
from .exchange import NO_LIMIT, Exchange
from .passed import PassedFields
from .pool import Pool


class CarrierCore:
    """The straight way from a request to its bytes.

    Args:
        clock: The event loop's clock.
        encoder: Encodes the client's plain requests; None if it has none.
        pool: The pool of the client's own origin; None if it has none.
        settings: What holds for the answers of requests that say nothing else.
        is_plain: Whether these answers are just bodies.
        limit: The most bytes these answers' bodies may have, or NO_LIMIT.
    """

    __slots__ = ("_clock", "_encoder", "_is_plain", "_limit", "_own_pool", "_settings", "closed")

    def __init__(self, clock: Any) -> None:
        self._clock = clock
        self._encoder: Any = None
        self._own_pool: Any = None
        self._settings: Any = None
        self._is_plain = True
        self._limit = NO_LIMIT
        self.closed = False

    def set_plain(self, encoder: RequestEncoder, pool: Pool, settings: Any, is_plain: bool, limit: int) -> None:
        """Say what holds for plain requests: without this, none is."""
        self._encoder = encoder
        self._own_pool = pool
        self._settings = settings
        self._is_plain = is_plain
        self._limit = limit

    def submit(self, data: Any, options: Any, deadline: float, completion: Any, token: int) -> Any:
        """See SubmitTransport."""
        now = self._clock()
        exchange = Exchange(self, data, options, deadline, completion, token, now)
        pool = None
        passed: Any = None
        if options and len(options) == 1:
            observer = options.get("observer")
            if isinstance(observer, PassedFields):
                passed = observer
        if (not options or passed is not None) and self._encoder is not None and not self.closed:
            try:
                payload = self._encoder.encode(data)
                if passed is not None and payload is not None:
                    payload = self.pass_on(passed, payload, "headers" in data)
            except Exception as error:
                self.failed(exchange, error)
                return None
            if payload is not None:
                exchange.payload = payload
                exchange.settings = self._settings
                exchange.body_only = self._is_plain
                exchange.limit = self._limit
                exchange.is_head = payload[0] == 72
                # Of the methods that the encoder knows, POST and PATCH may not be sent again; PUT begins like them.
                exchange.repeatable = payload[0] != 80 or payload[1] == 85
                pool = self._own_pool
        if pool is not None:
            pool.dispatch(exchange, now)
        else:
            self.submit_other(exchange, now)
        return exchange if exchange.completion is not None else None

    def pass_on(self, passed: PassedFields, payload: bytes, has_own: bool) -> bytes | None:
        """Return a request of the encoder's with the fields that go along; see PassedFields.added_to."""
        if not passed.known:
            passed.learn(self.passed_lines(passed))
        return passed.added_to(payload, has_own)

    # The subclass's

    def passed_lines(self, passed: PassedFields) -> list[bytes]:
        """Return the header fields that go along with requests to the client's own origin, as on the wire."""
        raise NotImplementedError

    def submit_other(self, exchange: Exchange, now: float) -> None:
        """Start a request that is not plain."""
        raise NotImplementedError

    def conclude(self, exchange: Exchange, status: int, head: bytes, body: bytes, version: str) -> None:
        """Take a response that is not plain."""
        raise NotImplementedError

    def failed(self, exchange: Exchange, error: Exception) -> None:
        """Take a failure."""
        raise NotImplementedError
