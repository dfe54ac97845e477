"""The connections of a client: which one a request goes on, who waits, what is late, and reconnecting."""

from __future__ import annotations

import contextlib
import heapq
import itertools
import math
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

import anyio

from ...errors import ConnectError, PynectorError, TimeoutError, TransportError
from ..protocol import OriginCounts
from .connection import Connection
from .connector import Connector
from .correlation import LATE, PUSHED
from .loops import Loop, Timer
from .messages import Gap, Message, Pending
from .options import WebSocketOptions, origin_of
from .subscription import Subscription

# How many deadlines are kept before those of requests that have ended are looked for.
FEW_DEADLINES = 1024

# How long peers may take to end connections when the client is closed (seconds).
GOODBYE = 1.0


class Attempt:
    """A connection that is being made anew, in a task of its own.

    Attributes:
        scope: Cancels it.
        ended: Set when it has ended.
    """

    def __init__(self) -> None:
        self.scope = anyio.CancelScope()
        self.ended = anyio.Event()


class ConnectionPool:
    """As many connections as the options say.

    Args:
        options: The transport's options.
        loop: The event loop.
        tell: Told of connections: "open" or "close", host and port.

    Attributes:
        late: How many messages answered a request that had ended, or none at all.
        unclaimed: How many messages answered nobody and nobody subscribed to.
        reconnects: How many connections took the place of a lost one.
    """

    def __init__(self, options: WebSocketOptions, loop: Loop, tell: Callable[[str, str, int], None]) -> None:
        self._options = options
        self._origin = origin_of(options.url)
        self._tell = tell
        self._loop = loop
        self._connector = Connector(options, loop)
        self._connections: list[Connection] = []
        self._under_way: set[Attempt] = set()
        self._closing: set[Connection] = set()
        self._waiting: deque[Pending] = deque()
        self._deadlines: list[tuple[float, int, Pending]] = []
        self._most_deadlines = FEW_DEADLINES
        self._numbers = itertools.count()
        self._alarm: Timer | None = None
        self._subscriptions: list[Subscription] = []
        self._full: set[Subscription] = set()
        self._closed = False
        self.late = 0
        self.unclaimed = 0
        self.reconnects = 0

    # Life

    async def open(self) -> None:
        """Make all connections.

        Raises:
            PynectorError: If one cannot be made; those that could are closed again.
        """
        problems: list[Exception] = []

        async def connect() -> None:
            try:
                await self._connect()
            except Exception as error:
                problems.append(error)

        try:
            async with anyio.create_task_group() as tasks:
                for _ in range(self._options.connections):
                    tasks.start_soon(connect)
        except BaseException:
            await self.close()
            raise
        if problems:
            await self.close()
            raise problems[0]

    async def _connect(self) -> None:
        connection = Connection(self, self._options, self._loop, self._options.correlation.matcher())
        try:
            await self._connector.connect(connection)
            await connection.shaken()
        except BaseException:
            connection.abort()
            raise
        self._tell("open", *self._origin[1:])
        if self._closed:
            connection.close()
            self._closing.add(connection)
            raise _closed()
        self._connections.append(connection)
        if self._full:
            connection.pause()
        self.pump()

    async def close(self) -> None:
        """Close every connection. What is in flight or waits fails."""
        self._closed = True
        if self._alarm is not None:
            self._alarm.cancel()
        attempts = list(self._under_way)
        for attempt in attempts:
            attempt.scope.cancel()
        waiting, self._waiting = list(self._waiting), deque()
        for connection in self._connections:
            waiting += connection.matcher.drain()
            connection.close()
            self._closing.add(connection)
        self._connections.clear()
        for pending in waiting:
            pending.fail(_closed("none" if pending.connection is None else "full"))
        for subscription in list(self._subscriptions):
            subscription.end(None)
        closing = list(self._closing)
        try:
            with anyio.move_on_after(GOODBYE):
                for connection in closing:
                    await connection.ended.wait()
        finally:
            for connection in closing:
                connection.abort()
            with anyio.CancelScope(shield=True):
                for ended in [*(one.ended for one in attempts), *(one.ended for one in closing)]:
                    await ended.wait()

    # Requests

    def start(self, pending: Pending) -> None:
        """Send a request, now or when a connection can take it."""
        if self._closed:
            pending.fail(_closed())
            return
        if pending.deadline != math.inf:
            heapq.heappush(self._deadlines, (pending.deadline, next(self._numbers), pending))
            if len(self._deadlines) > self._most_deadlines:
                self._forget_ended()
            if self._alarm is None or pending.deadline < self._alarm.when():
                self._set_alarm()
        connection = None if self._waiting else self._free()
        if connection is not None:
            self._send(connection, pending)
        else:
            self._waiting.append(pending)
            self._ensure_connections()
            self._end_stuck()

    def counts(self) -> OriginCounts:
        """Count connections and requests; any thread may ask."""
        loads = [len(connection.matcher) for connection in list(self._connections)]
        active = sum(load > 0 for load in loads)
        return OriginCounts(*self._origin, active, len(loads) - active, sum(loads), len(self._waiting))

    def _free(self) -> Connection | None:
        """Give the connection with the least in flight that can take a request, or None."""
        connections = self._connections
        if len(connections) == 1:
            return connections[0] if connections[0].usable else None
        usable = [connection for connection in connections if connection.usable]
        return min(usable, key=lambda connection: len(connection.matcher)) if usable else None

    def _send(self, connection: Connection, pending: Pending) -> None:
        try:
            connection.send(pending)
        except PynectorError as error:
            pending.fail(error)

    def pump(self) -> None:
        """Send what waits, as far as connections can take it."""
        while self._waiting:
            if self._waiting[0].completion is None:
                self._waiting.popleft()
                continue
            connection = self._free()
            if connection is None:
                return
            self._send(connection, self._waiting.popleft())

    def given_up(self, pending: Pending) -> None:
        """Take note that a request's caller does not wait any more."""
        connection = pending.connection
        if connection is not None:
            connection.matcher.give_up(pending)
            self.pump()
            self._end_stuck()

    def _end_stuck(self) -> None:
        """End connections that could take nothing more for ever, if the peer never answers."""
        if self._waiting:
            for connection in [one for one in self._connections if one.is_stuck]:
                connection.abort()

    def _forget_ended(self) -> None:
        # Or each request would be held, message and all, until its deadline.
        self._deadlines = [entry for entry in self._deadlines if entry[2].completion is not None]
        heapq.heapify(self._deadlines)
        self._most_deadlines = max(FEW_DEADLINES, 2 * len(self._deadlines))

    def _set_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        # Those that have ended are taken out when they come to the top.
        while self._deadlines and self._deadlines[0][2].completion is None:
            heapq.heappop(self._deadlines)
        if self._deadlines:
            self._alarm = self._loop.call_at(self._deadlines[0][0], self._ring)

    def _ring(self) -> None:
        self._alarm = None
        now = self._loop.time()
        while self._deadlines and self._deadlines[0][0] <= now:
            pending = heapq.heappop(self._deadlines)[2]
            if pending.completion is None:
                continue
            completion, pending.completion = pending.completion, None
            self.given_up(pending)
            sent = pending.connection is not None
            completion.fail(
                pending.token,
                TimeoutError(
                    "no answer in time" if sent else "no connection could take the message in time",
                    phase="headers" if sent else "connect",
                    sent="full" if sent else "none",
                ),
            )
        self._set_alarm()

    # What comes

    def message(self, connection: Connection, payload: bytes, is_text: bool) -> None:
        """Take a message: an answer, or the peer's own."""
        try:
            pending, answer = connection.matcher.match(payload, is_text)
        except Exception as error:
            # A function of the user's own failed on it; nobody can be told but those who take what answers nobody.
            self._loop.complain("the correlation failed", error)
            pending, answer = PUSHED, None
        if pending is LATE:
            self.late += 1
        elif isinstance(pending, Pending):
            if isinstance(answer, PynectorError):
                pending.fail(answer)
            else:
                pending.succeed(Message(payload, is_text) if pending.as_response else answer)
        else:
            self._pushed(Message(payload, is_text))
        if self._waiting:
            self.pump()

    def _pushed(self, message: Message) -> None:
        taken = bool(self._subscriptions)
        for subscription in list(self._subscriptions):
            subscription.offer(message)
        if self._options.on_message is not None:
            taken = True
            try:
                self._options.on_message(message)
            except Exception as error:
                self._loop.complain("on_message failed", error)
        self.unclaimed += not taken

    def subscribe(self, subscription: Subscription) -> None:
        """Give messages that answer nobody to a subscription, too."""
        self._subscriptions.append(subscription)

    def unsubscribe(self, subscription: Subscription) -> None:
        """Give it no more."""
        with contextlib.suppress(ValueError):
            self._subscriptions.remove(subscription)

    def pause_for(self, subscription: Subscription) -> None:
        """Read nothing until this subscription, and all others, can take it."""
        self._full.add(subscription)
        for connection in self._connections:
            connection.pause()

    def resume_for(self, subscription: Subscription) -> None:
        """Take note that it can."""
        self._full.discard(subscription)
        if not self._full:
            for connection in self._connections:
                connection.resume()

    # Reconnecting

    def lost(self, connection: Connection) -> None:
        """Take note that a connection has ended."""
        known = connection in self._connections
        if known or connection in self._closing:
            self._tell("close", *self._origin[1:])
        self._closing.discard(connection)
        if not known:
            return
        self._connections.remove(connection)
        again = []
        for pending in connection.matcher.drain():
            if pending.completion is None:
                continue
            if pending.idempotent and not self._closed and self._options.max_reconnects:
                pending.connection = None
                again.append(pending)
            else:
                pending.fail(connection.loss("full"))
        self._waiting.extendleft(reversed(again))
        if self._waiting or self._subscriptions:
            self._ensure_connections()
        self.pump()

    def _ensure_connections(self) -> None:
        if self._closed:
            return
        while len(self._connections) + len(self._under_way) < self._options.connections:
            attempt = Attempt()
            self._under_way.add(attempt)
            self._loop.spawn(partial(self._attempt, attempt))

    async def _attempt(self, attempt: Attempt) -> None:
        try:
            with attempt.scope:
                await self._reconnect(attempt)
        finally:
            self._under_way.discard(attempt)
            attempt.ended.set()

    async def _reconnect(self, attempt: Attempt) -> None:
        """Make one connection, with growing and random waits between the attempts."""
        problem: PynectorError = ConnectError("reconnecting is not allowed: max_reconnects is 0", phase="connect")
        for number in range(self._options.max_reconnects):
            if number:
                await anyio.sleep(self._options.wait_before(number))
            try:
                await self._connect()
            except PynectorError as error:
                problem = error
                if not getattr(error, "transient", True):
                    break
            else:
                self.reconnects += 1
                for subscription in list(self._subscriptions):
                    subscription.offer(Gap("reconnect", 0))
                return
        # Now, or a request that comes while this task ends would wait for it.
        self._under_way.discard(attempt)
        if not self._connections and not self._under_way:
            self._despair(problem)

    def _despair(self, problem: PynectorError) -> None:
        waiting, self._waiting = self._waiting, deque()
        for pending in waiting:
            error: Any = ConnectError(str(problem.args[0] if problem.args else problem), phase="connect", sent="none")
            error.__cause__ = problem
            error.transient = getattr(problem, "transient", True)
            pending.fail(error)
        for subscription in list(self._subscriptions):
            subscription.end(problem)


def _closed(sent: Any = "none") -> TransportError:
    return TransportError("the transport was closed before the answer came", phase="connect", sent=sent)
