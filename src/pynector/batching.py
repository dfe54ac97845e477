"""The methods of the client for many requests."""

from __future__ import annotations

import os
from abc import ABC
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Generic, Literal, overload

from .answer import Answer
from .calls import Calls
from .dispatch.breaker import CircuitBreaker
from .dispatch.entries import checked_requests, checked_source, shape_of
from .dispatch.limits import Rate
from .dispatch.progress import OnProgress
from .dispatch.retry import RetryPolicy
from .dispatch.stream import BatchStream
from .errors import ConfigurationError, PynectorError
from .lifecycle import Lifecycle
from .opening import Opening
from .plan import plan_of
from .transport.capabilities import check_options

if TYPE_CHECKING:
    from typing_extensions import Never, Unpack

    from .dispatch.entries import Requests
    from .options import HTTPBatchOptions
    from .transport.http import Response


class Batching(ABC, Generic[Answer]):
    """What sends many requests.

    Attributes:
        _calls: What a client's calls have in common.
        _lifecycle: Has the transport.
        _max_concurrency: The client's window, "auto" or None.
    """

    _calls: Calls
    _lifecycle: Lifecycle
    _max_concurrency: int | str | None

    @overload
    async def batch_request(
        self: Batching[Never],
        requests: Requests,
        max_concurrency: int | Literal["auto"] | None = None,
        timeout: float | None = None,
        raise_on_error: bool = False,
        *,
        into: list[Any] | None = None,
        **options: Any,
    ) -> list[Any]: ...

    @overload
    async def batch_request(
        self,
        requests: Requests,
        max_concurrency: int | Literal["auto"] | None = None,
        timeout: float | None = None,
        *,
        raise_on_error: Literal[True],
        as_response: Literal[True],
        into: list[Any] | None = None,
        **options: Unpack[HTTPBatchOptions],
    ) -> list[Response]: ...

    @overload
    async def batch_request(
        self,
        requests: Requests,
        max_concurrency: int | Literal["auto"] | None = None,
        timeout: float | None = None,
        raise_on_error: bool = False,
        *,
        as_response: Literal[True],
        into: list[Any] | None = None,
        **options: Unpack[HTTPBatchOptions],
    ) -> list[Response | PynectorError]: ...

    @overload
    async def batch_request(
        self,
        requests: Requests,
        max_concurrency: int | Literal["auto"] | None = None,
        timeout: float | None = None,
        *,
        raise_on_error: Literal[True],
        as_response: Literal[False],
        into: list[Any] | None = None,
        **options: Unpack[HTTPBatchOptions],
    ) -> list[bytes]: ...

    @overload
    async def batch_request(
        self,
        requests: Requests,
        max_concurrency: int | Literal["auto"] | None = None,
        timeout: float | None = None,
        raise_on_error: bool = False,
        *,
        as_response: Literal[False],
        into: list[Any] | None = None,
        **options: Unpack[HTTPBatchOptions],
    ) -> list[bytes | PynectorError]: ...

    @overload
    async def batch_request(
        self,
        requests: Requests,
        max_concurrency: int | Literal["auto"] | None = None,
        timeout: float | None = None,
        *,
        raise_on_error: Literal[True],
        into: list[Any] | None = None,
        **options: Unpack[HTTPBatchOptions],
    ) -> list[Answer]: ...

    @overload
    async def batch_request(
        self,
        requests: Requests,
        max_concurrency: int | Literal["auto"] | None = None,
        timeout: float | None = None,
        raise_on_error: bool = False,
        *,
        into: list[Any] | None = None,
        **options: Unpack[HTTPBatchOptions],
    ) -> list[Answer | PynectorError]: ...

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
            **options: Options of the transport for all requests.

        `lookahead`, `rate`, `max_concurrency_per_origin`, `retry`, `hedge_after`, `breaker`, `learn`,
        `idempotency_key`, `on_progress`, `progress`, `checkpoint` and `retry_failed` are as for `batch_stream`.

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

    @overload
    def batch_stream(
        self: Batching[Never],
        requests: Requests,
        *,
        max_concurrency: int | Literal["auto"] | None = None,
        timeout: float | None = None,
        ordered: bool = False,
        **options: Any,
    ) -> AbstractAsyncContextManager[BatchStream[Any]]: ...

    @overload
    def batch_stream(
        self,
        requests: Requests,
        *,
        max_concurrency: int | Literal["auto"] | None = None,
        timeout: float | None = None,
        ordered: bool = False,
        as_response: Literal[True],
        **options: Unpack[HTTPBatchOptions],
    ) -> AbstractAsyncContextManager[BatchStream[Response]]: ...

    @overload
    def batch_stream(
        self,
        requests: Requests,
        *,
        max_concurrency: int | Literal["auto"] | None = None,
        timeout: float | None = None,
        ordered: bool = False,
        as_response: Literal[False],
        **options: Unpack[HTTPBatchOptions],
    ) -> AbstractAsyncContextManager[BatchStream[bytes]]: ...

    @overload
    def batch_stream(
        self,
        requests: Requests,
        *,
        max_concurrency: int | Literal["auto"] | None = None,
        timeout: float | None = None,
        ordered: bool = False,
        **options: Unpack[HTTPBatchOptions],
    ) -> AbstractAsyncContextManager[BatchStream[Answer]]: ...

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
    ) -> AbstractAsyncContextManager[BatchStream[Any]]:
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
        opening: AbstractAsyncContextManager[BatchStream[Any]] = Opening(made, "client.batch_stream")
        return opening
