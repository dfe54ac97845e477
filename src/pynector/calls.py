"""What the client's methods do when their arguments have been checked: connect if that is needed, tell, and run."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from .dispatch.batch import Batch
from .dispatch.entries import Common
from .dispatch.retry import RetryPolicy, repeated
from .dispatch.stream import BatchStream
from .errors import ConfigurationError, PynectorError, for_another
from .lifecycle import Lifecycle
from .session import Session
from .telemetry import ObservedRequest, Telemetry


class Calls:
    """The calls of one client.

    Args:
        lifecycle: Gives its session.
        telemetry: Is told, or None.
        timeout: Seconds to connect within; math.inf for no end.
    """

    def __init__(self, lifecycle: Lifecycle, telemetry: Telemetry | None, timeout: float) -> None:
        self._lifecycle = lifecycle
        self._telemetry = telemetry
        self._timeout = timeout

    def tell(self, error: PynectorError) -> None:
        """Tell of a failure, where nothing else was told."""
        # Errors may be heard where nothing else is.
        if self._telemetry is not None:
            self._telemetry.failed(error)

    async def request(
        self, data: Any, options: dict[str, Any], limit: float, observed: ObservedRequest | None = None
    ) -> Any:
        """Send one request and give its answer."""
        session = self._lifecycle.current()
        return await self._request_in(session, data, options, limit, observed)

    async def _request_in(
        self, session: Session, data: Any, options: dict[str, Any], limit: float, observed: ObservedRequest | None
    ) -> Any:
        left = await session.ready(limit)
        return await session.request(data, options, left, limit, observed)

    @asynccontextmanager
    async def subscribe(self, options: dict[str, Any]) -> AsyncIterator[Any]:
        """Give a subscription of the transport's."""
        session = self._lifecycle.current()
        await session.connect_within(self._timeout)
        make = getattr(session.transport, "subscribe", None)
        if make is None:
            raise ConfigurationError(f"{type(session.transport).__name__} has no subscribe()")
        subscription = make(**options)
        try:
            yield subscription
        finally:
            subscription.close()

    async def batch(
        self,
        requests: Any,
        window: int | None,
        limit: float,
        raise_on_error: bool,
        into: list[Any] | None,
        options: dict[str, Any],
    ) -> list[Any]:
        """Run a batch and give its results in the order of the requests: entries that were checked, or any iterable."""
        session = self._lifecycle.current()
        common = Common(options, self._timeout, session.describe)
        total = len(requests) if isinstance(requests, list) else None
        batch = Batch(common, window, session.runtime.clock() + limit, raise_on_error, total)
        telemetry = self._telemetry
        if telemetry is None or not telemetry.listening():
            return await self._batch(session, batch, requests, limit, into)
        at_most = window if total is None else min(window or total, total)
        with telemetry.batch(total, at_most) as observed:
            batch = replace(batch, observed=observed)
            return observed.collected(await self._batch(session, batch, requests, limit, into))

    async def _batch(
        self, session: Session, batch: Batch, requests: Any, limit: float, into: list[Any] | None
    ) -> list[Any]:
        try:
            await session.connect_within(min(limit, self._timeout))
        except ConfigurationError:
            raise
        except PynectorError as error:
            self._lifecycle.counters.failed(error, 1 if batch.total is None else batch.total)
            if batch.raise_on_error or batch.total is None:
                raise
            failures = [for_another(error, batch.common.name(index, entry)) for index, entry in enumerate(requests)]
            results: list[Any] = [] if into is None else into
            results += failures
            return results
        return await session.batches.run(batch, requests, into)

    @asynccontextmanager
    async def batch_stream(
        self, source: Any, window: int | None, limit: float, how: tuple[int | None, bool], options: dict[str, Any]
    ) -> AsyncIterator[BatchStream]:
        """Run a batch while its results are taken."""
        session = self._lifecycle.current()
        common = Common(options, self._timeout, session.describe)
        batch = Batch(common, window, session.runtime.clock() + limit)
        await session.connect_within(min(limit, self._timeout))
        telemetry = self._telemetry
        if telemetry is None or not telemetry.listening():
            async with session.batches.stream(batch, source, *how) as stream:
                yield stream
            return
        with telemetry.batch_stream(window) as observed:
            batch = replace(batch, observed=observed)
            async with session.batches.stream(batch, source, *how) as stream:
                try:
                    yield stream
                finally:
                    observed.counted(*stream.counts())

    async def request_with_retry(self, data: Any, options: dict[str, Any], limit: float, policy: RetryPolicy) -> Any:
        """Send one request, again and again while it fails in a way that may pass."""
        telemetry = self._telemetry
        if telemetry is None or not telemetry.listening():
            try:
                return await self._repeated(data, options, limit, policy, None)
            except PynectorError as error:
                self.tell(error)
                raise
        with telemetry.request(data, timeout=limit) as observed:
            return observed.answered(await self._repeated(data, options, limit, policy, observed))

    async def _repeated(
        self, data: Any, options: dict[str, Any], limit: float, policy: RetryPolicy, observed: ObservedRequest | None
    ) -> Any:
        def tell(error: PynectorError, attempt: int, wait: float) -> None:
            self._lifecycle.counters.retries += 1
            if self._telemetry is not None:
                self._telemetry.retry(error, attempt, wait)
            if observed is not None:
                observed.retried(error, attempt, wait)

        # One session for all: a client that is closed meanwhile is not connected again for what was begun before.
        session = self._lifecycle.current()
        fixed = session.snapshot(data, options)
        if not fixed.is_repeatable:
            policy = replace(policy, max_attempts=1)

        async def send(left: float) -> Any:
            return await self._request_in(session, fixed.data, fixed.options, left, observed)

        try:
            return await repeated(send, policy, limit, session.runtime.clock, tell, session.sleep)
        except PynectorError as error:
            return fixed.answer_of(error)
