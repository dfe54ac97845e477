"""Makes connections anew in the place of lost ones, with growing and random waits between the attempts."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import anyio

from ...callbacks import Loop, Timer, weakly
from ...errors import ConfigurationError, ConnectError, PynectorError, WebSocketClosed, as_pynector_error
from ..http.retry_after import asked_by
from .options import WebSocketOptions

# The longest wait between two attempts, the rest after all of them failed, and how long failures in a row are
# remembered while nobody wants a connection (seconds).
LONGEST_WAIT = 30.0

# The longest wait that a server may ask for (seconds).
LONGEST_ASKED = 60.0

# RFC 6455 section 7.4.2: of the registry's codes the one that says so.
TRY_AGAIN_LATER = 1013

_MADE, _FAILED, _UNWANTED = "made", "failed", "unwanted"


class _Row:
    """What came to nothing in a row in the place of one missing connection.

    Args:
        attempts: How many attempts.
        problem: The last problem, or None.
        due: When the next attempt may be made, on the event loop's clock in seconds.
    """

    def __init__(self, attempts: int, problem: PynectorError | None, due: float) -> None:
        self.attempts = attempts
        self.problem = problem
        self.due = due


class _Making:
    """The attempts to make one connection, in a task of their own."""

    def __init__(self, row: _Row) -> None:
        self.row = row
        # Made in the task: where a loop calls back there is none that AnyIO would know.
        self.scope: anyio.CancelScope | None = None
        self.task: Any = None
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
        wanted: Says whether somebody wants one.
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
        wanted: Callable[[], bool],
        despair: Callable[[PynectorError], None],
        rested: Callable[[], None],
    ) -> None:
        self._most = options.max_reconnects
        self._scale = options.reconnect_delay
        self._loop = loop
        self._connect = connect
        self._wanted = wanted
        self._despair = despair
        self._rested = rested
        self._makings: set[_Making] = set()
        self._idle: anyio.Event | None = None
        # For each missing connection.
        self._rows: list[_Row] = []
        # How many have no attempt left, until the rest ends.
        self._exhausted = 0
        self.count = 0
        self._rest: Timer | None = None

    @property
    def under_way(self) -> int:
        """How many connections are being made."""
        return sum(not making.stopped for making in self._makings)

    def lost(self, attempt: int, problem: PynectorError) -> None:
        """Take note of a lost connection.

        Args:
            attempt: Which attempt in a row made it, if it was lost again at once; else 0.
            problem: Why it was lost.
        """
        self._rows.append(_Row(attempt, problem, self._due(attempt, problem)))

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
            making = _Making(self._next_row())
            self._makings.add(making)
            self._loop.spawn(partial(self._run, making))

    def _next_row(self) -> _Row:
        now = self._loop.time()
        if self._rows:
            row = self._rows.pop()
            if now < row.due + LONGEST_WAIT:
                return row
        return _Row(0, None, now)

    def end_unwanted(self) -> None:
        """Make no more for now: nobody waits for a connection. Whoever wants one next goes on with the rows."""
        for making in self._makings:
            if not making.stopped:
                self._rows.append(making.row)
                making.stop()

    def end(self) -> None:
        """Make no more."""
        self._end_rest()
        self.end_unwanted()

    async def ended(self) -> None:
        """Return when no task is left, but the caller's own."""
        own = anyio.get_current_task().id
        while any(making.task != own for making in self._makings):
            if self._idle is None or self._idle.is_set():
                self._idle = anyio.Event()
            await self._idle.wait()

    def _end_rest(self) -> None:
        """Do not wait for the end of the rest any more."""
        if self._rest is not None:
            self._rest.cancel()
            self._rest = None

    async def _run(self, making: _Making) -> None:
        # Also where this task is cancelled by somebody else.
        outcome, row = _FAILED, making.row
        making.task = anyio.get_current_task().id
        try:
            with anyio.CancelScope() as making.scope:
                if not making.stopped:
                    outcome = await self._make(row)
        finally:
            # Before anybody is told, or a request that comes meanwhile would wait for these.
            self._makings.discard(making)
            if self._idle is not None:
                self._idle.set()
            if outcome is _MADE:
                self.count += 1
                if making.stopped and row in self._rows:
                    self._rows.remove(row)
            elif outcome is _UNWANTED:
                self._rows.append(row)
            elif not making.stopped:
                self._give_up(row.problem)

    async def _make(self, row: _Row) -> str:
        """Make the connection; the row says what came to nothing."""
        while row.attempts < self._most:
            if row.due > self._loop.time():
                await anyio.sleep_until(row.due)
                if not self._wanted():
                    return _UNWANTED
            try:
                await self._connect(row.attempts + 1)
                return _MADE
            except Exception as error:
                # Its frames hold what belonged to the attempt, and nobody sees them before the next one.
                row.problem = as_pynector_error(error).with_traceback(None)
            if isinstance(row.problem, ConfigurationError) or not getattr(row.problem, "transient", True):
                break
            row.attempts += 1
            row.due = self._due(row.attempts, row.problem)
        return _FAILED

    def _due(self, attempts: int, problem: PynectorError) -> float:
        """Give when the next attempt may be made after so many in a row that came to nothing."""
        wait = wait_before(attempts, self._scale) if 0 < attempts < self._most else 0.0
        return self._loop.time() + max(wait, asked_for(problem, self._scale))

    def _give_up(self, problem: PynectorError | None) -> None:
        self._exhausted += 1
        if self._rest is None:
            self._rest = self._loop.call_at(self._loop.time() + LONGEST_WAIT, weakly(self._try_again))
        self._despair(problem or ConnectError("there is no connection", phase="connect"))

    def _try_again(self) -> None:
        self.forget()
        self._rested()


def wait_before(attempt: int, scale: float) -> float:
    """Give the seconds to wait before an attempt, 1 for the second: random(0, min(30, scale * 2 ** (attempt - 1)))."""
    # Far enough beyond the longest wait; a float has an end.
    return random.uniform(0, min(LONGEST_WAIT, scale * 2.0 ** min(attempt - 1, 64)))


def asked_for(problem: PynectorError, scale: float) -> float:
    """Give the seconds that the peer asks to be left alone for, 0.0 if it does not ask.

    Args:
        problem: What it ended a connection with, or refused one.
        scale: Where it does not say how long, half of this at the least, and all of it at the most.
    """
    if isinstance(problem, WebSocketClosed) and problem.code == TRY_AGAIN_LATER:
        return min(LONGEST_WAIT, random.uniform(scale / 2, scale))
    response: Any = getattr(problem, "response", None)
    if response is None or response.status_code not in (429, 503):
        return 0.0
    return asked_by(problem, LONGEST_ASKED)
