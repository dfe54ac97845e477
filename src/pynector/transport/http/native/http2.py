"""HTTP/2 over one connection: many exchanges at a time, each on a stream of its own (RFC 9113).

It is driven by an event loop's BufferedProtocol calls. What goes on in one of these calls, or in one turn of the loop,
is written at once. Frames, header compression and flow control are the library's (ngh2).
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import ngh2

from .exchange import Exchange
from .failures import broken, ended_by_server, name_of
from .http2bodies import Bodies
from .http2ends import NO_ERROR, REFUSED_STREAM, refusal, tell, tell_of_loss
from .http2fields import RequestFields, ResponseFields
from .http2settings import new_protocol
from .http2stream import CANCEL, Stream
from .pooled import ExhaustedError, PooledConnection, unsent

# What comes with each answer.
RESPONSE = ngh2.ResponseReceived
DATA = ngh2.DataReceived
CLOSED = ngh2.StreamClosed

# How many streams there may be before the server has said how many it takes: one that may be refused.
AT_FIRST = 1

# What may wait to be written where a server is told why its connection ends (bytes).
MOST_LEFT = 1 << 12


class Http2Connection(PooledConnection):
    """One connection, and what is on it.

    Args:
        scheme: "http" or "https".
        scratch: A memoryview of a bytearray that all connections of an event loop read into.
        owner: Told of the end of exchanges, and of the connection; see Pool.
        call_soon: Has a function called in the next turn of the event loop.
        clock: Gives the time, in seconds.
        most: The most streams at a time.

    Attributes:
        heard: When something came last, on that clock.
        written: How many bytes were given to the event loop.
        keepalive: Watches over it, and is ended with it; or None.
    """

    __slots__ = (
        "_bodies",
        "_call_soon",
        "_clock",
        "_fields",
        "_goaway",
        "_is_busy",
        "_is_planned",
        "_last",
        "_left",
        "_most",
        "_owner",
        "_protocol",
        "_read",
        "_scratch",
        "_send_request",
        "_streams",
        "heard",
        "keepalive",
        "written",
    )

    def __init__(self, scheme: str, scratch: memoryview, owner: Any, call_soon: Any, clock: Any, most: int) -> None:
        super().__init__()
        self.multiplexes = True
        self.settled = False
        self.limit = AT_FIRST
        self.version = "2"
        self.heard = clock()
        self.written = 0
        self.keepalive: Any = None
        self._scratch = scratch
        self._owner = owner
        self._call_soon = call_soon
        self._clock = clock
        self._most = most
        self._protocol = new_protocol()
        self._send_request = self._protocol.send_request
        self._fields = RequestFields(scheme)
        self._read = ResponseFields()
        self._streams: dict[int, Stream] = {}
        self._bodies = Bodies(self._protocol)
        # The last stream, and the last one that has left.
        self._last = self._left = 0
        # Whether what is to be written waits for the end of a call, or for the next turn.
        self._is_busy = self._is_planned = False
        # What the server has ended the connection with, or None.
        self._goaway: Any = None

    # The pool's calls

    def start(self, exchange: Exchange) -> None:
        """See PooledConnection."""
        payload, body = exchange.payload, exchange.body
        fields = self._fields.of(payload)
        if not body and self._fields.end < len(payload):
            body = payload[self._fields.end :]
        sends = len(body) > 0 or exchange.upload is not None
        try:
            number = self._send_request(fields, end_stream=not sends)
        except ngh2.NGH2Error:
            self.retired = True
            raise ExhaustedError from None
        stream = Stream.__new__(Stream)
        stream.begin(self, exchange, number)
        self._streams[number] = stream
        self._last = number
        self.load += 1
        exchange.connection = stream
        if sends:
            self._bodies.begin(stream, body)
        self._plan()

    def exchanges(self) -> Sequence[Exchange]:
        """See PooledConnection."""
        return [stream.exchange for stream in self._streams.values()]

    def abandon(self) -> None:
        """See PooledConnection."""
        self._let_go()
        PooledConnection.abandon(self)

    def close(self) -> None:
        """See PooledConnection."""
        self.retired = True
        PooledConnection.close(self)

    def say_end(self) -> None:
        """See PooledConnection."""
        # It may have ended already.
        with suppress(ngh2.NGH2Error):
            self._protocol.terminate_connection(NO_ERROR)
            self.transport.write(self._protocol.data_to_send())

    def release(self) -> None:
        """See PooledConnection."""
        self._let_go()
        if self.keepalive is not None:
            self.keepalive.end()
            self.keepalive = None

    def ping(self) -> None:
        """Ask the peer whether it is there."""
        with suppress(ngh2.NGH2Error):
            self._protocol.ping()
            self._plan()

    # The streams' calls

    def phase_of(self, stream: Stream) -> str:
        """Say what is under way on a stream without an answer."""
        if stream.number > self._left:
            return "queue"
        return "write" if stream.sends and not stream.is_sent else "headers"

    def reset(self, stream: Stream, code: int) -> None:
        """End a stream that is of no use any more."""
        if self._drop(stream):
            self._say_reset(stream, code)
            self._end_if_clogged(stream)
            self._owner.freed(self)

    def set_window(self, stream: Stream, size: int) -> None:
        """Say how much a server may send on a stream."""
        if not stream.is_ended:
            with suppress(ngh2.NGH2Error):
                self._protocol.set_local_window_size(size, stream_id=stream.number)
                self._plan()

    def send(self, stream: Stream, data: bytes, is_last: bool) -> None:
        """Send a piece of a stream's body."""
        if not stream.is_ended:
            self._bodies.send(stream, data, is_last)
            self._plan()

    def refuse(self, stream: Stream, problem: Any, code: int) -> None:
        """End a stream whose answer is not taken."""
        phase = stream.phase()
        self.reset(stream, code)
        self._owner.failed(stream.exchange, problem, phase)

    # The event loop's calls

    def connection_made(self, transport: Any) -> None:
        """See asyncio.BaseProtocol."""
        self.transport = transport
        self.descriptor = transport.get_extra_info("socket").fileno()
        self._flush()

    def pause_writing(self) -> None:
        """See asyncio.BaseProtocol."""
        self._bodies.pause()

    def resume_writing(self) -> None:
        """See asyncio.BaseProtocol."""
        self._bodies.is_full = False
        self._flush()

    def get_buffer(self, sizehint: int) -> Any:
        """See asyncio.BufferedProtocol."""
        return self._scratch

    def buffer_updated(self, count: int) -> None:
        """See asyncio.BufferedProtocol."""
        self.heard = self._clock()
        self._is_busy = True
        try:
            try:
                self._protocol.receive_data(self._scratch[:count])
            finally:
                # What came before that which breaks the protocol is as good as any.
                self._take(self._protocol.events())
        except ngh2.NGH2Error as error:
            self._break(str(error))
        finally:
            self._is_busy = False
        self._flush()

    def connection_lost(self, error: Any) -> None:
        """See asyncio.BaseProtocol."""
        ended = [(stream, stream.phase()) for stream in self._streams.values()]
        self._let_go()
        self.transport = None
        used, error = self.used, error or self.loss
        self._owner.lost(self, None, error, "headers", True)
        tell_of_loss(self._owner, ended, self._goaway, error, used)

    # Inside: what goes out

    def _plan(self) -> None:
        """Have what is to be written be written with what else is, in this call or this turn of the loop."""
        if not (self._is_busy or self._is_planned):
            self._is_planned = True
            self._call_soon(self._on_turn)

    def _on_turn(self) -> None:
        self._is_planned = False
        self._flush()

    def _flush(self) -> None:
        """Write what is to be written, as far as the peer reads."""
        if self._is_busy:
            return
        self._is_busy = True
        try:
            while self.transport is not None and not self._bodies.is_full and self._write_some():
                pass
        except ngh2.NGH2Error as error:
            self._break(str(error))
        finally:
            self._is_busy = False

    def _write_some(self) -> bool:
        """Write what there is, and say whether there may be more."""
        protocol = self._protocol
        data = protocol.data_to_send()
        self._left = self._last if self.load <= self.limit else self._last_begun()
        if data:
            self.written += len(data)
            self.transport.write(data)
        events = protocol.events()
        if events:
            self._take(events)
        return self._bodies.feed() or len(events) > 0

    def _last_begun(self) -> int:
        """Return the last stream of which something has left, where the server has not let all begin."""
        for number in reversed(self._streams):
            with suppress(ngh2.StreamUnavailableError):
                self._protocol.stream_remote_window_size(number)
                return max(number, self._left)
        return self._left

    def _say_reset(self, stream: Stream, code: int) -> None:
        with suppress(ngh2.NGH2Error):
            self._protocol.reset_stream(stream.number, code)
            self._plan()

    # Inside: what comes in

    def _take(self, events: Any) -> None:
        """Take what has come, in its order."""
        for event in events:
            kind = type(event)
            if kind is DATA:
                stream = self._stream(event)
                if stream is not None and stream.take(event.data, event.end_stream):
                    self._complete(stream)
            elif kind is RESPONSE:
                stream = self._stream(event)
                if stream is not None:
                    headers = event.headers
                    self._read.read(headers)
                    if stream.take_head(headers, self._read, event.end_stream):
                        self._complete(stream)
            elif kind is CLOSED:
                stream = self._stream(event)
                if stream is not None:
                    self._on_closed(stream, event)
            else:
                self._take_rare(event, kind)

    def _take_rare(self, event: Any, kind: Any) -> None:
        """Take what does not come with each answer."""
        if kind is ngh2.SettingsReceived:
            self._on_settings(event)
        elif kind is ngh2.GoAwayReceived:
            self._goaway = event.error_code, event.debug_data
            self.retired, self.loss = True, ended_by_server(event.error_code, event.debug_data, "queue")
            self._owner.retiring(self)
        elif kind is ngh2.ConnectionClosed:
            self._on_ended(event)
        elif kind is ngh2.PushedStreamReceived:
            self._protocol.reset_stream(event.promised_stream_id, REFUSED_STREAM)
        elif kind is ngh2.StreamReset or kind is ngh2.TrailersReceived or kind is ngh2.InformationalResponseReceived:
            stream = self._stream(event)
            if stream is None:
                return
            if kind is ngh2.StreamReset:
                stream.reset_code = event.error_code
            elif kind is ngh2.TrailersReceived:
                self._complete(stream)
            else:
                self._read.read(event.headers)
                stream.take_interim(self._read.size)

    def _stream(self, event: Any) -> Any:
        """Return the stream that something has come on, or None if it has ended."""
        return self._streams.get(event.stream_id)

    def _complete(self, stream: Stream) -> None:
        """Make an answer of what has come on a stream."""
        exchange = stream.exchange
        # All of an upload may have left but its end, which the library has wait for a window, too.
        is_sending = stream.sends and (not stream.is_sent or exchange.upload is not None)
        self._drop(stream)
        if exchange.sink is not None:
            exchange.sink.end()
        if exchange.upload is not None:
            exchange.upload.stop()
            exchange.upload = None
        if is_sending or stream.is_unwanted:
            # The rest of the request, or of an answer that leads elsewhere, is of no use.
            self._say_reset(stream, CANCEL)
        self._end_if_clogged(stream)
        self.used = True
        self.fields.take(stream.status, stream.encoded)
        self._owner.answered(self, exchange, stream.head(), stream.content())

    def _on_closed(self, stream: Stream, event: Any) -> None:
        """Take the end of a stream that has no answer."""
        phase = stream.phase()
        self._drop(stream)
        problem = refusal(stream, event, self._goaway)
        if problem is not None:
            # It may go on this connection again.
            self._owner.unprocessed(stream.exchange, problem)
            self._owner.freed(self)
        else:
            self._end_if_clogged(stream)
            self._owner.freed(self)
            tell(self._owner, stream, event, phase)

    def _on_settings(self, event: Any) -> None:
        """Take note of how many streams the server takes."""
        allowed = event.settings.get(ngh2.Setting.MAX_CONCURRENT_STREAMS)
        if allowed is not None or not self.settled:
            self.settled = True
            self.limit = self._most if allowed is None or allowed > self._most else allowed
            self._owner.resized(self)
            if self.load > self.limit and self._last > self._left:
                self._recall()

    def _recall(self) -> None:
        """Give those back that have not left and may not any more: another connection may take them."""
        for number in [number for number in self._streams if number > self._left][::-1]:
            # Whoever is given back may give up others. What an upload has read is not to be had again.
            stream = self._streams.get(number)
            if stream is not None and self.load > self.limit and stream.exchange.upload is None:
                self._drop(stream)
                self._say_reset(stream, CANCEL)
                self._owner.send_again(stream.exchange)

    def _on_ended(self, event: Any) -> None:
        """Close a connection on which nothing can come any more."""
        if self._goaway is None:
            said = event.debug_data.decode("latin-1")
            self._break(f"{name_of(event.error_code)}: {said}" if said else name_of(event.error_code))
        elif self.transport is not None:
            self.close()

    def _break(self, problem: str) -> None:
        """End a connection whose server breaks the protocol."""
        self.retired, self.loss = True, broken(problem, "queue")
        ended = [(stream.exchange, stream.phase()) for stream in self._streams.values()]
        self._let_go()
        if self.transport is not None:
            if self._bodies.is_full or unsent(self.transport) > MOST_LEFT:
                self.transport.abort()
            else:
                self.transport.close()
        for exchange, phase in ended:
            if phase == "queue":
                self._owner.unprocessed(exchange, broken(problem, phase))
            else:
                self._owner.failed(exchange, problem, phase)

    def _end_if_clogged(self, stream: Stream) -> None:
        """End the connection if its last stream has left something that the peer does not read: others would wait."""
        if self.load == 0 and self.transport is not None:
            if self._bodies.is_full or (stream.sends and unsent(self.transport) > 0):
                self.retired = True
                self.transport.abort()

    def _drop(self, stream: Stream) -> bool:
        """Let go of a stream, and say whether it was there."""
        if stream.is_ended:
            return False
        del self._streams[stream.number]
        if stream.sends:
            self._bodies.drop(stream.number)
        stream.is_ended = True
        self.load -= 1
        return True

    def _let_go(self) -> None:
        """Let go of all streams."""
        for stream in self._streams.values():
            stream.is_ended = True
            self._bodies.drop(stream.number)
        self._streams = {}
        self.load = 0
