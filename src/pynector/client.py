"""The client."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, NoReturn

from .calls import Calls
from .config import CLIENT_SETTINGS, Setting, at_least, optional, positive_seconds, resolve, seconds
from .dispatch.breaker import CircuitBreaker
from .dispatch.entries import checked_requests, checked_source, shape_of
from .dispatch.limits import CHECKS, Rate, declared
from .dispatch.progress import OnProgress
from .dispatch.retry import RetryPolicy
from .dispatch.stream import BatchStream
from .errors import ConfigurationError, PynectorError
from .lifecycle import Lifecycle
from .opening import Opening
from .plan import plan_of
from .shorthands import Shorthands
from .stats import Stats
from .streamcall import StreamCall
from .telemetry import Telemetry, parse_propagation, propagation, valid_propagation
from .transport.capabilities import check_options, engine_of

if TYPE_CHECKING:
    from typing_extensions import Self

    from .dispatch.entries import Requests

_SETTINGS = (
    *CLIENT_SETTINGS,
    Setting("propagate", valid_propagation, "all", parse_propagation),
    *(Setting(name, optional(check)) for name, check in CHECKS.items()),
)
_OWN = {setting.name for setting in _SETTINGS}

# What a single request may have of its own beside the transport's options.
OF_REQUEST = frozenset({"retry", "hedge_after", "idempotency_key"})


class Pynector(Shorthands):
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

    Each setting that is not given is read from the environment variable PYNECTOR_ and its name in capitals.

    Raises:
        ConfigurationError: If a name or a value is not valid. It names the argument or the variable.
    """

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

    async def batch_request(
        self,
        requests: Requests,
        max_concurrency: int | Literal["auto"] | None = None,
        timeout: float | None = None,
        raise_on_error: bool = False,
        *,
        into: list[Any] | None = None,
        lookahead: int | None = None,
        rate: Rate | Sequence[Rate] | None = None,
        max_concurrency_per_origin: int | None = None,
        retry: RetryPolicy | None = None,
        hedge_after: float | str | None = None,
        breaker: CircuitBreaker | None = None,
        learn: bool | None = None,
        idempotency_key: bool | None = None,
        on_progress: OnProgress | None = None,
        progress: bool = False,
        checkpoint: str | os.PathLike[str] | None = None,
        retry_failed: bool = True,
        **options: Any,
    ) -> list[Any]:
        """Send many requests and give their answers in the order of the requests.

        Args:
            requests: Tuples (data, options), or HTTPRequests. A list or a tuple of them is checked before anything is
                sent; any other iterable, also an asynchronous one, is read while they are sent, no faster than needed,
                and what is none of these is an error in its place. An entry's own options, `timeout`, `retry`,
                `hedge_after` and `idempotency_key` among them, go before the batch's.
            max_concurrency: The most requests in flight at a time, 1 or more; "auto": as many as the server bears,
                which is found out; None: the client's setting, else as many as the transport carries, or 100 if that is
                any number and it is not known how many requests there are.
            timeout: Seconds the whole batch may take, more than 0; None or math.inf: no end. When it has passed, what
                is answered stays answered, and the rest are TimeoutErrors; of what has not been read there is one.
            raise_on_error: Whether the first failure cancels the rest and is raised.
            into: An empty list that is filled while results come, and returned: it has what was done, whatever ends
                the batch. Where nothing has come it has None.
            lookahead, rate, max_concurrency_per_origin, retry, hedge_after, breaker, learn, idempotency_key,
                on_progress, progress, checkpoint, retry_failed: See `batch_stream`.
            **options: Options of the transport for all requests.

        Returns:
            One item a request: its answer, or the PynectorError it failed with.

        Raises:
            ConfigurationError: If an argument is not valid, or an option for all requests; for an entry of a list and
                its timeout the message names the index. Nothing was sent.
            TimeoutError: If the batch's timeout passed and `raise_on_error` is True.
            PynectorError: The first failure, if `raise_on_error` is True.
            BaseException: What reading `requests` raises, after what was in flight has ended.
        """
        entries = checked_requests(requests)
        if not isinstance(raise_on_error, bool):
            raise ConfigurationError(f"raise_on_error must be True or False, not {raise_on_error!r}")
        if into is not None and (type(into) is not list or into):
            raise ConfigurationError(f"into must be an empty list, not {shape_of(into)}")
        said = (rate, max_concurrency_per_origin, retry, hedge_after, breaker, learn, idempotency_key)
        window = self._max_concurrency if max_concurrency is None else max_concurrency
        plan = plan_of(window, timeout, lookahead, said, (on_progress, progress), (checkpoint, retry_failed))
        plan = replace(plan, raise_on_error=raise_on_error)
        check_options(self._lifecycle.transport, options)
        if entries == []:
            return [] if into is None else into
        return await self._calls.batch(requests if entries is None else entries, plan, into, options)

    def batch_stream(
        self,
        requests: Requests,
        *,
        max_concurrency: int | Literal["auto"] | None = None,
        timeout: float | None = None,
        ordered: bool = False,
        lookahead: int | None = None,
        rate: Rate | Sequence[Rate] | None = None,
        max_concurrency_per_origin: int | None = None,
        retry: RetryPolicy | None = None,
        hedge_after: float | str | None = None,
        breaker: CircuitBreaker | None = None,
        learn: bool | None = None,
        idempotency_key: bool | None = None,
        on_progress: OnProgress | None = None,
        progress: bool = False,
        checkpoint: str | os.PathLike[str] | None = None,
        retry_failed: bool = True,
        **options: Any,
    ) -> AbstractAsyncContextManager[BatchStream]:
        """Send many requests, or without end, and take their results one by one.

        It is an asynchronous context manager: `async with client.batch_stream(requests) as results:` and then
        `async for item in results:`. Leaving it gives up what is in flight and closes `requests` within 5 s. It is left
        in the task that entered it: a generator that yields inside of it must be closed, as by `contextlib.aclosing`.

        Args:
            requests: Tuples (data, options), or HTTPRequests: any iterable of them, also an asynchronous or an endless
                one. It is read no faster than needed. What is none of these is an error in its place. An entry's own
                options, `retry`, `hedge_after` and `idempotency_key` among them, go before `options`; its option `key`
                stands in its result.
            max_concurrency: The most requests in flight at a time, 1 or more; "auto": as many as the server bears,
                which is found out; None: the client's setting, else as many as the transport carries, or 100 if that is
                any number.
            timeout: Seconds the whole batch may take, more than 0; None or math.inf: no end.
            ordered: Whether results come in the order of the requests, else as they are there.
            lookahead: How many requests beyond `max_concurrency` may be begun whose results have not been taken, 0 or
                more: whoever takes them slowly slows the requests. None: as many as `max_concurrency`; with "auto", a
                checkpoint, or any argument from `rate` to `idempotency_key`, also of the client, 1,000 at least, as
                some may have to wait while others can go on.
            rate: How fast they may start, by one Rate or several that all hold, beside the client's.
            max_concurrency_per_origin: The most at an origin at a time, 1 or more, beside the client's. Others do not
                wait for an origin that is full or paused.
            retry: When a request is sent again; None: as the client says, else never.
            hedge_after: Seconds without an answer after which an idempotent request is sent a second time, on another
                connection: the first answer counts, and the other request is given up. "p95" and the like: the time
                within which so many of a hundred have had theirs. Bounded by the policy's budget, else to a tenth of
                such requests in the last 10 s, and 10 more in any 10 s.
            breaker: When an origin is left alone because too much fails there: requests to it fail with CircuitOpen.
            learn: Whether answers may pause their origin: by Retry-After with 429 or 503, and by RateLimit fields that
                say that nothing remains; for 60 s at most.
            idempotency_key: Whether each request has an Idempotency-Key of its own, the same over all its attempts, so
                that any method may be sent again. As an entry's own option it may be the key.
            on_progress: A plain function that is told how far it has come, as a BatchProgress, at most four times a
                second and at the end.
            progress: Whether that is drawn on standard error.
            checkpoint: The path of a file that has each result before it is given out. The same call takes from there
                what an earlier one has done, by the entries' keys or else their positions, and sends the rest.
            retry_failed: Whether what failed in an earlier call is sent again.
            **options: Options of the transport for all requests.

        Returns:
            A `BatchStream`, an asynchronous iterator of `BatchItem`, with a method `drain()`. After what had been begun
            it raises what reading `requests` raised, or, when the timeout has passed, a TimeoutError.

        Raises:
            ConfigurationError: If an argument is not valid, or an option for all requests. Nothing was sent.
            PynectorError: If the transport cannot connect.
        """
        if not isinstance(ordered, bool):
            raise ConfigurationError(f"ordered must be True or False, not {ordered!r}")
        said = (rate, max_concurrency_per_origin, retry, hedge_after, breaker, learn, idempotency_key)
        window = self._max_concurrency if max_concurrency is None else max_concurrency
        plan = plan_of(window, timeout, lookahead, said, (on_progress, progress), (checkpoint, retry_failed))
        check_options(self._lifecycle.transport, options)
        made = self._calls.batch_stream(checked_source(requests), plan, ordered, options)
        opening: AbstractAsyncContextManager[BatchStream] = Opening(made, "client.batch_stream")
        return opening

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
