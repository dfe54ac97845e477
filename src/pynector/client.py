"""The client."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, NoReturn, overload

from .answer import Answer
from .batching import Batching
from .calls import Calls
from .config import CLIENT_SETTINGS, Setting, at_least, optional, positive_seconds, resolve, seconds
from .dispatch.limits import CHECKS, declared
from .dispatch.retry import RetryPolicy
from .errors import ConfigurationError, PynectorError
from .lifecycle import Lifecycle
from .opening import Opening
from .shorthands import Shorthands
from .stats import Stats
from .streamcall import StreamCall
from .telemetry import Telemetry, parse_propagation, propagation, valid_propagation
from .transport.capabilities import engine_of

if TYPE_CHECKING:
    from typing_extensions import Never, Self, Unpack

    from ._speedups.limits import Limits
    from .options import HTTPClientOptions, HTTPOptions, HTTPRequestOptions, HTTPRetryOptions, WebSocketClientOptions
    from .transport.http import Response, StreamedResponse
    from .transport.websocket import Subscription

_SETTINGS = (
    *CLIENT_SETTINGS,
    Setting("propagate", valid_propagation, "all", parse_propagation),
    *(Setting(name, optional(check)) for name, check in CHECKS.items()),
)
_OWN = {setting.name for setting in _SETTINGS}

# What a single request may have of its own beside the transport's options.
OF_REQUEST = frozenset({"retry", "hedge_after", "idempotency_key"})


class Pynector(Shorthands[Answer], Batching[Answer]):
    """An async client for very many requests: singly or in batches, over HTTP or any other transport.

    A client is cheap to make and connects at its first use. It may be used by any number of tasks of one event loop
    at a time. Use it as an async context manager, or call `aclose`.

    Args:
        transport: A transport of your own to use (see `pynector.transport.TransportProtocol`). It is connected at
            the first use and stays yours to disconnect.
        transport_type: The kind of transport to make where `transport` is None: "http", or a name from
            `get_transport_factory_registry().get_registered_names()`.
        enable_telemetry: Whether to log, trace and count, where anybody listens.
        config: Settings by name: `timeout` (seconds one request may take, more than 0; default 30; None or math.inf:
            no end), `max_concurrency` (default for batches, 1 or more, or "auto"; None: as many as the transport
            carries), `max_retry_delay` (longest wait between attempts of `request_with_retry` in seconds, 0 or more;
            default 60), `propagate` (to whom trace context and baggage go: "all", "none", or a list of origins; default
            "all"), and any option of the transport. `rate`, `max_concurrency_per_origin`, `breaker` and `learn` hold
            for all calls together, streams too; `retry`, `hedge_after` and `idempotency_key` for each request but
            streams. See `batch_stream` for these.
        **transport_options: Options of the transport; they go before `config`. `timeout` is the one above.

    Each setting that is not given is read from the environment variable `PYNECTOR_` and its name in capitals.

    Raises:
        ConfigurationError: If a name or a value is not valid. It names the argument or the variable.
    """

    @overload
    def __init__(
        self: Pynector[Response],
        transport: None = None,
        transport_type: Literal["http"] = "http",
        enable_telemetry: bool = True,
        config: None = None,
        *,
        as_response: Literal[True],
        **transport_options: Unpack[HTTPClientOptions],
    ) -> None: ...

    @overload
    def __init__(
        self: Pynector[bytes],
        transport: None = None,
        transport_type: Literal["http"] = "http",
        enable_telemetry: bool = True,
        config: None = None,
        *,
        as_response: Literal[False] = False,
        **transport_options: Unpack[HTTPClientOptions],
    ) -> None: ...

    @overload
    def __init__(
        self: Pynector[Any],
        transport: None = None,
        *,
        transport_type: Literal["websocket"],
        enable_telemetry: bool = True,
        config: dict[str, Any] | None = None,
        **transport_options: Unpack[WebSocketClientOptions],
    ) -> None: ...

    @overload
    def __init__(
        self: Pynector[Any],
        transport: object,
        transport_type: str = "http",
        enable_telemetry: bool = True,
        config: dict[str, Any] | None = None,
        **transport_options: Any,
    ) -> None: ...

    @overload
    def __init__(
        self: Pynector[Any],
        transport: None = None,
        transport_type: str = "http",
        enable_telemetry: bool = True,
        *,
        config: dict[str, Any],
        **transport_options: Any,
    ) -> None: ...

    @overload
    def __init__(
        self: Pynector[Any],
        transport: None = None,
        *,
        transport_type: str,
        enable_telemetry: bool = True,
        config: dict[str, Any] | None = None,
        **transport_options: Any,
    ) -> None: ...

    def __init__(
        self,
        transport: Any | None = None,
        transport_type: str = "http",
        enable_telemetry: bool = True,
        config: dict[str, Any] | None = None,
        **transport_options: Any,
    ) -> None:
        if isinstance(transport, str):
            raise ConfigurationError("transport must be a transport, not text; a URL goes into base_url=")
        if config is not None and not isinstance(config, Mapping):
            raise ConfigurationError(f"config must be a dict, not {type(config).__name__}")
        for name in config or ():
            if not isinstance(name, str):
                raise ConfigurationError(f"the names in config must be str, not {name!r}")
        if not isinstance(enable_telemetry, bool):
            raise ConfigurationError(f"enable_telemetry must be True or False, not {enable_telemetry!r}")
        self._arguments = (transport, transport_type, enable_telemetry, config, transport_options)
        given = {**(config or {}), **transport_options}
        settings = resolve(_SETTINGS, given)
        self._timeout = math.inf if settings["timeout"] is None else settings["timeout"]
        self._max_concurrency: int | str | None = settings["max_concurrency"]
        self._max_retry_delay: float = settings["max_retry_delay"]
        self._telemetry = (
            Telemetry("pynector.core", propagation(settings["propagate"], "propagate")) if enable_telemetry else None
        )
        options = {name: value for name, value in given.items() if name not in _OWN}
        self._lifecycle = Lifecycle(transport, transport_type, options, _OWN, self._telemetry)
        own = declared({name: settings[name] for name in CHECKS})
        self._has_rules = own.says_something
        self._calls = Calls(self._lifecycle, self._telemetry, self._timeout, own)

    def __reduce__(self) -> tuple[Any, ...]:
        transport, transport_type, enable_telemetry, config, options = self._arguments
        return _rebuild, (transport, transport_type, enable_telemetry, config, options)

    def __repr__(self) -> str:
        state = "open" if self._lifecycle.session is not None else "not connected"
        transport = self._lifecycle.transport
        engine, reason = engine_of(transport)
        on = "" if engine is None else f" on {engine}" + (f" ({reason})" if reason else "")
        return f"<Pynector {type(transport).__name__}{on} {state}>"

    # Requests

    # The base class has only what is common to all kinds of clients.
    @overload  # type: ignore[override]
    async def request(self: Pynector[Never], data: Any, timeout: float | None = None, **options: Any) -> Any: ...

    @overload
    async def request(
        self,
        data: Any,
        timeout: float | None = None,
        *,
        as_response: Literal[True],
        **options: Unpack[HTTPRequestOptions],
    ) -> Response: ...

    @overload
    async def request(
        self,
        data: Any,
        timeout: float | None = None,
        *,
        as_response: Literal[False],
        **options: Unpack[HTTPRequestOptions],
    ) -> bytes: ...

    @overload
    async def request(
        self, data: Any, timeout: float | None = None, **options: Unpack[HTTPRequestOptions]
    ) -> Answer: ...

    async def request(self, data: Any, timeout: float | None = None, **options: Any) -> Any:
        """Send one request and give its answer.

        Args:
            data: What to send; what it may be is up to the transport.
            timeout: Seconds the whole exchange may take, more than 0, math.inf for no end; None: the client's.
            **options: Options of the transport for this request.

        Returns:
            The answer: for HTTP the body as `bytes`, or a `Response` with `as_response=True`.

        Raises:
            TimeoutError: If there is no whole answer in time.
            TransportError: If the exchange failed; `phase` and `sent` say how far it came.
            ConfigurationError: If the request itself is not valid; nothing was sent then.
            PynectorError: If anything else failed; the original is its `__cause__`.
        """
        limit = self._limit(timeout)
        if self._has_rules or (options and not OF_REQUEST.isdisjoint(options)):
            own = declared({name: options.pop(name) for name in OF_REQUEST & options.keys()}, of_request=True)
            return await self._calls.request_by_rules(data, options, limit, own)
        telemetry = self._telemetry
        if telemetry is not None and telemetry.listening():
            with telemetry.request(data, timeout=limit) as observed:
                return observed.answered(await self._calls.request(data, options, limit, observed))
        session = self._lifecycle.session
        try:
            if session is None or not session.is_ready():
                return await self._calls.request(data, options, limit)
            return await session.request(data, options, limit)
        except PynectorError as error:
            self._calls.tell(error)
            raise

    @overload  # type: ignore[override]
    def stream(
        self: Pynector[Never], data: Any, timeout: float | None = None, **options: Any
    ) -> AbstractAsyncContextManager[Any]: ...

    @overload
    def stream(
        self, data: Any, timeout: float | None = None, **options: Unpack[HTTPOptions]
    ) -> AbstractAsyncContextManager[StreamedResponse]: ...

    def stream(self, data: Any, timeout: float | None = None, **options: Any) -> AbstractAsyncContextManager[Any]:
        """Send one request and give its answer while it comes, with a body that is read at the caller's pace.

        It is an asynchronous context manager. Leaving it ends the exchange, whether or not the body was read.

        Args:
            data: What to send; what it may be is up to the transport.
            timeout: Seconds the whole exchange may take to the end of the body, more than 0, math.inf for no end;
                None: the client's.
            **options: Options of the transport for this request.

        Returns:
            The answer: for HTTP a `StreamedResponse`.

        Raises:
            TimeoutError: If the time is over, here or while the body is read.
            TransportError: If the exchange failed, here or while the body is read; for HTTP an HTTPStatusError for a
                status of 400 or above, unless `raise_for_status=False`.
            ConfigurationError: If the request is not valid, or the transport cannot do this.
        """
        limit = self._timeout if timeout is None else self._limit(timeout)
        turn = self._calls.turn if self._calls.has_limits else None
        return StreamCall(self._lifecycle, self._telemetry, data, options, limit, turn)

    @overload
    def subscribe(
        self, *, max_queue: int = 1000, overflow: Literal["drop_oldest", "drop_newest", "wait"] = "drop_oldest"
    ) -> AbstractAsyncContextManager[Subscription]: ...

    @overload
    def subscribe(self, **options: Any) -> AbstractAsyncContextManager[Any]: ...

    def subscribe(self, **options: Any) -> AbstractAsyncContextManager[Any]:
        """Receive the messages that answer nobody, for as long as the context lasts.

        It is an asynchronous context manager.

        Args:
            **options: Options of the transport; for WebSocket `max_queue` and `overflow`.

        Returns:
            An asynchronous iterator of messages; for WebSocket a `Subscription`.

        Raises:
            ConfigurationError: If an option is not valid, or the transport cannot do this.
            TransportError: If no connection can be made.
        """
        return Opening(self._calls.subscribe(options), "client.subscribe")

    @overload
    async def request_with_retry(
        self: Pynector[Never], data: Any, max_retries: int = 3, retry_delay: float = 1.0, **options: Any
    ) -> Any: ...

    @overload
    async def request_with_retry(
        self,
        data: Any,
        max_retries: int = 3,
        retry_delay: float = 1.0,
        *,
        as_response: Literal[True],
        **options: Unpack[HTTPRetryOptions],
    ) -> Response: ...

    @overload
    async def request_with_retry(
        self,
        data: Any,
        max_retries: int = 3,
        retry_delay: float = 1.0,
        *,
        as_response: Literal[False],
        **options: Unpack[HTTPRetryOptions],
    ) -> bytes: ...

    @overload
    async def request_with_retry(
        self, data: Any, max_retries: int = 3, retry_delay: float = 1.0, **options: Unpack[HTTPRetryOptions]
    ) -> Answer: ...

    async def request_with_retry(
        self, data: Any, max_retries: int = 3, retry_delay: float = 1.0, **options: Any
    ) -> Any:
        """Send one request, again and again while it fails in a way that may pass.

        It repeats any method on a TransportError with `transient` True: a connection or protocol failure, or status
        408, 425, 429, 500, 502, 503 or 504. Before attempt n + 1 it waits a random time from 0 to
        min(max_retry_delay, retry_delay * 2 ** (n - 1)) seconds, or what the peer's Retry-After asks for, if longer.

        Args:
            data: What to send.
            max_retries: The most attempts in all, 1 or more.
            retry_delay: Scale of the first wait in seconds, 0 or more.
            **options: As for `request`; `timeout` covers all attempts and waits together. `attempt_timeout` is the
                seconds that one attempt may take, more than 0; one that takes longer is repeated, too. None: `timeout`.

        Returns:
            The answer.

        What is sent is fixed at the first attempt. A body from an iterator that can be read only once is sent once.
        With `raise_for_status=False` the statuses above are repeated, too, and the last answer is given.

        Raises:
            TimeoutError: If the timeout passed.
            PynectorError: The last failure, when no attempt is left or the next wait would pass the timeout; its
                `attempts` is how many there were.
        """
        attempts = at_least(1)(max_retries, "max_retries")
        limit, attempt_timeout = self._limit(options.pop("timeout", None)), options.pop("attempt_timeout", None)
        if attempt_timeout is not None:
            attempt_timeout = positive_seconds(attempt_timeout, "attempt_timeout")
        backoff = seconds(retry_delay, "retry_delay")
        policy = RetryPolicy(
            attempts, backoff, self._max_retry_delay, methods=None, attempt_timeout=attempt_timeout, budget=None
        )
        given = {name: options.pop(name) for name in OF_REQUEST & options.keys()}
        return await self._calls.request_by_rules(
            data, options, limit, declared({**given, "retry": policy}, of_request=True)
        )

    # Numbers

    def stats(self) -> Stats:
        """Give what this client has done and is doing, in numbers. It needs no telemetry, and costs nothing before."""
        return self._calls.stats()

    # Life

    async def aclose(self) -> None:
        """Release every resource.

        What is in flight fails with a TransportError. It may be called more than once; a client that is used again
        afterwards connects again. A transport that was passed in stays connected.

        Raises:
            PynectorError: If the client is in use on another running loop, or the transport cannot disconnect.
        """
        await self._lifecycle.close()

    async def __aenter__(self) -> Self:
        session = self._lifecycle.current()
        await session.connect_within(self._timeout)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        await self.aclose()

    def __enter__(self) -> NoReturn:
        raise PynectorError("a Pynector is entered by `async with`, not by `with`")

    def __exit__(self, *exc_info: object) -> None:
        """Exist only for `__enter__` to be called."""

    # Inside

    def _limit(self, timeout: float | None) -> float:
        if isinstance(timeout, str):
            # As in request("GET", url) of other libraries.
            raise ConfigurationError(
                "timeout must be a number of seconds, not text; to send a request with a method to a URL, "
                "give request({'method': 'GET', 'url': ...})"
            )
        return self._timeout if timeout is None else positive_seconds(timeout, "timeout")


def _rebuild(transport: Any, transport_type: str, enable_telemetry: bool, config: Any, options: Any) -> Pynector:
    return Pynector(transport, transport_type, enable_telemetry, config, **options)


def limits_of(client: Pynector) -> Limits | None:
    """Return what all calls of a client share on the event loop that runs, or None; for who lends it from elsewhere."""
    return client._calls.limits()
