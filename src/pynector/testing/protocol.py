"""One connection of the loopback server: an HTTP/1.1 protocol for asyncio and uvloop."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from .accepted import Accepted
from .endpoints import respond
from .request import HEAD_LIMIT, BadRequestError, ChunkedBody, LengthBody, Request, parse_headers, parse_request
from .response import NoAnswer, Response, Stream
from .state import ServerState

_LINGER = 1.0
"""Seconds for a refused client to read the answer before the connection is closed."""

_AT_ONCE = 1 << 21
"""How much of a stream is written in one turn of the event loop (bytes): over TLS nothing else says that the client has
gone, and none of it has to wait."""

_FAST_PREFIX = b"GET /id/"
_FAST_SUFFIX = b" HTTP/1.1"
_FAST_HEADS = [Response(body=b"0" * size).encode(head_only=True) for size in range(64)]


class LoopbackProtocol(Accepted):
    """One connection, on which one request at a time is answered, in order.

    Args:
        state: The counts shared with the other connections.
        counted: Whether the connection appears in the counts.
    """

    def __init__(self, state: ServerState, *, counted: bool = True) -> None:
        super().__init__(state, counted=counted)
        self._loop = asyncio.get_running_loop()
        self._pending = bytearray()
        self._request: Request | None = None
        self._body: LengthBody | ChunkedBody | None = None
        self._frames: Iterator[bytes] | None = None
        self._interval = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._in_flight = False
        self._closing = False
        self._writable = True
        self._reading = True
        # True while any of the three says that the next request has to wait.
        self._blocked = False

    # Connection...

    def connection_lost(self, exc: Exception | None) -> None:
        """End the request in flight, and with it its timer."""
        self._cancel_timer()
        self._frames = None
        self._closing = self._blocked = True
        if self._in_flight:
            self._in_flight = False
            self._state.request_ended()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Leave further requests and pieces of a stream until the client has read."""
        self._writable = False
        self._blocked = True

    def resume_writing(self) -> None:
        """Go on where `pause_writing` stopped."""
        self._writable = True
        self._unblock()
        if self._frames is not None and self._timer is None:
            self._pump()
        self._resume()

    # Receiving requests...

    def data_received(self, data: bytes) -> None:
        """Answer the requests that are complete, and keep the rest."""
        pending = self._pending
        if self._blocked:
            self._hold(data)
        elif pending:
            start = max(0, len(pending) - 3)
            pending += data
            if pending.find(b"\r\n\r\n", start) >= 0 or len(pending) > HEAD_LIMIT:
                self._resume()
        else:
            self._consume(data)

    def _hold(self, data: bytes) -> None:
        if self._closing:
            return
        self._pending += data
        if self._reading and len(self._pending) > HEAD_LIMIT:
            self._reading = False
            self._transport.pause_reading()

    def _resume(self) -> None:
        """Go on with what has arrived while a request was being answered."""
        if self._blocked:
            return
        if not self._reading:
            self._reading = True
            self._transport.resume_reading()
        if self._pending:
            data = bytes(self._pending)
            self._pending.clear()
            self._consume(data)

    def _consume(self, data: bytes) -> None:
        pos, size = 0, len(data)
        try:
            while pos < size and not self._blocked:
                if self._body is not None:
                    pos = self._consume_body(self._body, data, pos)
                    continue
                end = data.find(b"\r\n\r\n", pos)
                if (size if end < 0 else end) - pos > HEAD_LIMIT:
                    raise BadRequestError("request head too large", 431)
                if end < 0:
                    break
                pos = self._consume_head(data, pos, end)
        except BadRequestError as error:
            self._refuse(error)
        else:
            if pos < size:
                self._hold(data[pos:])

    def _consume_head(self, data: bytes, pos: int, end: int) -> int:
        line_end = data.find(b"\r\n", pos)
        if line_end == pos:
            # RFC 9112, 2.2: an empty line before the request line is to be ignored.
            return pos + 2
        line = data[pos:line_end]
        headers = parse_headers(data[line_end + 2 : end + 2])
        if headers.plain and line.startswith(_FAST_PREFIX) and line.endswith(_FAST_SUFFIX):
            text = line[8:-9]
            if text.isalnum() and len(text) < 64:
                self._state.answered_at_once()
                self._transport.write(_FAST_HEADS[len(text)] + text)
                return end + 4
        request = parse_request(line, headers, self._number)
        if headers.chunked:
            self._body = ChunkedBody()
        elif headers.content_length:
            self._body = LengthBody(headers.content_length)
        else:
            self._answer(request)
            return end + 4
        self._request = request
        if headers.expect_continue and end + 4 == len(data):
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return end + 4

    def _consume_body(self, body: LengthBody | ChunkedBody, data: bytes, pos: int) -> int:
        pos = body.feed(data, pos)
        request = self._request
        if body.done and request is not None:
            request.body = body.content()
            self._body = self._request = None
            self._answer(request)
        return pos

    # Answering...

    def _answer(self, request: Request) -> None:
        answer = respond(request, self._state)
        if isinstance(answer, Response) and not answer.counted:
            self._send(answer, request)
            return
        self._state.request_started()
        self._in_flight = self._blocked = True
        if isinstance(answer, Stream):
            self._send_stream(answer, request)
        elif answer is NoAnswer.CLOSE:
            self._finish(close=True)
        elif isinstance(answer, Response):
            if answer.delay:
                self._timer = self._loop.call_later(answer.delay, self._send_delayed, answer, request)
            else:
                self._send(answer, request)

    def _send(self, response: Response, request: Request) -> None:
        head_only = request.method == "HEAD"
        self._transport.write(response.encode(head_only=head_only, close=request.close))
        self._finish(close=request.close)

    def _send_delayed(self, response: Response, request: Request) -> None:
        self._timer = None
        self._send(response, request)
        self._resume()

    def _send_stream(self, stream: Stream, request: Request) -> None:
        close = request.close or stream.close
        self._transport.write(stream.encode_head(close=request.close))
        if request.method == "HEAD":
            self._finish(close=close)
            return
        self._close_after = close
        self._interval = stream.interval
        self._frames = stream.frames()
        self._pump()

    def _pump(self) -> None:
        """Write the pieces of a stream until the client is slow or a pause is due."""
        # The loop asks again each time: a write may call resume_writing, which comes here.
        left = _AT_ONCE
        while self._writable and self._frames is not None:
            frame = next(self._frames, None)
            if frame is None:
                self._frames = None
                self._finish(close=self._close_after)
            elif self._transport.is_closing():
                self._frames = None
            else:
                self._transport.write(frame)
                left -= len(frame)
                if self._interval or left < 0:
                    self._timer = self._loop.call_later(self._interval, self._pump_delayed)
                    return

    def _pump_delayed(self) -> None:
        self._timer = None
        self._pump()
        self._resume()

    def _finish(self, *, close: bool) -> None:
        if self._in_flight:
            self._in_flight = False
            self._state.request_ended()
        if close:
            self._closing = True
            self._transport.close()
        self._unblock()

    def _refuse(self, error: BadRequestError) -> None:
        self._closing = self._blocked = True
        self._transport.write(Response(error.status, str(error).encode()).encode(close=True))
        # To close a socket with unread data resets the connection, and the client might not
        # get to read why. So the rest of its data is read and dropped for a moment.
        if self._transport.can_write_eof():
            self._transport.write_eof()
        self._timer = self._loop.call_later(_LINGER, self._transport.close)

    def _unblock(self) -> None:
        self._blocked = self._in_flight or self._closing or not self._writable

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
