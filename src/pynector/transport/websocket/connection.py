"""One WebSocket connection on an asyncio transport, or what serves as one.

websockets' sans-I/O protocol has the handshake, control frames, fragments, extensions and errors. Whole plain messages,
which are nearly all, go past it. After the handshake it is given whole frames only, so it never has to wait for the
rest of one.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
from websockets.frames import Frame
from websockets.http11 import Response
from websockets.protocol import State

from ...errors import ConnectError, PynectorError, Sent, WebSocketClosed, text_of
from ...eventloop import Loop, Timer, weakly
from ..net.tls import check_transport
from .channel import ChannelCore
from .credentials import Fields
from .handshake import AnswerHead, no_handshake
from .link import Link
from .options import WebSocketOptions
from .pending import Matcher, Pending
from .progress import upload
from .protocol import Assembler, Problem, broken, closed, opened, too_long, violation

if TYPE_CHECKING:
    from .pool import ConnectionPool

# How much randomness is fetched at a time for the keys of frames (bytes); a system call for each would be slow.
KEYS = 4096

# How long the peer may take to end a connection that is being closed (seconds).
CLOSE_PATIENCE = 5.0

# How long a pong that is late may still take (seconds).
GRACE = 0.1

# How long a connection that answered no request must have lasted not to be one that was lost at once (seconds).
STEADY = 5.0


class Connection(ChannelCore):
    """A connection, from its handshake to its end.

    Args:
        pool: Is told what comes and when it ends.
        options: The transport's options.
        loop: The event loop.
        matcher: Knows whose answer a message is.
        fields: Header fields of the handshake.
        attempt: Which attempt in a row to make a connection anew this is, from 1 on; 0 if it is none.

    Attributes:
        attempt: See above.
        link: The protocol for the event loop's transport.
        since: When its handshake was made, on the event loop's clock in seconds.
        ended: Set when it has ended.
    """

    def __init__(
        self,
        pool: ConnectionPool,
        options: WebSocketOptions,
        loop: Loop,
        matcher: Matcher,
        fields: Fields,
        attempt: int = 0,
    ) -> None:
        most, in_flight = options.max_message_bytes, options.max_in_flight
        super().__init__(
            pool,
            matcher,
            loop.time,
            loop.call_soon,
            partial(os.urandom, KEYS),
            -1 if most is None else min(most, sys.maxsize),
            -1 if in_flight is None else min(in_flight, sys.maxsize),
        )
        self._pool = pool
        self._options = options
        self._loop = loop
        self.attempt = attempt
        self.link = Link(self, matcher.held(), *pool.awaited())
        self.since = 0.0
        self.ended = anyio.Event()
        self._ready = anyio.Event()
        self._refused: ConnectError | None = None
        self._protocol = opened(options, fields.pairs)
        # That of the answer to the handshake, until all of it has come.
        self._head: AnswerHead | None = AnswerHead()
        self._assembler = Assembler(most)
        self._timer: Timer | None = None
        # Set while nothing is read: then the event loop might not hold the transport, nor so what somebody waits for.
        self._kept: Timer | None = None
        self._leaving = False
        self._aborted = False
        self._replaced = False
        self._problem: Problem | None = None

    async def shaken(self) -> None:
        """Wait for the end of the handshake.

        Raises:
            ConnectError: If it fails.
        """
        await self._ready.wait()
        if self._refused is not None:
            raise self._refused

    def was_good(self) -> bool:
        """Say whether another one may be made in its place at once, not only after a wait."""
        return self.is_proven or self._replaced or self._loop.time() - self.since >= STEADY

    def _set_timer(self, delay: float, call: Callable[..., None], *args: Any) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._loop.time() + delay, weakly(call), *args)

    # Sending

    def broken(self, error: Exception) -> None:
        """See ChannelCore."""
        self._loop.complain("a message could not be written", error)
        said = f"a message could not be written: {type(error).__name__}"
        self._end_by(lambda sent: WebSocketClosed(said, code=1006, phase="write", sent=sent))

    def framed(self, pending: Pending) -> list[bytes]:
        """See ChannelCore."""
        send = self._protocol.send_text if pending.is_text else self._protocol.send_binary
        send(pending.payload)
        return self._protocol.data_to_send()

    def _flush_protocol(self) -> None:
        """Send what the protocol has to say, after what was said before."""
        for data in self._protocol.data_to_send():
            if data:
                self.say(data)
        if self._protocol.close_expected() and self._ready.is_set():
            self._leave()

    def _leave(self) -> None:
        """Take no more requests; the peer has a while to end the connection."""
        self.is_open = False
        # The last words go at once: the transport may be closed before this turn of the event loop ends.
        self.write_out()
        if not self._leaving:
            self._leaving = True
            self.link.keep(self)
            # What has come of a message is nobody's.
            self._assembler = Assembler(self._options.max_message_bytes)
            self._set_timer(CLOSE_PATIENCE, self.abort)
            self._pool.retire(self)
            # Or its end would not be seen.
            self.resume()

    def close(self) -> None:
        """Begin to close; what is in flight must have been ended."""
        if self.link.is_cut():
            self._abandon()
        elif self._protocol.state is State.OPEN:
            self._protocol.send_close(1000)
            self._flush_protocol()
        else:
            self.abort()
        self.is_open = False

    def abort(self) -> None:
        """End the connection at once; what comes yet is nobody's."""
        self.is_open = False
        self._aborted = True
        self.link.keep(self)
        if self.transport is not None:
            self.transport.abort()

    def _abandon(self) -> None:
        # No call of the transport comes here any more.
        self.transport.abort()
        self._ended()

    def replace(self) -> None:
        """End the connection, for it owes too many answers, and none that anybody waits for."""
        said = f"a connection was replaced that owed {self.matcher.size()} answers, none of them waited for"
        self._replaced = True
        self._end_by(lambda sent: WebSocketClosed(said, code=1006, phase="headers", sent=sent))

    def _end_by(self, problem: Problem) -> None:
        self._problem = self._problem or problem
        self.abort()
        self._pool.retire(self)

    def pause(self) -> None:
        """Read no more: whoever takes the messages is behind."""
        if self._kept is None and not self.transport.is_closing():
            self._kept = self._loop.keep(self.transport)
            self.transport.pause_reading()

    def resume(self) -> None:
        """Read again."""
        if self._kept is not None:
            self._kept.cancel()
            self._kept = None
            # The peer was not silent; nobody listened.
            self.heard = self._loop.time()
            if not self.transport.is_closing():
                self._loop.context.run(self.transport.resume_reading)

    # asyncio's protocol, as far as the link calls it; the rest is ChannelCore's

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self.transport = transport
        if self._aborted:
            # Whoever was to be given it ends it: in this call uvloop would leave the socket open.
            return
        try:
            # Whoever makes the connection finds it out, too, but after this call.
            check_transport(transport)
            for data in self._protocol.data_to_send():
                self.transport.write(data)
        except Exception as error:
            # Of what is raised in this call, asyncio tells nobody who waits; and as above, whoever waits ends it.
            said = f"no WebSocket connection: {text_of(error)}"
            self._refused = ConnectError(said, phase="connect", sent="none")
            self._refused.__cause__ = error
            self._ready.set()

    def eof_received(self) -> None:
        """See asyncio.Protocol."""
        self._protocol.receive_eof()
        self._events()
        if self._ready.is_set():
            # Half a connection is of no use, and the event loop writes what there is before it ends the other half.
            self._leave()

    def connection_lost(self, error: Exception | None) -> None:
        """See asyncio.Protocol."""
        if self._protocol.state is not State.CLOSED:
            self._protocol.receive_eof()
        self._refuse(no_handshake(self._protocol, error))
        self._ended()

    def _ended(self) -> None:
        self.is_open = False
        for timer in (self._timer, self._kept):
            if timer is not None:
                timer.cancel()
        self.ended.set()
        self._pool.lost(self)

    # What comes

    def leave(self, data: bytes) -> None:
        """See ChannelCore: the protocol takes it."""
        if self._protocol.state is State.CLOSED or self._aborted:
            return
        rest = b""
        if self._head is not None:
            try:
                data, rest = self._take_head(self._head, data)
            except ConnectError as problem:
                self._refuse(problem)
                return
        self._protocol.receive_data(data)
        self._events()
        if rest:
            (self.read if self.is_open else self.leave)(rest)

    def _take_head(self, head: AnswerHead, data: bytes) -> tuple[bytes, bytes]:
        """Divide what comes during the handshake where the answer's head ends: frames follow it."""
        data, rest = head.take(data)
        if head.is_whole:
            self._head = None
            # If it is refused a body may follow, which may never end, and does not matter.
            refusal = head.refusal(self._options.url)
            if refusal is not None:
                raise refusal
        return data, rest

    def _events(self) -> None:
        for event in self._protocol.events_received():
            if isinstance(event, Response):
                self._shaken()
            elif isinstance(event, Frame) and not self._aborted:
                self._take_frame(event)
        self._problem = self._problem or violation(self._protocol, self._options.max_message_bytes)
        if self._protocol.handshake_exc is not None and not self._ready.is_set():
            self._refuse(no_handshake(self._protocol, None))
        self._flush_protocol()

    def _shaken(self) -> None:
        if self._protocol.handshake_exc is not None:
            problem = no_handshake(self._protocol, None)
            # The server means it so.
            problem.transient = False
            self._refuse(problem)
            return
        self.is_open = True
        self.is_plain = not self._protocol.extensions
        self._ready.set()
        self.since = self.heard = self._loop.time()
        if self._options.ping_interval is not None:
            self._set_timer(self._options.ping_interval, self._keep_alive)
        if self.attempt:
            # Now, or the first messages would come before it.
            self._pool.subscribers.miss()

    def _refuse(self, problem: ConnectError) -> None:
        if not self._ready.is_set():
            # The frames that it was raised in hold the server's answer.
            self._refused = problem.with_traceback(None)
            self._ready.set()
            self.transport.abort()

    def _take_frame(self, frame: Frame) -> None:
        message = self._assembler.take(frame)
        self.is_within = self._assembler.is_within
        if self._assembler.is_too_long:
            self._fail(1009, too_long(self._options.max_message_bytes))
        elif message is not None:
            self.take(*message)

    def refuse_text(self, payload: bytes) -> None:
        """See ChannelCore."""
        self._fail(1007, broken("a text message is no UTF-8"))

    def refuse_frame(self, begin: bytes) -> None:
        """See ChannelCore."""
        if begin[0] & 0x08:
            self._fail(1002, broken("a control frame is longer than 125 bytes"))
        elif begin[1] == 127 and begin[2] & 0x80:
            self._fail(1002, broken("a frame's length is negative"))
        else:
            self._fail(1009, too_long(self._options.max_message_bytes or sys.maxsize))

    def _fail(self, code: int, problem: Problem) -> None:
        self._problem = self._problem or problem
        self._protocol.fail(code)
        self._flush_protocol()

    def loss(self, sent: Sent | None) -> PynectorError:
        """Give the error of a request that this connection's end leaves without an answer, or with None its own."""
        if self._problem is not None:
            return self._problem(sent)
        return closed(self._protocol, sent)

    # Keeping alive

    def _keep_alive(self) -> None:
        interval, patience = self._options.ping_interval, self._options.ping_timeout
        if interval is None or not self.is_open:
            return
        silent = self._loop.time() - self.heard
        if self._kept is not None or silent < interval:
            self._set_timer(interval if self._kept is not None else interval - silent, self._keep_alive)
            return
        gone, is_waiting = upload(self.transport, self.written)
        self._protocol.send_ping(b"")
        self._flush_protocol()
        if patience is None:
            self._set_timer(interval, self._keep_alive)
        else:
            self._set_timer(patience, self._listen_for_pong, self.heard, gone, is_waiting)

    def _listen_for_pong(self, heard: float, before: float, was_waiting: bool, again: bool = False) -> None:
        if self.heard > heard or self._kept is not None:
            self._keep_alive()
            return
        gone, is_waiting = upload(self.transport, self.written)
        if was_waiting and gone > before:
            # The ping waits, or waited, behind messages that the peer takes.
            self._set_timer(self._options.ping_timeout or 0.0, self._listen_for_pong, heard, gone, is_waiting)
            return
        if not again:
            # Where this program was busy itself, the pong may be there and not be read yet.
            self._set_timer(GRACE, self._listen_for_pong, heard, gone, is_waiting, True)
            return
        said = f"the peer did not answer a ping within {self._options.ping_timeout:g} s"
        self._problem = lambda sent: WebSocketClosed(said, code=1011, phase="headers", sent=sent)
        self.abort()
