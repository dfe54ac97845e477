"""One connected life of a client: from its first use on an event loop to `aclose`."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Any

import anyio
import anyio.lowlevel

from ._speedups.waiter import Answer
from .callbacks import Loop, Timer, running_loop
from .dispatch.batches import Batches
from .dispatch.endings import CutOff, closed, escaped, late, not_connected
from .dispatch.serial import SerialExchange
from .dispatch.workers import Exchange
from .errors import PynectorError, TimeoutError, as_pynector_error
from .eventloop import ClientContext, Forgotten, Runtime, cancellation_is_asked_for
from .scopes import Guard, Scopes
from .stats import Counters, Stats
from .transport.capabilities import can_exchange, capacity_of, counts_of, engine_of
from .transport.contract import Handle, OriginCounts, RequestObserver, Snapshot

# How long `aclose` waits for a transport that does not disconnect (seconds).
CLOSE_PATIENCE = 5.0


class Session:
    """A transport in use on one event loop, and what is under way on it.

    Args:
        transport: The transport, not connected yet.
        runtime: The event loop it belongs to.
        counters: Counts what has ended.
        context: Where timers live that may outlive a request.
        owned: Whether the transport is the client's to disconnect.
        reused: Whether an earlier session on the same loop left the transport connected.

    Attributes:
        counters: Counts what has ended.
        connected: Whether the transport is ready; the next five are known only then.
        submit: The transport's `submit`, or None.
        exchange: Its `exchange`, or one made of its `send` and `receive`, each in its turn; used for batches where
            there is no `submit`.
        capacity: The most requests it carries at a time, or None for any number.
        open_stream: Opens streams, each in its turn; None: the transport cannot.
        observable: Whether the transport reports the attempts of its requests.
        singles: How many requests are under way that are no batch's.
        batches: Runs batches.
        is_closed: Whether it has been closed.
    """

    def __init__(
        self,
        transport: Any,
        runtime: Runtime,
        counters: Counters,
        context: ClientContext,
        owned: bool,
        reused: bool = False,
    ) -> None:
        self.runtime = runtime
        # The loop's own method: it is called for each request.
        self.clock = runtime.clock
        self.transport = transport
        self.connected = False
        self.submit: Callable[..., Handle | None] | None = None
        self.exchange: Exchange = _no_exchange
        self._exchange: Exchange = _no_exchange
        self.capacity: int | None = None
        self.observable = False
        self.open_stream: Callable[..., AbstractAsyncContextManager[Any]] | None = None
        self.counters = counters
        self.singles = 0
        self.batches = Batches(self)
        self._gate: anyio.Semaphore | None = None
        self._lock = anyio.Lock()
        self._context = context
        self._loop: Loop | None = None
        self._owned = owned
        self._reused = reused
        self._forgotten: Forgotten | None = None
        self.is_closed = False
        self._scopes = Scopes(context)
        self._awaited: dict[Answer, Handle | None] = {}

    # Life

    async def connect(self) -> None:
        """Connect the transport, once however many callers arrive together.

        Raises:
            PynectorError: If it cannot.
        """
        async with self._lock:
            if self.is_closed:
                raise closed()
            if self.connected:
                return
            try:
                if self._reused:
                    # It may have an answer on its way that nobody waits for any more.
                    await self.transport.disconnect()
                await self.transport.connect()
            except Exception as error:
                raise not_connected(error) from cause_of(error)
            if self.is_closed:
                raise closed()
            self._take_capabilities()
            if self._owned and not getattr(self.transport, "watches_itself", False):
                self._forgotten = Forgotten(self, self.transport.disconnect, "a Pynector")
                await self._forgotten.watch()
            self.connected = True

    def _take_capabilities(self) -> None:
        # After `connect`, because what a transport can do may depend on the event loop.
        transport = self.transport
        driven = transport if can_exchange(transport) else SerialExchange(transport)
        self.submit = getattr(driven, "submit", None)
        self.exchange = self._exchange = getattr(driven, "exchange", _no_exchange)
        self.open_stream = getattr(transport, "stream", None)
        self.capacity = capacity_of(driven)
        self.observable = driven is transport and bool(getattr(transport, "observable", False))
        if self.submit is None and self.capacity is not None:
            self._gate = anyio.Semaphore(self.capacity, fast_acquire=True)
            # Without a gate a coroutine more would cost a fifth of what a batch costs.
            self.exchange = self._in_turn
            self.open_stream = self.open_stream and self._stream_in_turn

    def is_ready(self) -> bool:
        """Say whether it is connected, on the caller's event loop."""
        return self.connected and self.runtime.serves()

    async def ready(self, limit: float) -> float:
        """Connect unless that is done, and return what is left of `limit` seconds.

        Raises:
            PynectorError: If it cannot, which counts as a failed request.
        """
        started = self.runtime.clock()
        try:
            await self.connect_within(limit)
        except PynectorError as error:
            self.counters.failed(error)
            raise
        return limit - (self.runtime.clock() - started)

    def call_soon(self, call: Callable[[], Any]) -> None:
        """See Host."""
        self._running_loop().call_soon(call)

    def call_at(self, when: float, call: Callable[[], Any]) -> Timer:
        """See Host."""
        return self._running_loop().call_at(when, call)

    def _running_loop(self) -> Loop:
        if self._loop is None:
            self._loop = running_loop(self._context)
        return self._loop

    async def sleep(self, duration: float) -> None:
        """Wait for some seconds.

        Raises:
            TransportError: If the client is closed meanwhile.
        """
        with self.guard():
            await anyio.sleep(duration)
        if self.is_closed:
            raise closed()

    async def connect_within(self, timeout: float) -> None:
        """Connect as `connect` does, unless that is done, or raise TimeoutError after `timeout` seconds."""
        if self.connected and not self.is_closed:
            return
        with self.guard(self.runtime.clock() + timeout) as scope:
            await self.connect()
        if scope.cancelled_caught:
            if self.is_closed:
                raise closed()
            raise TimeoutError(f"not connected within {timeout:g} s", phase="connect", sent="none")

    async def close(self) -> None:
        """End what is under way, each with a TransportError, and disconnect the transport if it is the client's.

        Raises:
            PynectorError: If it cannot.
        """
        self.is_closed = True
        for answer, handle in list(self._awaited.items()):
            problem = closed(handle)
            if handle is not None:
                handle.cancel()
            answer.fail(0, problem)
        self.batches.stop()
        self._scopes.cancel()
        # Nothing may be using the transport any more when it is disconnected, or used again.
        with anyio.CancelScope(shield=True, deadline=self.runtime.clock() + CLOSE_PATIENCE):
            await self._scopes.wait()
        if self._owned:
            with anyio.CancelScope(shield=True, deadline=self.runtime.clock() + CLOSE_PATIENCE):
                try:
                    await self.transport.disconnect()
                except Exception as error:
                    raise as_pynector_error(error) from cause_of(error)
                finally:
                    if self._forgotten is not None:
                        await self._forgotten.leave()

    def guard(self, deadline: float = math.inf) -> Guard:
        """See Host."""
        return Guard(self._scopes, deadline)

    # Numbers

    def origins(self) -> list[OriginCounts]:
        """Count the transport's connections by origin; nothing where it cannot tell. Any thread may ask."""
        origins = getattr(self.transport, "origins", None)
        # After its end another session may have the same transport.
        return [] if origins is None or self.is_closed else list(origins())

    def stats(self) -> Stats:
        """Give the numbers of the client."""
        counters, origins = self.counters, self.origins()
        # A copy made at once: any thread may ask.
        runs = list(self.batches.under_way)
        schedulers = [run.scheduler for run in runs]
        counts = [run.counts() for run in runs]
        told = [(count.active, count.idle) for count in origins if count.active is not None]
        engine, reason = engine_of(self.transport)
        connections = {"active": sum(a for a, _ in told), "idle": sum(i or 0 for _, i in told)} if told else {}
        return Stats(
            requests=counters.requests + sum(count.own for count in counts),
            errors=dict(counters.errors),
            retries=counters.retries,
            in_flight=self.singles + sum(scheduler.in_flight for scheduler in schedulers),
            queued=sum(run.left() for run in runs)
            + sum(count.waiting for count in counts)
            + sum(count.queued for count in origins),
            connections=connections,
            transport=counts_of(self.transport),
            engine=engine,
            engine_reason=reason,
        )

    # Work

    def describe(self, data: Any, options: Mapping[str, Any]) -> str | None:
        """Name a request for an error message, if the transport can."""
        describe = getattr(self.transport, "describe", None)
        try:
            return None if describe is None else str(describe(data, options))
        except Exception:
            # The message is about another failure; that one matters.
            return None

    def snapshot(self, data: Any, options: dict[str, Any]) -> Snapshot:
        """Fix what a request sends, where the transport can.

        Raises:
            PynectorError: If the request is not valid.
        """
        fix = getattr(self.transport, "snapshot", None)
        if fix is None:
            return Snapshot(data, options)
        try:
            fixed: Snapshot = fix(data, options)
            return fixed
        except Exception as error:
            raise self.failure(error, data, options) from cause_of(error)

    async def request(
        self,
        data: Any,
        options: dict[str, Any],
        timeout: float,
        allowed: float | None = None,
        observer: RequestObserver | None = None,
    ) -> Any:
        """Run one request and give its answer.

        Args:
            data, options: See `Pynector.request`.
            timeout: Seconds it may take.
            allowed: Seconds it might take at first, for messages; None: `timeout`.
            observer: Told of its attempts by a transport that can; or None.

        Raises:
            PynectorError: If it fails, of the fitting kind.
        """
        if self.is_closed:
            raise closed()
        self.singles += 1
        told = observer if self.observable else None
        try:
            if self.submit is None:
                response = await self._request_by_exchange(data, options, timeout, told)
            else:
                answer = Answer(self.runtime.new_future())
                submit = self.submit if told is None else partial(self.submit, observer=told)
                handle = submit(data, options, self.clock() + timeout, answer, 0)
                if answer.ended:
                    await anyio.lowlevel.checkpoint()
                else:
                    self._awaited[answer] = handle
                    try:
                        await answer.future
                    finally:
                        del self._awaited[answer]
                        if not answer.ended and handle is not None:
                            handle.cancel()
                response = answer.taken()
            self.counters.requests += 1
            return response
        except Exception as error:
            raise self.failure(error, data, options, allowed or timeout) from cause_of(error)
        finally:
            self.singles -= 1

    def failure(
        self, error: Exception, data: Any, options: Mapping[str, Any], allowed: float | None = None
    ) -> PynectorError:
        """Count what a request failed with, and return the PynectorError for it, named if it was not.

        Whoever raises that must not have it in a variable, or it and his frame would keep each other, and the request.
        """
        problem = as_pynector_error(error)
        if isinstance(problem, TimeoutError):
            problem.seconds = allowed
        if problem.request is None:
            problem.request = self.describe(data, options)
        self.counters.failed(problem)
        return problem

    async def _request_by_exchange(
        self, data: Any, options: dict[str, Any], timeout: float, told: RequestObserver | None
    ) -> Any:
        cancelled: BaseException | None = None
        left = timeout if self._gate is None else await self._turn(self._gate, timeout)
        with self.guard(self.runtime.clock() + left) as scope:
            try:
                return await self._exchange(data, *_if_any(told), **options)
            except anyio.get_cancelled_exc_class() as error:
                if not scope.cancel_called and not cancellation_is_asked_for():
                    raise escaped() from error
                cancelled = error
                raise
            finally:
                if self._gate is not None:
                    self._gate.release()
        if self.is_closed:
            raise closed(None if cancelled is None else CutOff(cancelled))
        raise late(timeout, cancelled)

    async def _turn(self, gate: anyio.Semaphore, timeout: float) -> float:
        """Wait for a request's turn, and return what is left of its time."""
        started = self.runtime.clock()
        with self.guard(started + timeout) as scope:
            await gate.acquire()
        if scope.cancelled_caught:
            if self.is_closed:
                raise closed()
            raise TimeoutError(phase="queue", sent="none", seconds=timeout)
        return timeout - (self.runtime.clock() - started)

    @asynccontextmanager
    async def _stream_in_turn(
        self, data: Any, options: dict[str, Any], timeout: float, **told: RequestObserver
    ) -> AsyncIterator[Any]:
        """Open a stream when it is this request's turn."""
        gate = self._gate
        assert gate is not None
        left = await self._turn(gate, timeout)
        try:
            async with self.transport.stream(data, options, left, **told) as response:
                yield response
        finally:
            gate.release()

    # What batches need

    def room_for(self, window: int | None) -> int | None:
        """See Host."""
        if window is not None and hasattr(self.transport, "make_room"):
            self.transport.make_room(window)
            before, self.capacity = self.capacity, capacity_of(self.transport)
            if self._gate is not None and before is not None and self.capacity is not None:
                for _ in range(self.capacity - before):
                    self._gate.release()
        return self.capacity

    def ended(self, count: int) -> None:
        """See Host."""
        self.counters.collected(count)

    def failed(self, error: PynectorError) -> None:
        """See Host."""
        self.counters.failed_in_batch(error)

    async def _in_turn(self, data: Any, /, *told: RequestObserver, **options: Any) -> Any:
        """Exchange when it is this request's turn."""
        gate = self._gate
        assert gate is not None
        try:
            await gate.acquire()
        except anyio.get_cancelled_exc_class() as cancelled:
            cancelled.phase, cancelled.sent = "queue", "none"  # type: ignore[attr-defined]
            raise
        try:
            return await self._exchange(data, *told, **options)
        finally:
            gate.release()


async def _no_exchange(data: Any, /, **options: Any) -> Any:
    raise AssertionError("a transport with submit is not driven by exchange")


def _if_any(told: RequestObserver | None) -> tuple[RequestObserver, ...]:
    return () if told is None else (told,)


def cause_of(error: BaseException) -> BaseException | None:
    """Return what a PynectorError that stands for an error is raised from."""
    return error.__cause__ if isinstance(error, PynectorError) else error
