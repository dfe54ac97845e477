"""The connections of a client: their life, and what becomes of requests when one is lost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import anyio

from ...errors import ConfigurationError, ConnectError, Phase, PynectorError, Sent, TimeoutError, TransportError
from ...eventloop import ENDS, Loop, Timer, is_end, weakly
from ..contract import OriginCounts
from ..net.connect import Progress
from .connection import Connection
from .correlation import Fifo
from .credentials import Fields
from .dialer import Dialer
from .messages import Message
from .multiplexer import MOST_OWED, SwitchboardCore
from .options import WebSocketOptions, origin_of
from .pending import Pending
from .reconnecting import Reconnecting
from .subscription import Subscribers, Subscription

# How long peers may take to end connections when the client is closed (seconds).
GOODBYE = 1.0


class ConnectionPool(SwitchboardCore):
    """As many connections as the options say.

    Args:
        options: The transport's options.
        loop: The event loop.
        tell: Told of connections: "open" or "close", host and port.

    Attributes:
        subscribers: Takes the messages that answer nobody.
        reconnecting: Makes connections in the place of lost ones.
    """

    def __init__(self, options: WebSocketOptions, loop: Loop, tell: Callable[[str, str, int], None]) -> None:
        super().__init__(loop.time, self._call_at, options.connections)
        takes_text = isinstance(options.correlation, Fifo)
        self.set_plain(takes_text, options.as_response, options.idempotent)
        self._options = options
        self._origin = origin_of(options.url)
        self._tell_of = tell
        self._loop = loop
        self._closing: set[Connection] = set()
        self._dialer = Dialer(options, loop)
        self.subscribers = Subscribers(
            options.on_message, loop.complain, self._pause, self._resume, self._listener_left
        )
        self.reconnecting = Reconnecting(options, loop, self._connect, self._is_wanted, self._despair, self._rested)

    def _call_at(self, when: float, call: Callable[..., None]) -> Timer:
        return self._loop.call_at(when, weakly(call))

    def awaited(self) -> tuple[Any, Any]:
        """Give the collections of the requests and of the subscriptions that somebody waits for."""
        return self._waiting, self.subscribers.awaited

    def origin_counts(self) -> OriginCounts:
        """Count connections and requests; any thread may ask."""
        loads = [connection.matcher.size() for connection in list(self.channels)]
        active = sum(load > 0 for load in loads)
        return OriginCounts(*self._origin, active, len(loads) - active, sum(loads), len(self._waiting))

    def counts(self) -> dict[str, int]:
        """Give how many messages were late or unclaimed, and how often a connection was made anew."""
        return {"late": self.late, "unclaimed": self.subscribers.unclaimed, "reconnects": self.reconnecting.count}

    # Life

    def is_over(self) -> bool:
        """Say whether its event loop is over, and its connections with it."""
        return self._loop.is_over()

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

    async def _connect(self, attempt: int = 0) -> None:
        patience, progress = self._options.open_timeout, Progress()
        made: list[Connection] = []

        async def make(fields: Fields) -> None:
            made.append(await self._made(fields, attempt, progress))

        is_done = False
        try:
            with anyio.move_on_after(patience):
                await self._options.credentials.used(make)
                is_done = True
        except BaseException as error:
            if isinstance(error, Exception) or is_end(error):
                raise
            raise ConnectError(f"no connection: {type(error).__name__}", phase=progress.phase, sent="none") from error
        finally:
            for connection in made:
                self._closing.add(connection)
                if not is_done or self.closed:
                    connection.abort()
        if not is_done:
            said = f"no WebSocket connection within open_timeout, {patience:g} s"
            raise ConnectError(said, phase=progress.phase, sent="none")
        if self.closed:
            raise self.closed_error(None)
        self._admit(*made)

    async def _made(self, fields: Fields, attempt: int, progress: Progress) -> Connection:
        """Make a connection, which is open then."""
        matcher = self._options.correlation.matcher()
        connection = Connection(self, self._options, self._loop, matcher, fields, attempt)
        try:
            await self._dialer.connect(connection.link, progress)
            # The WebSocket's own handshake belongs to connecting.
            progress.phase = "connect"
            await connection.shaken()
        except BaseException:
            connection.abort()
            raise
        if not connection.is_open:
            # Its end came with the handshake, or before this task had its turn.
            connection.abort()
            await connection.ended.wait()
            raise connection.loss(None)
        self._tell("open")
        return connection

    def _admit(self, connection: Connection) -> None:
        self._closing.discard(connection)
        connection.link.let_go()
        self.channels.append(connection)
        if self.subscribers.is_full:
            connection.pause()
        self.pump()

    def _tell(self, event: str) -> None:
        try:
            self._tell_of(event, *self._origin[1:])
        except ENDS:
            raise
        except BaseException as error:
            self.complain("on_connection failed", error)

    def end(self) -> None:
        """Close all that can be closed without waiting. What is in flight or waits fails."""
        self.closed = True
        self._timeouts.stop()
        self.reconnecting.end()
        ended = list(self._waiting)
        self._waiting.clear()
        connections = list(self.channels)
        self.channels.clear()
        for connection in connections:
            ended += connection.matcher.drain()
            self._closing.add(connection)
            try:
                connection.close()
            except Exception as error:
                self.complain("a connection could not be closed", error)
                connection.abort()
        for pending in ended:
            pending.fail(self.closed_error(pending))
        self.subscribers.end(None)

    async def close(self) -> None:
        """End, and return when no connection and no task is left. It may be called more than once, at a time, too."""
        self.end()
        try:
            # First, or one that is just made would miss the farewell.
            await self.reconnecting.ended()
            with anyio.move_on_after(GOODBYE):
                for connection in list(self._closing):
                    await connection.ended.wait()
        finally:
            # Before anything is awaited, for that may be cancelled again.
            for connection in list(self._closing):
                connection.abort()
            with anyio.move_on_after(GOODBYE, shield=True):
                await self.reconnecting.ended()
                for connection in list(self._closing):
                    connection.abort()
                    await connection.ended.wait()

    # Requests

    def prepare(self, pending: Pending, data: Any, options: Mapping[str, Any]) -> None:
        """See SwitchboardCore."""
        dumps = self._options.json_dumps
        if options:
            flags, dumps = self._options.for_request(options)
            pending.as_response, pending.idempotent, pending.one_way = flags
        try:
            payload, is_text, key = self._options.correlation.encode(data, pending.one_way, dumps)
        except (ConfigurationError, *ENDS):
            raise
        except BaseException as error:
            raise ConfigurationError(f"the message cannot be sent: {type(error).__name__}") from error
        pending.payload, pending.is_text, pending.key = payload, is_text, key

    def closed_error(self, pending: Pending | None) -> TransportError:
        """See SwitchboardCore."""
        phase: Phase = "connect"
        sent: Sent = "none"
        if pending is not None:
            phase, sent = pending.progress()
        return TransportError("the transport was closed before the answer came", phase=phase, sent=sent)

    def late_error(self, pending: Pending) -> TimeoutError:
        """See SwitchboardCore."""
        phase, sent = pending.progress()
        return TimeoutError(phase=phase, sent=sent)

    # What comes

    def pushed(self, payload: bytes, is_text: bool) -> None:
        """See SwitchboardCore."""
        self.subscribers.take(Message(payload, is_text))

    def complain(self, said: str, error: BaseException) -> None:
        """See Hub."""
        self._loop.complain(said, error)

    def response(self, payload: bytes, is_text: bool) -> Message:
        """See SwitchboardCore."""
        return Message(payload, is_text)

    def _pause(self) -> None:
        for connection in self.channels:
            connection.pause()

    def _resume(self) -> None:
        for connection in self.channels:
            connection.resume()

    # Losing connections

    def lost(self, connection: Connection) -> None:
        """Take note that a connection has ended."""
        self.retire(connection)
        if connection in self._closing:
            self._closing.remove(connection)
            self._tell("close")

    def retire(self, connection: Connection) -> None:
        """Use a connection no more, for nothing more will come: what is in flight on it fails, or is sent again."""
        if connection not in self.channels:
            return
        self.channels.remove(connection)
        self._closing.add(connection)
        self.reconnecting.lost(0 if connection.was_good() else connection.attempt, connection.loss(None))
        unanswered = [pending for pending in connection.matcher.drain() if pending.completion is not None]
        # Before any of them ends: whoever is told of that may give up others, or send more.
        for pending in reversed(unanswered):
            if self._goes_again(pending):
                pending.repeats += 1
                pending.connection = None
                self._waiting[pending] = None
                self._waiting.move_to_end(pending, last=False)
        for pending in unanswered:
            if pending.connection is connection:
                pending.fail(connection.loss(pending.sent))
        if self._is_missed():
            self._replace()
        self.pump()

    def _goes_again(self, pending: Pending) -> bool:
        # One that ends each connection it is sent on must not do so for ever.
        return pending.idempotent and pending.repeats < self._options.max_reconnects

    def lacking(self) -> None:
        """See SwitchboardCore."""
        # Those that could take nothing more for ever, if the peer never answers, or would only grow.
        limit = (self._options.max_in_flight if self._waiting else None) or MOST_OWED
        for connection in list(self.channels):
            if connection.matcher.size() >= limit and connection.matcher.is_stuck():
                connection.replace()
        self._replace()

    def unwanted(self) -> None:
        """See SwitchboardCore."""
        # While there are others, what is under way may come to its end: the next request may want it.
        if not self.channels and not self._is_missed():
            self.reconnecting.end_unwanted()

    def _is_missed(self) -> bool:
        """Say whether somebody waits for a connection."""
        return bool(self._waiting) or self.subscribers.has_subscriptions

    def _is_wanted(self) -> bool:
        """Say whether somebody would use one more connection."""
        return self._is_missed() or any(connection.matcher.size() for connection in self.channels)

    def _replace(self) -> None:
        missing = self._options.connections - len(self.channels)
        if missing and not self.closed:
            self.reconnecting.begin(missing)

    def _rested(self) -> None:
        if self._is_missed():
            self._replace()

    def _listener_left(self) -> None:
        # Where it was forgotten this may be any thread.
        self._loop.call_from_anywhere(weakly(self._without_listener))

    def _without_listener(self) -> None:
        self.subscribers.tidy()
        self.unwanted()

    def subscribe(self, **options: Any) -> Subscription:
        """Give a subscription, and see to it that there is a connection to hear something on.

        Raises:
            ConfigurationError: If an option is not valid.
        """
        try:
            subscription = Subscription(self.subscribers, **options)
        except TypeError:
            raise ConfigurationError("subscribe() takes max_queue and overflow") from None
        self.lacking()
        return subscription

    def _despair(self, problem: PynectorError) -> None:
        if self.channels or self.reconnecting.under_way:
            return
        self.reconnecting.forget()
        waiting = list(self._waiting)
        self._waiting.clear()
        said = str(problem.args[0] if problem.args else problem)
        if not self._options.max_reconnects:
            said += "; it is not made anew: max_reconnects is 0"
        phase: Phase = "tls" if getattr(problem, "phase", None) == "tls" else "connect"
        for pending in waiting:
            error = ConnectError(said, phase=phase, sent=pending.sent)
            error.__cause__ = problem
            error.transient = getattr(problem, "transient", True)
            pending.fail(error)
        self.subscribers.end(problem)
