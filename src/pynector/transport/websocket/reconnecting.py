"""Makes connections anew in the place of lost ones, with growing and random waits between the attempts."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from functools import partial

import anyio

from ...errors import ConnectError, PynectorError, as_pynector_error
from .loops import Loop
from .options import WebSocketOptions

# The longest wait between two attempts (seconds).
LONGEST_WAIT = 30.0


class _Attempts:
    """The attempts to make one connection, in a task of their own."""

    def __init__(self) -> None:
        # Made in the task: where a loop calls back there is none that AnyIO would know.
        self.scope: anyio.CancelScope | None = None
        self.stopped = False
        self.ended = anyio.Event()

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

    Attributes:
        count: How many connections took the place of a lost one.
    """

    def __init__(
        self,
        options: WebSocketOptions,
        loop: Loop,
        connect: Callable[[int], Awaitable[None]],
        despair: Callable[[PynectorError], None],
    ) -> None:
        self._most = options.max_reconnects
        self._scale = options.reconnect_delay
        self._loop = loop
        self._connect = connect
        self._despair = despair
        self._under_way: set[_Attempts] = set()
        self._rest_until = 0.0
        self.count = 0

    @property
    def under_way(self) -> int:
        """How many connections are being made."""
        return len(self._under_way)

    def begin(self, missing: int, urgent: bool, before: int = 0, problem: PynectorError | None = None) -> None:
        """Make connections, beside those that are being made.

        Args:
            missing: How many there are to be.
            urgent: Whether there is no other. If not, they are left alone for a while after all attempts failed.
            before: How many attempts in a row went before, with connections that were lost again at once.
            problem: Why they were lost.
        """
        if not urgent and self._loop.time() < self._rest_until:
            return
        while len(self._under_way) < missing:
            attempts = _Attempts()
            self._under_way.add(attempts)
            self._loop.spawn(partial(self._run, attempts, before, problem))

    async def stop(self) -> None:
        """Make no more."""
        attempts = list(self._under_way)
        for one in attempts:
            one.stop()
        for one in attempts:
            await one.ended.wait()

    async def _run(self, attempts: _Attempts, before: int, problem: PynectorError | None) -> None:
        try:
            with anyio.CancelScope() as attempts.scope:
                if not attempts.stopped:
                    await self._attempt(attempts, before, problem)
        finally:
            self._under_way.discard(attempts)
            attempts.ended.set()

    async def _attempt(self, attempts: _Attempts, before: int, problem: PynectorError | None) -> None:
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
                self.count += 1
                return
        self._rest_until = self._loop.time() + LONGEST_WAIT
        # Now, or a request that comes while this task ends would wait for it.
        self._under_way.discard(attempts)
        self._despair(problem or ConnectError("reconnecting is not allowed: max_reconnects is 0", phase="connect"))


def wait_before(attempt: int, scale: float) -> float:
    """Give the seconds to wait before an attempt, 1 for the second: random(0, min(30, scale * 2 ** (attempt - 1)))."""
    # Far enough beyond the longest wait; a float has an end.
    return random.uniform(0, min(LONGEST_WAIT, scale * 2.0 ** min(attempt - 1, 64)))
