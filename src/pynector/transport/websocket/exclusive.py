"""Connections that carry one request at a time each, over AnyIO's streams: for event loops other than asyncio's."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any

import anyio
from anyio.abc import SocketAttribute
from anyio.streams.tls import TLSStream
from websockets.frames import Frame
from websockets.http11 import Response
from websockets.protocol import State

from ..._speedups.pool import is_readable
from ...errors import ConnectError, ProtocolError, PynectorError, WebSocketClosed
from ..protocol import OriginCounts
from ..tls import tls_context, tls_problem
from .correlation import LATE
from .messages import Message, Pending
from .options import WebSocketOptions, origin_of
from .protocol import Assembler, Problem, closed, flaw_of_text, handshake_problem, no_handshake, opened, violation
from .proxies import Proxy, check_answer, connect_request, is_whole, no_tunnel

# How long an idle connection with something to read may take to tell what it is (seconds).
PATIENCE = 1.0


class ExclusivePool:
    """As many connections as the options say; its caller runs no more requests at a time.

    Args:
        options: The transport's options.
        tell: Told of connections: "open" or "close", host and port.

    Attributes:
        late: See ConnectionPool.
        unclaimed: See ConnectionPool.
        reconnects: See ConnectionPool.
    """

    def __init__(self, options: WebSocketOptions, tell: Callable[[str, str, int], None]) -> None:
        self._options = options
        self._origin = origin_of(options.url)
        self._tell = tell
        self._idle: list[ExclusiveConnection] = []
        self._active = 0
        self.late = 0
        self.unclaimed = 0
        self.reconnects = 0

    async def open(self) -> None:
        """Make all connections.

        Raises:
            PynectorError: If one cannot be made; those that could are closed again.
        """
        try:
            for _ in range(self._options.connections):
                self._idle.append(await self._connect())
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Close the idle connections; those in use are their users'."""
        idle, self._idle = self._idle, []
        with anyio.CancelScope(shield=True, deadline=anyio.current_time() + PATIENCE):
            for connection in idle:
                await connection.say_goodbye()
        for connection in idle:
            await self._drop(connection)

    def counts(self) -> OriginCounts:
        """Count connections and requests; any thread may ask."""
        return OriginCounts(*self._origin, self._active, len(self._idle), self._active, 0)

    async def exchange(self, pending: Pending) -> Any:
        """Send a request and give its answer.

        Raises:
            PynectorError: If it has none.
        """
        again = self._options.max_reconnects if pending.idempotent else 0
        self._active += 1
        try:
            while True:
                connection = await self._take()
                try:
                    message, answer = await connection.ask(pending)
                except WebSocketClosed:
                    await self._drop(connection)
                    if not again:
                        raise
                    again -= 1
                except BaseException as error:
                    if isinstance(error, anyio.get_cancelled_exc_class()):
                        error.phase, error.sent = "headers", "full"  # type: ignore[attr-defined]
                    await self._drop(connection)
                    raise
                else:
                    self._idle.append(connection)
                    break
        finally:
            self._active -= 1
        if isinstance(answer, PynectorError):
            raise answer
        return message if pending.as_response else answer

    def pushed(self, message: Message) -> None:
        """Take a message that answers nobody."""
        if self._options.on_message is None:
            self.unclaimed += 1
        else:
            self._options.on_message(message)

    async def _take(self) -> ExclusiveConnection:
        while self._idle:
            connection = self._idle.pop()
            if await connection.is_alive():
                return connection
            await self._drop(connection)
        problem = ConnectError("reconnecting is not allowed: max_reconnects is 0", phase="connect", sent="none")
        for attempt in range(self._options.max_reconnects):
            if attempt:
                await anyio.sleep(self._options.wait_before(attempt))
            try:
                connection = await self._connect()
            except ConnectError as error:
                problem = error
                if not error.transient:
                    break
            else:
                self.reconnects += 1
                return connection
        raise problem

    async def _connect(self) -> ExclusiveConnection:
        connection = ExclusiveConnection(self, self._options)
        try:
            await connection.open(*self._origin)
        except BaseException:
            await connection.drop()
            raise
        self._tell("open", *self._origin[1:])
        return connection

    async def _drop(self, connection: ExclusiveConnection) -> None:
        self._tell("close", *self._origin[1:])
        # A cancelled one raises its own exception, which has been told how far the request came.
        with anyio.CancelScope(shield=True):
            await connection.drop()


