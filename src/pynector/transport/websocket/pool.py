"""The connections of a client, and their life."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import anyio

from ...callbacks import Loop, Timer, weakly
from ...errors import ConfigurationError, ConnectError, Phase, PynectorError, client_closed
from ...eventloop import ENDS, is_end
from ...groups import ungrouped
from ..contract import OriginCounts
from ..net.connect import Progress
from .connection import Connection
from .correlation import Fifo
from .credentials import Fields
from .dialer import Dialer
from .frames import FrameWriter
from .handshake import Handshake
from .keepalive import WebSocketKeepAlive
from .link import Link
from .matchers import Matcher
from .messages import Message
from .multiplexer import MOST_OWED, Multiplexer
from .options import WebSocketOptions, origin_of
from .protocol import FullProtocol, opened
from .reconnecting import Reconnecting
from .subscription import Subscribers, Subscription

# How long peers may take to end connections when the client is closed (seconds).
GOODBYE = 1.0

# How much randomness is fetched at a time for the keys of frames (bytes); a system call for each would be slow.
KEYS = 4096


class ConnectionPool:
    """As many connections as the options say.

    Args:
        options: The transport's options.
        loop: The event loop.
        tell: Told of connections: "open" or "close", host and port.

    Attributes:
        requests: Puts requests on the connections.
        subscribers: Takes the messages that answer nobody.
        reconnecting: Makes connections in the place of lost ones.
    """

    def __init__(self, options: WebSocketOptions, loop: Loop, tell: Callable[[str, str, int], None]) -> None:
        self.requests = Multiplexer(
            self,
            options.prepare,
            loop.complain,
            loop.time,
            self._call_at,
            options.connections,
            options.max_reconnects,
        )
        self.requests.set_defaults(isinstance(options.correlation, Fifo), options.as_response, options.idempotent)
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

    def origin_counts(self) -> OriginCounts:
        """Count connections and requests; any thread may ask."""
        loads = [connection.owed() for connection in list(self.requests.connections)]
        active = sum(load > 0 for load in loads)
        return OriginCounts(*self._origin, active, len(loads) - active, sum(loads), len(self.requests.waiting))

    def counts(self) -> dict[str, int]:
        """Give how many messages were late or unclaimed, and how often a connection was made anew."""
        unclaimed, reconnects = self.subscribers.unclaimed, self.reconnecting.count
        return {"late": self.requests.late, "unclaimed": unclaimed, "reconnects": reconnects}

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
            with ungrouped():
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
                if not is_done or self.requests.closed:
                    connection.abort()
        if not is_done:
            said = f"no WebSocket connection within open_timeout, {patience:g} s"
            raise ConnectError(said, phase=progress.phase, sent="none")
        if self.requests.closed:
            raise client_closed("connect", "none")
        self._admit(*made)

    async def _made(self, fields: Fields, attempt: int, progress: Progress) -> Connection:
        """Make a connection, which is open then."""
        link, handshake = self.handshake(fields, attempt)
        try:
            await self._dialer.connect(link, progress)
            # The WebSocket's own handshake belongs to connecting.
            progress.phase = "connect"
            connection = await handshake.made()
        except BaseException:
            handshake.abort()
            raise
        if not connection.is_open:
            # Its end came with the handshake, or before this task had its turn.
            connection.abort()
            await connection.link.ended.wait()
            raise connection.loss(None)
        self._tell("open")
        return connection

    def handshake(self, fields: Fields, attempt: int) -> tuple[Link, Handshake]:
        """Give the handshake of a new connection, and the protocol for its transport.

        Args:
            fields: Header fields of the handshake.
            attempt: See Connection.
        """
        protocol = opened(self._options, fields.pairs)
        matcher = self._options.correlation.matcher()
        link = Link(matcher.held(), self.requests.waiting, self.subscribers.awaited)

        def begin(transport: Any) -> Connection:
            full = FullProtocol(protocol, self._options.max_message_bytes)
            return self._begun(transport, full, matcher, link, attempt)

        handshake = Handshake(protocol, self._options.url, begin)
        link.lead_to(handshake)
        return link, handshake

    def _begun(self, transport: Any, protocol: FullProtocol, matcher: Matcher, link: Link, attempt: int) -> Connection:
        options, loop = self._options, self._loop
        connection = Connection(
            self,
            self.requests,
            matcher,
            FrameWriter(transport, loop.call_soon, partial(os.urandom, KEYS)),
            protocol,
            WebSocketKeepAlive(loop, options.ping_interval, options.ping_timeout),
            link,
            loop,
            _at_most(options.max_message_bytes),
            _at_most(options.max_in_flight),
            attempt,
        )
        link.lead_to(connection)
        if attempt:
            # Now, or the first messages would come before it.
            self.subscribers.miss()
        return connection

    def _admit(self, connection: Connection) -> None:
        self._closing.discard(connection)
        connection.link.let_go()
        self.requests.connections.append(connection)
        if self.subscribers.is_full:
            connection.pause()
        self.requests.send_waiting()

    def _tell(self, event: str) -> None:
        try:
            self._tell_of(event, *self._origin[1:])
        except ENDS:
            raise
        except BaseException as error:
            self._loop.complain("on_connection failed", error)

    def end(self) -> None:
        """Close all that can be closed without waiting. What is in flight or waits fails."""
        ended = self.requests.close()
        self.reconnecting.end()
        connections = list(self.requests.connections)
        self.requests.connections.clear()
        for connection in connections:
            ended += connection.matcher.drain()
            self._closing.add(connection)
            try:
                connection.close()
            except Exception as error:
                self._loop.complain("a connection could not be closed", error)
                connection.abort()
        for pending in ended:
            pending.fail(client_closed(*pending.progress()))
        self.subscribers.end(None)

    async def close(self) -> None:
        """End, and return when no connection and no task is left. It may be called more than once, at a time, too."""
        self.end()
        try:
            # First, or one that is just made would miss the farewell.
            await self.reconnecting.ended()
            with anyio.move_on_after(GOODBYE):
                for connection in list(self._closing):
                    await connection.link.ended.wait()
        finally:
            # Before anything is awaited, for that may be cancelled again.
            for connection in list(self._closing):
                connection.abort()
            with anyio.move_on_after(GOODBYE, shield=True):
                await self.reconnecting.ended()
                for connection in list(self._closing):
                    connection.abort()
                    await connection.link.ended.wait()

    # What comes

    def pushed(self, payload: bytes, is_text: bool) -> None:
        """Take a message of the peer's own."""
        # It may come on a connection whose making nobody could stop in time.
        if not self.requests.closed:
            self.subscribers.take(Message(payload, is_text))

    def _pause(self) -> None:
        for connection in self.requests.connections:
            connection.pause()

    def _resume(self) -> None:
        for connection in self.requests.connections:
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
        if connection not in self.requests.connections:
            return
        self._closing.add(connection)
        self.reconnecting.lost(0 if connection.was_good() else connection.attempt, connection.loss(None))
        self.requests.drop(connection)
        if self._is_missed():
            self._replace()
        self.requests.send_waiting()

    def lacking(self) -> None:
        """Make connections, and replace those that are of no use: there are too few, or requests wait for one."""
        # Those that could take nothing more for ever, if the peer never answers, or would only grow.
        limit = (self._options.max_in_flight if self.requests.waiting else None) or MOST_OWED
        for connection in list(self.requests.connections):
            if connection.owed() >= limit and connection.matcher.is_stuck():
                connection.replace()
        self._replace()

    def unwanted(self) -> None:
        """Make no more connections where that has no end yet: no request waits for one any more."""
        # While there are others, what is under way may come to its end: the next request may want it.
        if not self.requests.connections and not self._is_missed():
            self.reconnecting.end_unwanted()

    def _is_missed(self) -> bool:
        """Say whether somebody waits for a connection."""
        return bool(self.requests.waiting) or self.subscribers.has_subscriptions

    def _is_wanted(self) -> bool:
        """Say whether somebody would use one more connection."""
        return self._is_missed() or any(connection.owed() for connection in self.requests.connections)

    def _replace(self) -> None:
        missing = self._options.connections - len(self.requests.connections)
        if missing and not self.requests.closed:
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
        if self.requests.connections or self.reconnecting.under_way:
            return
        self.reconnecting.forget()
        waiting = self.requests.take_waiting()
        said = str(problem.args[0] if problem.args else problem)
        if not self._options.max_reconnects:
            said += "; it is not made anew: max_reconnects is 0"
        phase: Phase = "tls" if getattr(problem, "phase", None) == "tls" else "connect"
        for pending in waiting:
            error = ConnectError(said, phase=phase, sent=pending.sent, came_of=problem)
            error.__cause__ = problem
            pending.fail(error)
        self.subscribers.end(problem)


def _at_most(number: int | None) -> int:
    """Give a limit as a number of C's; None, no limit, is -1."""
    return -1 if number is None else min(number, sys.maxsize)
