"""What a transport is: the contract, and the two capabilities it may have beyond it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any, NamedTuple, Protocol, runtime_checkable

RESERVED = frozenset(
    {
        *("attempt_timeout", "breaker", "checkpoint", "config", "enable_telemetry", "hedge_after", "idempotency_key"),
        *("into", "key", "learn", "lookahead", "max_concurrency", "max_concurrency_per_origin", "max_retries"),
        *("max_retry_delay", "on_progress", "ordered", "progress", "propagate", "raise_on_error", "rate", "retry"),
        *("retry_delay", "retry_failed", "timeout", "transport", "transport_type"),
    }
)
"""The names that the client and its batches take themselves: no option of a transport can have one."""


@runtime_checkable
class TransportProtocol(Protocol):
    """The least a transport must do: four methods.

    It is given one exchange at a time, and never the next before the last ended.
    An exchange that fails or is cancelled in the middle may leave an answer on its way, so the client then calls
    `disconnect` and `connect` before it sends anything more.

    A transport may have an attribute `max_concurrency`: the most exchanges it carries at a time (int, 1 or more), or
    None for any number. It counts for transports that have `exchange` or `submit`.

    A transport may have a method `make_room(window)`, which is told of the window that a batch asks for before its
    `max_concurrency` is read.

    A transport may have a method `describe(data, options) -> str` that names a request for error messages, without
    anything secret; methods `origins() -> list[OriginCounts]`, which counts its connections, and `counts() -> dict`,
    which gives other numbers of its own by name, both from any thread; an attribute `on_connection`, which the client
    sets to a function of an event, "open" or "close", a host and a port; and an attribute `engine_choice`, a tuple of
    what it runs on and why that is not what it would prefer (each a str or None), or None.

    A transport may have a method `snapshot(data, options) -> Snapshot`, which fixes what a request sends, so that it is
    the same each time, whatever becomes of the caller's objects meanwhile. Plain data need none: they are copied.

    A transport may have an attribute `traits`, a RequestTraits: limits of its servers, and retries by method, need it.

    A transport with an attribute `observable = True` tells a RequestObserver of each attempt. Where somebody listens,
    or the caller's trace goes on, it is given one: by the keyword `observer` to `submit` and `stream`, and as a second
    argument by position to `exchange`, whose keywords are the options.

    A transport with an attribute `watches_itself = True` ends by itself what it has open when nobody holds it any more,
    or its event loop ends; where it has not, the client does so for the transports that it makes.
    """

    async def connect(self) -> None:
        """Make ready to send. Called once before the first exchange, and again after `disconnect`."""

    async def disconnect(self) -> None:
        """Release every resource. May be called more than once, and when not connected."""

    async def send(self, data: Any, /, **options: Any) -> None:
        """Send one request."""

    def receive(self) -> AsyncIterator[bytes]:
        """Iterate over the chunks of the answer to the request sent last. The iterator ends where the answer does."""


class Snapshot(NamedTuple):
    """A request as it is sent, each time that it is.

    Attributes:
        data: What to send; nothing that the caller can change.
        options: The options to send it with.
        is_repeatable: Whether it can be sent more than once.
    """

    data: Any
    options: dict[str, Any]
    is_repeatable: bool = True


class RequestTraits(Protocol):
    """What limits and retries have to know of requests that are not encoded yet, and of their answers."""

    def origin(self, data: Any, options: Mapping[str, Any], /) -> str | None:
        """Return where a request goes: one text for all that go to the same server; None if that is not known."""

    def method(self, data: Any, options: Mapping[str, Any], /) -> str:
        """Return a request's method, in capitals."""

    def options_for_attempts(
        self, options: Mapping[str, Any], whole: bool, /
    ) -> tuple[dict[str, Any], Callable[[Any, Any], Any] | None]:
        """Return the options with which each attempt is sent, so that what may pass is an error.

        Args:
            options: What the caller has asked for.
            whole: Whether what was answered beside the body has to be known, too.

        Returns:
            The options, and what makes of a call and its outcome (an answer, or an error) what the caller has asked
            for; None if that is the same.
        """

    def is_plain(self, options: Mapping[str, Any], /) -> bool:
        """Say whether a request's own options leave alone what `options_for_attempts` sets."""

    def made_anew_by(self, options: Mapping[str, Any], /) -> frozenset[str] | None:
        """Return the names that, in a dict that is sent, make it another each time; None: these options do already."""

    def essence(self, data: Any, options: Mapping[str, Any], /) -> bytes:
        """Return what a request says, the same in each run of a program, to be held against what it said before."""

    def with_idempotency_key(self, data: Any, options: Mapping[str, Any], key: str, /) -> Mapping[str, Any]:
        """Return the options that send a key along by which the server knows one request's attempts."""

    def pause_asked_for(self, outcome: Any, wall_now: float, /) -> float:
        """Return the seconds for which an answer, or an error that has one, asks to be left alone; 0 for none.

        `wall_now` is the time in seconds since the epoch.
        """


