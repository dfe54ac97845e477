"""The handshake that opens a connection: what is sent, where the answer's head ends, and what is wrong with it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any

import anyio
from websockets.client import ClientProtocol
from websockets.exceptions import InvalidHandshake, InvalidHeader
from websockets.http11 import Response as Answer
from websockets.protocol import State

from ...causes import Lasting, text_of
from ...errors import ConnectError
from ..http.headers import Headers
from ..http.response import Response
from ..net.tls import check_transport
from .connection import Connection

END_OF_HEAD = b"\r\n\r\n"

# The most bytes of a head.
MOST_HEAD = 1 << 16

# RFC 9112 section 4.
_STATUS = re.compile(rb"HTTP/(1\.[01]) ([1-5]\d\d)")


class Handshake:
    """Makes the handshake of one connection; its methods without another word are those of asyncio.Protocol.

    Args:
        protocol: websockets' protocol of the connection, which has its request to send.
        url: Where the connection leads.
        begin: Makes the connection when the answer has come, and leads to it what comes next; it gets the transport.
    """

    def __init__(self, protocol: ClientProtocol, url: str, begin: Callable[[Any], Connection]) -> None:
        self._protocol = protocol
        self._url = url
        self._begin = begin
        self._head = AnswerHead()
        self._transport: Any = None
        self._writable = True
        self._aborted = False
        self._ready = anyio.Event()
        self._begun: Connection | None = None
        self._refused: ConnectError | None = None

    async def made(self) -> Connection:
        """Wait for the end of the handshake, and give the connection.

        Raises:
            ConnectError: If it fails.
        """
        await self._ready.wait()
        return self.outcome()

    def outcome(self) -> Connection:
        """Give the connection after the end of the handshake.

        Raises:
            ConnectError: If it has failed.
        """
        if self._begun is None:
            raise self._refused or _refused("it has not been made")
        return self._begun

    def abort(self) -> None:
        """End the handshake, or the connection, at once; what comes yet is nobody's."""
        self._aborted = True
        if self._begun is not None:
            self._begun.abort()
        elif self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the request."""
        self._transport = transport
        if self._aborted:
            # Whoever was to be given it ends it: in this call uvloop would leave the socket open.
            return
        try:
            # Whoever makes the connection finds it out, too, but after this call.
            check_transport(transport)
            for data in self._protocol.data_to_send():
                self._transport.write(data)
        except Exception as error:
            # Of what is raised in this call, asyncio tells nobody who waits; and as above, whoever waits ends it.
            self._refused = _refused(text_of(error))
            self._refused.__cause__ = error
            self._ready.set()

    def pause_writing(self) -> None:
        """Tell the connection later."""
        self._writable = False

    def resume_writing(self) -> None:
        """Tell the connection nothing."""
        self._writable = True

    def data_received(self, data: bytes) -> None:
        """Take a piece of the answer, and perhaps of what follows it."""
        if self._aborted or self._ready.is_set():
            return
        try:
            data, rest = self._take_head(data)
        except ConnectError as problem:
            self._refuse(problem)
            return
        self._protocol.receive_data(data)
        self._take_answer()
        if rest and self._begun is not None:
            self._begun.data_received(rest)

    def _take_head(self, data: bytes) -> tuple[bytes, bytes]:
        """Divide what comes where the answer's head ends: frames follow it."""
        data, rest = self._head.take(data)
        # If it is refused a body may follow, which may never end, and does not matter.
        refusal = self._head.refusal(self._url) if self._head.is_whole else None
        if refusal is not None:
            raise refusal
        return data, rest

    def _take_answer(self) -> None:
        answered = any(isinstance(event, Answer) for event in self._protocol.events_received())
        if self._protocol.handshake_exc is not None:
            self._refuse(no_handshake(self._protocol, None, answered))
        elif answered and not self._aborted:
            self._begun = self._begin(self._transport)
            if not self._writable:
                self._begun.pause_writing()
            self._ready.set()

    def eof_received(self) -> None:
        """Take note that nothing more comes."""
        if not self._ready.is_set():
            self._protocol.receive_eof()
            self._take_answer()

    def connection_lost(self, error: Exception | None) -> None:
        """Take note of the end."""
        if self._protocol.state is not State.CLOSED:
            self._protocol.receive_eof()
        self._refuse(no_handshake(self._protocol, error))

    def _refuse(self, problem: ConnectError) -> None:
        if not self._ready.is_set():
            # The frames that it was raised in hold the server's answer.
            self._refused = problem.with_traceback(None)
            self._ready.set()
            self._transport.abort()


class AnswerHead:
    """The head of the answer to a handshake, which comes in pieces; frames may follow in the last one.

    Attributes:
        is_whole: Whether all of it has come.
    """

    def __init__(self) -> None:
        self._seen = bytearray()
        self.is_whole = False

    def take(self, data: bytes) -> tuple[bytes, bytes]:
        """Take a piece; give what of it belongs to the head, and what follows.

        Raises:
            ConnectError: If it does not end.
        """
        before = len(self._seen)
        self._seen += data
        end = self._seen.find(END_OF_HEAD, max(0, before - len(END_OF_HEAD) + 1))
        if end < 0:
            if len(self._seen) > MOST_HEAD:
                raise _refused("the head of the server's answer does not end")
            return data, b""
        self.is_whole = True
        end += len(END_OF_HEAD)
        del self._seen[end:]
        return data[: end - before], data[end - before :]

    def refusal(self, url: str) -> ConnectError | None:
        """Give the error of a handshake that was answered with another status than 101, else None.

        Args:
            url: Whose answer it is.
        """
        found = _STATUS.match(self._seen)
        if found is None or found[2] == b"101":
            return None
        status = int(found[2])
        error = _refused(f"the server answered the handshake with status {status}", status)
        fields = Headers.of_head(bytes(self._seen[: -len(END_OF_HEAD)]))
        error.response = Response(status, fields, b"", url, f"HTTP/{found[1].decode()}")
        return error


def no_handshake(protocol: ClientProtocol, error: BaseException | None, answered: bool = False) -> ConnectError:
    """Give the error of a handshake that went wrong, or of a connection that ended before it."""
    problem = protocol.handshake_exc
    if problem is not None and isinstance(problem.__cause__ or problem, EOFError):
        # There was no response that could be wrong.
        problem = None
    if isinstance(problem, InvalidHeader):
        # Its own text quotes the field.
        return _refused(f"the server's answer has no fitting {problem.name}", "handshake" if answered else None)
    if problem is not None and not isinstance(problem, InvalidHandshake):
        # websockets 14 has the parser's own error here, whose text quotes the line; later ones say this.
        return _refused("did not receive a valid HTTP response", "handshake" if answered else None)
    cause = problem or error
    said = "the peer closed the connection" if cause is None else text_of(cause)
    return _refused(said, "handshake" if answered else cause)


def _refused(said: str, came_of: BaseException | int | Lasting | None = None) -> ConnectError:
    return ConnectError(f"no WebSocket connection: {said}", phase="connect", sent="none", came_of=came_of)
