"""Makes connections anew in the place of lost ones, with growing and random waits between the attempts."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from functools import partial

import anyio

from ...errors import ConnectError, PynectorError, as_pynector_error
from .loops import Loop, Timer
from .options import WebSocketOptions

# The longest wait between two attempts, and the rest after all of them failed (seconds).
LONGEST_WAIT = 30.0


class _Attempts:
    """The attempts to make one connection, in a task of their own."""

    def __init__(self) -> None:
        # Made in the task: where a loop calls back there is none that AnyIO would know.
        self.scope: anyio.CancelScope | None = None
        self.stopped = False

    def stop(self) -> None:
        """End them, now or as soon as they begin."""
        self.stopped = True
        if self.scope is not None:
            self.scope.cancel()


class Reconnecting:
    """The connections that are being made.

    Args:
        options: The transport's options.
        loop: Runs the tasks, and has a clock.
        connect: Makes one connection; it is told which attempt in a row that is, from 1 on.
        despair: Called with the last error when no attempt to make a connection is left.
        rested: Called when those that have no attempt left may be tried anew.

    Attributes:
        count: How many connections took the place of a lost one.
        under_way: How many are being made.
    """

    def __init__(
        self,
        options: WebSocketOptions,
        loop: Loop,
        connect: Callable[[int], Awaitable[None]],
        despair: Callable[[PynectorError], None],
        rested: Callable[[], None],
    ) -> None:
        self._most = options.max_reconnects
        self._scale = options.reconnect_delay
        self._loop = loop
        self._connect = connect
        self._despair = despair
        self._rested = rested
        self._attempts: set[_Attempts] = set()
        self._idle: anyio.Event | None = None
        self._rest: Timer | None = None
        # For each missing connection: how many attempts in a row came to nothing, why, and until when that counts.
        self._rows: list[tuple[int, PynectorError, float]] = []
        # How many have no attempt left, until the rest ends.
        self._exhausted = 0
        self.count = 0
        self.under_way = 0

    def lost(self, attempt: int, problem: PynectorError) -> None:
        """Take note of a lost connection.

        Args:
            attempt: Which attempt in a row made it, if it was lost again at once; else 0.
            problem: Why it was lost.
        """
        self._rows.append((attempt, problem, self._loop.time() + LONGEST_WAIT))

    def forget(self) -> None:
        """Begin anew with each, whatever came to nothing before."""
        self._rows.clear()
        self._exhausted = 0
        self._end_rest()

    def begin(self, missing: int) -> None:
        """Make connections, beside those that are being made and those that have no attempt left.

        Args:
            missing: How many there are to be.
        """
        while self.under_way + self._exhausted < missing:
            attempts = _Attempts()
            self._attempts.add(attempts)
            self.under_way += 1
            self._loop.spawn(partial(self._run, attempts, *self._next_row()))

    def _next_row(self) -> tuple[int, PynectorError | None]:
        if self._rows:
            before, problem, until = self._rows.pop()
            if self._loop.time() < until:
                return before, problem
        return 0, None

    async def stop(self) -> None:
        """Make no more."""
        self._end_rest()
        for attempts in self._attempts:
            attempts.stop()
        while self._attempts:
            self._idle = anyio.Event()
            await self._idle.wait()

    def _end_rest(self) -> None:
        if self._rest is not None:
            self._rest.cancel()
            self._rest = None

    async def _run(self, attempts: _Attempts, before: int, problem: PynectorError | None) -> None:
        failure: PynectorError | None = None
        try:
            with anyio.CancelScope() as attempts.scope:
                if not attempts.stopped:
                    failure = await self._attempt(before, problem)
        finally:
            # Before anybody is told, or a request that comes meanwhile would wait for these.
            self.under_way -= 1
            self._attempts.discard(attempts)
            if self._idle is not None and not self._attempts:
                self._idle.set()
        if attempts.stopped:
            return
        if failure is None:
            self.count += 1
            return
        self._exhausted += 1
        if self._rest is None:
            self._rest = self._loop.call_at(self._loop.time() + LONGEST_WAIT, self._try_again)
        self._despair(failure)

    async def _attempt(self, before: int, problem: PynectorError | None) -> PynectorError | None:
        """Make the connection, or give the last problem with that."""
        for number in range(before, self._most):
            if number:
                await anyio.sleep(wait_before(number, self._scale))
            try:
                await self._connect(number + 1)
            except Exception as error:
                problem = as_pynector_error(error)
                if not getattr(problem, "transient", True):
                    break
            else:
                return None
        return problem or ConnectError("there is no connection", phase="connect")

    def _try_again(self) -> None:
        self.forget()
        self._rested()


def wait_before(attempt: int, scale: float) -> float:
    """Give the seconds to wait before an attempt, 1 for the second: random(0, min(30, scale * 2 ** (attempt - 1)))."""
    # Far enough beyond the longest wait; a float has an end.
    return random.uniform(0, min(LONGEST_WAIT, scale * 2.0 ** min(attempt - 1, 64)))