class ExchangeTransport(Protocol):
    """A transport that carries many exchanges at a time, each in its caller's task."""

    async def connect(self) -> None:
        """See TransportProtocol."""

    async def disconnect(self) -> None:
        """See TransportProtocol."""

    async def exchange(self, data: Any, /, **options: Any) -> Any:
        """Send one request and give its whole answer. Cancelling it releases all that it holds."""


class StreamTransport(Protocol):
    """A transport that can give an answer while it comes."""

    def stream(self, data: Any, options: Mapping[str, Any], timeout: float, /) -> AbstractAsyncContextManager[Any]:
        """Send one request and give its answer, whose body has not come yet. Leaving the context ends the exchange.

        Args:
            data: What to send.
            options: The request's options.
            timeout: Seconds the whole exchange may take; math.inf for no end.
        """


class Handle(Protocol):
    """What `submit` may give back.

    It may have a method `progress() -> tuple[Phase | None, Sent | None]`, which says how far the request has come, and
    `name() -> str | None`, which names it by what was sent: the error of a request that is ended from outside says so
    then.
    """

    def cancel(self) -> None:
        """Give the request up: its completion is not called any more, and nothing of it stays behind."""


class Completion(Protocol):
    """Where the answer to a submitted request goes; each request gets exactly one of the two calls."""

    def succeed(self, token: int, response: Any, /) -> None:
        """Take the answer to the request with this token."""

    def fail(self, token: int, error: BaseException, /) -> None:
        """Take the failure of the request with this token."""


class SubmitTransport(Protocol):
    """A transport that carries many exchanges at a time, with neither a task nor a future for each."""

    async def connect(self) -> None:
        """See TransportProtocol."""

    async def disconnect(self) -> None:
        """See TransportProtocol. Requests still in flight fail."""

    def submit(
        self,
        data: Any,
        options: Mapping[str, Any],
        deadline: float,
        completion: Completion,
        token: int,
        /,
    ) -> Handle | None:
        """Start one request and return at once.

        It never raises: what is wrong with a request is that request's failure. The completion may be called before
        `submit` returns, and must be called in the event loop's thread.

        Args:
            data: What to send.
            options: The request's options; not to be changed, it may be shared.
            deadline: When the request must have ended, in seconds on the event loop's clock; it fails with a
                TimeoutError then. math.inf for no end.
            completion: What to call with the answer.
            token: What to call it with.

        Returns:
            A handle to give the request up by, or None if it has ended already.
        """


# Telemetry


class OriginCounts(NamedTuple):
    """How many connections there are to an origin, and requests on them.

    Attributes:
        scheme: "http", "https", "ws" or "wss".
        host: The host.
        port: The port.
        active: Connections that carry a request; None if the transport cannot tell.
        idle: Other open connections; None if the transport cannot tell.
        requests: Requests that have been sent and have no answer yet.
        queued: Requests that wait for a connection.
    """

    scheme: str
    host: str
    port: int
    active: int | None
    idle: int | None
    requests: int
    queued: int

    @property
    def origin(self) -> tuple[str, str, int]:
        """Scheme, host and port."""
        return self[:3]

    def plus(self, other: OriginCounts) -> OriginCounts:
        """Give the sum with another client's for the same origin."""
        return OriginCounts(*self.origin, *(_sum(mine, its) for mine, its in zip(self[3:], other[3:], strict=True)))


def _sum(first: int | None, second: int | None) -> Any:
    return first if second is None else second if first is None else first + second


class Target(Protocol):
    """A URL, without the user; as text it is whole."""

    @property
    def scheme(self) -> str:
        """Give "http" or the like."""

    @property
    def host(self) -> str:
        """Name or address."""

    @property
    def port(self) -> int:
        """Port number."""


class RequestObserver(Protocol):
    """Told of the attempts of one request: one each time that it is sent, and none where it is not.

    One that only sends header fields along is given to many requests.
    """

    def attempt(
        self, method: str, target: Target, headers: Sequence[tuple[str, str | None]], size: int | None, /
    ) -> list[tuple[str, str]]:
        """Take note that the request is about to be sent, first or again.

        Args:
            method: The method.
            target: Where it goes.
            headers: Its header fields.
            size: The length of its body in bytes, or None if that is not known.

        Returns:
            Header fields to send beside its own.
        """

    def inside(self) -> AbstractContextManager[None]:
        """Give a context for sending by another library, which may tell of it, too."""

    def connected(self, peer: Any, /) -> None:
        """Take the address and port of the peer it is sent to, or None if they are not known."""

    def head(self, status: int, http_version: str, /) -> None:
        """Take the status and version, "HTTP/1.1" or the like, of the attempt's response."""

    def done(self) -> None:
        """Take note that the attempt's response is whole."""

    def failed(self, error: BaseException, /) -> None:
        """Take note that the attempt failed, and that another one follows. How the last one ends is known by itself."""