class ExclusiveConnection:
    """One connection.

    Args:
        pool: Gets the messages that answer nobody.
        options: The transport's options.
    """

    def __init__(self, pool: ExclusivePool, options: WebSocketOptions) -> None:
        self._pool = pool
        self._options = options
        self._matcher = options.correlation.matcher()
        self._assembler = Assembler()
        self._protocol = opened(options)
        self._stream: Any = None
        self._problem: Problem | None = None
        self._shaken = False
        self._answer: tuple[Message, Any] | None = None

    async def open(self, scheme: str, host: str, port: int) -> None:
        """Connect and shake hands.

        Raises:
            ConnectError: If that cannot be.
        """
        proxy = self._options.proxy
        try:
            self._stream = await anyio.connect_tcp(*((host, port) if proxy is None else proxy[:2]))
            if proxy is not None:
                await self._tunnel(proxy, host, port)
            if scheme == "wss":
                context = tls_context(self._options.verify, self._options.cert, ("http/1.1",))
                self._stream = await TLSStream.wrap(
                    self._stream, hostname=host, ssl_context=context, standard_compatible=False
                )
        except ConnectError:
            raise
        except ssl.SSLError as error:
            raise tls_problem(error) from error
        except (OSError, anyio.BrokenResourceError, anyio.EndOfStream) as error:
            raise ConnectError(f"no connection: {error}", phase="connect", sent="none") from error
        await self._send()
        while not self._shaken:
            await self._receive()
            if self._protocol.state is State.CLOSED and not self._shaken:
                raise no_handshake(self._protocol, None)

    async def _tunnel(self, proxy: Proxy, host: str, port: int) -> None:
        await self._stream.send(connect_request(proxy, host, port))
        answer = b""
        while not is_whole(answer):
            try:
                answer += await self._stream.receive()
            except anyio.EndOfStream:
                raise no_tunnel("it closed the connection") from None
        check_answer(answer)

    async def ask(self, pending: Pending) -> tuple[Message, Any]:
        """Send a request, and give the message that answers it, and the answer.

        Raises:
            PynectorError: If the connection ends before, or the peer breaks the protocol.
        """
        self._matcher.add(pending)
        send = self._protocol.send_text if pending.is_text else self._protocol.send_binary
        send(pending.payload)
        self._answer = None
        await self._send()
        while self._answer is None:
            if self._problem is not None:
                raise self._problem("full")
            if self._protocol.state is not State.OPEN:
                await self._finish()
                raise closed(self._protocol, "full")
            await self._receive()
        return self._answer

    async def _finish(self) -> None:
        """Wait for the end of a connection that is being closed: only then its close code is known."""
        with anyio.move_on_after(PATIENCE):
            while self._protocol.state is not State.CLOSED:
                await self._receive()

    async def is_alive(self) -> bool:
        """Say whether it can be used again; what has come meanwhile is read."""
        descriptor = self._stream.extra(SocketAttribute.raw_socket).fileno()
        while self._protocol.state is State.OPEN and is_readable(descriptor):
            with anyio.move_on_after(PATIENCE) as scope:
                await self._receive()
            if scope.cancelled_caught:
                return False
        return self._protocol.state is State.OPEN and self._problem is None

    async def say_goodbye(self) -> None:
        """Begin to close."""
        if self._protocol.state is State.OPEN:
            self._protocol.send_close(1000)
            await self._send()

    async def drop(self) -> None:
        """End it at once."""
        if self._stream is not None:
            await anyio.aclose_forcefully(self._stream)

    async def _send(self) -> None:
        try:
            for data in self._protocol.data_to_send():
                if data:
                    await self._stream.send(data)
        except (OSError, anyio.BrokenResourceError, anyio.ClosedResourceError):
            self._end()

    async def _receive(self) -> None:
        try:
            data = await self._stream.receive()
        except (OSError, anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
            self._end()
        else:
            self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Response):
                problem = handshake_problem(self._protocol, event.status_code)
                if problem is not None:
                    raise problem
                self._shaken = True
            elif isinstance(event, Frame):
                message = self._assembler.take(event)
                if message is not None:
                    self._message(*message)
        self._problem = self._problem or violation(self._protocol, self._options.max_message_bytes)
        await self._send()

    def _end(self) -> None:
        if self._protocol.state is not State.CLOSED:
            self._protocol.receive_eof()

    def _message(self, payload: bytes, is_text: bool) -> None:
        flaw = flaw_of_text(payload) if is_text else None
        if flaw is not None:
            self._problem = self._problem or (lambda sent: ProtocolError(flaw, phase="body", sent=sent))
            self._protocol.fail(1007, flaw)
            return
        message = Message(payload, is_text)
        found, answer = self._matcher.match(payload, is_text)
        if isinstance(found, Pending):
            self._answer = message, answer
        elif found is LATE:
            self._pool.late += 1
        else:
            self._pool.pushed(message)
