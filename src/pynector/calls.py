"""What the client's methods do when their arguments have been checked: connect if that is needed, tell, and run."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from contextvars import copy_context
from dataclasses import replace
from typing import Any

from ._speedups.dispatcher import has_rules
from ._speedups.limits import Limits
from .dispatch.batch import Batch
from .dispatch.entries import Common, check_own_rules
from .dispatch.limits import NOTHING, Declared
from .dispatch.progress import total_of
from .dispatch.rules import Rules
from .dispatch.shared import Shared, Sharing
from .dispatch.stream import BatchStream
from .dispatch.surroundings import Surroundings
from .dispatch.turn import Turn
from .errors import ConfigurationError, PynectorError, for_another
from .lifecycle import Lifecycle
from .plan import Plan
from .session import Session
from .stats import Stats
from .telemetry import ObservedRequest, Telemetry, tally


class Calls:
    """The calls of one client.

    Args:
        lifecycle: Gives its session.
        telemetry: Is told, or None.
        timeout: Seconds to connect within; math.inf for no end.
        own: What is declared for the client.

    Attributes:
        has_limits: Whether its requests share anything that may make them wait.
    """

    def __init__(self, lifecycle: Lifecycle, telemetry: Telemetry | None, timeout: float, own: Declared) -> None:
        self._lifecycle = lifecycle
        self._telemetry = telemetry
        self._timeout = timeout
        self._own = own
        self.has_limits = own.has_limits
        self._sharing: Sharing | None = None

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
        return await session.request(data, options, left, limit, None if observed is None else observed.observer())

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

    async def batch(self, requests: Any, plan: Plan, into: list[Any] | None, options: dict[str, Any]) -> list[Any]:
        """Run a batch and give its results in the order of the requests: entries that were checked, or any iterable."""
        session = self._lifecycle.current()
        batch = self._planned(session, plan, options, requests, not isinstance(requests, list))
        telemetry = self._telemetry
        if telemetry is None or not telemetry.listening():
            return await self._batch(session, batch, requests, plan.limit, into)
        total, window = batch.total, plan.window
        at_most = window if total is None else min(window or total, total)
        with telemetry.batch(total, at_most) as observed:
            batch = replace(batch, observed=observed)
            return observed.collected(await self._batch(session, batch, requests, plan.limit, into))

    def _planned(self, session: Session, plan: Plan, options: dict[str, Any], requests: Any, is_read: bool) -> Batch:
        """Return what a batch means, of a list of entries or, if `is_read`, of some that are read one by one."""
        common = Common(options, self._timeout, session.describe)
        total = None if is_read else len(requests)
        rules: Rules | None = None

        def make_rules() -> Rules:
            return Rules(self.shared(session), plan.own, self._around(session, options), plan.is_adaptive)

        own_rules = not is_read and has_rules(requests)
        if own_rules:
            check_own_rules(requests, plan.own.hedge_after or self._own.hedge_after)
        if plan.has_rules or self._own.says_something or own_rules:
            rules = make_rules()
        deadline = session.runtime.clock() + plan.limit
        return Batch(
            common,
            plan.window,
            deadline,
            plan.raise_on_error,
            total,
            rules=rules,
            make_rules=make_rules,
            lookahead=plan.lookahead,
            progress=plan.progress,
            expected=None if plan.progress is None else total_of(requests),
            checkpoint=plan.checkpoint,
        )

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
        self, source: Any, plan: Plan, ordered: bool, options: dict[str, Any]
    ) -> AsyncIterator[BatchStream]:
        """Run a batch while its results are taken."""
        session = self._lifecycle.current()
        batch = self._planned(session, plan, options, source, True)
        await session.connect_within(min(plan.limit, self._timeout))
        telemetry = self._telemetry
        if telemetry is None or not telemetry.listening():
            async with session.batches.stream(batch, source, ordered) as stream:
                yield stream
            return
        with telemetry.batch_stream(plan.window) as observed:
            batch = replace(batch, observed=observed)
            async with session.batches.stream(batch, source, ordered) as stream:
                try:
                    yield stream
                finally:
                    observed.counted(*stream.counts())

    # What limits and retries hold for

    def stats(self) -> Stats:
        """Give the numbers of the client."""
        stats, sharing = self._lifecycle.stats(), self._sharing
        return stats if sharing is None else replace(stats, limits=sharing.numbers(), circuits=sharing.circuits())

    def shared(self, session: Session) -> Shared:
        """Return what the client's calls share, for those of a session."""
        if self._sharing is None:
            self._sharing = Sharing(self._own)
            if self._telemetry is not None:
                tally(self, self._sharing)
        return self._sharing.on(session.runtime)

    def _around(self, session: Session, options: dict[str, Any]) -> Surroundings:
        # A failure comes in the context of a connection, and what is told of it is the caller's.
        caller = copy_context()

        def tell(error: PynectorError, attempt: int, wait: float, name: Mapping[str, Any]) -> None:
            self._lifecycle.counters.retries += 1
            self._lifecycle.counters.failed(error)
            if self._telemetry is not None:
                caller.run(self._telemetry.retry, error, attempt, wait, name)

        transport = session.transport
        traits, snapshot = getattr(transport, "traits", None), getattr(transport, "snapshot", None)
        return Surroundings(session.runtime.clock, options, traits, snapshot, tell)

    def limits(self) -> Limits | None:
        """Return the limits that the client's calls share on the event loop that runs, or None."""
        return self.shared(self._lifecycle.current()).limits

    def turn(self, session: Session, data: Any, options: dict[str, Any], limit: float) -> Turn:
        """Return the turn of a stream, which has to wait for it."""
        clock = session.runtime.clock
        around = self._around(session, options)
        rules = Rules(self.shared(session), NOTHING, around, is_elsewhere=True, ends_at=clock() + limit)
        return Turn(rules, data, clock, session.call_at, limit)

    async def request_by_rules(self, data: Any, options: dict[str, Any], limit: float, own: Declared) -> Any:
        """Send one request, which may have to wait, and may be sent again."""
        telemetry = self._telemetry
        if telemetry is None or not telemetry.listening():
            try:
                return await self._by_rules(data, options, limit, own, None)
            except PynectorError as error:
                self.tell(error)
                raise
        with telemetry.request(data, timeout=limit) as observed:
            return observed.answered(await self._by_rules(data, options, limit, own, observed))

    async def _by_rules(
        self, data: Any, options: dict[str, Any], limit: float, own: Declared, observed: ObservedRequest | None
    ) -> Any:
        # One session for all: a client that is closed meanwhile is not connected again for what was begun before.
        session = self._lifecycle.current()
        end = session.runtime.clock() + limit
        rules = Rules(self.shared(session), own, self._around(session, options), ends_at=end)
        # Connecting may be repeated, too, before there is a batch.
        rules.observed = observed
        common = Common(rules.options, limit, session.describe, is_single=True)
        await self._connected(session, rules, end)
        batch = Batch(common, None, math.inf, True, 1, observed=observed, rules=rules)
        results = await session.batches.run(batch, [(data, {})], None)
        return results[0]

    async def _connected(self, session: Session, rules: Rules, end: float) -> None:
        """Connect, again and again as the rules say."""
        attempt = 0
        while not session.connected:
            attempt += 1
            try:
                await session.ready(end - session.runtime.clock())
            except PynectorError as error:
                wait = rules.wait_for_connection(attempt, error, end)
                if wait is None:
                    raise
                await session.sleep(wait)
