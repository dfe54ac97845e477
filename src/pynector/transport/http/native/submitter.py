"""Where requests come in: what the encoder can write goes to its pool at once."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from .encoder import RequestEncoder
from .exchange import NO_LIMIT, Exchange, ExchangeOwner
from .form import SETTINGS, Form
from .passed import PassedFields
from .pool import Pool

# The most origins, and combinations of settings, that are remembered.
MOST = 256


class Terms:
    """What holds for the answers of some requests.

    Args:
        settings, limit: See below.
        is_looked_at: Whether somebody wants to know more of each answer.

    Attributes:
        settings: By the name of the request's setting.
        body_only: Whether a good answer is just its body.
        as_response: Whether a good answer is a Response, of its head and its body as they come.
        limit: The most bytes an answer's body may have, or NO_LIMIT.
    """

    __slots__ = ("as_response", "body_only", "limit", "settings")

    def __init__(self, settings: Any, limit: int, is_looked_at: bool) -> None:
        is_plain = settings["max_response_bytes"] is None and not is_looked_at
        self.settings = settings
        self.body_only = is_plain and not settings["as_response"]
        self.as_response = is_plain and settings["as_response"]
        self.limit = limit

    def hold_for(self, exchange: Exchange) -> None:
        """Have an exchange be answered so."""
        exchange.settings = self.settings
        # A stream has its own limit, too.
        is_whole = exchange.sink is None
        exchange.body_only = is_whole and self.body_only
        exchange.as_response = is_whole and self.as_response
        exchange.limit = self.limit if exchange.sink is None else NO_LIMIT


class Place(NamedTuple):
    """Where the absolute URLs of an origin lead.

    Attributes:
        encoder: Encodes requests to it.
        pool_of: Gives its pool.
    """

    encoder: RequestEncoder
    pool_of: Callable[[], Pool]


class Sender(Protocol):
    """Whoever sends what the encoder cannot write as it stands, and knows what holds for a request."""

    def submit(self, exchange: Exchange, now: float) -> None:
        """Send the request that an exchange's data and options describe."""

    def terms(self, options: dict[str, Any]) -> Terms:
        """Return what holds for the answers of requests with these settings."""

    def place(self, origin: str) -> Place | None:
        """Return where "http://host:port" leads, or None if the encoder cannot write requests to it."""

    def tell(self, exchange: Exchange, payload: bytes, pool: Pool, has_own: bool) -> bytes:
        """Tell the observer of an exchange of its encoded request; return that with the fields that it adds.

        Args:
            exchange: The exchange.
            payload: Its request.
            pool: Where that goes.
            has_own: Whether it has header fields that not all have.
        """

    def passed_fields(self, passed: PassedFields) -> bytes:
        """Return the header fields that go along with requests to the client's own origin, as on the wire."""


