"""Where requests come in: what the encoder can write goes to its pool at once."""

from collections.abc import Callable
from typing import Any, Protocol

from .encoder import RequestEncoder
from .exchange import NO_LIMIT, Exchange, ExchangeOwner
from .passed import PassedFields
from .pool import Pool


class Sender(Protocol):
    """Whoever sends what the encoder cannot write as it stands."""

    def submit(self, exchange: Exchange, now: float) -> None:
        """Send the request that an exchange's data and options describe."""

    def passed_lines(self, passed: PassedFields) -> list[bytes]:
        """Return the header fields that go along with requests to the client's own origin, as on the wire."""


class Submitter:
    """Takes the requests of a client. Its `submit` is that of SubmitTransport.

    Args:
        clock: The event loop's clock.
        owner: Told what exchanges come to.
        sender: Sends what the encoder cannot write.
    """

    __slots__ = ("_body_only", "_clock", "_encoder", "_limit", "_own_pool", "_owner", "_sender", "_settings")

    def __init__(self, clock: Callable[[], float], owner: ExchangeOwner, sender: Sender) -> None:
        self._clock = clock
        self._owner = owner
        self._sender = sender
        self._encoder: Any = None
        self._own_pool: Any = None
        self._settings: Any = None
        self._body_only = True
        self._limit = NO_LIMIT

    def encode_with(self, encoder: RequestEncoder, pool: Pool, settings: Any, body_only: bool, limit: int) -> None:
        """Write requests with an encoder; without this the sender has them all.

        Args:
            encoder: Encodes requests to the client's own origin.
            pool: That origin's.
            settings: What holds for the answers of requests that say nothing else.
            body_only: Whether these answers are just bodies.
            limit: The most bytes these answers' bodies may have, or NO_LIMIT.
        """
        self._encoder = encoder
        self._own_pool = pool
        self._settings = settings
        self._body_only = body_only
        self._limit = limit

    def close(self) -> None:
        """Leave all to the sender, which knows that the client is closed."""
        self._encoder = None

    def submit(
        self, data: Any, options: Any, deadline: float, completion: Any, token: int, observer: Any = None
    ) -> Any:
        """See SubmitTransport; the observer is told of the request's attempts."""
        now = self._clock()
        exchange = Exchange(self._owner, data, options, deadline, completion, token, now)
        pool = None
        passed: Any = observer if isinstance(observer, PassedFields) else None
        if not options and observer is passed and self._encoder is not None:
            try:
                payload = self._encoder.encode(data)
                if passed is not None and payload is not None:
                    payload = passed.added_to(payload, "headers" in data, self._sender.passed_lines)
            except Exception as error:
                self._owner.failed(exchange, error)
                return None
            if payload is not None:
                exchange.payload = payload
                exchange.passing = passed
                exchange.settings = self._settings
                exchange.body_only = self._body_only
                exchange.limit = self._limit
                exchange.is_head = payload[0] == 72
                # Of the methods that the encoder knows, POST and PATCH may not be sent again; PUT begins like them.
                exchange.repeatable = payload[0] != 80 or payload[1] == 85
                pool = self._own_pool
        if pool is not None:
            pool.dispatch(exchange, now)
        else:
            exchange.observer = observer
            self._sender.submit(exchange, now)
        return exchange if exchange.completion is not None else None