class Submitter:
    """Takes the requests of a client. Its `submit` is that of SubmitTransport.

    Args:
        clock: The event loop's clock.
        owner: Told what exchanges come to.
        sender: Sends what the encoder cannot write.
        encoder: Encodes requests below the client's base URL; None if it has none, or the sender has them all.
        pool: That origin's; None where `encoder` is.
    """

    __slots__ = ("_clock", "_encoder", "_is_closed", "_known", "_own_pool", "_owner", "_places", "_sender", "_terms")

    def __init__(
        self,
        clock: Callable[[], float],
        owner: ExchangeOwner,
        sender: Sender,
        encoder: RequestEncoder | None,
        pool: Pool | None,
    ) -> None:
        self._clock = clock
        self._owner = owner
        self._sender = sender
        self._encoder: Any = encoder
        self._own_pool: Any = pool
        self._is_closed = False
        self._terms = sender.terms({})
        # By the settings that a request has of its own, and by the start of an absolute URL.
        self._known: dict[Any, Terms] = {}
        self._places: dict[str, Place | None] = {}

    def close(self) -> None:
        """Leave all to the sender, which knows that the client is closed."""
        self._is_closed = True

    def submit(
        self, data: Any, options: Any, deadline: float, completion: Any, token: int, observer: Any = None
    ) -> Any:
        """See SubmitTransport; the observer is told of the request's attempts."""
        now = self._clock()
        exchange = Exchange.__new__(Exchange)
        exchange.begin(self._owner, data, options, deadline, completion, token, now)
        exchange.observer = observer
        if not self.start(exchange, now):
            self._sender.submit(exchange, now)
        return exchange if exchange.completion is not None else None

    def start(self, exchange: Exchange, now: float) -> bool:
        """Send a request if the encoder can write it, and say whether that was so."""
        if self._is_closed:
            return False
        try:
            pool = self._encoded(exchange)
        except Exception as error:
            self._owner.failed(exchange, error)
            return True
        if pool is None:
            return False
        pool.dispatch(exchange, now)
        return True

    def _encoded(self, exchange: Exchange) -> Any:
        """Encode a request, and return the pool that it goes to; None if it is not for the encoder."""
        terms: Any = self._terms
        pool, has_own = self._own_pool, False
        payload = None
        if not exchange.options and self._encoder is not None:
            payload = self._encoder.short(exchange.data)
        if payload is None:
            form = Form.__new__(Form)
            if not form.read(exchange.data, exchange.options):
                return None
            terms = self._terms_of(form, exchange.options)
            encoder = self._encoder
            if form.url is not None:
                place = self._place_of(form)
                if place is None:
                    return None
                encoder, pool = place.encoder, place.pool_of()
            payload = encoder.written(form) if encoder is not None else None
            if payload is None:
                return None
            exchange.body = form.rest
            has_own = form.has_own_fields()
        if exchange.observer is not None:
            payload = self._observed(exchange, payload, pool, has_own)
            if payload is None:
                return None
        exchange.payload = payload
        terms.hold_for(exchange)
        exchange.is_head = payload[0] == 72
        # Of the methods that the encoder knows, POST and PATCH may not be sent again; PUT begins like them.
        exchange.repeatable = payload[0] != 80 or payload[1] == 85
        return pool

    def _terms_of(self, form: Form, options: Any) -> Any:
        """Return what holds for the answer of a request with these options."""
        if form.flags == 0 and not form.numbers:
            return self._terms
        key: Any = (form.flags, *form.numbers) if form.numbers else form.flags
        terms = self._known.get(key)
        if terms is None:
            terms = self._sender.terms({name: options[name] for name in SETTINGS if name in options})
            _remember(self._known, key, terms)
        return terms

    def _place_of(self, form: Form) -> Any:
        """Return where a request's absolute URL leads, and give the form the rest of it; None for a closer look."""
        if type(form.url) is not str:
            return None
        url = form.url
        if not url.startswith("http"):
            return None
        end = url.find("/", 8)
        if end < 0:
            return None
        start = url[:end]
        form.place = url[end:]
        place = self._places.get(start, self)
        if place is self:
            place = self._sender.place(start)
            _remember(self._places, start, place)
        return place

    def _observed(self, exchange: Exchange, payload: bytes, pool: Pool, has_own: bool) -> Any:
        """Return an encoded request with what its observer adds; None if it has one of these fields itself."""
        if isinstance(exchange.observer, PassedFields):
            if pool is not self._own_pool:
                return None
            passed: PassedFields = exchange.observer
            added = passed.added_to(payload, has_own, self._sender.passed_fields)
            if added is not None:
                exchange.observer, exchange.passing, exchange.added = None, passed, passed.added
            return added
        return self._sender.tell(exchange, payload, pool, has_own)


def _remember(known: Any, key: Any, value: Any) -> None:
    """Keep a value under its key, and forget the oldest where there are too many."""
    if len(known) >= MOST:
        del known[next(iter(known))]
    known[key] = value
